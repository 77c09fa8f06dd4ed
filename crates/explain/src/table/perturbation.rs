//! What happens to the score when parts of the picture are hidden.

use innspect_protocol::{Family, Params, SumRule, TargetKind};

use super::{
    Kind, Method, Param, ROW,
    shared::{baseline, samples, segments},
};
use crate::{
    params::{integer, number, text},
    plan::{Masking, Plan},
};

const PERTURBATION: Method = Method { family: Family::Perturbation, steps: true, ..ROW };

const WINDOW: Param = Param {
    name: "window",
    label: "Window",
    help: "Side of the window in pixels of the network's input.",
    kind: Kind::Integer { min: 1, max: 512, default: 32 },
};

const STRIDE: Param = Param {
    name: "stride",
    label: "Step",
    help: "How far the window moves each time, in pixels; smaller steps give finer maps and take longer.",
    kind: Kind::Integer { min: 1, max: 512, default: 16 },
};

const HIDDEN: &str = "What hidden parts look like.";

pub(super) const ROWS: &[Method] = &[
    Method {
        id: "occlusion",
        name: "Occlusion",
        summary: "Covers one part of the picture after the other and shows how far the score falls.",
        caveat: "Evidence that is there twice shows nothing when one of them is covered; the cover itself can mislead the network.",
        source: "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, 2014",
        params: &[WINDOW, STRIDE, baseline("grey", HIDDEN)],
        plan: |params, _| {
            let masking = Masking::Occlusion { window: integer(params, "window"), stride: integer(params, "stride") };
            Ok(mask(masking, params))
        },
        ..PERTURBATION
    },
    Method {
        id: "prediction_difference",
        name: "Prediction Difference",
        summary: "Replaces one part after the other by what other pictures show there, and measures the change of the log odds.",
        caveat: "What is put in comes from the loaded pictures and does not fit its surroundings.",
        source: "Zintgraf et al., Visualizing Deep Neural Network Decisions: Prediction Difference Analysis, 2017",
        on_probability: true,
        targets: &[],
        pictures: true,
        draws: true,
        params: &[
            WINDOW,
            Param { kind: Kind::Integer { min: 1, max: 512, default: 32 }, ..STRIDE },
            samples(4, 64, "Other pictures that each part is filled from."),
        ],
        plan: |params, _| {
            let masking = Masking::PredictionDifference {
                window: integer(params, "window"),
                stride: integer(params, "stride"),
                samples: integer(params, "samples"),
            };
            Ok(Plan::Mask { masking, baseline: "zero".into() })
        },
        ..PERTURBATION
    },
    Method {
        id: "lime",
        name: "LIME",
        summary: "Hides random segments and fits a linear model to the scores: the weight of each segment near this picture.",
        caveat: "Depends on the segments and, with few samples, on chance: try another seed.",
        source: "Ribeiro et al., Why Should I Trust You?, 2016",
        on_probability: true,
        draws: true,
        params: &[
            segments("slic:64"),
            samples(500, 10_000, "Random combinations of segments that are tried."),
            baseline("mean", HIDDEN),
        ],
        plan: |params, _| {
            let masking =
                Masking::Lime { segments: text(params, "segments").into(), samples: integer(params, "samples") };
            Ok(mask(masking, params))
        },
        ..PERTURBATION
    },
    Method {
        id: "kernel_shap",
        name: "KernelSHAP",
        summary: "Estimates the Shapley value of each segment, a fair share of the score, by weighted regression.",
        caveat: "Exact only when all combinations are tried; hidden segments make pictures the network never saw.",
        source: "Lundberg & Lee, A Unified Approach to Interpreting Model Predictions, 2017",
        sum: SumRule::Difference,
        draws: true,
        params: &[
            segments("grid:8"),
            samples(512, 20_000, "Combinations of segments that are tried."),
            baseline("grey", HIDDEN),
        ],
        plan: |params, _| {
            let masking =
                Masking::KernelShap { segments: text(params, "segments").into(), samples: integer(params, "samples") };
            Ok(mask(masking, params))
        },
        ..PERTURBATION
    },
    Method {
        id: "shapley_sampling",
        name: "Shapley Value Sampling",
        summary: "Adds segments in random orders and averages what each brings: its fair share of the score.",
        caveat: "Slow: each order takes a forward pass for every segment; with few orders the shares are noisy.",
        source: "Castro et al., Polynomial Calculation of the Shapley Value Based on Sampling, 2009",
        sum: SumRule::Difference,
        draws: true,
        params: &[
            segments("grid:6"),
            samples(8, 1000, "Random orders; each takes a forward pass for every segment."),
            baseline("grey", HIDDEN),
        ],
        plan: |params, _| {
            let masking =
                Masking::Shapley { segments: text(params, "segments").into(), samples: integer(params, "samples") };
            Ok(mask(masking, params))
        },
        ..PERTURBATION
    },
    Method {
        id: "rise",
        name: "RISE",
        summary: "Shows the network the picture through random masks and averages the masks by the score.",
        caveat: "Noisy with few masks, and coarse with few cells.",
        source: "Petsiuk et al., RISE: Randomized Input Sampling for Explanation, 2018",
        on_probability: true,
        targets: &[TargetKind::Contrast, TargetKind::Neuron],
        draws: true,
        params: &[
            samples(500, 20_000, "Random masks; the source uses thousands."),
            Param {
                name: "cells",
                label: "Cells",
                help: "Cells along a side of a mask.",
                kind: Kind::Integer { min: 2, max: 32, default: 8 },
            },
            Param {
                name: "visible",
                label: "Visible share",
                help: "The chance of each cell to show the picture.",
                kind: Kind::Number { min: 0.05, max: 0.95, default: 0.5 },
            },
            Param {
                name: "centred",
                label: "Take the mean off",
                help: "Takes the mean score off, so that 0 says that a pixel makes no difference; the source leaves it in.",
                kind: Kind::Choice(&["yes", "no"]),
            },
            baseline(
                "zero",
                "What the masks hide is replaced by this; the source multiplies the network's input, which is zero.",
            ),
        ],
        plan: |params, _| {
            let masking = Masking::Rise {
                samples: integer(params, "samples"),
                cells: integer(params, "cells"),
                visible: number(params, "visible"),
                centred: text(params, "centred") == "yes",
            };
            Ok(mask(masking, params))
        },
        ..PERTURBATION
    },
];

fn mask(masking: Masking, params: &Params) -> Plan {
    Plan::Mask { masking, baseline: text(params, "baseline").into() }
}
