//! What the reader makes of the ways in which exporters write one and the same thing. Single operators are compared with
//! onnxruntime in `golden.rs`; here are batches, shapes, names, outputs and errors.

use bytes::Bytes;
use innspect_formats::{
    FormatError, Imported, ModelFiles,
    onnx::{
        self,
        proto::{
            Attribute, AttributeType, DataLocation, DataType, Dimension, DimensionSize, Function, Graph, Model, Node,
            OperatorSetId, Shape, StringStringEntry, Tensor, ValueInfo,
        },
    },
};
use innspect_graph::{Activation, ChannelOrder, FinalActivation, Op, guess_preprocessing, reference};
use prost::Message;

/// A model under construction: opset 13, input `image` of `[batch, 3, 4, 4]`, output `out`.
struct Build {
    model: Model,
}

impl Build {
    fn new() -> Self {
        Self::with_input(ValueInfo::float_batched("image", &[3, 4, 4]))
    }

    fn with_input(input: ValueInfo) -> Self {
        let graph = Graph {
            name: "test".into(),
            input: vec![input],
            output: vec![ValueInfo { name: "out".into(), r#type: None }],
            ..Graph::default()
        };
        let model = Model {
            ir_version: 8,
            opset_import: vec![OperatorSetId::standard(13)],
            graph: Some(graph),
            ..Model::default()
        };
        Self { model }
    }

    fn graph(&mut self) -> &mut Graph {
        self.model.graph.as_mut().expect("a graph")
    }

    fn opset(mut self, version: i64) -> Self {
        self.model.opset_import[0].version = version;
        self
    }

    fn node(mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<Attribute>) -> Self {
        let name = format!("{op}_{}", self.graph().node.len());
        self.graph().node.push(Node::new(op, &name, inputs, outputs, attributes));
        self
    }

    fn floats(mut self, name: &str, dims: &[i64], data: &[f32]) -> Self {
        self.graph().initializer.push(Tensor::float(name, dims, data));
        self
    }

    /// Weights that differ from each other.
    fn weights(self, name: &str, dims: &[i64]) -> Self {
        let count: i64 = dims.iter().product();
        let data: Vec<f32> = (0..count).map(|index| ((index * 7919 + 13) % 97) as f32 / 50.0 - 1.0).collect();
        self.floats(name, dims, &data)
    }

    fn ints(mut self, name: &str, dims: &[i64], data: &[i64]) -> Self {
        self.graph().initializer.push(Tensor::int64(name, dims, data));
        self
    }

    fn tensor(mut self, tensor: Tensor) -> Self {
        self.graph().initializer.push(tensor);
        self
    }

    fn outputs(mut self, outputs: Vec<ValueInfo>) -> Self {
        self.graph().output = outputs;
        self
    }

    fn meta(mut self, key: &str, value: &str) -> Self {
        self.model.metadata_props.push(StringStringEntry::new(key, value));
        self
    }

    fn bytes(&self) -> Bytes {
        self.model.encode_to_vec().into()
    }

    fn files(&self) -> ModelFiles {
        ModelFiles::new("file.onnx", self.bytes())
    }

    fn read(&self) -> Result<Imported, FormatError> {
        onnx::read(&self.files())
    }

    fn good(&self) -> Imported {
        self.read().unwrap_or_else(|error| panic!("{} {}", error.what(), error.place()))
    }

    /// The error, which must have advice.
    fn bad(&self) -> FormatError {
        let error = self.read().map(|imported| imported.graph.nodes).expect_err("it must be refused");
        assert!(!error.advice().is_empty());
        error
    }
}

fn picture(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 31 + 5) % 17) as f32 / 8.0 - 1.0).collect()
}

fn logits(imported: &Imported) -> Vec<f64> {
    let count = imported.graph.value(imported.graph.input).shape.numel();
    reference::logits(&imported.graph, &picture(count)).expect("it runs")
}

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

/// `Flatten` and a matrix behind the picture.
fn classifier(shape: Build) -> Build {
    shape.weights("matrix", &[48, 5]).node("MatMul", &["flat", "matrix"], &["out"], vec![])
}

#[test]
fn every_way_to_flatten_a_batch_gives_the_same() {
    let expected = logits(&classifier(Build::new().node("Flatten", &["image"], &["flat"], vec![])).good());
    let reshape = |build: Build, target: &[i64]| {
        classifier(build.ints("target", &[2], target).node("Reshape", &["image", "target"], &["flat"], vec![])).good()
    };
    let fixed = || Build::with_input(ValueInfo::float("image", &[8, 3, 4, 4]));
    for (name, imported) in [
        ("1, -1", reshape(Build::new(), &[1, -1])),
        ("-1, 48", reshape(Build::new(), &[-1, 48])),
        ("0, -1", reshape(Build::new(), &[0, -1])),
        ("fixed batch", reshape(fixed(), &[8, -1])),
        ("fixed batch, all literal", reshape(fixed(), &[8, 48])),
        ("fixed batch of one", reshape(Build::with_input(ValueInfo::float("image", &[1, 3, 4, 4])), &[1, 48])),
        (
            "shape arithmetic",
            classifier(
                Build::new()
                    .ints("zero", &[], &[0])
                    .ints("axis", &[1], &[0])
                    .ints("minus", &[1], &[-1])
                    .node("Shape", &["image"], &["shape"], vec![])
                    .node("Gather", &["shape", "zero"], &["batch"], vec![Attribute::int("axis", 0)])
                    .node("Unsqueeze", &["batch", "axis"], &["front"], vec![])
                    .node("Concat", &["front", "minus"], &["target"], vec![Attribute::int("axis", 0)])
                    .node("Reshape", &["image", "target"], &["flat"], vec![]),
            )
            .good(),
        ),
    ] {
        assert!(close(&logits(&imported), &expected), "{name}");
        assert_eq!(imported.graph.value(imported.graph.output).shape.dims(), [5], "{name}");
    }
}

#[test]
fn mixing_pictures_is_an_error_that_names_the_node() {
    let build = Build::with_input(ValueInfo::float("image", &[8, 3, 4, 4]));
    let error = build.ints("target", &[2], &[4, 96]).node("Reshape", &["image", "target"], &["out"], vec![]).bad();
    assert!(
        error.to_string().contains("mixes the pictures of a batch") && error.place().contains("Reshape_0"),
        "{error}"
    );
    for (op, attributes) in [
        ("ReduceMean", vec![Attribute::ints("axes", &[0])]),
        ("Softmax", vec![Attribute::int("axis", 0)]),
        ("Concat", vec![Attribute::int("axis", 0)]),
    ] {
        let inputs: &[&str] = if op == "Concat" { &["image", "image"] } else { &["image"] };
        let error = Build::new().node(op, inputs, &["out"], attributes).bad();
        assert!(error.to_string().contains("batch"), "{op}: {error}");
    }
    // A different summand for each picture of a batch.
    let error = Build::new().weights("c", &[8, 1, 1, 1]).node("Add", &["image", "c"], &["out"], vec![]).bad();
    assert!(error.to_string().contains("each picture"), "{error}");
}

#[test]
fn constants_broadcast_as_in_the_file() {
    // [C, 1, 1], [1, C, 1, 1] and a scalar say the same with equal values; [1, 1, 1, W] does not.
    let run = |dims: &[i64], data: &[f32]| {
        let build = Build::new().floats("c", dims, data).node("Mul", &["image", "c"], &["scaled"], vec![]);
        logits(&classifier(build.node("Flatten", &["scaled"], &["flat"], vec![])).good())
    };
    let channels = run(&[3, 1, 1], &[1.0, 2.0, 3.0]);
    assert!(close(&channels, &run(&[1, 3, 1, 1], &[1.0, 2.0, 3.0])));
    assert!(!close(&channels, &run(&[1, 1, 1, 4], &[1.0, 2.0, 3.0, 4.0])));
    assert!(close(&run(&[], &[2.0]), &run(&[1, 1, 1, 1], &[2.0])));
}

/// A vision transformer's start (class token, position) and one attention head block in the layout of
/// torch.nn.MultiheadAttention, where tokens come before the batch and the batch is merged with the heads.
#[test]
fn attention_with_the_batch_in_the_middle() {
    let build = |batch_first: bool| {
        let mut build = Build::new()
            .weights("patch", &[4, 3, 2, 2])
            .weights("token", &[1, 1, 4])
            .weights("position", &[1, 5, 4])
            .weights("qkv", &[4, 4])
            .weights("head", &[4, 6])
            .ints("grid", &[3], &[0, 4, -1])
            .ints("zero", &[], &[0])
            .node("Conv", &["image", "patch"], &["patches"], vec![Attribute::ints("strides", &[2, 2])])
            .node("Reshape", &["patches", "grid"], &["flat"], vec![])
            .node("Transpose", &["flat"], &["tokens"], vec![Attribute::ints("perm", &[0, 2, 1])])
            .node("Concat", &["token", "tokens"], &["all"], vec![Attribute::int("axis", 1)])
            .node("Add", &["all", "position"], &["embedded"], vec![])
            .node("MatMul", &["embedded", "qkv"], &["q"], vec![]);
        build = if batch_first {
            build
                .ints("split", &[4], &[0, 5, 2, 2])
                .ints("join", &[3], &[0, 5, 4])
                .node("Reshape", &["q", "split"], &["heads"], vec![])
                .node("Transpose", &["heads"], &["h"], vec![Attribute::ints("perm", &[0, 2, 1, 3])])
                .node("Transpose", &["heads"], &["t"], vec![Attribute::ints("perm", &[0, 2, 3, 1])])
                .node("MatMul", &["h", "t"], &["scores"], vec![])
                .node("Softmax", &["scores"], &["weights"], vec![Attribute::int("axis", -1)])
                .node("MatMul", &["weights", "h"], &["mixed"], vec![])
                .node("Transpose", &["mixed"], &["back"], vec![Attribute::ints("perm", &[0, 2, 1, 3])])
                .node("Reshape", &["back", "join"], &["attended"], vec![])
        } else {
            // [tokens, batch, features] and [batch * heads, tokens, features / heads].
            build
                .ints("split", &[3], &[5, -1, 2])
                .ints("join", &[3], &[5, 1, 4])
                .node("Transpose", &["q"], &["lne"], vec![Attribute::ints("perm", &[1, 0, 2])])
                .node("Reshape", &["lne", "split"], &["heads"], vec![])
                .node("Transpose", &["heads"], &["h"], vec![Attribute::ints("perm", &[1, 0, 2])])
                .node("Transpose", &["heads"], &["t"], vec![Attribute::ints("perm", &[1, 2, 0])])
                .node("MatMul", &["h", "t"], &["scores"], vec![])
                .node("Softmax", &["scores"], &["weights"], vec![Attribute::int("axis", -1)])
                .node("MatMul", &["weights", "h"], &["mixed"], vec![])
                .node("Transpose", &["mixed"], &["back"], vec![Attribute::ints("perm", &[1, 0, 2])])
                .node("Reshape", &["back", "join"], &["merged"], vec![])
                .node("Transpose", &["merged"], &["attended"], vec![Attribute::ints("perm", &[1, 0, 2])])
        };
        build
            .node("Add", &["attended", "embedded"], &["sum"], vec![])
            .node("Gather", &["sum", "zero"], &["class"], vec![Attribute::int("axis", 1)])
            .node("MatMul", &["class", "head"], &["out"], vec![])
            .good()
    };
    let (first, middle) = (build(true), build(false));
    assert_eq!(logits(&first).len(), 6);
    assert!(close(&logits(&first), &logits(&middle)));
    // The class token must have arrived in front: with the last token instead the result is another.
    assert!(first.graph.find_node("Concat_3").is_some());
}

/// `x[0]` on `[tokens, batch, features]` gives `[batch, features]`.
#[test]
fn the_first_token_before_the_batch() {
    let build = |before: bool| {
        let build = Build::new()
            .ints("zero", &[], &[0])
            .ints("grid", &[3], &[0, 3, 16])
            .weights("head", &[16, 6])
            .node("Reshape", &["image", "grid"], &["tokens"], vec![]);
        let at = if before { "moved" } else { "tokens" };
        let axis = Attribute::int("axis", i64::from(!before));
        build
            .node("Transpose", &["tokens"], &["moved"], vec![Attribute::ints("perm", &[1, 0, 2])])
            .node("Gather", &[at, "zero"], &["class"], vec![axis])
            .node("Gemm", &["class", "head"], &["out"], vec![])
            .good()
    };
    assert!(close(&logits(&build(true)), &logits(&build(false))));
}

#[test]
fn names_of_the_file_are_kept() {
    let imported = Build::new()
        .weights("w", &[2, 3, 1, 1])
        .weights("s", &[2])
        .floats("v", &[2], &[1.0, 2.0])
        .node("Conv", &["image", "w"], &["conv_out"], vec![])
        .node("BatchNormalization", &["conv_out", "s", "s", "s", "v"], &["bn_out"], vec![])
        .node("Relu", &["bn_out"], &["relu_out"], vec![])
        .node("GlobalAveragePool", &["relu_out"], &["pooled"], vec![])
        .node("Flatten", &["pooled"], &["flat"], vec![])
        .node("Dropout", &["flat"], &["dropped"], vec![])
        .node("Softmax", &["dropped"], &["out"], vec![])
        .good();
    let graph = &imported.graph;
    assert_eq!((graph.name.as_str(), imported.format.as_str()), ("test", "ONNX opset 13"));
    assert_eq!(graph.final_activation, FinalActivation::Softmax);
    for name in [
        "Conv_0",
        "BatchNormalization_1",
        "bn_out",
        "Relu_2",
        "relu_out",
        "Flatten_4",
        "Dropout_5",
        "dropped",
        "Softmax_6",
    ] {
        assert!(graph.find_node(name).is_some(), "{name} is lost");
    }
    assert_eq!(graph.find_node("BatchNormalization_1"), graph.find_node("Conv_0"));
}

#[test]
fn channels_last_inputs_become_channels_first() {
    let imported = Build::with_input(ValueInfo::float_batched("image", &[4, 5, 3]))
        .weights("w", &[2, 3, 2, 2])
        .weights("mean", &[3])
        .node("Sub", &["image", "mean"], &["centred"], vec![])
        .node("Transpose", &["centred"], &["nchw"], vec![Attribute::ints("perm", &[0, 3, 1, 2])])
        .node("Conv", &["nchw", "w"], &["conv"], vec![])
        .node("ReduceMean", &["conv"], &["out"], vec![Attribute::ints("axes", &[2, 3]), Attribute::int("keepdims", 0)])
        .good();
    assert_eq!(imported.graph.image_shape(), Some([3, 4, 5]));
    let kinds: Vec<_> = imported.graph.nodes.iter().map(|node| node.op.name()).collect();
    assert_eq!(kinds, ["Affine", "Conv2D", "ReduceMean"]);
}

#[test]
fn open_sizes_are_filled_in_with_a_warning() {
    let any = |size: Option<i64>| Dimension { size: size.map(DimensionSize::Value) };
    let named = Dimension { size: Some(DimensionSize::Symbol("height".into())) };
    let shape = Shape { dim: vec![any(None), any(Some(3)), named, any(Some(-1))] };
    let imported = Build::with_input(ValueInfo::tensor("image", DataType::Float, shape))
        .node("GlobalAveragePool", &["image"], &["out"], vec![])
        .good();
    assert_eq!(imported.graph.image_shape(), Some([3, 224, 224]));
    assert_eq!(imported.warnings.len(), 2, "{:?}", imported.warnings);
    // The channels can come from the first kernel.
    let shape = Shape { dim: vec![any(None); 4] };
    let imported = Build::with_input(ValueInfo::tensor("image", DataType::Float, shape))
        .weights("w", &[5, 1, 3, 3])
        .node("Conv", &["image", "w"], &["conv"], vec![])
        .node("GlobalMaxPool", &["conv"], &["out"], vec![])
        .good();
    assert_eq!(imported.graph.image_shape(), Some([1, 224, 224]));
}

#[test]
fn the_class_scores_are_chosen_among_outputs() {
    let batch = |name: &str, sizes: &[i64]| ValueInfo::float_batched(name, sizes);
    let imported = classifier(Build::new().node("Relu", &["image"], &["features"], vec![]).node(
        "Flatten",
        &["features"],
        &["flat"],
        vec![],
    ))
    .node("TopK", &["out"], &["top", "indices"], vec![])
    .outputs(vec![
        batch("features", &[3, 4, 4]),
        ValueInfo::tensor("indices", DataType::Int64, Shape::default()),
        batch("out", &[5]),
    ])
    .good();
    assert_eq!(imported.graph.classes(), 5);
    assert!(imported.warnings.iter().any(|warning| warning.contains("\"out\"")), "{:?}", imported.warnings);
    // Only the best class.
    let imported = classifier(Build::new().node("Flatten", &["image"], &["flat"], vec![]))
        .node("ArgMax", &["out"], &["best"], vec![])
        .outputs(vec![ValueInfo::tensor("best", DataType::Int64, Shape::default())])
        .good();
    assert_eq!(imported.graph.classes(), 5);
    // A feature map is no vector of scores.
    let error = Build::new().node("Relu", &["image"], &["out"], vec![]).bad();
    assert!(matches!(error, FormatError::Output { .. }), "{error}");
}

#[test]
fn initializers_among_the_inputs_are_not_inputs() {
    let mut build = classifier(Build::new().node("Flatten", &["image"], &["flat"], vec![]));
    build.graph().input.push(ValueInfo::float("matrix", &[48, 5]));
    build.good();
    build.graph().input.push(ValueInfo::float("other", &[1]));
    let error = build.bad();
    assert!(error.to_string().contains("2 inputs: image, other"), "{error}");
}

#[test]
fn errors_name_the_operator_and_the_node() {
    let error = Build::new().node("Loop", &["image"], &["out"], vec![]).bad();
    assert!(
        error.what().contains("Loop of ai.onnx (opset 13)") && error.place().contains("Loop_0"),
        "{}",
        error.what()
    );
    assert!(error.advice().contains("control flow"));
    let mut build = Build::new().node("CropAndResize", &["image"], &["out"], vec![]);
    build.graph().node[0].domain = "com.microsoft".into();
    assert!(build.bad().what().contains("CropAndResize of com.microsoft"));
    let error = Build::new().node("Relu", &["nowhere"], &["out"], vec![]).bad();
    assert!(error.what().contains("\"nowhere\""), "{}", error.what());
    let error =
        Build::new().node("Relu", &["image"], &["image"], vec![]).node("Relu", &["image"], &["out"], vec![]).bad();
    assert!(error.what().contains("written or given already"), "{}", error.what());
    let error = Build::new().weights("w", &[2, 5, 1, 1]).node("Conv", &["image", "w"], &["out"], vec![]).bad();
    assert!(
        error.what().contains("3 channels") && error.place() == "node \"Conv_0\" (Conv)",
        "{} {}",
        error.what(),
        error.place()
    );
}

#[test]
fn weights_elsewhere_and_wrong_sizes_are_named() {
    let external = Tensor {
        name: "w".into(),
        dims: vec![1 << 30, 1 << 30],
        data_type: DataType::Float as i32,
        data_location: DataLocation::External as i32,
        external_data: vec![StringStringEntry::new("location", "model.onnx_data")],
        ..Tensor::default()
    };
    let error = Build::new().tensor(external).node("Conv", &["image", "w"], &["out"], vec![]).bad();
    assert_eq!(error.what(), "A file is missing: model.onnx_data.");
    for dims in [vec![1 << 40, 1 << 40], vec![-1, 3], vec![2, 3, 1, 2], vec![0, 1 << 40, 1 << 40]] {
        let tensor = Tensor { dims, ..Tensor::float("w", &[], &[1.0; 6]) };
        let error = Build::new().tensor(tensor).node("Conv", &["image", "w"], &["out"], vec![]).bad();
        assert!(matches!(error, FormatError::Tensor { .. }) && error.place() == "tensor \"w\"", "{error}");
    }
    // A small file must not make large constants.
    let bomb = Build::new()
        .ints("size", &[3], &[1 << 10, 1 << 10, 1 << 10])
        .node("ConstantOfShape", &["size"], &["huge"], vec![])
        .node("Add", &["image", "huge"], &["out"], vec![]);
    assert!(bomb.bad().what().contains("too large"));
}

#[test]
fn all_number_formats_are_read() {
    // 0.5 and -2 in each; both are exact.
    let values = [0.5f32, -2.0];
    let bits = |list: &[&[u8]]| Bytes::from(list.concat());
    let tensors = [
        Tensor::float("c", &[2], &values),
        Tensor { raw_data: None, float_data: values.to_vec(), ..Tensor::float("c", &[2], &values) },
        Tensor::raw("c", &[2], DataType::Double, bits(&[&0.5f64.to_le_bytes(), &(-2f64).to_le_bytes()])),
        Tensor {
            raw_data: None,
            double_data: vec![0.5, -2.0],
            data_type: DataType::Double as i32,
            ..Tensor::float("c", &[2], &values)
        },
        Tensor::raw("c", &[2], DataType::Float16, bits(&[&0x3800u16.to_le_bytes(), &0xc000u16.to_le_bytes()])),
        Tensor {
            raw_data: None,
            int32_data: vec![0x3800, 0xc000],
            data_type: DataType::Float16 as i32,
            ..Tensor::float("c", &[2], &values)
        },
        Tensor::raw("c", &[2], DataType::Bfloat16, bits(&[&0x3f00u16.to_le_bytes(), &0xc000u16.to_le_bytes()])),
    ];
    for tensor in tensors {
        let kind = tensor.data_type;
        let imported = Build::with_input(ValueInfo::float_batched("image", &[1, 2, 2]))
            .tensor(tensor)
            .node("GlobalAveragePool", &["image"], &["p"], vec![])
            .node("Flatten", &["p"], &["f"], vec![])
            .node("Mul", &["f", "c"], &["out"], vec![])
            .good();
        let result = reference::logits(&imported.graph, &[1.0; 4]).expect("it runs");
        assert_eq!(result, [0.5, -2.0], "type {kind}");
    }
    // Integers through a cast.
    for (kind, raw) in [
        // 4 and 2 bits: the first element in the lowest ones.
        (DataType::Int4, vec![0x18]),
        (DataType::Uint4, vec![0x18]),
        (DataType::Int2, vec![0b0110]),
        (DataType::Uint2, vec![0b0110]),
        (DataType::Uint8, vec![200u8, 1]),
        (DataType::Int8, vec![200u8, 1]),
        (DataType::Int32, vec![200, 0, 0, 0, 1, 0, 0, 0]),
        (DataType::Int64, vec![200, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        let imported = Build::with_input(ValueInfo::float_batched("image", &[1, 2, 2]))
            .tensor(Tensor::raw("i", &[2], kind, raw.into()))
            .node("Cast", &["i"], &["c"], vec![Attribute::int("to", 1)])
            .node("GlobalAveragePool", &["image"], &["p"], vec![])
            .node("Flatten", &["p"], &["f"], vec![])
            .node("Mul", &["f", "c"], &["out"], vec![])
            .good();
        let result = reference::logits(&imported.graph, &[1.0; 4]).expect("it runs");
        let first = match kind {
            DataType::Int8 => -56.0,
            DataType::Int4 => -8.0,
            DataType::Uint4 => 8.0,
            DataType::Int2 => -2.0,
            DataType::Uint2 => 2.0,
            _ => 200.0,
        };
        assert_eq!(result, [first, 1.0], "{kind:?}");
    }
    let float8 = Tensor::raw("c", &[2], DataType::Float8e4m3fn, vec![0; 2].into());
    let error = Build::new().tensor(float8).node("Add", &["image", "c"], &["out"], vec![]).bad();
    assert_eq!(error.what(), "The weight \"c\" cannot be read: its element type Float8e4m3fn is not supported.");
}

#[test]
fn quantised_activations_keep_the_rectifier_of_the_clamp() {
    let build = |zero: Option<u8>| {
        let mut build = Build::new().floats("scale", &[], &[0.1]);
        if let Some(zero) = zero {
            build = build.tensor(Tensor::raw("zero", &[], DataType::Uint8, vec![zero].into()));
        }
        let zero = if zero.is_some() { "zero" } else { "" };
        build
            .node("QuantizeLinear", &["image", "scale", zero], &["q"], vec![])
            .node("DequantizeLinear", &["q", "scale", zero], &["d"], vec![])
            .node("GlobalAveragePool", &["d"], &["out"], vec![])
            .good()
    };
    let kinds = |imported: &Imported| imported.graph.nodes.iter().map(|node| node.op.name()).collect::<Vec<_>>();
    assert_eq!(kinds(&build(Some(128))), ["Clip", "ReduceMean", "Reshape"]);
    // With 0 as the smallest value the clamp is a rectifier, with its upper limit.
    for (zero, low, high) in [(Some(0), 0.0, 25.5), (None, 0.0, 25.5), (Some(128), -12.8, 12.7), (Some(55), -5.5, 20.0)]
    {
        let imported = build(zero);
        let Op::Activation(activation) = &imported.graph.nodes[0].op else { panic!("{:?}", kinds(&imported)) };
        let &Activation::Clip { min, max } = activation else { panic!("{activation:?}") };
        assert!((min - low).abs() < 1e-5 && (max - high).abs() < 1e-5, "{zero:?}: {min} to {max}");
        assert_eq!(activation.is_rectifier(), low == 0.0);
    }
    assert_eq!(build(None).warnings.len(), 1);
}

#[test]
fn group_and_layer_normalisation_normalise() {
    let mean_and_deviation = |list: &[f64]| {
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        (mean, (list.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / list.len() as f64).sqrt())
    };
    let build = |opset: i64| {
        Build::with_input(ValueInfo::float_batched("image", &[4, 3, 3]))
            .opset(opset)
            .floats("one", &[4], &[1.0; 4])
            .floats("zero", &[4], &[0.0; 4])
    };
    let groups = build(21).node(
        "GroupNormalization",
        &["image", "one", "zero"],
        &["out"],
        vec![Attribute::int("num_groups", 2)],
    );
    let groups = onnx::read_any(&groups.files()).expect("it is read");
    let values = logits(&groups);
    for group in values.chunks(18) {
        let (mean, deviation) = mean_and_deviation(group);
        assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-3, "{mean} {deviation}");
    }
    let layers = build(17).node("Transpose", &["image"], &["last"], vec![Attribute::ints("perm", &[0, 2, 3, 1])]).node(
        "LayerNormalization",
        &["last", "one", "zero"],
        &["out"],
        vec![],
    );
    let layers = onnx::read_any(&layers.files()).expect("it is read");
    for position in logits(&layers).chunks(4) {
        let (mean, deviation) = mean_and_deviation(position);
        assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-2, "{mean} {deviation}");
    }
}

#[test]
fn class_names_and_preprocessing_come_from_the_file() {
    let base = || classifier(Build::new().node("Flatten", &["image"], &["flat"], vec![]));
    for names in [
        r#"["a", "b", "c", "d", "e"]"#,
        "{0: 'a', 1: 'b', 2: 'c', 3: 'd', 4: 'e'}",
        "['a', 'b', 'c', 'd', 'e']",
        "a, b, c, d, e",
        "a\nb\nc\nd\ne",
    ] {
        let graph = base().meta("names", names).good().graph;
        assert_eq!(graph.labels.map(|labels| labels.join(" ")).as_deref(), Some("a b c d e"), "{names}");
    }
    let imported = base().meta("classes", "[\"a\", \"b\"]").good();
    assert_eq!((imported.graph.labels, imported.warnings.len()), (None, 1));
    let found = base().meta("mean", "[0.5, 0.25, 0.125]").meta("std", "0.5 0.5 0.5").good().graph.preprocessing;
    let found = found.expect("a preprocessing");
    assert_eq!(
        (found.mean, found.std, found.scale, found.size),
        (vec![0.5, 0.25, 0.125], vec![0.5; 3], 1.0 / 255.0, [4, 4])
    );
    assert_eq!(base().meta("mean", "0,0,0").meta("std", "0,1,1").good().graph.preprocessing, None);
}

#[test]
fn preprocessing_is_guessed_from_the_first_layer() {
    let guess = |scale: Option<[f32; 3]>, shift: Option<[f32; 3]>| {
        let mut build = Build::new();
        let mut at = "image".to_owned();
        for (name, op, values) in [("scale", "Mul", scale), ("shift", "Add", shift)] {
            if let Some(values) = values {
                build = build.floats(name, &[3, 1, 1], &values).node(op, &[&at, name], &[&format!("{name}d")], vec![]);
                at = format!("{name}d");
            }
        }
        guess_preprocessing(&classifier(build.node("Flatten", &[&at], &["flat"], vec![])).good().graph)
    };
    let (plain, why) = guess(None, None);
    assert_eq!(plain.mean, [0.485, 0.456, 0.406]);
    assert!(why.contains("ImageNet"), "{why}");
    let (raw, why) = guess(Some([1.0 / 127.5; 3]), Some([-1.0; 3]));
    assert_eq!((raw.scale, raw.mean, raw.channels), (1.0, vec![0.0; 3], ChannelOrder::Rgb));
    assert!(why.contains("0..255"), "{why}");
    assert_eq!(guess(Some([4.37, 4.46, 4.44]), Some([-2.1, -2.0, -1.8])).0.scale, 1.0 / 255.0);
    assert_eq!(guess(None, Some([-103.939, -116.779, -123.68])).0.channels, ChannelOrder::Bgr);
    assert_eq!(guess(None, Some([-123.68, -116.779, -103.939])).0.channels, ChannelOrder::Rgb);
}

#[test]
fn old_softmax_normalises_everything_behind_its_axis() {
    let build = |opset: i64| {
        Build::with_input(ValueInfo::float_batched("image", &[1, 2, 3])).opset(opset).node(
            "Softmax",
            &["image"],
            &["out"],
            vec![Attribute::int("axis", 1)],
        )
    };
    let read = |build: Build| onnx::read_any(&build.files()).expect("it is read");
    // One row of a matrix: all values together, which is a final softmax.
    assert_eq!(read(build(12)).graph.final_activation, FinalActivation::Softmax);
    // An axis of size one: each value by itself, which gives ones.
    let single = read(build(13));
    assert_eq!(single.graph.final_activation, FinalActivation::None);
    assert_eq!(logits(&single), [1.0; 6]);
}

#[test]
fn reversed_channels_are_slices_joined() {
    let imported = classifier(
        Build::new()
            .ints("start", &[1], &[2])
            .ints("end", &[1], &[-5])
            .ints("axis", &[1], &[1])
            .ints("step", &[1], &[-1])
            .node("Slice", &["image", "start", "end", "axis", "step"], &["bgr"], vec![])
            .node("Flatten", &["bgr"], &["flat"], vec![]),
    )
    .good();
    let kinds: Vec<_> = imported.graph.nodes.iter().map(|node| node.op.name()).collect();
    assert_eq!(kinds, ["Slice", "Slice", "Slice", "Concat", "Reshape", "Dense"]);
    let Op::Slice { start, .. } = imported.graph.nodes[0].op else { panic!("{kinds:?}") };
    assert_eq!(start, 2);
}

#[test]
fn the_memory_of_the_file_is_shared() {
    let bytes = Build::new().weights("w", &[64, 3, 4, 4]).bytes();
    let range = bytes.as_ptr_range();
    let model = Model::decode(bytes).expect("it decodes");
    let raw = model.graph.expect("a graph").initializer[0].raw_data.clone().expect("raw bytes");
    assert!(range.contains(&raw.as_ptr()));
}

/// A weight of 3 × 4 bytes in another file of 16 bytes, as its entries say.
fn external(entries: &[(&str, &str)], beside: bool) -> Result<Imported, FormatError> {
    let tensor = Tensor {
        name: "w".into(),
        dims: vec![3, 1, 1],
        data_type: DataType::Float as i32,
        data_location: DataLocation::External as i32,
        external_data: entries.iter().map(|(key, value)| StringStringEntry::new(key, value)).collect(),
        ..Tensor::default()
    };
    let build = Build::new().tensor(tensor).node("Mul", &["image", "w"], &["scaled"], vec![]).node(
        "GlobalAveragePool",
        &["scaled"],
        &["out"],
        vec![],
    );
    let mut files = build.files();
    if beside {
        let bytes: Vec<u8> = [9.0f32, 1.0, 2.0, 3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        files.beside.push(("w.bin".to_owned(), bytes.into()));
    }
    onnx::read(&files)
}

#[test]
fn weights_in_other_files_lie_where_the_file_says() {
    let imported = external(&[("location", "folder/w.bin"), ("offset", "4"), ("length", "12")], true).expect("it fits");
    let result = reference::logits(&imported.graph, &[1.0; 48]).expect("it runs");
    assert_eq!(result, [1.0, 2.0, 3.0]);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("location", "w.bin"), ("offset", "8")], "12 bytes from 8 on do not lie within \"w.bin\", which has 16"),
        (
            &[("location", "w.bin"), ("offset", "18446744073709551615")],
            "12 bytes from 18446744073709551615 on do not lie within \"w.bin\", which has 16",
        ),
        (&[("location", "w.bin"), ("length", "16")], "it has 16 bytes in \"w.bin\", its shape [3, 1, 1] needs 12"),
        (&[("location", "w.bin"), ("offset", "-4")], "its offset \"-4\" is not a number"),
        (&[("offset", "0")], "it does not say which file holds its elements"),
    ];
    for (entries, reason) in cases {
        let error = external(entries, true).expect_err(reason);
        assert_eq!(error.what(), format!("The weight \"w\" cannot be read: {reason}."));
        assert_eq!(error.place(), "tensor \"w\"");
    }
    let error = external(&[("location", "w.bin")], false).expect_err("it is missing");
    assert_eq!(error, FormatError::MissingFiles { files: vec!["w.bin".into()] });
}

#[test]
fn quantised_nodes_that_say_too_little_are_named() {
    let reason = |build: Build| match build.bad() {
        FormatError::Node { reason, .. } => reason,
        other => panic!("{other}"),
    };
    let scaled = |scale: f32| {
        Build::new().floats("scale", &[], &[scale]).node("QuantizeLinear", &["image", "scale"], &["out"], vec![])
    };
    assert_eq!(reason(Build::new().node("QuantizeLinear", &["image"], &["out"], vec![])), "input 1 is missing");
    assert_eq!(reason(Build::new().node("QLinearConv", &["image"], &["out"], vec![])), "input 1 is missing");
    assert_eq!(reason(scaled(0.0)), "a scale of 0 is not possible");
    assert_eq!(reason(scaled(f32::NAN)), "a scale of NaN is not possible");
    let quantised = || Build::new().floats("s", &[], &[0.5]).node("QuantizeLinear", &["image", "s"], &["q"], vec![]);
    assert_eq!(
        reason(quantised().node("Add", &["q", "q"], &["out"], vec![])),
        "it computes with quantised integers, which is not supported"
    );
    assert_eq!(
        reason(quantised().node("Concat", &["q", "image"], &["out"], vec![Attribute::int("axis", 1)])),
        "it takes values that are quantised in different ways"
    );
    let scales =
        Build::new().floats("s", &[2], &[0.5; 2]).tensor(Tensor::raw("zero", &[3], DataType::Uint8, vec![1; 3].into()));
    assert_eq!(
        reason(scales.node("QuantizeLinear", &["image", "s", "zero"], &["out"], vec![])),
        "2 scales and 3 zero points do not fit"
    );
}

/// Integers may be read with another scale than they were made with: what they are stays, what they mean changes.
#[test]
fn integers_keep_what_they_are() {
    let run = |nodes: fn(Build) -> Build| {
        let build = Build::new()
            .floats("half", &[], &[0.5])
            .floats("two", &[], &[2.0])
            .tensor(Tensor::raw("ten", &[], DataType::Uint8, vec![10].into()))
            .tensor(Tensor::raw("four", &[], DataType::Uint8, vec![4].into()))
            .node("QuantizeLinear", &["image", "half", "ten"], &["q"], vec![]);
        let build = nodes(build).node("Flatten", &["d"], &["flat"], vec![]);
        logits(&classifier(build).good())
    };
    let plain = |scale: f32, shift: f32| {
        let build = Build::new().floats("a", &[], &[scale]).floats("b", &[], &[shift]);
        let build = build.node("Mul", &["image", "a"], &["m"], vec![]).node("Add", &["m", "b"], &["d"], vec![]);
        logits(&classifier(build.node("Flatten", &["d"], &["flat"], vec![])).good())
    };
    // q = x / 0.5 + 10, so (q - 4) · 2 = 4 · x + 12.
    let other = run(|build| build.node("DequantizeLinear", &["q", "two", "four"], &["d"], vec![]));
    assert!(close(&other, &plain(4.0, 12.0)));
    let cast = run(|build| build.node("Cast", &["q"], &["d"], vec![Attribute::int("to", 1)]));
    assert!(close(&cast, &plain(2.0, 10.0)));
    let moved = run(|build| {
        build
            .node("Transpose", &["q"], &["t"], vec![Attribute::ints("perm", &[0, 2, 3, 1])])
            .node("DequantizeLinear", &["t", "half", "ten"], &["u"], vec![])
            .node("Transpose", &["u"], &["d"], vec![Attribute::ints("perm", &[0, 3, 1, 2])])
    });
    assert!(close(&moved, &plain(1.0, 0.0)));
}

/// A function of the file with the nodes given.
fn function(name: &str, nodes: Vec<Node>) -> Function {
    Function {
        name: name.into(),
        domain: "own".into(),
        input: vec!["x".into()],
        output: vec!["y".into()],
        node: nodes,
        ..Function::default()
    }
}

fn call(name: &str, input: &str, output: &str) -> Node {
    Node { domain: "own".into(), ..Node::new(name, "", &[input], &[output], vec![]) }
}

fn with_functions(functions: Vec<Function>) -> Build {
    let mut build = Build::new();
    build.graph().node.push(call("first", "image", "called"));
    build.model.functions = functions;
    build.node("GlobalAveragePool", &["called"], &["out"], vec![])
}

#[test]
fn functions_of_the_file_are_replaced_by_their_nodes() {
    let twice = vec![call("second", "x", "inner"), call("second", "inner", "y")];
    let relu = vec![Node::new("Relu", "gate", &["x"], &["y"], vec![])];
    let imported = with_functions(vec![function("first", twice), function("second", relu)]).good();
    let names: Vec<_> = imported.graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names[..2], ["called/inner/gate", "called_3/gate"], "{names:?}");
    // An output that is an input.
    let same = Function { output: vec!["x".into()], ..function("first", vec![]) };
    assert_eq!(with_functions(vec![same]).good().graph.nodes.len(), 2);
}

#[test]
fn functions_without_end_are_refused() {
    let error = with_functions(vec![function("first", vec![call("first", "x", "y")])]).bad();
    assert_eq!(error.what(), "A first node cannot be read: the function calls itself.");
    let circle = [("first", "second"), ("second", "first")];
    let circle = circle.map(|(own, other)| function(own, vec![call(other, "x", "y")]));
    assert!(with_functions(circle.to_vec()).bad().what().contains("the function calls itself"));
    // Each calls the next twice: 2^40 nodes.
    let name = |index: usize| if index == 0 { "first".to_owned() } else { format!("f{index}") };
    let mut doubling: Vec<Function> = (0..40)
        .map(|index| function(&name(index), vec![call(&name(index + 1), "x", "t"), call(&name(index + 1), "t", "y")]))
        .collect();
    doubling.push(function("f40", vec![Node::new("Relu", "", &["x"], &["y"], vec![])]));
    assert!(matches!(with_functions(doubling).bad(), FormatError::TooLarge { .. }));
    let chain: Vec<Function> =
        (0..80).map(|index| function(&name(index), vec![call(&name(index + 1), "x", "y")])).collect();
    assert!(with_functions(chain).bad().what().contains("nested deeper than 64"));
}

#[test]
fn branches_are_taken_if_their_condition_is_known() {
    let branch = |op: &str| {
        let graph = Graph {
            node: vec![Node::new(op, op, &["image"], &[op], vec![])],
            output: vec![ValueInfo { name: op.to_owned(), r#type: None }],
            ..Graph::default()
        };
        Some(Box::new(graph))
    };
    let attribute = |name: &str, op: &str| Attribute {
        name: name.to_owned(),
        g: branch(op),
        r#type: AttributeType::Graph as i32,
        ..Attribute::default()
    };
    let build = |condition: &str| {
        Build::new()
            .tensor(Tensor::raw("yes", &[], DataType::Bool, vec![1].into()))
            .tensor(Tensor::raw("no", &[], DataType::Bool, vec![0].into()))
            .node(
                "If",
                &[condition],
                &["chosen"],
                vec![attribute("then_branch", "Tanh"), attribute("else_branch", "Exp")],
            )
            .node("GlobalAveragePool", &["chosen"], &["out"], vec![])
    };
    assert!(build("yes").good().graph.find_node("Tanh").is_some());
    assert!(build("no").good().graph.find_node("Exp").is_some());
    let error = build("image").bad();
    assert!(error.what().contains("If of ai.onnx") && error.advice().contains("control flow"), "{}", error.what());
    // The condition, the branches and their hyper-parameters may come with a function.
    let slope = Attribute {
        name: "alpha".into(),
        ref_attr_name: "slope".into(),
        r#type: AttributeType::Float as i32,
        ..Attribute::default()
    };
    let mut chosen = attribute("then_branch", "LeakyRelu");
    let inner = chosen.g.as_mut().expect("a graph");
    inner.node[0].input = vec!["x".into()];
    inner.node[0].attribute = vec![slope];
    let test = Node::new("Constant", "", &[], &["test"], vec![Attribute::int("value_int", 1)]);
    let either = Node::new("If", "", &["test"], &["y"], vec![chosen, attribute("else_branch", "Exp")]);
    let mut called = with_functions(vec![function("first", vec![test, either])]);
    called.graph().node[0].attribute.push(Attribute::float("slope", 0.375));
    let graph = called.good().graph;
    assert_eq!(graph.nodes[0].op, Op::Activation(Activation::LeakyRelu { slope: 0.375 }));
    // Subgraphs in subgraphs: the decoder has a limit, and says so.
    let mut graph = Graph { node: vec![Node::new("Relu", "", &["image"], &["y"], vec![])], ..Graph::default() };
    for _ in 0..60 {
        let inner = Attribute { name: "then_branch".into(), g: Some(Box::new(graph)), ..Attribute::default() };
        graph = Graph { node: vec![Node::new("If", "", &["yes"], &["y"], vec![inner])], ..Graph::default() };
    }
    let mut deep = build("yes");
    deep.graph().node.extend(graph.node);
    let error = deep.bad();
    assert!(matches!(&error, FormatError::Damaged { reason } if reason.contains("nested too deeply")), "{error}");
}

#[test]
fn nodes_may_stand_in_any_order() {
    let sorted =
        Build::new().node("Tanh", &["image"], &["t"], vec![]).node("GlobalAveragePool", &["t"], &["out"], vec![]);
    let mut turned = sorted.model.clone();
    turned.graph.as_mut().expect("a graph").node.reverse();
    assert!(close(&logits(&Build { model: turned }.good()), &logits(&sorted.good())));
    let error = Build::new().node("Tanh", &["b"], &["a"], vec![]).node("Tanh", &["a"], &["b"], vec![]);
    let error = error.node("Add", &["a", "image"], &["out"], vec![]).bad();
    assert!(error.what().contains("which nothing before it writes"), "{}", error.what());
}

#[test]
fn equations_that_are_not_read_are_named() {
    let bad = |equation: &str, inputs: &[&str]| {
        Build::new().node("Einsum", inputs, &["out"], vec![Attribute::string("equation", equation)]).bad().what()
    };
    for (equation, inputs, reason) in [
        ("...c->...", ["image"].as_slice(), "has an ellipsis, which is not supported"),
        ("bchh->bch", &["image"], "takes a diagonal, which is not supported"),
        ("bchw->z", &["image"], "has a result that does not follow from its inputs"),
        ("bc", &["image"], "an input has 4 axes instead of 2"),
        ("bchw->chw", &["image"], "it mixes the pictures of a batch"),
        ("bchw,bchw->chw", &["image", "image"], "it mixes the pictures of a batch"),
        ("bchw,bchw,bchw->b", &["image", "image", "image"], "3 operands at once are not supported"),
        ("bchw,bcij->bchw", &["image"], "its equation does not fit its inputs"),
    ] {
        let what = bad(equation, inputs);
        assert!(what.contains(reason), "{equation}: {what}");
    }
}
