//! What is passed back at a node in place of the gradient, and which node gets which rule.

use innspect_graph::{Graph, NodeId, Op, OpKind, ValueId};

/// A propagation rule; each names the paper it is from.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Positive and negative contributions apart, weighted `alpha` and `-beta`, the bias split by its sign
    /// (Bach et al. 2015; zennit's form).
    AlphaBeta {
        /// Weight of positive contributions, at least 1.
        alpha: f32,
        /// Weight of negative contributions, `alpha - 1`.
        beta: f32,
    },
    /// Positive contributions only, without bias: `x⁺w⁺ + x⁻w⁻` over its sum (iNNvestigate's ZPlus).
    ZPlus,
    /// Relevance spread evenly over the inputs of the receptive field (Lapuschkin et al. 2019).
    Flat,
    /// Relevance spread in proportion to the squared weights, whatever the inputs are (Montavon et al. 2017).
    WSquare,
}

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
            Self::AlphaBeta { alpha, beta } => write!(f, "alpha {alpha} beta {beta}"),
            Self::ZPlus => f.write_str("z+"),
            Self::Flat => f.write_str("flat"),
            Self::WSquare => f.write_str("w²"),
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
#[derive(Clone, Copy, Debug, PartialEq)]
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

    /// LRP with one rule for convolutions, one for dense layers and possibly one for the first layers. Layers without
    /// weights get the usual rules (iNNvestigate, zennit): functions pass, means and sums split in proportion, max pooling and
    /// shape ops follow the gradient; so do products.
    #[must_use]
    pub fn lrp(convolution: Rule, dense: Rule, first: Option<Rule>) -> Self {
        let mut entries: Vec<(Selector, Rule)> = first.map(|rule| (Selector::FirstLayer, rule)).into_iter().collect();
        entries.extend([
            (Selector::Kind(OpKind::Conv), convolution),
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
            }
        };
        graph
            .node_ids()
            .map(|id| match self.entries.iter().find(|(selector, _)| fits(*selector, id)) {
                Some(&(_, rule)) => Assigned { rule, fallback: false },
                None => Assigned { rule: self.default, fallback: self.default_is_fallback },
            })
            .collect()
    }
}

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
