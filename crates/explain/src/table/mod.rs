//! The method table: the one place that says which methods exist, with their parameters and what they mean.
//!
//! Each family is a file of rows. A new method is a new row.

mod baseline;
mod cam;
mod gradient;
mod lrp;
mod pattern;
mod perturbation;
mod shared;

use innspect_graph::{Graph, Op};
use innspect_protocol::{Family, LayerNeed, MethodInfo, ParamInfo, ParamKind, Params, SumRule, TargetKind};

use crate::{
    ExplainError, layers,
    plan::{Ground, Plan},
};

/// One row.
pub struct Method {
    /// Id.
    pub id: &'static str,
    /// Whether a plain logit target means the class's probability, on which the method is defined.
    pub on_probability: bool,
    name: &'static str,
    family: Family,
    summary: &'static str,
    caveat: &'static str,
    source: &'static str,
    signed: bool,
    class_dependent: bool,
    needs_rectifiers: bool,
    sum: SumRule,
    layer: LayerNeed,
    targets: &'static [TargetKind],
    concept: bool,
    steps: bool,
    draws: bool,
    pictures: bool,
    params: &'static [Param],
    plan: fn(&Params, Ground<'_>) -> Result<Plan, ExplainError>,
}

/// A row of which every field but the texts and the plan may stay as it is.
const ROW: Method = Method {
    id: "",
    on_probability: false,
    name: "",
    family: Family::Gradient,
    summary: "",
    caveat: "",
    source: "",
    signed: true,
    class_dependent: true,
    needs_rectifiers: false,
    sum: SumRule::Free,
    layer: LayerNeed::None,
    targets: ALL_TARGETS,
    concept: false,
    steps: false,
    draws: false,
    pictures: false,
    params: &[],
    plan: |_, _| Ok(Plan::Activation),
};

const ALL_TARGETS: &[TargetKind] = &[TargetKind::Probability, TargetKind::Contrast, TargetKind::Neuron];

struct Param {
    name: &'static str,
    label: &'static str,
    help: &'static str,
    kind: Kind,
}

enum Kind {
    Number { min: f64, max: f64, default: f64 },
    Integer { min: u32, max: u32, default: u32 },
    Auto { min: f64, max: f64 },
    Choice(&'static [&'static str]),
    Baseline(&'static str),
    Segments(&'static str),
    InputRule,
}

/// The rows by family, in the order of lists.
static FAMILIES: [&[Method]; 6] =
    [gradient::ROWS, cam::ROWS, lrp::ROWS, baseline::ROWS, pattern::ROWS, perturbation::ROWS];

/// All rows, in the order of lists.
pub fn rows() -> impl Iterator<Item = &'static Method> {
    FAMILIES.iter().flat_map(|rows| rows.iter())
}

impl Method {
    /// What lists, forms and docs need.
    #[must_use]
    pub fn info(&self) -> MethodInfo {
        MethodInfo {
            id: self.id.into(),
            name: self.name.into(),
            family: self.family,
            summary: self.summary.into(),
            caveat: self.caveat.into(),
            source: self.source.into(),
            signed: self.signed,
            class_dependent: self.class_dependent,
            sum: self.sum,
            layer: self.layer,
            targets: self.targets.to_vec(),
            concept: self.concept,
            steps: self.steps,
            draws: self.draws,
            pictures: self.pictures,
            params: self.params.iter().map(Param::info).collect(),
        }
    }

    /// The plan under resolved parameters.
    ///
    /// # Errors
    /// [`ExplainError::Param`] if parameters do not go together.
    pub fn plan(&self, params: &Params, ground: Ground<'_>) -> Result<Plan, ExplainError> {
        (self.plan)(params, ground)
    }

    /// Whether the method makes sense for a network, before anything runs.
    ///
    /// # Errors
    /// [`ExplainError::NotApplicable`] with the reason.
    pub fn applicable(&self, graph: &Graph) -> Result<(), ExplainError> {
        if self.needs_rectifiers && !has_rectifiers(graph) {
            return Err(ExplainError::NotApplicable {
                reason: format!(
                    "{} is defined by what rectifiers (ReLU, ReLU6) let pass, and this network has none; gradient and LRP methods apply.",
                    self.name
                ),
            });
        }
        if self.layer == LayerNeed::FeatureMap {
            layers::feature_map(graph, None)?;
        }
        Ok(())
    }
}

impl Param {
    fn info(&self) -> ParamInfo {
        ParamInfo {
            name: self.name.into(),
            label: self.label.into(),
            help: self.help.into(),
            kind: match self.kind {
                Kind::Number { min, max, default } => ParamKind::Number { min, max, default },
                Kind::Integer { min, max, default } => ParamKind::Integer { min, max, default },
                Kind::Auto { min, max } => ParamKind::Auto { min, max },
                Kind::Choice(options) => {
                    ParamKind::Choice { options: options.iter().map(|&option| option.into()).collect() }
                }
                Kind::Baseline(default) => ParamKind::Baseline { default: default.into() },
                Kind::Segments(default) => ParamKind::Segments { default: default.into() },
                Kind::InputRule => ParamKind::InputRule,
            },
        }
    }
}

fn has_rectifiers(graph: &Graph) -> bool {
    graph.nodes.iter().any(|node| matches!(&node.op, Op::Activation(function) if function.is_rectifier()))
}

/// All rows as lists and forms need them.
#[must_use]
pub fn methods() -> Vec<MethodInfo> {
    rows().map(Method::info).collect()
}

/// The row with this id.
///
/// # Errors
/// [`ExplainError::UnknownMethod`].
pub fn find(id: &str) -> Result<&'static Method, ExplainError> {
    rows().find(|method| method.id == id).ok_or_else(|| ExplainError::UnknownMethod { id: id.into() })
}
