//! Kept explanations, drawn as often as the display changes.

use innspect_engine::{EngineError, Tensor};
use innspect_explain::Outcome;
use innspect_protocol::{ChannelReduction, Display, Explanation, Facts, Job, MapState, Reply, Scale};
use innspect_render as render;

use crate::port::{self, Attachment};

/// An explanation that stays on the device, ready to be drawn in any way: only the reduced map and the pixels come back.
pub struct Kept {
    /// `[1, channels, height, width]`.
    attribution: Tensor,
    signed: bool,
    rectified: bool,
    facts: Facts,
}

impl Kept {
    /// Keeps an outcome of one sample.
    pub fn new(outcome: &Outcome, facts: Facts) -> Self {
        let attribution = outcome.attribution.clone();
        Self { attribution, signed: outcome.signed, rectified: outcome.rectified, facts }
    }

    /// The attribution summed over channels, whose sum is that of the whole attribution.
    pub async fn sum_map(outcome: &Outcome) -> Result<Vec<f32>, EngineError> {
        reduce(&outcome.attribution, ChannelReduction::Sum).read().await
    }

    /// Draws it and sends picture, numbers and facts.
    pub async fn draw(&self, job: Job, display: Display) -> Result<(), EngineError> {
        let dims = self.attribution.dims();
        let on_device = reduce(&self.attribution, display.reduction);
        let map = on_device.read().await?;
        let state = match render::state(&map, !self.signed) {
            MapState::AllZero if self.rectified => MapState::NoPositiveEvidence,
            state => state,
        };
        let signed = self.signed && render::keeps_sign(display.reduction);
        let own_limit = render::limit(&map, display.clip);
        let limit = match display.scale {
            Scale::Fixed { limit } if limit.is_normal() && limit > 0.0 => limit,
            Scale::Fixed { .. } | Scale::PerMap => own_limit,
        };
        let table = render::table(display.colormap, signed);
        let pixels = render::gpu::colorize(on_device.as_dispatch(), limit, &table, signed);
        let rgba = render::gpu::read_pixels(&pixels).await?;
        let explanation = Box::new(Explanation {
            width: dims[3],
            height: dims[2],
            state,
            signed,
            own_limit,
            limit,
            range: render::range(&map),
            facts: self.facts.clone(),
        });
        port::send_with(&Reply::Explained { job, explanation }, &[Attachment::Bytes(&rgba), Attachment::Floats(&map)]);
        Ok(())
    }
}

fn reduce(attribution: &Tensor, reduction: ChannelReduction) -> Tensor {
    Tensor::from_dispatch(render::gpu::reduce(attribution.as_dispatch(), reduction))
}
