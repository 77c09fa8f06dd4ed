//! Signals learned from pictures.

use innspect_engine::Composite;
use innspect_protocol::{Family, Params, TargetKind};

use super::{Kind, Method, Param, ROW, shared::reversal};
use crate::{
    params::{integer, text},
    plan::{Plan, Start, Times},
};

const KINDERMANS: &str =
    "Kindermans et al., Learning How to Explain Neural Networks: PatternNet and PatternAttribution, 2018";

const PATTERN: Method = Method {
    family: Family::Pattern,
    targets: &[TargetKind::Contrast],
    pictures: true,
    params: &[
        Param {
            name: "patterns",
            label: "Patterns",
            help: "Fitted to the inputs that open a rectifier, or to all of them.",
            kind: Kind::Choice(&["relu", "linear"]),
        },
        Param {
            name: "pictures",
            label: "Pictures",
            help: "How many of the loaded pictures the patterns are fitted to at most; each takes about three forward passes.",
            kind: Kind::Integer { min: 1, max: 1000, default: 16 },
        },
    ],
    ..ROW
};

pub(super) const ROWS: &[Method] = &[
    Method {
        id: "pattern.net",
        name: "PatternNet",
        summary: "Projects the class back through what each unit responds to in the loaded pictures: the signal it detects.",
        caveat: "As good as the pictures that the patterns were fitted to; the scale of its values has no meaning.",
        source: KINDERMANS,
        plan: |params, _| Ok(plan(params, false)),
        ..PATTERN
    },
    Method {
        id: "pattern.attribution",
        name: "PatternAttribution",
        summary: "How much the signal in each pixel contributes to the class, with patterns fitted to the loaded pictures.",
        caveat: "As good as the pictures that the patterns were fitted to; a few thousand patches a layer are the least.",
        source: KINDERMANS,
        plan: |params, _| Ok(plan(params, true)),
        ..PATTERN
    },
];

fn plan(params: &Params, attribution: bool) -> Plan {
    Plan::Pattern {
        reversal: reversal(Composite::patterns(attribution), Start::One, Times::One),
        rectified_only: text(params, "patterns") == "relu",
        pictures: integer(params, "pictures"),
    }
}
