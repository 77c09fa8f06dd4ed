//! What each operator of TensorFlow Lite is among the operations that are shared.

use super::flatbuffer::Table;
use crate::{
    FormatError,
    onnx::proto::DataType,
    tensorflow::{Fused, Kernel, Network, Padding, Pool, Strided, Unread, Window},
};

/// The names of the operators by their number in the schema.
const NAMES: &[&str] = &[
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE",
    "DEQUANTIZE",
    "EMBEDDING_LOOKUP",
    "FLOOR",
    "FULLY_CONNECTED",
    "HASHTABLE_LOOKUP",
    "L2_NORMALIZATION",
    "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION",
    "LOGISTIC",
    "LSH_PROJECTION",
    "LSTM",
    "MAX_POOL_2D",
    "MUL",
    "RELU",
    "RELU_N1_TO_1",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RNN",
    "SOFTMAX",
    "SPACE_TO_DEPTH",
    "SVDF",
    "TANH",
    "CONCAT_EMBEDDINGS",
    "SKIP_GRAM",
    "CALL",
    "CUSTOM",
    "EMBEDDING_LOOKUP_SPARSE",
    "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "GATHER",
    "BATCH_TO_SPACE_ND",
    "SPACE_TO_BATCH_ND",
    "TRANSPOSE",
    "MEAN",
    "SUB",
    "DIV",
    "SQUEEZE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "EXP",
    "TOPK_V2",
    "SPLIT",
    "LOG_SOFTMAX",
    "DELEGATE",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "CAST",
    "PRELU",
    "MAXIMUM",
    "ARG_MAX",
    "MINIMUM",
    "LESS",
    "NEG",
    "PADV2",
    "GREATER",
    "GREATER_EQUAL",
    "LESS_EQUAL",
    "SELECT",
    "SLICE",
    "SIN",
    "TRANSPOSE_CONV",
    "SPARSE_TO_DENSE",
    "TILE",
    "EXPAND_DIMS",
    "EQUAL",
    "NOT_EQUAL",
    "LOG",
    "SUM",
    "SQRT",
    "RSQRT",
    "SHAPE",
    "POW",
    "ARG_MIN",
    "FAKE_QUANT",
    "REDUCE_PROD",
    "REDUCE_MAX",
    "PACK",
    "LOGICAL_OR",
    "ONE_HOT",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "UNPACK",
    "REDUCE_MIN",
    "FLOOR_DIV",
    "REDUCE_ANY",
    "SQUARE",
    "ZEROS_LIKE",
    "FILL",
    "FLOOR_MOD",
    "RANGE",
    "RESIZE_NEAREST_NEIGHBOR",
    "LEAKY_RELU",
    "SQUARED_DIFFERENCE",
    "MIRROR_PAD",
    "ABS",
    "SPLIT_V",
    "UNIQUE",
    "CEIL",
    "REVERSE_V2",
    "ADD_N",
    "GATHER_ND",
    "COS",
    "WHERE",
    "RANK",
    "ELU",
    "REVERSE_SEQUENCE",
    "MATRIX_DIAG",
    "QUANTIZE",
    "MATRIX_SET_DIAG",
    "ROUND",
    "HARD_SWISH",
    "IF",
    "WHILE",
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
    "SCATTER_ND",
    "SELECT_V2",
    "DENSIFY",
    "SEGMENT_SUM",
    "BATCH_MATMUL",
    "PLACEHOLDER_FOR_GREATER_OP_CODES",
    "CUMSUM",
    "CALL_ONCE",
    "BROADCAST_TO",
    "RFFT2D",
    "CONV_3D",
    "IMAG",
    "REAL",
    "COMPLEX_ABS",
    "HASHTABLE",
    "HASHTABLE_FIND",
    "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE",
    "REDUCE_ALL",
    "CONV_3D_TRANSPOSE",
    "VAR_HANDLE",
    "READ_VARIABLE",
    "ASSIGN_VARIABLE",
    "BROADCAST_ARGS",
    "RANDOM_STANDARD_NORMAL",
    "BUCKETIZE",
    "RANDOM_UNIFORM",
    "MULTINOMIAL",
    "GELU",
    "DYNAMIC_UPDATE_SLICE",
    "RELU_0_TO_1",
    "UNSORTED_SEGMENT_PROD",
    "UNSORTED_SEGMENT_MAX",
    "UNSORTED_SEGMENT_SUM",
    "ATAN2",
    "UNSORTED_SEGMENT_MIN",
    "SIGN",
    "BITCAST",
    "BITWISE_XOR",
    "RIGHT_SHIFT",
];

/// The name of the operator `code`.
pub(super) fn name(code: usize) -> String {
    NAMES.get(code).map_or_else(|| format!("number {code}"), |name| (*name).to_owned())
}

/// An operator with what it reads and writes.
pub(super) struct Operator<'a> {
    pub kind: &'a str,
    /// Its settings; none if all have their defaults.
    pub options: Option<Table<'a>>,
    /// Names of what it reads; `None` for what is left out.
    pub inputs: Vec<Option<&'a str>>,
    /// Their shapes, which are right for constants; of others only the number of axes is.
    pub shapes: Vec<Vec<i64>>,
    pub outputs: &'a [String],
    /// Whether its result is quantised so that it cannot be negative.
    pub clamped: bool,
}

type Outcome = Result<(), Unread>;

impl Operator<'_> {
    fn input(&self, index: usize) -> Result<&str, Unread> {
        self.optional(index).ok_or_else(|| Unread::reason(format!("its input {index} is missing")))
    }

    fn optional(&self, index: usize) -> Option<&str> {
        self.inputs.get(index).copied().flatten()
    }

    fn shape_of(&self, index: usize) -> &[i64] {
        self.shapes.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    fn all(&self) -> Result<Vec<&str>, Unread> {
        (0..self.inputs.len()).map(|index| self.input(index)).collect()
    }

    fn output(&self) -> Result<&str, Unread> {
        self.outputs.first().map(String::as_str).ok_or_else(|| Unread::reason("it writes nothing"))
    }

    fn byte(&self, field: usize) -> Result<u8, FormatError> {
        self.options.map_or(Ok(0), |options| options.byte(field))
    }

    fn flag(&self, field: usize) -> Result<bool, FormatError> {
        Ok(self.byte(field)? != 0)
    }

    fn whole(&self, field: usize, default: i32) -> Result<i64, FormatError> {
        self.options.map_or(Ok(default), |options| options.whole(field, default)).map(i64::from)
    }

    fn float(&self, field: usize, default: f32) -> Result<f32, FormatError> {
        self.options.map_or(Ok(default), |options| options.float(field, default))
    }

    /// The function that comes behind it.
    fn fused(&self, field: usize) -> Result<Fused, Unread> {
        Ok(Fused(match self.byte(field)? {
            0 => None,
            1 => Some("relu"),
            2 => Some("relu_n1_to_1"),
            3 => Some("relu6"),
            4 => Some("tanh"),
            other => return Err(Unread::reason(format!("its fused activation {other} is not supported"))),
        }))
    }

    /// The same for an operator with weights, where a quantiser may have left out a rectifier whose work is done by the
    /// range of its result.
    fn rectified(&self, field: usize) -> Result<Fused, Unread> {
        let fused = self.fused(field)?;
        Ok(if self.clamped && fused.0.is_none() { Fused(Some("relu")) } else { fused })
    }

    /// Padding and steps, which stand in this order in all options.
    fn window(&self, padding: usize, dilations: Option<usize>) -> Result<Window, Unread> {
        let stride = [self.whole(padding + 2, 1)?, self.whole(padding + 1, 1)?];
        let dilation = match dilations {
            Some(field) => [self.whole(field + 1, 1)?, self.whole(field, 1)?],
            None => [1, 1],
        };
        let padding = match self.byte(padding)? {
            0 => Padding::Same,
            1 => Padding::Valid,
            other => return Err(Unread::reason(format!("its padding {other} is unknown"))),
        };
        Ok(Window { stride, dilation, padding, last: true })
    }

    /// Writes it into the network.
    pub fn write(&self, network: &mut Network) -> Outcome {
        let output = self.output()?;
        match self.kind {
            "CONV_2D" => {
                let kernel = (self.input(1)?, Kernel::Ohwi);
                let (window, fused) = (self.window(0, Some(4))?, self.rectified(3)?);
                network.conv(window, self.input(0)?, kernel, self.optional(2), fused, output)
            }
            "DEPTHWISE_CONV_2D" => {
                let kernel = (self.input(1)?, Kernel::Depthwise);
                let (window, fused) = (self.window(0, Some(5))?, self.rectified(4)?);
                network.conv(window, self.input(0)?, kernel, self.optional(2), fused, output)
            }
            "TRANSPOSE_CONV" => self.transposed(network, output),
            "FULLY_CONNECTED" => self.dense(network, output),
            "AVERAGE_POOL_2D" | "MAX_POOL_2D" => {
                let size = [self.whole(4, 0)?, self.whole(3, 0)?];
                let pool = if self.kind == "MAX_POOL_2D" { Pool::Max } else { Pool::Average };
                network.pool(pool, self.window(0, None)?, size, self.input(0)?, self.fused(5)?, output)
            }
            "MEAN" | "SUM" | "REDUCE_MAX" | "REDUCE_MIN" | "REDUCE_PROD" => {
                let op = match self.kind {
                    "MEAN" => "ReduceMean",
                    "SUM" => "ReduceSum",
                    "REDUCE_MAX" => "ReduceMax",
                    "REDUCE_MIN" => "ReduceMin",
                    _ => "ReduceProd",
                };
                network.reduce(op, self.input(0)?, self.input(1)?, self.flag(0)?, output)
            }
            "BATCH_MATMUL" => {
                let ranks = [0, 1].map(|index| self.shape_of(index).len());
                let flips = [self.flag(0)?, self.flag(1)?];
                network.matrix_product([self.input(0)?, self.input(1)?], flips, ranks, output)
            }
            "ADD" => self.pair("Add", network, output),
            "SUB" => self.pair("Sub", network, output),
            "MUL" => self.pair("Mul", network, output),
            "DIV" => self.pair("Div", network, output),
            "MAXIMUM" => self.unfused_pair("Max", network, output),
            "MINIMUM" => self.unfused_pair("Min", network, output),
            "POW" => self.unfused_pair("Pow", network, output),
            "SQUARED_DIFFERENCE" => self.unfused_pair("SquaredDifference", network, output),
            "ADD_N" => network.sum(&self.all()?, output),
            "SOFTMAX" => network.softmax(false, self.float(0, 1.0)?, self.input(0)?, output),
            "LOG_SOFTMAX" => network.softmax(true, 1.0, self.input(0)?, output),
            "LEAKY_RELU" => network.leaky(self.float(0, 0.0)?, self.input(0)?, output),
            "PRELU" => network.prelu(self.input(0)?, self.input(1)?, output),
            "GELU" => network.gelu(self.flag(0)?, self.input(0)?, output),
            "LOCAL_RESPONSE_NORMALIZATION" => {
                let numbers = [self.float(1, 0.0)?, self.float(2, 0.0)?, self.float(3, 0.0)?];
                network.local_response(self.whole(0, 0)?, numbers, self.input(0)?, output)
            }
            "CAST" => {
                let to = super::data_type(self.byte(1)?).unwrap_or(DataType::Float);
                network.cast(to, self.input(0)?, output)
            }
            "QUANTIZE" if self.clamped => network.function("relu", self.input(0)?, output),
            _ => match function(self.kind) {
                Some(function) => network.function(function, self.input(0)?, output),
                None => self.shape(network, output),
            },
        }
    }

    /// Operators that move elements.
    fn shape(&self, network: &mut Network, output: &str) -> Outcome {
        match self.kind {
            "RESHAPE" => match (self.optional(1), self.options) {
                (Some(shape), _) => network.reshape(self.input(0)?, shape, output),
                (None, Some(options)) => {
                    let shape: Vec<i64> = options.numbers::<4>(0)?.wholes().take(32).map(i64::from).collect();
                    let shape = network.list(&shape);
                    network.reshape(self.input(0)?, &shape, output)
                }
                (None, None) => Err(Unread::reason("its shape is missing")),
            },
            "SQUEEZE" => {
                let axes = self.options.map(|options| options.numbers::<4>(0)).transpose()?;
                let axes: Vec<i64> = axes.into_iter().flat_map(|axes| axes.wholes().take(32)).map(i64::from).collect();
                network.squeeze(self.input(0)?, &axes, output)
            }
            "EXPAND_DIMS" => network.expand_dims(self.input(0)?, self.input(1)?, output),
            "TRANSPOSE" => network.transpose(self.input(0)?, self.input(1)?, output),
            "CONCATENATION" => network.concat(&self.all()?, self.whole(0, 0)?, self.fused(1)?, output),
            "PACK" => network.pack(&self.all()?, self.whole(1, 0)?, output),
            "UNPACK" => network.unpack(self.input(0)?, self.whole(1, 0)?, self.outputs),
            "SPLIT" => {
                let axis = single(network, self.input(0)?)?;
                network.split(self.input(1)?, axis, None, self.outputs)
            }
            "SPLIT_V" => {
                let axis = single(network, self.input(2)?)?;
                let sizes = network.known(self.input(1)?, "sizes")?;
                network.split(self.input(0)?, axis, Some(&sizes), self.outputs)
            }
            "GATHER" => {
                if self.whole(1, 0)? != 0 {
                    return Err(Unread::reason("indices for each picture of a batch are not supported"));
                }
                network.gather(self.input(0)?, self.input(1)?, self.whole(0, 0)?, output)
            }
            "SLICE" => network.slice(self.input(0)?, self.input(1)?, self.input(2)?, output),
            "STRIDED_SLICE" => {
                let bounds = [self.input(1)?, self.input(2)?, self.input(3)?];
                let masks = Strided {
                    begin: self.whole(0, 0)?,
                    end: self.whole(1, 0)?,
                    ellipsis: self.whole(2, 0)?,
                    new_axis: self.whole(3, 0)?,
                    shrink: self.whole(4, 0)?,
                };
                network.strided_slice(self.input(0)?, bounds, masks, output)
            }
            "PAD" => network.pad("constant", self.input(0)?, self.input(1)?, None, output),
            "PADV2" => network.pad("constant", self.input(0)?, self.input(1)?, Some(self.input(2)?), output),
            "MIRROR_PAD" => {
                let mode = if self.byte(0)? == 0 { "reflect" } else { "symmetric" };
                network.pad(mode, self.input(0)?, self.input(1)?, None, output)
            }
            "RESIZE_BILINEAR" => {
                let how = (self.flag(2)?, self.flag(3)?);
                network.resize(false, how, self.input(1)?, self.input(0)?, output)
            }
            "RESIZE_NEAREST_NEIGHBOR" => {
                let how = (self.flag(0)?, self.flag(1)?);
                network.resize(true, how, self.input(1)?, self.input(0)?, output)
            }
            "DEPTH_TO_SPACE" => network.depth_space("DepthToSpace", self.whole(0, 0)?, self.input(0)?, output),
            "SPACE_TO_DEPTH" => network.depth_space("SpaceToDepth", self.whole(0, 0)?, self.input(0)?, output),
            "SPACE_TO_BATCH_ND" => network.space_to_batch(self.input(0)?, self.input(1)?, self.input(2)?, output),
            "BATCH_TO_SPACE_ND" => network.batch_to_space(self.input(0)?, self.input(1)?, self.input(2)?, output),
            "SHAPE" => network.plain("Shape", &[self.input(0)?], output),
            "TILE" => network.plain("Tile", &[self.input(0)?, self.input(1)?], output),
            "BROADCAST_TO" => network.plain("Expand", &[self.input(0)?, self.input(1)?], output),
            "ARG_MAX" => network.plain("ArgMax", &[self.input(0)?], output),
            _ => Err(Unread::Unknown),
        }
    }

    fn pair(&self, op: &str, network: &mut Network, output: &str) -> Outcome {
        network.pairwise(op, self.input(0)?, self.input(1)?, self.fused(0)?, output)
    }

    fn unfused_pair(&self, op: &str, network: &mut Network, output: &str) -> Outcome {
        network.pairwise(op, self.input(0)?, self.input(1)?, Fused(None), output)
    }

    fn dense(&self, network: &mut Network, output: &str) -> Outcome {
        if self.byte(1)? != 0 {
            return Err(Unread::reason("its weights are shuffled, which is not supported"));
        }
        let (input, weight) = (self.input(0)?, self.input(1)?);
        let fused = self.rectified(0)?;
        let flat = self.shape_of(0).len() == 2;
        if flat || self.flag(2)? {
            return network.dense(input, weight, true, self.optional(2), flat, fused, output);
        }
        // Whatever its axes, the input is read as rows that fit the matrix.
        let &[_, features] = self.shape_of(1) else {
            return Err(Unread::reason("its weights are not a matrix"));
        };
        let shape = network.list(&[-1, features]);
        let input = network.step("rows", "Reshape", &[input, &shape], vec![]);
        network.dense(&input, weight, true, self.optional(2), true, fused, output)
    }

    fn transposed(&self, network: &mut Network, output: &str) -> Outcome {
        let size = match network.integers(self.input(0)?) {
            Some(&[_, rows, columns, _]) => Some([rows, columns]),
            Some(_) => return Err(Unread::reason("the shape of its result has not four axes")),
            None => None,
        };
        let kernel = (self.input(1)?, Kernel::Ohwi);
        let kernel_size = match self.shape_of(1) {
            &[_, rows, columns, _] => Some([rows, columns]),
            _ => None,
        };
        let (window, fused) = (self.window(0, None)?, self.rectified(3)?);
        network.transposed_conv(window, self.input(2)?, kernel, size, kernel_size, self.optional(3), fused, output)
    }
}

/// One whole number.
fn single(network: &Network, name: &str) -> Result<i64, Unread> {
    match network.known(name, "axis")?.as_slice() {
        &[axis] => Ok(axis),
        other => Err(Unread::reason(format!("it has {} axes instead of one", other.len()))),
    }
}

/// Functions of single elements.
fn function(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "RELU" => "relu",
        "RELU6" => "relu6",
        "RELU_N1_TO_1" => "relu_n1_to_1",
        "RELU_0_TO_1" => "relu_0_to_1",
        "ELU" => "elu",
        "LOGISTIC" => "sigmoid",
        "TANH" => "tanh",
        "HARD_SWISH" => "hard_swish",
        "EXP" => "exp",
        "LOG" => "log",
        "SQRT" => "sqrt",
        "RSQRT" => "rsqrt",
        "SQUARE" => "square",
        "ABS" => "abs",
        "NEG" => "neg",
        "FLOOR" => "floor",
        "CEIL" => "ceil",
        // Values are not quantised here.
        "QUANTIZE" | "DEQUANTIZE" => "identity",
        _ => return None,
    })
}
