//! The graph itself: values, nodes and weights.

use serde::{Deserialize, Serialize};

use crate::{Op, Preprocessing, Shape, Weights};

/// Index of a [`Value`] in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ValueId(pub(crate) u32);

/// Index of a [`Node`] in its graph, in topological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub(crate) u32);

/// Index of a [`Param`] in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParamId(pub(crate) u32);

impl ValueId {
    /// Position in [`Graph::values`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl NodeId {
    /// Position in [`Graph::nodes`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ParamId {
    /// Position in [`Graph::params`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What flows between nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The tensor's name in the file.
    pub name: String,
    /// Shape of one sample.
    pub shape: Shape,
}

/// One operation with what it reads and writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The node's name in the file, or one made from its op where the file gives none. Unique in the graph.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// What it reads.
    pub inputs: Vec<ValueId>,
    /// What it writes.
    pub output: ValueId,
    /// Names of the nodes that passes folded into this one, such as a batch normalisation.
    pub absorbed: Vec<String>,
}

/// A weight tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// The tensor's name in the file.
    pub name: String,
    /// Its full shape (weights have no batch).
    pub shape: Vec<usize>,
    /// Elements, row-major.
    pub data: Weights,
}

/// What the network applies to its logits to make scores, taken off the end of the graph so that explanations start
/// from the logit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalActivation {
    /// The output is the logits already; scores are shown through a softmax all the same.
    #[default]
    None,
    /// Softmax over classes.
    Softmax,
    /// Logarithm of the softmax.
    LogSoftmax,
    /// Independent score per class.
    Sigmoid,
}

/// A network from one image input to one vector of class logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Name the file gives the network, or the file's own name.
    pub name: String,
    /// All values; see [`ValueId`].
    pub values: Vec<Value>,
    /// All nodes in topological order.
    pub nodes: Vec<Node>,
    /// All weights.
    pub params: Vec<Param>,
    /// The image, `[C, H, W]`.
    pub input: ValueId,
    /// The logits, `[classes]` after [`passes::optimize`](crate::passes::optimize).
    pub output: ValueId,
    /// What was taken off behind the logits.
    pub final_activation: FinalActivation,
    /// How pictures must be prepared, where the file says it.
    pub preprocessing: Option<Preprocessing>,
    /// Names of the classes, where the file says them.
    pub labels: Option<Vec<String>>,
}

impl Graph {
    /// The value with this id.
    ///
    /// # Panics
    /// If the id is of another graph.
    #[must_use]
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// The node with this id.
    ///
    /// # Panics
    /// If the id is of another graph.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The weight with this id.
    ///
    /// # Panics
    /// If the id is of another graph.
    #[must_use]
    pub fn param(&self, id: ParamId) -> &Param {
        &self.params[id.index()]
    }

    /// All node ids in topological order.
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The node that writes this value; `None` for the input.
    #[must_use]
    pub fn producer(&self, value: ValueId) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.output == value).map(|index| NodeId(index as u32))
    }

    /// How often each value is read by nodes, indexed by [`ValueId::index`].
    #[must_use]
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        for node in &self.nodes {
            for input in &node.inputs {
                uses[input.index()] += 1;
            }
        }
        uses
    }

    /// The node with this name, matched exactly on the node's name, its output tensor's name or the name of a node
    /// folded into it, so that every name a person knows from the file finds its layer.
    #[must_use]
    pub fn find_node(&self, name: &str) -> Option<NodeId> {
        let by = |matches: &dyn Fn(&Node) -> bool| self.nodes.iter().position(matches);
        by(&|node| node.name == name)
            .or_else(|| by(&|node| self.value(node.output).name == name))
            .or_else(|| by(&|node| node.absorbed.iter().any(|absorbed| absorbed == name)))
            .map(|index| NodeId(index as u32))
    }

    /// The number of classes, the length of the logits.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.value(self.output).shape.numel()
    }

    /// The shape of the input image, `[channels, height, width]`, if it is one.
    #[must_use]
    pub fn image_shape(&self) -> Option<[usize; 3]> {
        self.value(self.input).shape.dims().try_into().ok()
    }

    /// The total number of weights.
    #[must_use]
    pub fn param_count(&self) -> usize {
        self.params.iter().map(|param| param.data.len()).sum()
    }
}
