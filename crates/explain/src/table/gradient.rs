//! Gradients, plain, averaged over noise, or with modified rectifiers.

use innspect_engine::{Composite, Rule};
use innspect_protocol::Params;

use super::{
    Kind, Method, Param, ROW,
    shared::{COMPAT, is_innvestigate, reverse, samples},
};
use crate::{
    ExplainError,
    params::{integer, number, text},
    plan::{Ground, NoiseScale, NoiseSummary, Plan, Start, Times},
};

const SMILKOV: &str = "Smilkov et al., SmoothGrad: Removing Noise by Adding Noise, 2017";

pub(super) const ROWS: &[Method] = &[
    Method {
        id: "gradient",
        name: "Gradient",
        summary: "How strongly the class score reacts to a tiny change of each pixel.",
        caveat: "Noisy in deep networks, and sensitivity is not contribution: a saturated feature shows nothing.",
        source: "Simonyan et al., Deep Inside Convolutional Networks, 2014",
        plan: |_, _| Ok(reverse(Composite::gradient(), Start::One, Times::One)),
        ..ROW
    },
    Method {
        id: "input_t_gradient",
        name: "Input × Gradient",
        summary: "The gradient times the input: the first-order contribution of each pixel to the score.",
        caveat: "Pixels that are zero after preprocessing can never light up.",
        source: "Shrikumar et al., Not Just a Black Box, 2016",
        plan: |_, _| Ok(reverse(Composite::gradient(), Start::One, Times::Input)),
        ..ROW
    },
    Method {
        id: "smoothgrad",
        name: "SmoothGrad",
        summary: "The mean map over noisy copies of the picture: what stays when the noise of the gradient averages out.",
        caveat: "Much noise explains another picture than the one shown.",
        source: SMILKOV,
        steps: true,
        draws: true,
        params: &[OF, NOISE, samples(50, 1000, COPIES), COMPAT],
        plan: |params, ground| noise(params, ground, NoiseSummary::Mean),
        ..ROW
    },
    Method {
        id: "smoothgrad_squared",
        name: "SmoothGrad²",
        summary: "The mean squared map over noisy copies: strong where the network reacts, whatever the sign.",
        caveat: "Has no sign, so evidence for and against look alike.",
        source: "Hooker et al., A Benchmark for Interpretability Methods in Deep Neural Networks, 2019",
        signed: false,
        steps: true,
        draws: true,
        params: &[OF, NOISE, samples(50, 1000, COPIES)],
        plan: |params, ground| noise(params, ground, NoiseSummary::MeanSquare),
        ..ROW
    },
    Method {
        id: "vargrad",
        name: "VarGrad",
        summary: "How much the map varies over noisy copies: where the network's reaction depends on details.",
        caveat: "A pixel with a strong but steady influence stays dark.",
        source: "Adebayo et al., Sanity Checks for Saliency Maps, 2018",
        signed: false,
        steps: true,
        draws: true,
        params: &[OF, NOISE, samples(50, 1000, COPIES)],
        plan: |params, ground| noise(params, ground, NoiseSummary::Variance),
        ..ROW
    },
    Method {
        id: "deconvnet",
        name: "DeconvNet",
        summary: "Projects the class back to the pixels, keeping only positive signals at every rectifier.",
        caveat: "Shows sharp image structure that barely depends on the class.",
        source: "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, 2014",
        needs_rectifiers: true,
        params: &[COMPAT],
        plan: |params, _| Ok(reverse(Composite::rectifiers(Rule::Deconv), start(params), Times::One)),
        ..ROW
    },
    Method {
        id: "guided_backprop",
        name: "Guided Backpropagation",
        summary: "The gradient with negative signals cut at every rectifier: which details excite the network.",
        caveat: "Very sharp, but close to an edge detector; it changes little when later layers are randomised.",
        source: "Springenberg et al., Striving for Simplicity, 2015",
        needs_rectifiers: true,
        params: &[COMPAT],
        plan: |params, _| Ok(reverse(Composite::rectifiers(Rule::Guided), start(params), Times::One)),
        ..ROW
    },
];

const COPIES: &str = "Noisy copies of the picture; more give a steadier map and take longer.";

/// Methods of one reverse pass that noise can be wrapped around.
const OF: Param = Param {
    name: "of",
    label: "Map of each copy",
    help: "The method whose maps of the noisy copies are summarised.",
    kind: Kind::Choice(&[
        "gradient",
        "input_t_gradient",
        "guided_backprop",
        "deconvnet",
        "lrp.epsilon",
        "lrp.gamma",
        "lrp.z_plus",
        "lrp.sequential_preset_a",
    ]),
};

const NOISE: Param = Param {
    name: "noise",
    label: "Noise",
    help: "Standard deviation of the noise, as a fraction of the range of the picture's values.",
    kind: Kind::Number { min: 0.0, max: 1.0, default: 0.15 },
};

/// iNNvestigate starts guided and deconvolution passes from the output's value.
fn start(params: &Params) -> Start {
    if is_innvestigate(params) { Start::Value } else { Start::One }
}

fn noise(params: &Params, ground: Ground<'_>, summary: NoiseSummary) -> Result<Plan, ExplainError> {
    let inner = super::find(text(params, "of"))?;
    let defaults = crate::params::resolve(&inner.info(), &Params::new())?;
    let Plan::Reverse(of) = inner.plan(&defaults, ground)? else {
        return Err(ExplainError::NotApplicable { reason: format!("Noise cannot be wrapped around {}.", inner.id) });
    };
    let noise = number(params, "noise");
    // iNNvestigate's noise is in the units of the network's input.
    let scale = if is_innvestigate(params) { NoiseScale::Absolute(noise) } else { NoiseScale::OfRange(noise) };
    Ok(Plan::Noise { of, samples: integer(params, "samples"), scale, summary })
}
