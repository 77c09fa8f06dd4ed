//! Rebuilding a graph node by node.

use std::collections::HashSet;

use crate::{Graph, GraphError, Node, Op, Param, ParamId, Shape, Value, ValueId, Weights, shape::infer};

/// A graph in the making, beside the old one it replaces.
///
/// A pass sees each old node with its inputs already translated, and either keeps it, replaces it, or lets it vanish
/// into a node made before.
pub(super) struct Rewriter {
    graph: Graph,
    /// What each old value has become.
    map: Vec<Option<ValueId>>,
    /// The node that writes each new value.
    producer: Vec<Option<usize>>,
    /// How many reads of each new value are known or to come; an upper bound, since a reader may turn out unused.
    readers: Vec<usize>,
    /// How often each old value is read, the output once more.
    old_uses: Vec<usize>,
    old_names: Vec<String>,
    changed: bool,
}

/// Runs `pass` on each node in order; says whether it changed anything.
pub(super) fn rewrite(
    graph: Graph,
    mut pass: impl FnMut(&mut Rewriter, Node) -> Result<(), GraphError>,
) -> Result<(Graph, bool), GraphError> {
    let mut old_uses = graph.uses();
    old_uses[graph.output.index()] += 1;
    let Graph { values, nodes, input, output, .. } = graph;
    let mut map = vec![None; values.len()];
    map[input.index()] = Some(ValueId(0));
    let mut rewriter = Rewriter {
        map,
        producer: vec![None],
        readers: vec![old_uses[input.index()]],
        old_uses,
        old_names: values.iter().map(|value| value.name.clone()).collect(),
        changed: false,
        graph: Graph {
            values: vec![values[input.index()].clone()],
            nodes: Vec::with_capacity(nodes.len()),
            input: ValueId(0),
            output: ValueId(0),
            ..graph
        },
    };
    for mut node in nodes {
        for input in &mut node.inputs {
            *input = rewriter.translate(*input)?;
        }
        pass(&mut rewriter, node)?;
    }
    rewriter.graph.output = rewriter.translate(output)?;
    let changed = rewriter.changed;
    // Without a change the graph is what it was, so there is nothing to drop.
    Ok((if changed { compact(rewriter.graph)? } else { rewriter.graph }, changed))
}

impl Rewriter {
    fn translate(&self, old: ValueId) -> Result<ValueId, GraphError> {
        self.map[old.index()].ok_or_else(|| GraphError::Shape {
            op: "Graph",
            input: Shape::default(),
            reason: format!("{:?} is read before it is written", self.old_names[old.index()]),
        })
    }

    pub fn shape(&self, value: ValueId) -> &Shape {
        &self.graph.value(value).shape
    }

    pub fn value_name(&self, value: ValueId) -> &str {
        &self.graph.value(value).name
    }

    pub fn input(&self) -> ValueId {
        self.graph.input
    }

    pub fn param(&self, id: ParamId) -> &Param {
        self.graph.param(id)
    }

    pub fn params(&self) -> &[Param] {
        &self.graph.params
    }

    pub fn add_param(&mut self, name: String, shape: Vec<usize>, data: impl Into<Weights>) -> ParamId {
        let data = data.into();
        debug_assert_eq!(shape.iter().product::<usize>(), data.len());
        self.graph.params.push(Param { name, shape, data });
        ParamId(self.graph.params.len() as u32 - 1)
    }

    /// The node that writes a new value; `None` for the input.
    pub fn producer(&self, value: ValueId) -> Option<&Node> {
        self.producer[value.index()].map(|index| &self.graph.nodes[index])
    }

    pub fn producer_mut(&mut self, value: ValueId) -> Option<&mut Node> {
        self.changed = true;
        self.producer[value.index()].map(|index| &mut self.graph.nodes[index])
    }

    /// Whether the node being visited is the only reader of a value that it reads once.
    pub fn is_only_reader(&self, value: ValueId) -> bool {
        self.readers[value.index()] == 1
    }

    /// Adds the visited node unchanged.
    pub fn keep(&mut self, node: Node) -> Result<(), GraphError> {
        let changed = self.changed;
        self.replace(node)?;
        self.changed = changed;
        Ok(())
    }

    /// Adds the visited node with another op or other inputs.
    pub fn replace(&mut self, node: Node) -> Result<(), GraphError> {
        self.changed = true;
        let old = node.output;
        let name = self.old_names[old.index()].clone();
        let id = self.push(node, name)?;
        self.readers[id.index()] = self.old_uses[old.index()];
        self.map[old.index()] = Some(id);
        Ok(())
    }

    /// Adds a node that the old graph did not have. Its output is read by whoever the caller makes read it.
    pub fn insert(&mut self, name: String, op: Op, inputs: &[ValueId], output: String) -> Result<ValueId, GraphError> {
        self.changed = true;
        let node = Node { name, op, inputs: inputs.to_vec(), output: ValueId(0), absorbed: Vec::new() };
        let id = self.push(node, output)?;
        self.readers[id.index()] = 1;
        Ok(id)
    }

    fn push(&mut self, mut node: Node, name: String) -> Result<ValueId, GraphError> {
        let shapes: Vec<&Shape> = node.inputs.iter().map(|&id| &self.graph.value(id).shape).collect();
        let shape = infer(&node.op, &shapes, &self.graph.params)?;
        let id = ValueId(self.graph.values.len() as u32);
        self.graph.values.push(Value { name, shape });
        self.producer.push(Some(self.graph.nodes.len()));
        self.readers.push(0);
        node.output = id;
        self.graph.nodes.push(node);
        Ok(id)
    }

    /// The visited node's output is `value` from now on. The node's name goes to the node that writes `value`, and so
    /// does the name of its output, if nothing else knows `value` by its own.
    pub fn vanish_into(&mut self, node: Node, value: ValueId) {
        self.changed = true;
        let old = node.output;
        let alone = self.readers[value.index()] <= 1;
        self.readers[value.index()] += self.old_uses[old.index()];
        self.readers[value.index()] = self.readers[value.index()].saturating_sub(1);
        self.map[old.index()] = Some(value);
        if let Some(index) = self.producer[value.index()] {
            let survivor = &mut self.graph.nodes[index];
            survivor.absorbed.push(node.name);
            survivor.absorbed.extend(node.absorbed);
            if alone {
                self.graph.values[value.index()].name.clone_from(&self.old_names[old.index()]);
            }
        }
    }

    /// The name of a value of the old graph.
    pub fn old_name(&self, old: ValueId) -> &str {
        &self.old_names[old.index()]
    }

    /// The visited node's output is `value`, which was made for it under its own names.
    pub fn stand_for(&mut self, old: ValueId, value: ValueId) {
        self.readers[value.index()] = self.old_uses[old.index()];
        self.map[old.index()] = Some(value);
    }
}

/// Drops nodes, values and weights that the output does not depend on, infers all shapes again, and makes node names
/// unique.
///
/// # Errors
/// [`GraphError`] if a node does not take its inputs or reads a value that nothing before it writes.
pub fn compact(graph: Graph) -> Result<Graph, GraphError> {
    let mut live = vec![false; graph.values.len()];
    live[graph.output.index()] = true;
    for node in graph.nodes.iter().rev() {
        if live[node.output.index()] {
            for input in &node.inputs {
                live[input.index()] = true;
            }
        }
    }
    let mut values = vec![graph.value(graph.input).clone()];
    let mut value_map = vec![None; graph.values.len()];
    value_map[graph.input.index()] = Some(ValueId(0));
    let mut params: Vec<Param> = Vec::new();
    let mut param_map = vec![None; graph.params.len()];
    let mut nodes = Vec::new();
    let mut names = HashSet::new();
    for mut node in graph.nodes {
        if !live[node.output.index()] {
            continue;
        }
        let shapes: Vec<&Shape> = node.inputs.iter().map(|&id| &graph.values[id.index()].shape).collect();
        let shape = infer(&node.op, &shapes, &graph.params)?;
        for input in &mut node.inputs {
            *input = value_map[input.index()].ok_or_else(|| GraphError::Shape {
                op: node.op.name(),
                input: graph.values[input.index()].shape.clone(),
                reason: "it is read before it is written".to_owned(),
            })?;
        }
        node.op.for_each_param(|id| {
            *id = *param_map[id.index()].get_or_insert_with(|| {
                params.push(graph.params[id.index()].clone());
                ParamId(params.len() as u32 - 1)
            });
        });
        if !names.insert(node.name.clone()) {
            let base = std::mem::take(&mut node.name);
            let mut count = 2usize;
            node.name = loop {
                let name = format!("{base}_{count}");
                if names.insert(name.clone()) {
                    break name;
                }
                count += 1;
            };
        }
        let id = ValueId(values.len() as u32);
        values.push(Value { name: graph.values[node.output.index()].name.clone(), shape });
        value_map[node.output.index()] = Some(id);
        node.output = id;
        nodes.push(node);
    }
    let output = value_map[graph.output.index()].ok_or_else(|| GraphError::Shape {
        op: "Graph",
        input: graph.values[graph.output.index()].shape.clone(),
        reason: "nothing writes the output".to_owned(),
    })?;
    Ok(Graph { values, nodes, params, input: ValueId(0), output, ..graph })
}
