//! Writing a network as ONNX, node by node.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use half::f16;
use innspect_formats::onnx::proto::{
    Attribute, DataType, Graph, Model, Node, OperatorSetId, StringStringEntry, Tensor, ValueInfo,
};
use prost::Message as _;

/// Facts about a network that are not in its layers.
pub struct Facts<'a> {
    /// Name of the graph.
    pub name: &'a str,
    /// One sentence.
    pub description: &'a str,
    /// Licence of the weights.
    pub licence: &'a str,
    /// Where the weights are from.
    pub source: &'a str,
}

/// A network under construction. Every operation is a node that is named after its layer, and its output has the same
/// name: viewers show the one or the other.
pub struct Network {
    nodes: Vec<Node>,
    weights: Vec<Tensor>,
    input: [i64; 3],
    classes: i64,
    halves: bool,
}

/// Kernels up to this number of weights stay f32. They are a few percent of a network, but among them are the first
/// layers and the depthwise ones, whose rounding everything behind them amplifies: this keeps the logits within about 5e-4 of
/// the original's (relative to the largest) where rounding all kernels costs 3e-3.
const SMALL: usize = 16_384;

/// Name of the input.
const INPUT: &str = "input";

impl Network {
    /// Starts a network; also gives the name of its input. With `halves`, large kernels are stored in 16 bits.
    pub fn new(input: [i64; 3], classes: i64, halves: bool) -> (Self, String) {
        (Self { nodes: Vec::new(), weights: Vec::new(), input, classes, halves }, INPUT.to_owned())
    }

    /// Adds an operation and gives the name of its output.
    pub fn add(&mut self, op: &str, name: &str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        self.nodes.push(Node::new(op, name, inputs, &[name], attributes));
        name.to_owned()
    }

    /// Adds values that stay f32, such as a bias or the statistics of a normalisation: they are few, and a rounding of
    /// one of them shifts a whole channel.
    pub fn values(&mut self, name: &str, dims: &[usize], data: &[f32]) -> Result<String> {
        let dims = dimensions(name, dims, data.len())?;
        self.weights.push(Tensor::float(name, &dims, data));
        Ok(name.to_owned())
    }

    /// Adds a number that several nodes use, once.
    pub fn constant(&mut self, name: &str, value: f32) {
        if !self.weights.iter().any(|tensor| tensor.name == name) {
            self.weights.push(Tensor::float(name, &[], &[value]));
        }
    }

    /// Adds the weights of a layer. If there are many, they are stored in 16 bits, and go through a `Cast`, the form that
    /// every ONNX runtime reads: operators want all their inputs in one type.
    pub fn kernel(&mut self, name: &str, dims: &[usize], data: &[f32]) -> Result<String> {
        if !self.halves || data.len() <= SMALL {
            return self.values(name, dims, data);
        }
        let dims = dimensions(name, dims, data.len())?;
        let raw: Vec<u8> = data.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        let stored = format!("{name}.f16");
        self.weights.push(Tensor::raw(&stored, &dims, DataType::Float16, raw.into()));
        Ok(self.add("Cast", name, &[&stored], vec![Attribute::int("to", DataType::Float as i64)]))
    }

    /// Ends the network with `output` (scores of the classes) and encodes it.
    pub fn finish(self, output: &str, facts: &Facts) -> Vec<u8> {
        let entry = StringStringEntry::new;
        let model = Model {
            ir_version: 7,
            producer_name: "iNNspect".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: facts.description.to_owned(),
            graph: Some(Graph {
                node: self.nodes,
                name: facts.name.to_owned(),
                initializer: self.weights,
                input: vec![ValueInfo::float_batched(INPUT, &self.input)],
                output: vec![ValueInfo::float_batched(output, &[self.classes])],
                ..Graph::default()
            }),
            opset_import: vec![OperatorSetId::standard(13)],
            metadata_props: vec![entry("licence", facts.licence), entry("source", facts.source)],
            ..Model::default()
        };
        model.encode_to_vec()
    }
}

/// The shape as ONNX has it, if it fits the number of values.
fn dimensions(name: &str, dims: &[usize], len: usize) -> Result<Vec<i64>> {
    let count: usize = dims.iter().product();
    ensure!(count == len, "{name} has {len} values, which is not {dims:?}");
    dims.iter().map(|&size| i64::try_from(size).context("a dimension beyond i64")).collect()
}

/// Writes a file and says so.
pub fn save(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    println!("  {name}: {:.1} MB", bytes.len() as f64 / 1e6);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(halves: bool, outputs: usize) -> Model {
        let (mut network, input) = Network::new([1, 1, 1], 1, halves);
        let dims = [outputs, 1, 1, 1];
        let kernel = network.kernel("conv.weight", &dims, &vec![-0.5; outputs]).unwrap();
        let bias = network.values("conv.bias", &[outputs], &vec![0.1; outputs]).unwrap();
        let conv = network.add("Conv", "conv", &[&input, &kernel, &bias], vec![Attribute::ints("strides", &[1, 1])]);
        let facts = Facts { name: "n", description: "d", licence: "l", source: "s" };
        let bytes = network.finish(&conv, &facts);
        Model::decode(bytes.as_slice()).unwrap()
    }

    #[test]
    fn large_kernels_are_halves_behind_a_cast() {
        let graph = network(true, SMALL + 1).graph.unwrap();
        let [cast, conv] = graph.node.as_slice() else { panic!("two nodes") };
        assert_eq!((cast.op_type.as_str(), cast.input[0].as_str()), ("Cast", "conv.weight.f16"));
        assert_eq!(conv.input, ["input", "conv.weight", "conv.bias"]);
        assert_eq!(graph.initializer[0].data_type, DataType::Float16 as i32);
        let raw = graph.initializer[0].raw_data.as_deref().unwrap();
        assert_eq!((raw.len(), &raw[..4]), (2 * SMALL + 2, &[0x00, 0xb8, 0x00, 0xb8][..]));
        assert_eq!(graph.initializer[1].data_type, DataType::Float as i32);
        assert_eq!(graph.output[0].name, "conv");
    }

    #[test]
    fn other_kernels_are_used_directly() {
        for model in [network(true, SMALL), network(false, SMALL + 1)] {
            assert_eq!(model.opset_import[0].version, 13);
            let graph = model.graph.unwrap();
            assert_eq!(graph.node.len(), 1);
            assert_eq!(graph.initializer[0].name, "conv.weight");
        }
    }

    #[test]
    fn a_shape_that_does_not_fit_is_refused() {
        let (mut network, _) = Network::new([1, 2, 2], 1, true);
        assert!(network.kernel("k", &[2, 2], &[0.0; 3]).is_err());
    }
}
