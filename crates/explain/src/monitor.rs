//! Progress of work in many steps: how far it is, and the map so far.

use innspect_engine::{EngineError, Pacer, Unpaced};

use crate::Outcome;

/// A pacer that may be shown maps on the way.
pub trait Monitor: Pacer {
    /// Whether a map on the way would be shown now; making one costs little, reading it back more.
    fn wants_map(&mut self) -> bool;

    /// The outcome as it is after `done` of `total` steps.
    ///
    /// # Errors
    /// [`EngineError`] if it cannot be read back, or [`EngineError::Cancelled`] to stop.
    fn show(&mut self, so_far: &Outcome, done: usize, total: usize) -> impl Future<Output = Result<(), EngineError>>;
}

impl Monitor for Unpaced {
    fn wants_map(&mut self) -> bool {
        false
    }

    async fn show(&mut self, _so_far: &Outcome, _done: usize, _total: usize) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Parts of a step in the progress that is reported.
const FINENESS: usize = 100;

/// The pacer of one chunk of steps, which reports progress over all of them.
pub(crate) struct Chunk<'a, M> {
    pub monitor: &'a mut M,
    /// Steps before this chunk.
    pub done: usize,
    /// Steps in it.
    pub steps: usize,
    /// All steps.
    pub total: usize,
    /// Which part of the chunk this is, and how many there are: a forward pass and a reverse pass, for example.
    pub part: (usize, usize),
}

impl<'a, M> Chunk<'a, M> {
    /// The pacer of work beside the steps, during which progress stays where it is.
    pub fn beside(monitor: &'a mut M, done: usize, total: usize) -> Self {
        Self { monitor, done, steps: 0, total, part: (0, 1) }
    }
}

impl<M: Monitor> Pacer for Chunk<'_, M> {
    async fn pace(&mut self, done: usize, total: usize) -> Result<(), EngineError> {
        let (part, parts) = self.part;
        let inside = self.steps * FINENESS * (part * total + done) / (parts * total).max(1);
        self.monitor.pace(self.done * FINENESS + inside, self.total * FINENESS).await
    }
}

/// The chunks of `total` steps: how many are done, and how many come next.
pub(crate) fn chunks(total: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let size = size.max(1);
    (0..total.div_ceil(size)).map(move |index| (index * size, size.min(total - index * size)))
}
