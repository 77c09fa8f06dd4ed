//! What is passed back at a node in place of the gradient, and which node gets which rule.

use std::sync::Arc;

use innspect_graph::{Graph, NodeId, Op, OpKind, ValueId};

/// What the alpha-beta rule does with biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Positive biases are positive contributions, negative ones negative (Bach et al. 2015, zennit).
    Split,
    /// They are left out.
    Ignored,
    /// The whole bias is in both denominators, as iNNvestigate 2.1 computes it.
    Both,
}

/// The range of the values that an input can take, one pair of bounds a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// Smallest values.
    pub low: Arc<[f32]>,
    /// Largest values.
    pub high: Arc<[f32]>,
}

/// A propagation rule; each names the paper it is from.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// The vector-Jacobian product. For max pooling it is winner-takes-all, for shape ops it moves relevance along.
    Gradient,
    /// Relevance unchanged; for element-wise functions.
    Pass,
    /// Guided Backpropagation at a rectifier: positive cotangents, where the unit is open.
    Guided,
    /// DeconvNet at a rectifier: positive cotangents, whatever the unit did.
    Deconv,
    /// `R_i = x_i · Jᵀ(R / (z + epsilon · s(z)))` with the bias in `z` (Bach et al. 2015). With a tiny epsilon it is
    /// LRP-0, the z-rule.
    Epsilon(f32),
    /// Positive and negative contributions apart, weighted `alpha` and `-beta` (Bach et al. 2015).
    AlphaBeta {
        /// Weight of positive contributions, at least 1.
        alpha: f32,
        /// Weight of negative contributions, `alpha - 1`.
        beta: f32,
        /// Biases.
        bias: Bias,
    },
    /// Positive contributions only, without bias: `x⁺w⁺ + x⁻w⁻` over its sum (iNNvestigate's ZPlus).
    ZPlus,
    /// `xw⁺` over its sum: z⁺ for inputs that are never negative, in half the work (iNNvestigate's ZPlusFast).
    ZPlusFast,
    /// Contributions of the output's sign count `1 + gamma` times (Montavon et al. 2019), for inputs and outputs of any
    /// sign (Andéol et al. 2021; zennit's form). 0 is LRP-0, large ones approach z⁺.
    Gamma(f32),
    /// The z^B rule of inputs with known bounds: `xw - low·w⁺ - high·w⁻` over its sum (Montavon et al. 2017).
    Box(Bounds),
    /// Relevance spread evenly over the inputs of the receptive field (Lapuschkin et al. 2019).
    Flat,
    /// Relevance spread in proportion to the squared weights, whatever the inputs are (Montavon et al. 2017).
    WSquare,
    /// DeepLIFT's rescale rule: the slope between the reference and the input in place of the derivative (Shrikumar et
    /// al. 2017), for pooling the split of SHAP, for products the mean over both orders. Needs a reference.
    Rescale,
    /// DeepLIFT's reveal-cancel rule at a function behind a layer with weights: positive and negative differences get
    /// multipliers of their own (Shrikumar et al. 2017); elsewhere as [`Rule::Rescale`]. Needs a reference.
    RevealCancel,
    /// The gradient with the weights replaced by fitted patterns: PatternNet, or times the weights PatternAttribution
    /// (Kindermans et al. 2018). Needs [`Patterns`](crate::Patterns).
    Pattern {
        /// Whether patterns are multiplied with the weights.
        attribution: bool,
    },
}

/// The difference of an input and its reference below which a slope is the derivative.
pub(crate) const SMALLEST_DIFFERENCE: f32 = 1e-6;

/// The stabiliser where no epsilon is asked for: the z-rule of layers and the splitting of sums and means. Small enough
/// to change nothing but an exact 0.
pub const TINY: f32 = 1e-9;

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gradient => f.write_str("gradient"),
            Self::Pass => f.write_str("pass"),
            Self::Guided => f.write_str("guided"),
            Self::Deconv => f.write_str("deconvnet"),
            Self::Epsilon(epsilon) if *epsilon == TINY => f.write_str("z"),
            Self::Epsilon(epsilon) => write!(f, "epsilon {epsilon}"),
            Self::AlphaBeta { alpha, beta, bias } => {
                write!(f, "alpha {alpha} beta {beta}")?;
                match bias {
                    Bias::Split => Ok(()),
                    Bias::Ignored => f.write_str(" without bias"),
                    Bias::Both => f.write_str(" with the bias in both parts"),
                }
            }
            Self::ZPlus => f.write_str("z+"),
            Self::ZPlusFast => f.write_str("z+ fast"),
            Self::Gamma(gamma) => write!(f, "gamma {gamma}"),
            Self::Box(_) => f.write_str("z^B"),
            Self::Flat => f.write_str("flat"),
            Self::WSquare => f.write_str("w²"),
            Self::Rescale => f.write_str("rescale"),
            Self::RevealCancel => f.write_str("reveal-cancel"),
            Self::Pattern { attribution: false } => f.write_str("pattern"),
            Self::Pattern { attribution: true } => f.write_str("pattern times weight"),
        }
    }
}

/// Which nodes an entry of a [`Composite`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Layers with weights that see the input through nothing but shape ops and constants.
    FirstLayer,
    /// Nodes of this kind.
    Kind(OpKind),
    /// ReLU and its clipped form.
    Rectifier,
    /// Element-wise functions that directly follow a dense layer.
    ActivationAfterDense,
}

/// An ordered list of selectors with their rules; the first that fits decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// Entries in order.
    pub entries: Vec<(Selector, Rule)>,
    /// The rule of nodes that no entry fits.
    pub default: Rule,
    /// Whether the default is meant for every op, or is a fallback that results report.
    pub default_is_fallback: bool,
}

/// The rule of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Assigned {
    /// Rule.
    pub rule: Rule,
    /// Whether no entry of the composite was made for this node.
    pub fallback: bool,
}

impl Composite {
    /// The plain gradient everywhere.
    #[must_use]
    pub fn gradient() -> Self {
        Self { entries: Vec::new(), default: Rule::Gradient, default_is_fallback: false }
    }

    /// The gradient with this rule at rectifiers; other element-wise functions have no such rule and fall back.
    #[must_use]
    pub fn rectifiers(rule: Rule) -> Self {
        Self { entries: vec![(Selector::Rectifier, rule)], ..Self::gradient() }
    }

    /// Deep Taylor decomposition (Montavon et al. 2017): z⁺ in layers with weights, possibly another rule in the first
    /// ones; functions and factors pass, everything else follows the gradient, so sums are not split (iNNvestigate).
    #[must_use]
    pub fn deep_taylor(first: Option<Rule>) -> Self {
        let mut entries: Vec<(Selector, Rule)> = first.map(|rule| (Selector::FirstLayer, rule)).into_iter().collect();
        entries.extend(WITH_WEIGHTS.map(|kind| (Selector::Kind(kind), Rule::ZPlus)));
        entries
            .extend([(Selector::Kind(OpKind::Activation), Rule::Pass), (Selector::Kind(OpKind::Affine), Rule::Pass)]);
        entries.extend(WITHOUT_WEIGHTS.map(|kind| (Selector::Kind(kind), Rule::Gradient)));
        Self { entries, default: Rule::Gradient, default_is_fallback: true }
    }

    /// DeepLIFT with this rule at the element-wise functions that the selector picks, and the rescale rule at others.
    #[must_use]
    pub fn deep_lift(functions: Option<(Selector, Rule)>) -> Self {
        let mut entries: Vec<(Selector, Rule)> = functions.into_iter().collect();
        entries.extend(WITH_WEIGHTS.map(|kind| (Selector::Kind(kind), Rule::Gradient)));
        entries.extend([
            (Selector::Kind(OpKind::Activation), Rule::Rescale),
            (Selector::Kind(OpKind::Affine), Rule::Gradient),
            (Selector::Kind(OpKind::MatMul), Rule::Rescale),
        ]);
        entries.extend(WITHOUT_WEIGHTS.map(|kind| (Selector::Kind(kind), Rule::Rescale)));
        Self { entries, default: Rule::Gradient, default_is_fallback: true }
    }

    /// The gradient with patterns for weights.
    #[must_use]
    pub fn patterns(attribution: bool) -> Self {
        let rule = Rule::Pattern { attribution };
        Self { entries: WITH_WEIGHTS.map(|kind| (Selector::Kind(kind), rule.clone())).to_vec(), ..Self::gradient() }
    }

    /// LRP with one rule for convolutions, one for dense layers and possibly one for the first layers. Layers without
    /// weights get the usual rules (iNNvestigate, zennit): functions pass, means and sums split in proportion, max pooling and
    /// shape ops follow the gradient; so do products.
    #[must_use]
    pub fn lrp(convolution: Rule, dense: Rule, first: Option<Rule>) -> Self {
        let mut entries: Vec<(Selector, Rule)> = first.map(|rule| (Selector::FirstLayer, rule)).into_iter().collect();
        entries.extend([
            (Selector::Kind(OpKind::Conv), convolution.clone()),
            (Selector::Kind(OpKind::ConvTranspose), convolution),
            (Selector::Kind(OpKind::Dense), dense),
            (Selector::Kind(OpKind::Affine), Rule::Epsilon(TINY)),
            (Selector::Kind(OpKind::Activation), Rule::Pass),
            (Selector::Kind(OpKind::AvgPool), Rule::Epsilon(TINY)),
            (Selector::Kind(OpKind::Add), Rule::Epsilon(TINY)),
            (Selector::Kind(OpKind::MaxPool), Rule::Gradient),
            (Selector::Kind(OpKind::Shape), Rule::Gradient),
            (Selector::Kind(OpKind::Resize), Rule::Gradient),
            (Selector::Kind(OpKind::Mul), Rule::Gradient),
            (Selector::Kind(OpKind::Extremum), Rule::Gradient),
        ]);
        Self { entries, default: Rule::Gradient, default_is_fallback: true }
    }

    /// The rule of each node, indexed by [`NodeId::index`].
    #[must_use]
    pub fn resolve(&self, graph: &Graph) -> Vec<Assigned> {
        let first = first_layers(graph);
        let fits = |selector: Selector, id: NodeId| {
            let op = &graph.node(id).op;
            match selector {
                Selector::FirstLayer => first.contains(&id),
                Selector::Kind(kind) => op.kind() == kind,
                Selector::Rectifier => matches!(op, Op::Activation(function) if function.is_rectifier()),
                Selector::ActivationAfterDense => {
                    let producer = graph.producer(graph.node(id).inputs[0]);
                    op.kind() == OpKind::Activation
                        && producer.is_some_and(|producer| graph.node(producer).op.kind() == OpKind::Dense)
                }
            }
        };
        graph
            .node_ids()
            .map(|id| match self.entries.iter().find(|(selector, _)| fits(*selector, id)) {
                Some((_, rule)) => Assigned { rule: rule.clone(), fallback: false },
                None => Assigned { rule: self.default.clone(), fallback: self.default_is_fallback },
            })
            .collect()
    }
}

/// Layers with weights.
const WITH_WEIGHTS: [OpKind; 3] = [OpKind::Conv, OpKind::ConvTranspose, OpKind::Dense];
/// Layers without, apart from element-wise functions, that every method has a rule for.
const WITHOUT_WEIGHTS: [OpKind; 7] =
    [OpKind::MaxPool, OpKind::AvgPool, OpKind::Add, OpKind::Mul, OpKind::Extremum, OpKind::Shape, OpKind::Resize];

/// The layers with weights that read the input itself, or what shape ops and constants made of it.
fn first_layers(graph: &Graph) -> Vec<NodeId> {
    let mut raw: Vec<ValueId> = vec![graph.input];
    let mut first = Vec::new();
    for id in graph.node_ids() {
        let node = graph.node(id);
        if !node.inputs.iter().any(|input| raw.contains(input)) {
            continue;
        }
        match node.op.kind() {
            OpKind::Shape | OpKind::Affine => raw.push(node.output),
            OpKind::Conv | OpKind::ConvTranspose | OpKind::Dense => first.push(id),
            _ => {}
        }
    }
    first
}
