//! How long work stays interruptible.

use crate::EngineError;

/// Called between steps of long work: it may report progress, let other work run, and stop the work.
pub trait Pacer {
    /// `done` of `total` steps are behind.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`] to stop.
    fn pace(&mut self, done: usize, total: usize) -> impl Future<Output = Result<(), EngineError>>;
}

/// Never pauses and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unpaced;

impl Pacer for Unpaced {
    async fn pace(&mut self, _done: usize, _total: usize) -> Result<(), EngineError> {
        Ok(())
    }
}
