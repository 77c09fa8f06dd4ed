//! Kept explanations, drawn as often as the display changes.

use std::cell::Cell;

use innspect_engine::{EngineError, Tensor};
use innspect_explain::{Outcome, quality::measures};
use innspect_protocol::{ChannelReduction, Display, Explanation, Facts, Job, MapState, Reply, Scale, StepProgress};
use innspect_render as render;

use crate::port::{self, Attachment};

/// An explanation that stays on the device, ready to be drawn in any way: only the reduced map and the pixels come back.
pub struct Kept {
    /// `[1, channels, height, width]`.
    attribution: Tensor,
    summed: Summed,
    signed: bool,
    rectified: bool,
    facts: Facts,
    /// Counts drawings: one that was overtaken by a later one is not sent.
    drawings: Cell<u32>,
}

/// An attribution summed over channels, on the device and read back: the usual picture, and the sum that facts need.
pub struct Summed {
    on_device: Tensor,
    /// `[height, width]`.
    pub map: Vec<f32>,
}

impl Summed {
    /// Sums the attribution of an outcome.
    pub async fn of(outcome: &Outcome) -> Result<Self, EngineError> {
        let on_device = reduce(&outcome.attribution, ChannelReduction::Sum);
        let map = on_device.read().await?;
        Ok(Self { on_device, map })
    }
}

impl Kept {
    /// Keeps an outcome of one sample.
    pub fn new(outcome: &Outcome, summed: Summed, facts: Facts) -> Self {
        let attribution = outcome.attribution.clone();
        Self {
            attribution,
            summed,
            signed: outcome.signed,
            rectified: outcome.rectified,
            facts,
            drawings: Cell::new(0),
        }
    }

    /// The map summed over channels, `[height, width]`.
    pub fn map(&self) -> &[f32] {
        &self.summed.map
    }

    /// Draws it and sends picture, numbers and facts: as a map on the way where it says how far it is.
    pub async fn draw(&self, job: Job, display: Display, steps: Option<StepProgress>) -> Result<(), EngineError> {
        let drawing = self.drawings.get().wrapping_add(1);
        self.drawings.set(drawing);
        let dims = self.attribution.dims();
        let (on_device, map) = if display.reduction == ChannelReduction::Sum {
            (self.summed.on_device.clone(), self.summed.map.clone())
        } else {
            let on_device = reduce(&self.attribution, display.reduction);
            let map = on_device.read().await?;
            (on_device, map)
        };
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
        if self.drawings.get() != drawing {
            return Ok(());
        }
        let explanation = Box::new(Explanation {
            width: dims[3],
            height: dims[2],
            state,
            signed,
            own_limit,
            limit,
            range: render::range(&map),
            sparseness: measures::gini(&self.summed.map) as f32,
            complexity: measures::complexity(&self.summed.map) as f32,
            facts: self.facts.clone(),
        });
        let reply = match steps {
            Some(steps) => Reply::Partial { job, explanation, steps },
            None => Reply::Explained { job, explanation },
        };
        port::send_with(&reply, &[Attachment::Bytes(&rgba), Attachment::Floats(&map)]);
        Ok(())
    }
}

fn reduce(attribution: &Tensor, reduction: ChannelReduction) -> Tensor {
    Tensor::from_dispatch(render::gpu::reduce(attribution.as_dispatch(), reduction))
}
