//! The monitor of an explanation: pauses, progress, and maps on the way.

use innspect_engine::{EngineError, Pacer};
use innspect_explain::{Monitor, Outcome, Provenance};
use innspect_protocol::{Display, ExplainSpec, Job, StepProgress};

use crate::{
    pause::JobPacer,
    port,
    render::{Kept, Summed},
};

/// Maps on the way are shown at most this often, in milliseconds.
const SHOWN: f64 = 300.0;
/// And take at most this share of the time.
const SHARE: f64 = 0.1;

/// Shows maps of a job as they grow.
pub struct JobMonitor<'a> {
    pub pacer: JobPacer,
    pub job: Job,
    pub spec: &'a ExplainSpec,
    pub display: Display,
    pub provenance: Provenance<'a>,
    pub begun: f64,
    /// When the next map may be shown.
    pub next: f64,
}

impl Pacer for JobMonitor<'_> {
    async fn pace(&mut self, done: usize, total: usize) -> Result<(), EngineError> {
        self.pacer.pace(done, total).await
    }
}

impl Monitor for JobMonitor<'_> {
    fn wants_map(&mut self) -> bool {
        port::now() >= self.next
    }

    async fn show(&mut self, so_far: &Outcome, done: usize, total: usize) -> Result<(), EngineError> {
        let now = port::now();
        let elapsed = (now - self.begun) / 1000.0;
        let seconds_left = elapsed * (total - done) as f64 / done.max(1) as f64;
        let steps = StepProgress { done: done as u32, total: total as u32, seconds_left };
        let summed = Summed::of(so_far).await?;
        let provenance = Provenance { seconds: elapsed, ..self.provenance };
        let facts = so_far.facts(self.spec, 0, &summed.map, provenance);
        Kept::new(so_far, summed, facts).draw(self.job, self.display, Some(steps)).await?;
        let cost = port::now() - now;
        self.next = port::now() + SHOWN.max(cost / SHARE);
        Ok(())
    }
}
