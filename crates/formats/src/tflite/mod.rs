//! TensorFlow Lite files (`.tflite`): a FlatBuffer with operators in order and weights, perhaps with a description of
//! its picture and its classes.
//!
//! Integers are turned back into the floats they stand for, weights with their scales and zero points; what a network
//! computes in integers is computed in floats here.

mod flatbuffer;
mod metadata;
mod operators;

use bytes::Bytes;
use flatbuffer::{Table, Tables};
use innspect_graph::{ChannelOrder, Graph, Preprocessing};
use operators::Operator;

use crate::{
    FormatError, Imported,
    onnx::proto::DataType,
    tensorflow::{Description, MAX_OPERATIONS, Network},
};

/// The version of the schema that all files have.
const SCHEMA: u32 = 3;

/// More axes than any classifier's tensor has.
const MAX_RANK: usize = 32;

/// More characters than the name of a tensor has; what is behind is left out.
const MAX_NAME: usize = 256;

/// Reads a TensorFlow Lite network in floats, half precision, or integers of 8 bits.
///
/// The graph's input is `[channels, height, width]`. Of several outputs the first is taken that gives one score per
/// class; a warning says so. Class names and preprocessing are those of the file's metadata, if it has any; a quantised
/// input without it tells the preprocessing by its scale.
///
/// # Errors
/// [`FormatError`] if the file is damaged, is no image classifier or uses operators that are not supported; the error
/// names the operator and what it writes.
pub fn read(bytes: Bytes, name: &str) -> Result<Imported, FormatError> {
    let damaged = |reason: &str| FormatError::Damaged { reason: reason.to_owned() };
    let root = Table::root(&bytes)?;
    let version = root.index(0)?;
    if version != SCHEMA as usize {
        return Err(FormatError::Version { what: format!("version {version} of TensorFlow Lite's schema") });
    }
    let graphs = root.tables(2)?;
    if graphs.len() == 0 {
        return Err(damaged("it holds no network"));
    }
    let mut reader = Reader::new(&bytes, root, graphs.get(0)?)?;
    let described = metadata::read(&bytes, root)?;
    let picture = reader.input()?;
    reader.operators()?;
    let outputs = reader.outputs()?;
    let Reader { network, warnings, .. } = reader;
    let description = Description { name: "", file: name, bytes: bytes.len(), outputs };
    let mut imported = network.finish(&description)?;
    imported.format = format!("TensorFlow Lite (schema {version})");
    imported.warnings.extend(warnings);
    attach(&mut imported, picture, described);
    Ok(imported)
}

/// Adds what is known of pictures and classes.
fn attach(imported: &mut Imported, picture: Option<Quantised>, described: metadata::Described) {
    let Imported { graph, warnings, .. } = imported;
    let said = described.normalisation.and_then(|(mean, std)| normalised(graph, &mean, &std));
    if let Some(preprocessing) = said.or_else(|| picture.and_then(|picture| picture.preprocessing(graph))) {
        graph.preprocessing = Some(preprocessing);
    }
    match described.labels {
        Some(labels) if labels.len() == graph.classes() => graph.labels = Some(labels),
        Some(labels) => warnings.push(format!(
            "The file names {} classes, but the network has {}; the names are not used.",
            labels.len(),
            graph.classes()
        )),
        None => {}
    }
}

/// `(pixel · scale - mean) / std` for a picture of one channel or three.
fn prepared(graph: &Graph, scale: f32, mean: Vec<f32>, std: Vec<f32>) -> Option<Preprocessing> {
    let [channels, height, width] = graph.image_shape()?;
    let order = match channels {
        1 => ChannelOrder::Grey,
        3 => ChannelOrder::Rgb,
        _ => return None,
    };
    let sound = mean.iter().chain(&std).all(|value| value.is_finite()) && !std.contains(&0.0) && scale.is_finite();
    (sound && mean.len() == channels && std.len() == channels).then(|| Preprocessing {
        scale,
        mean,
        std,
        ..Preprocessing::unit([height, width], order)
    })
}

/// Mean and deviation in pixels, one for all channels or one for each.
fn normalised(graph: &Graph, mean: &[f32], std: &[f32]) -> Option<Preprocessing> {
    let [channels, ..] = graph.image_shape()?;
    let each = |values: &[f32]| match values {
        [one] => Some(vec![*one; channels.min(4)]),
        _ => Some(values.to_vec()),
    };
    prepared(graph, 1.0, each(mean)?, each(std)?)
}

/// How the integers of a picture stand for floats.
#[derive(Clone, Copy, Debug)]
struct Quantised {
    scale: f32,
    /// The pixel value that stands for 0.
    zero: f32,
}

impl Quantised {
    /// The range of the integers is that of the pixels.
    fn preprocessing(self, graph: &Graph) -> Option<Preprocessing> {
        let [channels, ..] = graph.image_shape()?;
        prepared(graph, self.scale, vec![self.scale * self.zero; channels.min(4)], vec![1.0; channels.min(4)])
    }
}

/// The element type that a number of the schema stands for.
fn data_type(number: u8) -> Option<DataType> {
    Some(match number {
        0 => DataType::Float,
        1 => DataType::Float16,
        2 => DataType::Int32,
        3 => DataType::Uint8,
        4 => DataType::Int64,
        6 => DataType::Bool,
        7 => DataType::Int16,
        9 => DataType::Int8,
        10 => DataType::Double,
        12 => DataType::Uint64,
        15 => DataType::Uint32,
        16 => DataType::Uint16,
        _ => return None,
    })
}

fn is_float(data_type: DataType) -> bool {
    matches!(data_type, DataType::Float | DataType::Float16 | DataType::Double)
}

/// A tensor as the file describes it.
struct Tensor {
    /// What it is called in the network.
    name: String,
    /// Its number in the schema.
    kind: u8,
    dims: Vec<i64>,
    /// Sizes, of which those that are open are -1.
    signature: Vec<i64>,
    scales: Vec<f32>,
    zeros: Vec<i64>,
    /// The axis that has a scale for each element.
    axis: i64,
    buffer: usize,
    sparse: bool,
    /// Whether it was put into the network.
    declared: bool,
}

impl Tensor {
    /// Reads what the file says of a tensor; its memory is taken off what is `left`.
    fn read(table: Table, left: &mut usize) -> Result<Self, FormatError> {
        let mut name = table.text(3)?;
        // A tensor that several operations were fused into has the names of all of them.
        let end = name.find(';').unwrap_or(name.len()).min(MAX_NAME);
        name.truncate(name.floor_char_boundary(end));
        let sizes = |field: usize| -> Result<Vec<i64>, FormatError> {
            Ok(table.numbers::<4>(field)?.wholes().take(MAX_RANK + 1).map(i64::from).collect())
        };
        let (dims, signature) = (sizes(0)?, sizes(7)?);
        charge(left, 64 + name.len() + 8 * (dims.len() + signature.len()))?;
        if dims.len() > MAX_RANK || dims.iter().any(|&size| size < 0) {
            return Err(FormatError::Tensor { tensor: name, reason: format!("its shape {dims:?} is out of range") });
        }
        let (mut scales, mut zeros, mut axis) = (Vec::new(), Vec::new(), 0);
        if let Some(quantisation) = table.table(4)? {
            let (scale, zero) = (quantisation.numbers::<4>(2)?, quantisation.numbers::<8>(3)?);
            charge(left, scale.len().saturating_add(zero.len()).saturating_mul(8))?;
            scales = scale.floats().collect();
            zeros = zero.longs().collect();
            axis = i64::from(quantisation.whole(6, 0)?);
        }
        let (kind, buffer, sparse) = (table.byte(1)?, table.index(2)?, table.table(6)?.is_some());
        Ok(Self { name, kind, dims, signature, scales, zeros, axis, buffer, sparse, declared: false })
    }

    fn data_type(&self) -> Result<DataType, FormatError> {
        data_type(self.kind).ok_or_else(|| FormatError::Elements {
            tensor: self.name.clone(),
            reason: format!("its element type {} is not supported", self.kind),
        })
    }

    /// Whether its integers stand for floats.
    fn is_quantised(&self) -> bool {
        !self.scales.is_empty() && data_type(self.kind).is_some_and(|data_type| !is_float(data_type))
    }
}

/// The state of the walk over the operators.
struct Reader<'a> {
    bytes: &'a Bytes,
    graph: Table<'a>,
    codes: Tables<'a>,
    buffers: Tables<'a>,
    tensors: Vec<Tensor>,
    network: Network,
    warnings: Vec<String>,
    /// How many bytes may still be made. Tensors may share a buffer and operators a list, but the copies take memory.
    left: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a Bytes, root: Table<'a>, graph: Table<'a>) -> Result<Self, FormatError> {
        let mut network = Network::new("TensorFlow Lite");
        let mut left = bytes.len().saturating_mul(2).saturating_add(1 << 22);
        let mut tensors =
            graph.tables(0)?.iter().map(|table| Tensor::read(table?, &mut left)).collect::<Result<Vec<_>, _>>()?;
        let (codes, buffers) = (root.tables(1)?, root.tables(4)?);
        // Layers are known by what they write; weights that share the name come second.
        for constant in [false, true] {
            for tensor in &mut tensors {
                if buffers.get(tensor.buffer).is_ok_and(|buffer| holds_data(buffer)) == constant {
                    tensor.name = network.unique(&tensor.name);
                }
            }
        }
        Ok(Self { bytes, graph, codes, buffers, tensors, network, warnings: Vec::new(), left })
    }

    fn tensor(&self, index: i32) -> Result<&Tensor, FormatError> {
        find(&self.tensors, index)
    }

    /// Adds the picture; how its integers stand for floats, if it has integers.
    fn input(&mut self) -> Result<Option<Quantised>, FormatError> {
        let inputs: Vec<i32> = self.graph.numbers::<4>(1)?.wholes().take(9).collect();
        let &[index] = inputs.as_slice() else {
            let names: Vec<&str> =
                inputs.iter().filter_map(|&index| self.tensor(index).ok()).map(|tensor| tensor.name.as_str()).collect();
            let reason = match names.as_slice() {
                [] => "it has no input".to_owned(),
                names => format!("it has {} inputs: {}", names.len(), names.join(", ")),
            };
            return Err(FormatError::Input { reason });
        };
        let tensor = self.tensor(index)?;
        let quantised = match (tensor.is_quantised(), tensor.scales.first(), tensor.data_type()?) {
            (true, Some(&scale), data_type) => {
                let low = match data_type {
                    DataType::Int8 => -128.0,
                    _ => 0.0,
                };
                let zero = tensor.zeros.first().copied().unwrap_or(0) as f32;
                matches!(data_type, DataType::Int8 | DataType::Uint8).then_some(Quantised { scale, zero: zero - low })
            }
            _ => None,
        };
        let data_type = if tensor.is_quantised() { DataType::Float } else { tensor.data_type()? };
        let open = tensor.signature.len() == tensor.dims.len();
        let mut dims: Vec<Option<i64>> = tensor
            .dims
            .iter()
            .enumerate()
            .map(|(at, &size)| (!open || tensor.signature.get(at) != Some(&-1)).then_some(size))
            .collect();
        // Without the channels there is no batch that could be told from a height.
        if let [batch @ None, _, _] = dims.as_mut_slice() {
            *batch = Some(1);
        }
        let name = tensor.name.clone();
        self.network.input(&name, data_type, &dims);
        self.declare(index);
        Ok(quantised)
    }

    /// Says that a tensor is written, so that it is no constant.
    fn declare(&mut self, index: i32) {
        if let Some(tensor) = usize::try_from(index).ok().and_then(|index| self.tensors.get_mut(index)) {
            tensor.declared = true;
        }
    }

    /// Writes the operators.
    fn operators(&mut self) -> Result<(), FormatError> {
        let operators = self.graph.tables(3)?;
        if operators.len() > MAX_OPERATIONS {
            return Err(FormatError::TooLarge { what: "operators", actual: operators.len(), limit: MAX_OPERATIONS });
        }
        for operator in operators.iter() {
            self.operator(operator?)?;
        }
        Ok(())
    }

    /// The name of an operator.
    fn kind(&self, operator: Table) -> Result<String, FormatError> {
        let code = self.codes.get(operator.index(0)?)?;
        // The number was one byte until there were too many.
        let number = usize::from(code.byte(0)?).max(code.index(3)?);
        Ok(match operators::name(number).as_str() {
            "CUSTOM" => {
                let custom = code.text(1)?;
                if custom.is_empty() { "CUSTOM".to_owned() } else { custom.chars().take(MAX_NAME).collect() }
            }
            name => name.to_owned(),
        })
    }

    fn operator(&mut self, operator: Table) -> Result<(), FormatError> {
        let kind = self.kind(operator)?;
        let list = |field: usize| -> Result<Vec<i32>, FormatError> {
            Ok(operator.numbers::<4>(field)?.wholes().take(4097).collect())
        };
        let (inputs, outputs) = (list(1)?, list(2)?);
        if inputs.len().max(outputs.len()) > 4096 {
            let actual = operator.numbers::<4>(1)?.len();
            return Err(FormatError::TooLarge { what: "inputs of an operator", actual, limit: 4096 });
        }
        for &input in inputs.iter().filter(|&&input| input != -1) {
            self.constant(input)?;
        }
        for &tensor in inputs.iter().chain(&outputs).filter(|&&tensor| tensor != -1) {
            let length = self.tensor(tensor)?.name.len();
            charge(&mut self.left, 64 + length)?;
        }
        let mut written = Vec::new();
        for &output in &outputs {
            written.push(self.tensor(output)?.name.clone());
            self.declare(output);
        }
        let mut given: Vec<Option<&str>> = Vec::new();
        let mut shapes = Vec::new();
        for &input in &inputs {
            // -1 is an input that is left out.
            let tensor = (input != -1).then(|| find(&self.tensors, input)).transpose()?;
            given.push(tensor.map(|tensor| tensor.name.as_str()));
            shapes.push(tensor.map(|tensor| tensor.dims.clone()).unwrap_or_default());
        }
        let result = outputs.first().map(|&output| find(&self.tensors, output)).transpose()?;
        let activation = result.is_some_and(Tensor::is_quantised);
        let text = "Activations are quantised in the file; they are computed in full precision here.";
        if activation && self.warnings.is_empty() {
            self.warnings.push(text.to_owned());
        }
        let clamped = activation
            && result.is_some_and(|result| {
                let low = match data_type(result.kind) {
                    Some(DataType::Int8) => -128,
                    Some(DataType::Uint8) => 0,
                    _ => return false,
                };
                result.zeros.as_slice() == [low]
            });
        let title = title(&written, &given);
        let options = operator.table(4)?;
        let reads: Vec<&str> = given.iter().copied().flatten().collect();
        let operator = Operator { kind: &kind, options, inputs: given, shapes, outputs: &written, clamped };
        self.network.operation(&kind, &title, &reads, &written, |network| operator.write(network))
    }

    /// Puts a constant into the network when it is first read.
    fn constant(&mut self, index: i32) -> Result<(), FormatError> {
        let tensor = self.tensor(index)?;
        if tensor.declared {
            return Ok(());
        }
        let fail = |reason: String| FormatError::Tensor { tensor: tensor.name.clone(), reason };
        let buffer =
            self.buffers.get(tensor.buffer).map_err(|_| fail(format!("there is no buffer {}", tensor.buffer)))?;
        let span = match (buffer.span(0)?, buffer.long(1)?, buffer.long(2)?) {
            (Some(span), ..) => span,
            // Files above 2 GB have their weights behind the FlatBuffer.
            (None, start @ 2.., length) => {
                let end = start.checked_add(length).and_then(|end| usize::try_from(end).ok());
                let start = usize::try_from(start).ok();
                start
                    .zip(end)
                    .map(|(start, end)| start..end)
                    .ok_or_else(|| fail("its buffer is out of range".to_owned()))?
            }
            (None, ..) => return Ok(()),
        };
        if tensor.sparse {
            let reason = "it is sparse, which is not supported".to_owned();
            return Err(FormatError::Elements { tensor: tensor.name.clone(), reason });
        }
        if span.is_empty() {
            return Ok(());
        }
        let data_type = tensor.data_type()?;
        if span.start > span.end || span.end > self.bytes.len() {
            return Err(fail("its buffer is cut off".to_owned()));
        }
        let raw = self.bytes.slice(span);
        let (name, dims) = (tensor.name.clone(), tensor.dims.clone());
        let quantisation = tensor.is_quantised().then(|| (tensor.scales.clone(), tensor.zeros.clone(), tensor.axis));
        charge(&mut self.left, raw.len())?;
        let Some((scales, zeros, axis)) = quantisation else {
            self.network.constant(&name, &dims, data_type, raw);
            self.declare(index);
            return Ok(());
        };
        let stored = self.network.unique(&format!("{name}/quantised"));
        self.network.constant(&stored, &dims, data_type, raw);
        self.network.dequantised(&stored, &scales, &zeros, axis, &name);
        self.declare(index);
        Ok(())
    }

    /// The outputs with what is known of them.
    fn outputs(&self) -> Result<Vec<(String, Option<usize>, bool)>, FormatError> {
        self.graph
            .numbers::<4>(2)?
            .wholes()
            .take(256)
            .map(|index| {
                let tensor = self.tensor(index)?;
                let float = tensor.is_quantised() || is_float(tensor.data_type()?);
                Ok((tensor.name.clone(), Some(tensor.dims.len()), float))
            })
            .collect()
    }
}

fn find(tensors: &[Tensor], index: i32) -> Result<&Tensor, FormatError> {
    let tensor = usize::try_from(index).ok().and_then(|index| tensors.get(index));
    tensor.ok_or_else(|| FormatError::Damaged { reason: format!("there is no tensor {index}") })
}

/// Whether a buffer has bytes of its own or behind the FlatBuffer.
fn holds_data(buffer: Table) -> bool {
    buffer.span(0).is_ok_and(|span| span.is_some_and(|span| !span.is_empty()))
        || buffer.long(1).is_ok_and(|start| start > 1)
}

/// Takes bytes off what is left for copies.
fn charge(left: &mut usize, bytes: usize) -> Result<(), FormatError> {
    *left = left.checked_sub(bytes).ok_or_else(|| FormatError::Damaged {
        reason: "its parts share their data so often that they do not fit".to_owned(),
    })?;
    Ok(())
}

/// What an operator is called: as what it writes. Outputs of a whole function do not say what they are, so their
/// operators are called as their weights.
fn title(outputs: &[String], inputs: &[Option<&str>]) -> String {
    let output = outputs.first().map(String::as_str).unwrap_or_default();
    let weight = inputs.get(1).copied().flatten().filter(|_| inputs.len() > 1);
    match weight {
        Some(weight) if output.contains("PartitionedCall") && !weight.contains("PartitionedCall") => weight.to_owned(),
        _ => output.to_owned(),
    }
}
