//! Differences to a baseline, shared out over the pixels.

use innspect_engine::{Composite, Rule, Selector};
use innspect_graph::OpKind;
use innspect_protocol::{Family, SumRule, TargetKind};

use super::{
    Kind, Method, Param, ROW,
    shared::{COMPAT, baseline, is_innvestigate, samples},
};
use crate::{
    params::{integer, text},
    plan::{Plan, Quadrature, Reversal, Start, Times},
};

const SHRIKUMAR: &str =
    "Shrikumar et al., Learning Important Features Through Propagating Activation Differences, 2017";

const BASELINE: Method = Method { family: Family::Baseline, sum: SumRule::Difference, ..ROW };

/// What stands for "nothing there" in methods that share out a difference.
const FROM: Param =
    baseline("black", "The picture that stands for nothing there: the map shares out the difference of the scores.");

pub(super) const ROWS: &[Method] = &[
    Method {
        id: "integrated_gradients",
        name: "Integrated Gradients",
        summary: "The gradient averaged on the way from a baseline to the picture, times the difference: adds up to the change of the score.",
        caveat: "Depends on the baseline: what looks like it counts nothing, such as black parts with a black baseline.",
        source: "Sundararajan et al., Axiomatic Attribution for Deep Networks, 2017",
        steps: true,
        params: &[
            Param {
                name: "steps",
                label: "Steps",
                help: "Points on the way; more bring the sum closer to the change of the score.",
                kind: Kind::Integer { min: 1, max: 1024, default: 64 },
            },
            FROM,
            Param {
                name: "rule",
                label: "Points",
                help: "Where in each part of the way the gradient is taken; midpoint is the most exact.",
                kind: Kind::Choice(&["midpoint", "left", "right", "trapezoid"]),
            },
            COMPAT,
        ],
        plan: |params, _| {
            let quadrature = match text(params, "rule") {
                // iNNvestigate takes the left ends.
                _ if is_innvestigate(params) => Quadrature::Left,
                "left" => Quadrature::Left,
                "right" => Quadrature::Right,
                "trapezoid" => Quadrature::Trapezoid,
                _ => Quadrature::Midpoint,
            };
            let baseline = text(params, "baseline").into();
            Ok(Plan::Path { steps: integer(params, "steps"), quadrature, baseline })
        },
        ..BASELINE
    },
    Method {
        id: "expected_gradients",
        name: "Expected Gradients",
        summary: "Integrated Gradients from other pictures in place of one baseline: what this picture has that they have not.",
        caveat: "Depends on which other pictures are loaded, and is noisy with few samples.",
        source: "Erion et al., Improving Performance of Deep Learning Models with Axiomatic Attribution Priors, 2021",
        steps: true,
        draws: true,
        pictures: true,
        params: &[samples(
            64,
            2048,
            "Random points on paths from random pictures; more bring the sum closer to the change of the score.",
        )],
        plan: |params, _| Ok(Plan::ExpectedPath { samples: integer(params, "samples") }),
        ..BASELINE
    },
    Method {
        id: "deep_lift.rescale",
        name: "DeepLIFT, rescale",
        summary: "Differences of activations to those of a baseline, passed back in proportion: complete in one pass.",
        caveat: "Depends on the baseline; opposing effects inside one unit cancel.",
        source: SHRIKUMAR,
        targets: &[TargetKind::Contrast, TargetKind::Neuron],
        params: &[FROM],
        plan: |params, _| {
            Ok(Plan::Reverse(Reversal {
                composite: Composite::deep_lift(None),
                start: Start::One,
                times: Times::Difference,
                baseline: Some(text(params, "baseline").into()),
            }))
        },
        ..BASELINE
    },
    Method {
        id: "deep_lift.reveal_cancel",
        name: "DeepLIFT, reveal-cancel",
        summary: "DeepLIFT that treats rising and falling contributions apart, so that effects that cancel still show.",
        caveat: "Depends on the baseline; in convolutions rescale is often the steadier choice.",
        source: SHRIKUMAR,
        targets: &[TargetKind::Contrast, TargetKind::Neuron],
        params: &[
            FROM,
            Param {
                name: "layers",
                label: "Reveal-cancel in",
                help: "All layers with weights, or dense ones only with rescale in convolutions (the source's genomics default).",
                kind: Kind::Choice(&["all", "dense"]),
            },
        ],
        plan: |params, _| {
            let selector = if text(params, "layers") == "dense" {
                Selector::ActivationAfterDense
            } else {
                Selector::Kind(OpKind::Activation)
            };
            Ok(Plan::Reverse(Reversal {
                composite: Composite::deep_lift(Some((selector, Rule::RevealCancel))),
                start: Start::One,
                times: Times::Difference,
                baseline: Some(text(params, "baseline").into()),
            }))
        },
        ..BASELINE
    },
];
