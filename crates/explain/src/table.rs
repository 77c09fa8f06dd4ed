//! The method table: the one place that says which methods exist, with their parameters and what they mean.

use innspect_engine::{Composite, Rule, TINY};
use innspect_graph::{Graph, Op};
use innspect_protocol::{Family, LayerNeed, MethodInfo, ParamInfo, ParamKind, Params};

use crate::{
    ExplainError, layers,
    params::{number, text},
    plan::{Plan, Start},
};

/// One row.
pub struct Method {
    /// Id.
    pub id: &'static str,
    name: &'static str,
    family: Family,
    summary: &'static str,
    caveat: &'static str,
    source: &'static str,
    signed: bool,
    needs_rectifiers: bool,
    params: &'static [Param],
    plan: fn(&Params) -> Result<Plan, ExplainError>,
}

struct Param {
    name: &'static str,
    label: &'static str,
    help: &'static str,
    kind: Kind,
}

enum Kind {
    Number { min: f64, max: f64, default: f64 },
    Choice(&'static [&'static str]),
}

const INPUT_RULE: Param = Param {
    name: "input_rule",
    label: "Rule of the first layer",
    help: "Flat spreads relevance evenly over each receptive field, w² by the squared weights; both hide the pixel values.",
    kind: Kind::Choice(&["none", "flat", "w_square"]),
};

const BACH: &str = "Bach et al., On Pixel-wise Explanations for Non-Linear Classifier Decisions by LRP, 2015";
const OVERVIEW: &str = "Montavon et al., Layer-wise Relevance Propagation: An Overview, 2019";
const SELVARAJU: &str = "Selvaraju et al., Grad-CAM, 2017";

/// All methods, in the order of lists.
pub static METHODS: &[Method] = &[
    Method {
        id: "gradient",
        name: "Gradient",
        family: Family::Gradient,
        summary: "How strongly the class score reacts to a tiny change of each pixel.",
        caveat: "Noisy in deep networks, and sensitivity is not contribution: a saturated feature shows nothing.",
        source: "Simonyan et al., Deep Inside Convolutional Networks, 2014",
        signed: true,
        needs_rectifiers: false,
        params: &[],
        plan: |_| Ok(reverse(Composite::gradient(), Start::One, false)),
    },
    Method {
        id: "input_t_gradient",
        name: "Input × Gradient",
        family: Family::Gradient,
        summary: "The gradient times the input: the first-order contribution of each pixel to the score.",
        caveat: "Pixels that are zero after preprocessing can never light up.",
        source: "Shrikumar et al., Not Just a Black Box, 2016",
        signed: true,
        needs_rectifiers: false,
        params: &[],
        plan: |_| Ok(reverse(Composite::gradient(), Start::One, true)),
    },
    Method {
        id: "deconvnet",
        name: "DeconvNet",
        family: Family::Gradient,
        summary: "Projects the class back to the pixels, keeping only positive signals at every rectifier.",
        caveat: "Shows sharp image structure that barely depends on the class.",
        source: "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, 2014",
        signed: true,
        needs_rectifiers: true,
        params: &[],
        plan: |_| Ok(reverse(Composite::rectifiers(Rule::Deconv), Start::One, false)),
    },
    Method {
        id: "guided_backprop",
        name: "Guided Backpropagation",
        family: Family::Gradient,
        summary: "The gradient with negative signals cut at every rectifier: which details excite the network.",
        caveat: "Very sharp, but close to an edge detector; it changes little when later layers are randomised.",
        source: "Springenberg et al., Striving for Simplicity, 2015",
        signed: true,
        needs_rectifiers: true,
        params: &[],
        plan: |_| Ok(reverse(Composite::rectifiers(Rule::Guided), Start::One, false)),
    },
    Method {
        id: "grad_cam",
        name: "Grad-CAM",
        family: Family::Cam,
        summary: "Which regions of a late feature map speak for the class.",
        caveat: "As coarse as the layer; evidence against the class is cut away unless it is shown signed.",
        source: SELVARAJU,
        signed: false,
        needs_rectifiers: false,
        params: &[Param {
            name: "signed",
            label: "Show evidence against",
            help: "Keeps the negative part of the map, which speaks against the class.",
            kind: Kind::Choice(&["no", "yes"]),
        }],
        plan: |params| Ok(Plan::GradCam { signed: text(params, "signed") == "yes" }),
    },
    Method {
        id: "guided_grad_cam",
        name: "Guided Grad-CAM",
        family: Family::Cam,
        summary: "Guided Backpropagation inside the regions that Grad-CAM finds.",
        caveat: "Inherits the edge-detector look of Guided Backpropagation; the region is what depends on the class.",
        source: SELVARAJU,
        signed: true,
        needs_rectifiers: true,
        params: &[],
        plan: |_| Ok(Plan::GuidedGradCam),
    },
    Method {
        id: "lrp.z",
        name: "LRP-0 (z)",
        family: Family::Lrp,
        summary: "Splits the score over the pixels in proportion to what each contributes, layer by layer.",
        caveat: "Equals input × gradient on ReLU networks and is as noisy; tiny denominators blow up.",
        source: BACH,
        signed: true,
        needs_rectifiers: false,
        params: &[INPUT_RULE],
        plan: |params| Ok(lrp(Rule::Epsilon(TINY), Rule::Epsilon(TINY), input_rule(params))),
    },
    Method {
        id: "lrp.epsilon",
        name: "LRP-ε",
        family: Family::Lrp,
        summary: "LRP that lets weak and contradictory contributions fade, for sparser maps.",
        caveat: "A large epsilon absorbs relevance: the conservation error says how much.",
        source: BACH,
        signed: true,
        needs_rectifiers: false,
        params: &[
            Param {
                name: "epsilon",
                label: "Epsilon",
                help: "Added to every denominator with its sign; the iNNvestigate notebooks use 1, its presets 0.1.",
                kind: Kind::Number { min: 1e-9, max: 1e3, default: 1e-7 },
            },
            INPUT_RULE,
        ],
        plan: |params| {
            let rule = Rule::Epsilon(number(params, "epsilon"));
            Ok(lrp(rule, rule, input_rule(params)))
        },
    },
    Method {
        id: "lrp.z_plus",
        name: "LRP-z⁺",
        family: Family::Lrp,
        summary: "Follows only positive contributions, without biases: smooth maps of what supports the class.",
        caveat: "Evidence against the class cannot show; differs little between classes.",
        source: "Montavon et al., Explaining Nonlinear Classification Decisions with Deep Taylor Decomposition, 2017",
        signed: true,
        needs_rectifiers: false,
        params: &[INPUT_RULE],
        plan: |params| Ok(lrp(Rule::ZPlus, Rule::ZPlus, input_rule(params))),
    },
    Method {
        id: "lrp.alpha_beta",
        name: "LRP-αβ",
        family: Family::Lrp,
        summary: "Treats supporting and opposing contributions apart, with a chosen weight each.",
        caveat: "Beta must be alpha - 1; where no opposing contribution exists, relevance grows.",
        source: BACH,
        signed: true,
        needs_rectifiers: false,
        params: &[
            Param {
                name: "alpha",
                label: "Alpha",
                help: "Weight of supporting contributions; opposing ones get beta = alpha - 1.",
                kind: Kind::Number { min: 1.0, max: 100.0, default: 2.0 },
            },
            INPUT_RULE,
        ],
        plan: |params| {
            let alpha = number(params, "alpha");
            let rule = Rule::AlphaBeta { alpha, beta: alpha - 1.0 };
            Ok(lrp(rule, rule, input_rule(params)))
        },
    },
    Method {
        id: "lrp.alpha_1_beta_0",
        name: "LRP-α1β0",
        family: Family::Lrp,
        summary: "LRP-αβ with supporting contributions only: smooth, positive maps.",
        caveat: "Cannot show evidence against the class, and differs little between classes.",
        source: BACH,
        signed: true,
        needs_rectifiers: false,
        params: &[INPUT_RULE],
        plan: |params| {
            let rule = Rule::AlphaBeta { alpha: 1.0, beta: 0.0 };
            Ok(lrp(rule, rule, input_rule(params)))
        },
    },
    Method {
        id: "lrp.alpha_2_beta_1",
        name: "LRP-α2β1",
        family: Family::Lrp,
        summary: "LRP-αβ with supporting contributions twice and opposing ones once: contrast within objects.",
        caveat: "Where no opposing contribution exists, relevance doubles: watch the conservation error.",
        source: BACH,
        signed: true,
        needs_rectifiers: false,
        params: &[INPUT_RULE],
        plan: |params| {
            let rule = Rule::AlphaBeta { alpha: 2.0, beta: 1.0 };
            Ok(lrp(rule, rule, input_rule(params)))
        },
    },
    Method {
        id: "lrp.sequential_preset_a",
        name: "LRP preset A",
        family: Family::Lrp,
        summary: "The recommended mix: epsilon in dense layers, α1β0 in convolutions.",
        caveat: "Supporting evidence dominates, since convolutions follow only positive contributions.",
        source: OVERVIEW,
        signed: true,
        needs_rectifiers: false,
        params: &[PRESET_EPSILON],
        plan: |params| Ok(preset_a(params, None)),
    },
    Method {
        id: "lrp.sequential_preset_a_flat",
        name: "LRP preset A, flat",
        family: Family::Lrp,
        summary: "Preset A with the flat rule in the first layer: smooth maps free of pixel-value artefacts.",
        caveat: "As fine as the first layer's kernel; supporting evidence dominates.",
        source: OVERVIEW,
        signed: true,
        needs_rectifiers: false,
        params: &[PRESET_EPSILON],
        plan: |params| Ok(preset_a(params, Some(Rule::Flat))),
    },
    Method {
        id: "activation",
        name: "Activation",
        family: Family::Activation,
        summary: "What a layer computes: the mean of its channels, or one channel.",
        caveat: "Says nothing about any class: strong activation is not relevance.",
        source: "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, 2014",
        signed: false,
        needs_rectifiers: false,
        params: &[],
        plan: |_| Ok(Plan::Activation),
    },
];

const PRESET_EPSILON: Param = Param {
    name: "epsilon",
    label: "Epsilon in dense layers",
    help: "Added to the denominators of dense layers with their sign.",
    kind: Kind::Number { min: 1e-9, max: 1e3, default: 0.1 },
};

fn reverse(composite: Composite, start: Start, times_input: bool) -> Plan {
    Plan::Reverse { composite, start, times_input }
}

fn lrp(convolution: Rule, dense: Rule, first: Option<Rule>) -> Plan {
    reverse(Composite::lrp(convolution, dense, first), Start::Value, false)
}

fn preset_a(params: &Params, first: Option<Rule>) -> Plan {
    lrp(Rule::AlphaBeta { alpha: 1.0, beta: 0.0 }, Rule::Epsilon(number(params, "epsilon")), first)
}

fn input_rule(params: &Params) -> Option<Rule> {
    match text(params, "input_rule") {
        "flat" => Some(Rule::Flat),
        "w_square" => Some(Rule::WSquare),
        _ => None,
    }
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
            class_dependent: self.family != Family::Activation,
            conserves: self.family == Family::Lrp,
            layer: match self.family {
                Family::Cam | Family::Activation => LayerNeed::FeatureMap,
                Family::Gradient | Family::Lrp => LayerNeed::None,
            },
            params: self.params.iter().map(Param::info).collect(),
        }
    }

    /// The plan under resolved parameters.
    ///
    /// # Errors
    /// [`ExplainError::Param`] if parameters do not go together.
    pub fn plan(&self, params: &Params) -> Result<Plan, ExplainError> {
        (self.plan)(params)
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
        if matches!(self.family, Family::Cam | Family::Activation) {
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
                Kind::Choice(options) => {
                    ParamKind::Choice { options: options.iter().map(|&option| option.into()).collect() }
                }
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
    METHODS.iter().map(Method::info).collect()
}

/// The row with this id.
///
/// # Errors
/// [`ExplainError::UnknownMethod`].
pub fn find(id: &str) -> Result<&'static Method, ExplainError> {
    METHODS.iter().find(|method| method.id == id).ok_or_else(|| ExplainError::UnknownMethod { id: id.into() })
}
