//! The messages of an ONNX file that a classifier needs, as in `onnx.proto` of the ONNX standard (IR version 3 to 14).
//!
//! Fields that no classifier needs (training info, quantisation annotations, types of sequences) are left out; the
//! decoder skips them. Scalars whose presence matters to checkers are `Option`s. The constructors serve writers.

use bytes::Bytes;

/// A whole file: `ModelProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Model {
    /// Version of the file format itself, such as 8.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// The tool that wrote the file, such as `pytorch`.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// Namespace of the model.
    #[prost(string, tag = "4")]
    pub domain: String,
    /// Version of the model.
    #[prost(int64, tag = "5")]
    pub model_version: i64,
    /// Free text.
    #[prost(string, tag = "6")]
    pub doc_string: String,
    /// The network.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    /// The operator sets that nodes use.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetId>,
    /// Free key-value pairs.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntry>,
    /// Operators that the file defines by other operators.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<Function>,
}

/// An operator defined by other operators: `FunctionProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Function {
    /// Name, the `op_type` of the nodes that call it.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Names of its inputs.
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    /// Names of its outputs.
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    /// Names of its hyper-parameters that have no default.
    #[prost(string, repeated, tag = "6")]
    pub attribute: Vec<String>,
    /// Nodes in topological order.
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<Node>,
    /// The operator sets that its nodes use.
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSetId>,
    /// Namespace.
    #[prost(string, tag = "10")]
    pub domain: String,
    /// Hyper-parameters with their defaults.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<Attribute>,
    /// Tells apart functions of one name.
    #[prost(string, tag = "13")]
    pub overload: String,
}

/// A version of an operator set: `OperatorSetIdProto`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct OperatorSetId {
    /// Namespace; empty (or `ai.onnx`) is the standard one.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Version.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A key and its value: `StringStringEntryProto`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct StringStringEntry {
    /// Key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A network: `GraphProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Graph {
    /// Nodes in topological order.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    /// Name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Weights.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    /// Free text.
    #[prost(string, tag = "10")]
    pub doc_string: String,
    /// Inputs; before IR version 4 the initializers stand here too.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
    /// Types of values in between.
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfo>,
}

/// One operation: `NodeProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Node {
    /// Names of the tensors it reads; an empty name is an optional input that is not given.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the tensors it writes.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Name, may be empty.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Operator, such as `Conv`.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// Hyper-parameters.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    /// Free text.
    #[prost(string, tag = "6")]
    pub doc_string: String,
    /// Namespace of the operator; empty is the standard one.
    #[prost(string, tag = "7")]
    pub domain: String,
    /// Which of the functions of one name is called.
    #[prost(string, tag = "8")]
    pub overload: String,
}

/// A hyper-parameter: `AttributeProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Attribute {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// A number.
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    /// An integer.
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    /// A string (UTF-8 by convention only).
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub s: Option<Bytes>,
    /// A tensor.
    #[prost(message, optional, tag = "5")]
    pub t: Option<Tensor>,
    /// A subgraph, such as a branch of an `If`.
    #[prost(message, optional, boxed, tag = "6")]
    pub g: Option<Box<Graph>>,
    /// Numbers.
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    /// Integers.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Strings.
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
    /// Which of the fields holds the value.
    #[prost(enumeration = "AttributeType", tag = "20")]
    pub r#type: i32,
    /// In a function: the name of the function's hyper-parameter that gives the value.
    #[prost(string, tag = "21")]
    pub ref_attr_name: String,
}

/// Which field of an [`Attribute`] holds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum AttributeType {
    /// Not said, in files of IR version 1.
    Undefined = 0,
    /// `f`.
    Float = 1,
    /// `i`.
    Int = 2,
    /// `s`.
    String = 3,
    /// `t`.
    Tensor = 4,
    /// `g`.
    Graph = 5,
    /// `floats`.
    Floats = 6,
    /// `ints`.
    Ints = 7,
    /// `strings`.
    Strings = 8,
    /// Tensors, not read.
    Tensors = 9,
    /// Subgraphs, not read.
    Graphs = 10,
    /// A sparse tensor, not read.
    SparseTensor = 11,
    /// Sparse tensors, not read.
    SparseTensors = 12,
    /// A type, not read.
    TypeProto = 13,
    /// Types, not read.
    TypeProtos = 14,
}

/// Element type of a [`Tensor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum DataType {
    /// Not said.
    Undefined = 0,
    /// IEEE 754, 32 bit.
    Float = 1,
    /// Unsigned, 8 bit.
    Uint8 = 2,
    /// Signed, 8 bit.
    Int8 = 3,
    /// Unsigned, 16 bit.
    Uint16 = 4,
    /// Signed, 16 bit.
    Int16 = 5,
    /// Signed, 32 bit.
    Int32 = 6,
    /// Signed, 64 bit.
    Int64 = 7,
    /// Text.
    String = 8,
    /// Truth value, one byte.
    Bool = 9,
    /// IEEE 754, 16 bit.
    Float16 = 10,
    /// IEEE 754, 64 bit.
    Double = 11,
    /// Unsigned, 32 bit.
    Uint32 = 12,
    /// Unsigned, 64 bit.
    Uint64 = 13,
    /// Two floats.
    Complex64 = 14,
    /// Two doubles.
    Complex128 = 15,
    /// The upper half of a float.
    Bfloat16 = 16,
    /// 8-bit float.
    Float8e4m3fn = 17,
    /// 8-bit float.
    Float8e4m3fnuz = 18,
    /// 8-bit float.
    Float8e5m2 = 19,
    /// 8-bit float.
    Float8e5m2fnuz = 20,
    /// Unsigned, 4 bit.
    Uint4 = 21,
    /// Signed, 4 bit.
    Int4 = 22,
    /// 4-bit float.
    Float4e2m1 = 23,
    /// 8-bit power of two.
    Float8e8m0 = 24,
    /// Unsigned, 2 bit.
    Uint2 = 25,
    /// Signed, 2 bit.
    Int2 = 26,
    /// 6-bit float.
    Float6e2m3 = 27,
    /// 6-bit float.
    Float6e3m2 = 28,
}

/// Where the elements of a [`Tensor`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum DataLocation {
    /// In the message.
    Default = 0,
    /// In another file.
    External = 1,
}

/// A constant tensor: `TensorProto`. Its elements are in `raw_data` (little endian) or in the field of their type.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Tensor {
    /// Shape; no entries is a scalar.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// Element type.
    #[prost(enumeration = "DataType", tag = "2")]
    pub data_type: i32,
    /// Elements of `Float`.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Elements of 32 bits and less other than floats; 16-bit floats by their bits.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Elements of `Int64`.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// Elements of any type, row-major, little endian. Decoding from [`Bytes`] shares the memory of the file.
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub raw_data: Option<Bytes>,
    /// Elements of `Double`.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Elements of `Uint32` and `Uint64`.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: Vec<u64>,
    /// Where the elements are if in another file: keys `location`, `offset`, `length`.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntry>,
    /// Whether the elements are in another file.
    #[prost(enumeration = "DataLocation", tag = "14")]
    pub data_location: i32,
}

/// Name and type of a value: `ValueInfoProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueInfo {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<Type>,
}

/// Type of a value: `TypeProto`, of which only tensors are read.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Type {
    /// A tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorType>,
}

/// Type of a tensor: `TypeProto.Tensor`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorType {
    /// Element type.
    #[prost(enumeration = "DataType", tag = "1")]
    pub elem_type: i32,
    /// Shape; absent if even the number of axes is unknown.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// Shape of a tensor: `TensorShapeProto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Shape {
    /// Axes.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// Size of an axis: `TensorShapeProto.Dimension`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Dimension {
    /// The size; absent if unknown.
    #[prost(oneof = "DimensionSize", tags = "1, 2")]
    pub size: Option<DimensionSize>,
}

/// A size that is known or has a name.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum DimensionSize {
    /// The size.
    #[prost(int64, tag = "1")]
    Value(i64),
    /// The name of a size that is only known when the network runs, such as `batch`.
    #[prost(string, tag = "2")]
    Symbol(String),
}

impl OperatorSetId {
    /// The standard operator set in a version.
    #[must_use]
    pub fn standard(version: i64) -> Self {
        Self { domain: String::new(), version }
    }
}

impl Node {
    /// A node of the standard operator set.
    #[must_use]
    pub fn new(op_type: &str, name: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<Attribute>) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            input: owned(inputs),
            output: owned(outputs),
            name: name.to_owned(),
            op_type: op_type.to_owned(),
            attribute: attributes,
            ..Self::default()
        }
    }
}

impl Attribute {
    /// An integer.
    #[must_use]
    pub fn int(name: &str, value: i64) -> Self {
        Self { name: name.to_owned(), i: Some(value), r#type: AttributeType::Int as i32, ..Self::default() }
    }

    /// A number.
    #[must_use]
    pub fn float(name: &str, value: f32) -> Self {
        Self { name: name.to_owned(), f: Some(value), r#type: AttributeType::Float as i32, ..Self::default() }
    }

    /// Integers.
    #[must_use]
    pub fn ints(name: &str, values: &[i64]) -> Self {
        Self { name: name.to_owned(), ints: values.to_vec(), r#type: AttributeType::Ints as i32, ..Self::default() }
    }

    /// Numbers.
    #[must_use]
    pub fn floats(name: &str, values: &[f32]) -> Self {
        Self { name: name.to_owned(), floats: values.to_vec(), r#type: AttributeType::Floats as i32, ..Self::default() }
    }

    /// A string.
    #[must_use]
    pub fn string(name: &str, value: &str) -> Self {
        let value = Bytes::copy_from_slice(value.as_bytes());
        Self { name: name.to_owned(), s: Some(value), r#type: AttributeType::String as i32, ..Self::default() }
    }

    /// A tensor.
    #[must_use]
    pub fn tensor(name: &str, value: Tensor) -> Self {
        Self { name: name.to_owned(), t: Some(value), r#type: AttributeType::Tensor as i32, ..Self::default() }
    }
}

impl Tensor {
    /// f32 elements in row-major order, stored as raw bytes.
    #[must_use]
    pub fn float(name: &str, dims: &[i64], data: &[f32]) -> Self {
        let raw: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::raw(name, dims, DataType::Float, raw.into())
    }

    /// i64 elements in row-major order, stored as raw bytes.
    #[must_use]
    pub fn int64(name: &str, dims: &[i64], data: &[i64]) -> Self {
        let raw: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::raw(name, dims, DataType::Int64, raw.into())
    }

    /// Elements of any type as raw little-endian bytes.
    #[must_use]
    pub fn raw(name: &str, dims: &[i64], data_type: DataType, raw: Bytes) -> Self {
        Self {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: data_type as i32,
            raw_data: Some(raw),
            ..Self::default()
        }
    }
}

impl ValueInfo {
    /// A tensor of f32 with known sizes.
    #[must_use]
    pub fn float(name: &str, dims: &[i64]) -> Self {
        let dim = dims.iter().map(|&size| Dimension { size: Some(DimensionSize::Value(size)) }).collect();
        Self::tensor(name, DataType::Float, Shape { dim })
    }

    /// A tensor of f32 whose first axis is the symbol `batch`.
    #[must_use]
    pub fn float_batched(name: &str, sample: &[i64]) -> Self {
        let batch = Dimension { size: Some(DimensionSize::Symbol("batch".to_owned())) };
        let sizes = sample.iter().map(|&size| Dimension { size: Some(DimensionSize::Value(size)) });
        Self::tensor(name, DataType::Float, Shape { dim: std::iter::once(batch).chain(sizes).collect() })
    }

    /// A tensor.
    #[must_use]
    pub fn tensor(name: &str, elem_type: DataType, shape: Shape) -> Self {
        let tensor = TensorType { elem_type: elem_type as i32, shape: Some(shape) };
        Self { name: name.to_owned(), r#type: Some(Type { tensor_type: Some(tensor) }) }
    }
}

impl StringStringEntry {
    /// A pair.
    #[must_use]
    pub fn new(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), value: value.to_owned() }
    }
}
