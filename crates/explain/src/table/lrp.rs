//! Layer-wise relevance propagation and deep Taylor decomposition.

use innspect_dataset::baseline::pixel_range;
use innspect_engine::{Bias, Bounds, Composite, Rule, TINY};
use innspect_protocol::{Family, Params, SumRule, TargetKind};

use super::{
    Kind, Method, Param, ROW,
    shared::{BACH, COMPAT, DEEP_TAYLOR, OVERVIEW, is_innvestigate, reverse},
};
use crate::{
    ExplainError,
    params::{InputRule, auto, number, text},
    plan::{Ground, Plan, Start, Times},
};

const LAPUSCHKIN: &str = "Lapuschkin et al., Unmasking Clever Hans Predictors, 2019";
const ANDERS: &str = "Anders et al., Software for Dataset-wide XAI (zennit), 2021";

const LRP: Method = Method { family: Family::Lrp, sum: SumRule::Start, concept: true, ..ROW };

pub(super) const ROWS: &[Method] = &[
    Method {
        id: "lrp.z",
        name: "LRP-0 (z)",
        summary: "Splits the score over the pixels in proportion to what each contributes, layer by layer.",
        caveat: "Equals input × gradient on ReLU networks and is as noisy; tiny denominators blow up.",
        source: BACH,
        params: &[INPUT_RULE],
        plan: |params, ground| everywhere(Rule::Epsilon(TINY), params, ground),
        ..LRP
    },
    Method {
        id: "lrp.epsilon",
        name: "LRP-ε",
        summary: "LRP that lets weak and contradictory contributions fade, for sparser maps.",
        caveat: "A large epsilon absorbs relevance: the conservation error says how much.",
        source: BACH,
        params: &[EPSILON, INPUT_RULE],
        plan: |params, ground| everywhere(Rule::Epsilon(number(params, "epsilon")), params, ground),
        ..LRP
    },
    Method {
        id: "lrp.gamma",
        name: "LRP-γ",
        summary: "LRP that favours supporting contributions by a factor: between LRP-0 and z⁺.",
        caveat: "Numerically delicate where contributions nearly cancel; small gamma is as noisy as LRP-0.",
        source: OVERVIEW,
        params: &[GAMMA, INPUT_RULE],
        plan: |params, ground| everywhere(Rule::Gamma(number(params, "gamma")), params, ground),
        ..LRP
    },
    Method {
        id: "lrp.z_plus",
        name: "LRP-z⁺",
        summary: "Follows only positive contributions, without biases: smooth maps of what supports the class.",
        caveat: "Evidence against the class cannot show; differs little between classes.",
        source: DEEP_TAYLOR,
        params: &[INPUT_RULE],
        plan: |params, ground| everywhere(Rule::ZPlus, params, ground),
        ..LRP
    },
    Method {
        id: "lrp.z_plus_fast",
        name: "LRP-z⁺ fast",
        summary: "z⁺ with positive weights only: the same as z⁺ where no input is negative, in half the time.",
        caveat: "Wrong for layers with negative inputs, such as the first one of most networks.",
        source: DEEP_TAYLOR,
        params: &[INPUT_RULE],
        plan: |params, ground| everywhere(Rule::ZPlusFast, params, ground),
        ..LRP
    },
    Method {
        id: "lrp.alpha_beta",
        name: "LRP-αβ",
        summary: "Treats supporting and opposing contributions apart, with a chosen weight each.",
        caveat: "Beta must be alpha - 1; where no opposing contribution exists, relevance grows.",
        source: BACH,
        params: &[ALPHA, BETA, INPUT_RULE, COMPAT],
        plan: |params, ground| {
            let alpha = number(params, "alpha");
            match auto(params, "beta") {
                Some(beta) if (beta - (alpha - 1.0)).abs() > 1e-6 => Err(ExplainError::Param {
                    method: "lrp.alpha_beta".into(),
                    name: "beta".into(),
                    expected: format!("auto or alpha - 1, which is {}", alpha - 1.0),
                    actual: beta.to_string(),
                }),
                _ => everywhere(alpha_beta(alpha, params), params, ground),
            }
        },
        ..LRP
    },
    Method {
        id: "lrp.alpha_1_beta_0",
        name: "LRP-α1β0",
        summary: "LRP-αβ with supporting contributions only: smooth, positive maps.",
        caveat: "Cannot show evidence against the class, and differs little between classes.",
        source: BACH,
        params: &[INPUT_RULE, COMPAT],
        plan: |params, ground| everywhere(alpha_beta(1.0, params), params, ground),
        ..LRP
    },
    Method {
        id: "lrp.alpha_2_beta_1",
        name: "LRP-α2β1",
        summary: "LRP-αβ with supporting contributions twice and opposing ones once: contrast within objects.",
        caveat: "Where no opposing contribution exists, relevance doubles: watch the conservation error.",
        source: BACH,
        params: &[INPUT_RULE, COMPAT],
        plan: |params, ground| everywhere(alpha_beta(2.0, params), params, ground),
        ..LRP
    },
    Method {
        id: "lrp.alpha_1_beta_0_IB",
        name: "LRP-α1β0, bias ignored",
        summary: "LRP-α1β0 that leaves the biases out, so that they take no relevance.",
        caveat: "Cannot show evidence against the class, and differs little between classes.",
        source: BACH,
        params: &[INPUT_RULE],
        plan: |params, ground| everywhere(without_bias(1.0), params, ground),
        ..LRP
    },
    Method {
        id: "lrp.alpha_2_beta_1_IB",
        name: "LRP-α2β1, bias ignored",
        summary: "LRP-α2β1 that leaves the biases out, so that they take no relevance.",
        caveat: "Where no opposing contribution exists, relevance doubles: watch the conservation error.",
        source: BACH,
        params: &[INPUT_RULE],
        plan: |params, ground| everywhere(without_bias(2.0), params, ground),
        ..LRP
    },
    Method {
        id: "lrp.w_square",
        name: "LRP-w²",
        summary: "Spreads relevance by the squared weights in every layer, whatever the picture shows.",
        caveat: "A blurred view of where the network can look; where residual sums nearly cancel, single spots blow up.",
        source: DEEP_TAYLOR,
        params: &[],
        plan: |params, ground| everywhere(Rule::WSquare, params, ground),
        ..LRP
    },
    Method {
        id: "lrp.flat",
        name: "LRP-flat",
        summary: "Spreads relevance evenly over the receptive field in every layer.",
        caveat: "Shows the reach of the network more than its reasons; where residual sums nearly cancel, single spots blow up.",
        source: LAPUSCHKIN,
        params: &[],
        plan: |params, ground| everywhere(Rule::Flat, params, ground),
        ..LRP
    },
    Method {
        id: "lrp.sequential_preset_a",
        name: "LRP preset A",
        summary: "The recommended mix: epsilon in dense layers, α1β0 in convolutions.",
        caveat: "Supporting evidence dominates, since convolutions follow only positive contributions.",
        source: OVERVIEW,
        params: &[PRESET_EPSILON, INPUT_RULE, COMPAT],
        plan: |params, ground| {
            mix(alpha_beta(1.0, params), Rule::Epsilon(number(params, "epsilon")), input_rule(params, ground)?)
        },
        ..LRP
    },
    Method {
        id: "lrp.sequential_preset_b",
        name: "LRP preset B",
        summary: "Epsilon in dense layers, α2β1 in convolutions: more contrast than preset A.",
        caveat: "Where no opposing contribution exists, relevance doubles: watch the conservation error.",
        source: OVERVIEW,
        params: &[PRESET_EPSILON, INPUT_RULE, COMPAT],
        plan: |params, ground| {
            mix(alpha_beta(2.0, params), Rule::Epsilon(number(params, "epsilon")), input_rule(params, ground)?)
        },
        ..LRP
    },
    Method {
        id: "lrp.sequential_preset_a_flat",
        name: "LRP preset A, flat",
        summary: "Preset A with the flat rule in the first layer: smooth maps free of pixel-value artefacts.",
        caveat: "As fine as the first layer's kernel; supporting evidence dominates.",
        source: OVERVIEW,
        params: &[PRESET_EPSILON],
        plan: |params, _| mix(split_bias(1.0), Rule::Epsilon(number(params, "epsilon")), Some(Rule::Flat)),
        ..LRP
    },
    Method {
        id: "lrp.sequential_preset_b_flat",
        name: "LRP preset B, flat",
        summary: "Preset B with the flat rule in the first layer.",
        caveat: "As fine as the first layer's kernel; watch the conservation error.",
        source: OVERVIEW,
        params: &[PRESET_EPSILON],
        plan: |params, _| mix(split_bias(2.0), Rule::Epsilon(number(params, "epsilon")), Some(Rule::Flat)),
        ..LRP
    },
    Method {
        id: "lrp.epsilon_plus",
        name: "LRP ε, z⁺",
        summary: "zennit's EpsilonPlus: epsilon in dense layers, z⁺ with positive biases in convolutions.",
        caveat: "Supporting evidence dominates, since convolutions follow only positive contributions.",
        source: ANDERS,
        params: &[SMALL_EPSILON, INPUT_RULE],
        plan: |params, ground| {
            mix(split_bias(1.0), Rule::Epsilon(number(params, "epsilon")), input_rule(params, ground)?)
        },
        ..LRP
    },
    Method {
        id: "lrp.epsilon_plus_flat",
        name: "LRP ε, z⁺, flat",
        summary: "zennit's EpsilonPlusFlat: EpsilonPlus with the flat rule in the first layer.",
        caveat: "As fine as the first layer's kernel; supporting evidence dominates.",
        source: ANDERS,
        params: &[SMALL_EPSILON],
        plan: |params, _| mix(split_bias(1.0), Rule::Epsilon(number(params, "epsilon")), Some(Rule::Flat)),
        ..LRP
    },
    Method {
        id: "lrp.epsilon_gamma_box",
        name: "LRP ε, γ, box",
        summary: "zennit's EpsilonGammaBox: epsilon in dense layers, gamma in convolutions, z^B in the first layer, which knows the range of pixels.",
        caveat: "Numerically delicate where contributions nearly cancel.",
        source: ANDERS,
        params: &[SMALL_EPSILON, GAMMA, LOW, HIGH],
        plan: |params, ground| {
            mix(
                Rule::Gamma(number(params, "gamma")),
                Rule::Epsilon(number(params, "epsilon")),
                Some(Rule::Box(bounds(params, ground)?)),
            )
        },
        ..LRP
    },
    Method {
        id: "lrp.epsilon_alpha2_beta1",
        name: "LRP ε, α2β1",
        summary: "zennit's EpsilonAlpha2Beta1: epsilon in dense layers, α2β1 in convolutions.",
        caveat: "Where no opposing contribution exists, relevance doubles: watch the conservation error.",
        source: ANDERS,
        params: &[SMALL_EPSILON, INPUT_RULE],
        plan: |params, ground| {
            mix(split_bias(2.0), Rule::Epsilon(number(params, "epsilon")), input_rule(params, ground)?)
        },
        ..LRP
    },
    Method {
        id: "lrp.epsilon_alpha2_beta1_flat",
        name: "LRP ε, α2β1, flat",
        summary: "zennit's EpsilonAlpha2Beta1Flat: the same with the flat rule in the first layer.",
        caveat: "As fine as the first layer's kernel; watch the conservation error.",
        source: ANDERS,
        params: &[SMALL_EPSILON],
        plan: |params, _| mix(split_bias(2.0), Rule::Epsilon(number(params, "epsilon")), Some(Rule::Flat)),
        ..LRP
    },
    Method {
        id: "deep_taylor",
        name: "Deep Taylor",
        summary: "z⁺ in every layer from the positive part of the score; sums and pools follow the gradient.",
        caveat: "A class with a negative score gives an empty map; branches of a sum each get all of it, so relevance can grow.",
        source: DEEP_TAYLOR,
        targets: &[TargetKind::Neuron],
        plan: |_, _| Ok(reverse(Composite::deep_taylor(None), Start::Positive, Times::One)),
        ..LRP
    },
    Method {
        id: "deep_taylor.bounded",
        name: "Deep Taylor, bounded",
        summary: "Deep Taylor with the z^B rule in the first layer, which knows the range of pixels.",
        caveat: "A class with a negative score gives an empty map; branches of a sum each get all of it, so relevance can grow.",
        source: DEEP_TAYLOR,
        targets: &[TargetKind::Neuron],
        params: &[LOW, HIGH],
        plan: |params, ground| {
            let first = Rule::Box(bounds(params, ground)?);
            Ok(reverse(Composite::deep_taylor(Some(first)), Start::Positive, Times::One))
        },
        ..LRP
    },
];

const INPUT_RULE: Param = Param {
    name: "input_rule",
    label: "Rule of the first layer",
    help: "Flat spreads relevance evenly over each receptive field, w² by the squared weights, box by the range of pixels.",
    kind: Kind::InputRule,
};

const EPSILON: Param = Param {
    name: "epsilon",
    label: "Epsilon",
    help: "Added to every denominator with its sign; the iNNvestigate notebooks use 1, its presets 0.1.",
    kind: Kind::Number { min: 1e-9, max: 1e3, default: 1e-7 },
};

const PRESET_EPSILON: Param = Param {
    name: "epsilon",
    label: "Epsilon in dense layers",
    help: "Added to the denominators of dense layers with their sign.",
    kind: Kind::Number { min: 1e-9, max: 1e3, default: 0.1 },
};

const SMALL_EPSILON: Param = Param { kind: Kind::Number { min: 1e-9, max: 1e3, default: 1e-6 }, ..PRESET_EPSILON };

const GAMMA: Param = Param {
    name: "gamma",
    label: "Gamma",
    help: "How much more supporting contributions count: 0 is LRP-0, large values approach z⁺.",
    kind: Kind::Number { min: 0.0, max: 1e5, default: 0.25 },
};

const ALPHA: Param = Param {
    name: "alpha",
    label: "Alpha",
    help: "Weight of supporting contributions; opposing ones get beta = alpha - 1.",
    kind: Kind::Number { min: 1.0, max: 100.0, default: 2.0 },
};

const BETA: Param = Param {
    name: "beta",
    label: "Beta",
    help: "Weight of opposing contributions: alpha - 1, so that the sum stays; auto takes just that.",
    kind: Kind::Auto { min: 0.0, max: 99.0 },
};

const LOW: Param = Param {
    name: "low",
    label: "Smallest input",
    help: "The smallest value an input can take, in the network's input space; auto takes what the darkest pixel becomes.",
    kind: Kind::Auto { min: -1e6, max: 1e6 },
};

const HIGH: Param = Param {
    name: "high",
    label: "Largest input",
    help: "The largest value an input can take, in the network's input space; auto takes what the brightest pixel becomes.",
    kind: Kind::Auto { min: -1e6, max: 1e6 },
};

/// One rule in all layers with weights, and possibly another one in the first.
fn everywhere(rule: Rule, params: &Params, ground: Ground<'_>) -> Result<Plan, ExplainError> {
    mix(rule.clone(), rule, input_rule(params, ground)?)
}

fn mix(convolution: Rule, dense: Rule, first: Option<Rule>) -> Result<Plan, ExplainError> {
    Ok(reverse(Composite::lrp(convolution, dense, first), Start::Value, Times::One))
}

/// Alpha-beta as the compatibility switch says.
fn alpha_beta(alpha: f32, params: &Params) -> Rule {
    let bias = if is_innvestigate(params) { Bias::Both } else { Bias::Split };
    Rule::AlphaBeta { alpha, beta: alpha - 1.0, bias }
}

fn split_bias(alpha: f32) -> Rule {
    Rule::AlphaBeta { alpha, beta: alpha - 1.0, bias: Bias::Split }
}

fn without_bias(alpha: f32) -> Rule {
    Rule::AlphaBeta { alpha, beta: alpha - 1.0, bias: Bias::Ignored }
}

fn input_rule(params: &Params, ground: Ground<'_>) -> Result<Option<Rule>, ExplainError> {
    Ok(match text(params, "input_rule").parse().unwrap_or_default() {
        InputRule::None => None,
        InputRule::Flat => Some(Rule::Flat),
        InputRule::WSquare => Some(Rule::WSquare),
        InputRule::Box(edges) => {
            Some(Rule::Box(box_bounds(edges.map(|[low, _]| low), edges.map(|[_, high]| high), ground)?))
        }
    })
}

/// The bounds under `low` and `high`.
fn bounds(params: &Params, ground: Ground<'_>) -> Result<Bounds, ExplainError> {
    box_bounds(auto(params, "low"), auto(params, "high"), ground)
}

/// Bounds by channel; what is not given is the range of pixels.
fn box_bounds(low: Option<f32>, high: Option<f32>, ground: Ground<'_>) -> Result<Bounds, ExplainError> {
    let (darkest, brightest) = pixel_range(ground.preprocessing, ground.channels);
    let each = |given: Option<f32>, range: Vec<f32>| given.map_or(range, |value| vec![value; ground.channels]);
    let (low, high) = (each(low, darkest), each(high, brightest));
    if let Some((low, high)) = low.iter().zip(&high).find(|(low, high)| low >= high) {
        return Err(ExplainError::NotApplicable {
            reason: format!("The smallest input must lie below the largest one, but {low} and {high} were given."),
        });
    }
    Ok(Bounds { low: low.into(), high: high.into() })
}
