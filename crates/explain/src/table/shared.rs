//! Parameters and plans that several families use.

use innspect_engine::Composite;
use innspect_protocol::Params;

use super::{Kind, Param};
use crate::{
    params::text,
    plan::{Plan, Reversal, Start, Times},
};

pub(super) const BACH: &str =
    "Bach et al., On Pixel-wise Explanations for Non-Linear Classifier Decisions by LRP, 2015";
pub(super) const OVERVIEW: &str = "Montavon et al., Layer-wise Relevance Propagation: An Overview, 2019";
pub(super) const DEEP_TAYLOR: &str =
    "Montavon et al., Explaining Nonlinear Classification Decisions with Deep Taylor Decomposition, 2017";

/// Whether results follow iNNvestigate 2.1 where it differs.
pub(super) const COMPAT: Param = Param {
    name: "compat",
    label: "Variant",
    help: "With innvestigate the result is computed as iNNvestigate 2.1 does, also where that differs from the source.",
    kind: Kind::Choice(&["none", "innvestigate"]),
};

pub(super) const fn baseline(default: &'static str, help: &'static str) -> Param {
    Param { name: "baseline", label: "Baseline", help, kind: Kind::Baseline(default) }
}

pub(super) const fn samples(default: u32, max: u32, help: &'static str) -> Param {
    Param { name: "samples", label: "Samples", help, kind: Kind::Integer { min: 1, max, default } }
}

pub(super) const fn segments(default: &'static str) -> Param {
    Param {
        name: "segments",
        label: "Segments",
        help: "The parts that are hidden together: a grid, or superpixels that follow the colours (SLIC).",
        kind: Kind::Segments(default),
    }
}

pub(super) fn is_innvestigate(params: &Params) -> bool {
    text(params, "compat") == "innvestigate"
}

pub(super) fn reverse(composite: Composite, start: Start, times: Times) -> Plan {
    Plan::Reverse(reversal(composite, start, times))
}

pub(super) fn reversal(composite: Composite, start: Start, times: Times) -> Reversal {
    Reversal { composite, start, times, baseline: None }
}
