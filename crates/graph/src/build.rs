//! Building a graph node by node, with shapes inferred and checked on the way.

use std::collections::HashSet;

use crate::{
    FinalActivation, Graph, GraphError, Node, Op, Param, ParamId, Shape, Value, ValueId, Weights, shape::infer,
};

/// Builds a [`Graph`] in topological order.
///
/// ```
/// use innspect_graph::{Activation, GraphBuilder, Op};
///
/// let mut builder = GraphBuilder::new("tiny", "image", [1, 4, 4]);
/// let relu = builder.node("relu", Op::Activation(Activation::Relu), &[builder.input()], "relu_out")?;
/// let flat = builder.node("flatten", Op::Reshape { shape: vec![16] }, &[relu], "flat")?;
/// let graph = builder.finish(flat);
/// assert_eq!(graph.classes(), 16);
/// # Ok::<(), innspect_graph::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GraphBuilder {
    graph: Graph,
    names: HashSet<String>,
}

impl GraphBuilder {
    /// A graph with nothing but its input image, whose sample has shape `input`, usually `[C, H, W]`.
    pub fn new(name: impl Into<String>, input_name: impl Into<String>, input: impl Into<Shape>) -> Self {
        let input = Value { name: input_name.into(), shape: input.into() };
        Self {
            graph: Graph {
                name: name.into(),
                values: vec![input],
                nodes: Vec::new(),
                params: Vec::new(),
                input: ValueId(0),
                output: ValueId(0),
                final_activation: FinalActivation::None,
                preprocessing: None,
                labels: None,
            },
            names: HashSet::new(),
        }
    }

    /// The input image.
    #[must_use]
    pub fn input(&self) -> ValueId {
        self.graph.input
    }

    /// The shape of a value made so far.
    ///
    /// # Panics
    /// If the id is of another graph.
    #[must_use]
    pub fn shape(&self, value: ValueId) -> &Shape {
        &self.graph.value(value).shape
    }

    /// A weight added so far.
    ///
    /// # Panics
    /// If the id is of another graph.
    #[must_use]
    pub fn param_of(&self, param: ParamId) -> &Param {
        self.graph.param(param)
    }

    /// Adds a weight of `shape` with its elements in row-major order.
    ///
    /// # Panics
    /// If the number of elements is not that of the shape; readers check it against the file first.
    pub fn param(
        &mut self,
        name: impl Into<String>,
        shape: impl Into<Vec<usize>>,
        data: impl Into<Weights>,
    ) -> ParamId {
        let (shape, data) = (shape.into(), data.into());
        assert_eq!(shape.iter().product::<usize>(), data.len(), "a weight has as many elements as its shape says");
        self.graph.params.push(Param { name: name.into(), shape, data });
        ParamId(self.graph.params.len() as u32 - 1)
    }

    /// Adds a node and returns what it writes. An empty or taken node name is replaced by one made from the op.
    ///
    /// # Errors
    /// [`GraphError`] if the op does not take these inputs.
    pub fn node(
        &mut self,
        name: impl Into<String>,
        op: Op,
        inputs: &[ValueId],
        output_name: impl Into<String>,
    ) -> Result<ValueId, GraphError> {
        let shapes: Vec<&Shape> = inputs.iter().map(|&id| &self.graph.value(id).shape).collect();
        let shape = infer(&op, &shapes, &self.graph.params)?;
        let name = self.unique(name.into(), &op);
        let output_name = output_name.into();
        let output = ValueId(self.graph.values.len() as u32);
        self.graph.values.push(Value { name: if output_name.is_empty() { name.clone() } else { output_name }, shape });
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), output, absorbed: Vec::new() });
        Ok(output)
    }

    /// The graph with `output` as its logits.
    #[must_use]
    pub fn finish(mut self, output: ValueId) -> Graph {
        self.graph.output = output;
        self.graph
    }

    fn unique(&mut self, wanted: String, op: &Op) -> String {
        let base = if wanted.is_empty() { op.name().replace(' ', "") } else { wanted.clone() };
        let mut name = base.clone();
        let mut count = if wanted.is_empty() { 1 } else { 2 };
        if wanted.is_empty() {
            name = format!("{base}_{count}");
        }
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{base}_{count}");
        }
        name
    }
}
