//! ONNX files.

use innspect_formats::onnx::proto::{
    Attribute, AttributeType, DataLocation, DataType, Dimension, DimensionSize, Graph, Model, Node, OperatorSetId,
    Shape, StringStringEntry, Tensor, ValueInfo,
};
use prost::Message;

use crate::{Case, bytes, case, cut};

/// A network under construction with the input `image` and the output `scores`.
struct Build(Model);

fn build(input: &[i64]) -> Build {
    let graph = Graph {
        name: "net".into(),
        input: vec![ValueInfo::float("image", input)],
        output: vec![ValueInfo { name: "scores".into(), r#type: None }],
        ..Graph::default()
    };
    Build(Model {
        ir_version: 8,
        opset_import: vec![OperatorSetId::standard(17)],
        graph: Some(graph),
        ..Model::default()
    })
}

impl Build {
    fn graph(&mut self) -> &mut Graph {
        self.0.graph.as_mut().expect("a graph")
    }

    fn node(mut self, op: &str, inputs: &[&str], output: &str, attributes: Vec<Attribute>) -> Self {
        let name = format!("/features/{}/{op}", self.graph().node.len());
        self.graph().node.push(Node::new(op, &name, inputs, &[output], attributes));
        self
    }

    fn weight(mut self, name: &str, dims: &[i64]) -> Self {
        let count: i64 = dims.iter().product();
        self.graph().initializer.push(Tensor::float(name, dims, &vec![0.5; count as usize]));
        self
    }

    fn tensor(mut self, tensor: Tensor) -> Self {
        self.graph().initializer.push(tensor);
        self
    }

    fn output(mut self, name: &str) -> Self {
        self.graph().output.push(ValueInfo { name: name.into(), r#type: None });
        self
    }

    fn input(mut self, name: &str, dims: &[i64]) -> Self {
        self.graph().input.push(ValueInfo::float(name, dims));
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Model)) -> Self {
        change(&mut self.0);
        self
    }

    fn case(self, title: &'static str) -> Case {
        case(title, "net.onnx", self.0.encode_to_vec())
    }
}

const PICTURE: &[i64] = &[1, 3, 8, 8];

/// Pooling and a matrix.
fn head(build: Build, from: &str, channels: i64) -> Build {
    build
        .weight("fc.weight", &[channels, 5])
        .node("GlobalAveragePool", &[from], "pooled", vec![])
        .node("Flatten", &["pooled"], "flat", vec![])
        .node("MatMul", &["flat", "fc.weight"], "scores", vec![])
}

fn external(name: &str, location: &str, length: &str) -> Tensor {
    let mut tensor = Tensor::float(name, &[3, 5], &[]);
    tensor.raw_data = None;
    tensor.data_location = DataLocation::External as i32;
    tensor.external_data = vec![StringStringEntry::new("location", location), StringStringEntry::new("length", length)];
    tensor
}

fn pooled() -> Build {
    build(PICTURE).node("GlobalAveragePool", &["image"], "pooled", vec![]).node("Flatten", &["pooled"], "flat", vec![])
}

fn product(build: Build) -> Build {
    build.node("MatMul", &["flat", "fc.weight"], "scores", vec![])
}

fn nested(depth: usize) -> Vec<u8> {
    // A graph in an attribute of a node of a graph, and so on.
    let mut inner = Vec::new();
    for _ in 0..depth {
        let wrap = |field: u8, inner: &[u8]| {
            let mut bytes = vec![field << 3 | 2];
            prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
            [bytes, inner.to_vec()].concat()
        };
        inner = wrap(1, &wrap(5, &wrap(6, &inner)));
    }
    let mut bytes = b"\x08\x08\x3a".to_vec();
    prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
    [bytes, inner].concat()
}

fn with_data(file: Vec<u8>, title: &'static str, length: usize) -> Case {
    let mut case = case(title, "net.onnx", file);
    case.files.beside.push(("net.onnx.data".into(), vec![0; length].into()));
    case
}

pub fn cases() -> Vec<Case> {
    let branches = || {
        let graph = Graph { name: "branch".into(), ..Graph::default() };
        let attribute = |name: &str| Attribute {
            name: name.into(),
            r#type: AttributeType::Graph as i32,
            g: Some(Box::new(graph.clone())),
            ..Attribute::default()
        };
        vec![attribute("then_branch"), attribute("else_branch")]
    };
    let huge = |size: i64| {
        let mut tensor = Tensor::float("fc.weight", &[size, 5], &[]);
        tensor.raw_data = Some(vec![0u8; 40].into());
        tensor
    };
    let mut nan = Tensor::float("fc.weight", &[3, 5], &[0.5; 15]);
    nan.raw_data = Some(f32::NAN.to_le_bytes().repeat(15).into());
    let symbol = |name: &str| Dimension { size: Some(DimensionSize::Symbol(name.into())) };
    let text =
        ValueInfo::tensor("input_ids", DataType::Int64, Shape { dim: vec![symbol("batch"), symbol("sequence")] });
    let detector = pooled()
        .weight("fc.weight", &[3, 8])
        .node("MatMul", &["flat", "fc.weight"], "raw", vec![])
        .tensor(Tensor::int64("shape", &[3], &[1, 2, 4]))
        .node("Reshape", &["raw", "shape"], "scores", vec![]);
    let conv = |kernel: &[i64]| {
        head(
            build(PICTURE).weight("conv.weight", kernel).node("Conv", &["image", "conv.weight"], "maps", vec![]),
            "maps",
            4,
        )
    };
    vec![
        case("an ONNX download cut at a tenth", "net.onnx", cut("plain.onnx", 10)),
        case("an ONNX download cut near its end", "net.onnx", cut("plain.onnx", 95)),
        case("ONNX without a network", "net.onnx", b"\x08\x08\x12\x07pytorch\x42\x02\x10\x11".to_vec()),
        case("ONNX with graphs in graphs without end", "net.onnx", nested(2000)),
        head(build(PICTURE).node("Hardmax", &["image"], "maps", vec![]), "maps", 3)
            .case("an ONNX operator that is not known"),
        head(build(PICTURE).node("NonMaxSuppression", &["image"], "maps", vec![]), "maps", 3)
            .case("a detector in ONNX"),
        head(build(PICTURE).node("LSTM", &["image"], "maps", vec![]), "maps", 3).case("a recurrent network in ONNX"),
        head(build(PICTURE).node("If", &["image"], "maps", branches()), "maps", 3)
            .case("ONNX whose way depends on the picture"),
        head(build(PICTURE).node("Loop", &["image"], "maps", branches()), "maps", 3).case("an ONNX loop"),
        head(build(PICTURE).node("DeformConv", &["image"], "maps", vec![]), "maps", 3)
            .change(|model| {
                model.graph.as_mut().expect("a graph").node[0].domain = "mmdeploy".into();
            })
            .case("an operator of one's own in ONNX"),
        conv(&[4, 2, 3, 3]).case("a kernel for other channels"),
        conv(&[4, 3, 9, 9]).case("a kernel larger than the picture"),
        product(pooled().weight("fc.weight", &[4, 5])).case("a matrix that does not fit"),
        product(pooled()).case("a weight that is missing"),
        product(pooled().tensor(nan)).case("weights that are no numbers are read with a warning"),
        product(pooled().tensor(huge(1 << 40))).case("a weight of 2^40 rows"),
        product(pooled().tensor(huge(-3))).case("a weight of a negative size"),
        product(pooled().tensor(huge(3))).case("a weight with too few bytes"),
        product(pooled().weight("fc.weight", &[3, 1])).case("a network that gives one number"),
        product(pooled().weight("fc.weight", &[3, 5])).output("pooled").case("a network of two outputs is read"),
        product(pooled().weight("fc.weight", &[3, 5]))
            .output("nothing")
            .change(|model| {
                model.graph.as_mut().expect("a graph").output.remove(0);
            })
            .case("an output that nothing writes"),
        detector.case("a network of boxes and scores in ONNX"),
        build(PICTURE)
            .weight("conv.weight", &[4, 3, 1, 1])
            .node("Conv", &["image", "conv.weight"], "scores", vec![])
            .case("a network that gives a map of classes"),
        product(pooled().weight("fc.weight", &[3, 5])).input("mask", PICTURE).case("a network of two inputs in ONNX"),
        product(pooled().weight("fc.weight", &[3, 5]))
            .change(|model| {
                model.graph.as_mut().expect("a graph").input[0] = text;
            })
            .case("a network for text in ONNX"),
        head(build(&[1, 3, 16, 8, 8]).node("Relu", &["image"], "maps", vec![]), "maps", 3)
            .case("a network for video in ONNX"),
        head(build(&[1, 16000]).node("Relu", &["image"], "maps", vec![]), "maps", 3)
            .case("a network for sound in ONNX"),
        head(build(&[1, 3, 1 << 40, 8]).node("Relu", &["image"], "maps", vec![]), "maps", 3)
            .case("a picture of 2^40 rows in ONNX"),
        head(build(PICTURE).node("Relu", &["maps"], "maps", vec![]), "maps", 3).case("a node that reads itself"),
        product(pooled().weight("fc.weight", &[3, 5]))
            .change(|model| {
                let graph = model.graph.as_mut().expect("a graph");
                graph.node[0].input[0] = "maps".into();
                let nodes = [("a", "b"), ("b", "a"), ("a", "maps")];
                graph.node.extend(nodes.map(|(from, to)| Node::new("Relu", "", &[from], &[to], vec![])));
            })
            .case("nodes that read each other"),
        product(pooled().weight("fc.weight", &[3, 5]))
            .change(|model| model.opset_import[0].version = 99)
            .case("an operator set of the future is read with a warning"),
        product(pooled().tensor(external("fc.weight", "net.onnx.data", "60")))
            .case("external weights that are missing"),
        with_data(
            product(pooled().tensor(external("fc.weight", "net.onnx.data", "60"))).0.encode_to_vec(),
            "external weights that are cut off",
            30,
        ),
        with_data(
            product(pooled().tensor(external("fc.weight", "net.onnx.data", "64"))).0.encode_to_vec(),
            "external weights of another length",
            64,
        ),
        with_data(
            {
                let mut tensor = external("fc.weight", "net.onnx.data", "60");
                tensor.external_data.push(StringStringEntry::new("offset", "18446744073709551615"));
                product(pooled().tensor(tensor)).0.encode_to_vec()
            },
            "external weights beyond all numbers",
            64,
        ),
        head(
            build(PICTURE).tensor(Tensor::int64("shape", &[2], &[7, -1])).node(
                "Reshape",
                &["image", "shape"],
                "maps",
                vec![],
            ),
            "maps",
            3,
        )
        .case("a shape that mixes the pictures of a batch"),
        case("ONNX with bytes behind it", "net.onnx", [bytes("plain.onnx"), vec![0xff; 50]].concat()),
    ]
}
