//! Kept explanations, drawn as often as the display changes.

use innspect_explain::Outcome;
use innspect_protocol::{Display, Explanation, Facts, Job, MapState, Reply};
use innspect_render as render;

use crate::port::{self, Attachment};

/// An explanation in memory, ready to be drawn in any way.
pub struct Kept {
    /// `[channels, height, width]`.
    values: Vec<f32>,
    shape: [usize; 3],
    signed: bool,
    rectified: bool,
    facts: Facts,
}

impl Kept {
    /// Keeps the first sample of an outcome whose attribution has been read back.
    pub fn new(outcome: &Outcome, values: Vec<f32>, facts: Facts) -> Self {
        let dims = outcome.attribution.dims();
        let shape = [dims[1], dims[2], dims[3]];
        Self { values, shape, signed: outcome.signed, rectified: outcome.rectified, facts }
    }

    /// Draws it and sends picture, numbers and facts.
    pub fn draw(&self, job: Job, display: Display) {
        let [channels, height, width] = self.shape;
        let drawing = render::draw(&self.values, channels, &display, self.signed);
        let state = match drawing.state {
            MapState::AllZero if self.rectified => MapState::NoPositiveEvidence,
            state => state,
        };
        let explanation = Box::new(Explanation {
            width,
            height,
            state,
            signed: drawing.signed,
            own_limit: drawing.own_limit,
            limit: drawing.limit,
            range: drawing.range,
            facts: self.facts.clone(),
        });
        port::send_with(
            &Reply::Explained { job, explanation },
            &[Attachment::Bytes(&drawing.rgba), Attachment::Floats(&drawing.map)],
        );
    }
}
