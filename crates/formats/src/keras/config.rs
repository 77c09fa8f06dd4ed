//! The architecture as Keras writes it: a tree of models and layers in JSON, brought into one form.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::FormatError;

/// Deeper nesting than any network has; the JSON reader has a limit of its own.
const MAX_DEPTH: usize = 32;

/// More layers than any classifier has; deep networks have some thousands.
pub(super) const MAX_LAYERS: usize = 50_000;

/// More characters than the name of a layer has.
const MAX_NAME: usize = 1024;

/// More constants than an operator reads.
const MAX_NUMBERS: usize = 4096;

/// A result of a layer's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Source {
    /// Position in [`Model::layers`].
    pub layer: usize,
    /// Which of the layer's calls.
    pub call: usize,
    /// Which of the call's results.
    pub output: usize,
}

/// What a layer is called with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    Tensor(Source),
    Numbers(Vec<f64>),
}

/// A layer of a model.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub class: String,
    pub name: String,
    /// Where its class is defined, empty in Keras 2.
    pub module: String,
    pub config: Map<String, Value>,
    /// The model it is, if it is one.
    pub model: Option<Model>,
    pub calls: Vec<Vec<Argument>>,
}

/// A network of layers.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub name: String,
    pub layers: Vec<Layer>,
    pub inputs: Vec<Source>,
    pub outputs: Vec<Source>,
}

fn bad(reason: impl Into<String>) -> FormatError {
    FormatError::Damaged { reason: format!("its description of the network is not right: {}", reason.into()) }
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Reads the JSON of a whole model.
///
/// # Errors
/// If it is no Sequential or Functional model.
pub(super) fn parse(json: &str) -> Result<Model, FormatError> {
    from_value(serde_json::from_str(json).map_err(|error| bad(error.to_string()))?, json.len())
}

/// The same from JSON of `length` bytes that was read already.
pub(super) fn from_value(value: Value, length: usize) -> Result<Model, FormatError> {
    let Value::Object(object) = value else { return Err(bad("it is not an object")) };
    // Names inside a model have its name in front; a file can afford so much of that.
    let mut left = Limits { layers: MAX_LAYERS, text: (1 << 22) + length };
    let class = text(&object, "class_name").to_owned();
    if class.is_empty() {
        return Err(bad("it names no class"));
    }
    layer(object, 0, 0, &mut left)?.model.ok_or(FormatError::Subclass { class })
}

/// What the layers of a file may still take.
struct Limits {
    layers: usize,
    /// Characters of names.
    text: usize,
}

/// Reads a layer whose models in front of it have `above` characters of names.
fn layer(mut object: Map<String, Value>, depth: usize, above: usize, left: &mut Limits) -> Result<Layer, FormatError> {
    if depth > MAX_DEPTH {
        return Err(FormatError::TooLarge { what: "models inside each other", actual: depth, limit: MAX_DEPTH });
    }
    left.layers = left.layers.checked_sub(1).ok_or(FormatError::TooLarge {
        what: "layers",
        actual: MAX_LAYERS + 1,
        limit: MAX_LAYERS,
    })?;
    // A class that is registered under the name of a package is written with it: Custom>LayerScale.
    let class = text(&object, "class_name").rsplit('>').next().unwrap_or_default().to_owned();
    let module = text(&object, "module").to_owned();
    let outer = text(&object, "name").to_owned();
    // The first Sequential models are a bare list.
    let mut config = match object.remove("config") {
        Some(Value::Object(config)) => config,
        Some(list @ Value::Array(_)) => Map::from_iter([("layers".to_owned(), list)]),
        _ => Map::new(),
    };
    let inner = text(&config, "name").to_owned();
    let name = if inner.is_empty() { outer } else { inner };
    if name.len().max(class.len()) > MAX_NAME {
        return Err(FormatError::TooLarge {
            what: "characters in the name of a layer",
            actual: name.len().max(class.len()),
            limit: MAX_NAME,
        });
    }
    let above = above + name.len() + class.len() + 8;
    left.text = left.text.checked_sub(above).ok_or_else(|| bad("its names are too long"))?;
    if let Some(shape) = object.get("build_config").and_then(|build| build.get("input_shape")) {
        config.entry("build_input_shape").or_insert_with(|| shape.clone());
    }
    let model = match config.remove("layers") {
        // A class of a person's own that is made as a Functional model is one.
        Some(Value::Array(layers)) => {
            let functional = config.contains_key("output_layers");
            if !functional && class != "Sequential" {
                return Err(FormatError::UnknownLayer { class, layer: name });
            }
            let model = Parser { layers, config: &config, depth, above, left };
            Some(if functional { model.functional(&name)? } else { model.sequential(&name)? })
        }
        _ => None,
    };
    // Only a model reads its inbound nodes with names of layers resolved; that is done by its parent.
    if let Some(nodes) = object.remove("inbound_nodes") {
        config.insert(INBOUND.to_owned(), nodes);
    }
    Ok(Layer { class, name, module, config, model, calls: Vec::new() })
}

/// Where a layer's calls are kept until the layers they name are known.
const INBOUND: &str = " inbound_nodes";

struct Parser<'a> {
    layers: Vec<Value>,
    config: &'a Map<String, Value>,
    depth: usize,
    above: usize,
    left: &'a mut Limits,
}

impl Parser<'_> {
    fn children(&mut self) -> Result<Vec<Layer>, FormatError> {
        let mut children = Vec::new();
        for value in std::mem::take(&mut self.layers) {
            let Value::Object(object) = value else { return Err(bad("a layer is not an object")) };
            children.push(layer(object, self.depth + 1, self.above, self.left)?);
        }
        Ok(children)
    }

    fn sequential(mut self, name: &str) -> Result<Model, FormatError> {
        let mut layers = self.children()?;
        if layers.first().is_none_or(|first| first.class != "InputLayer") {
            let first = layers.first();
            let shape = first.and_then(|first| shape(first, 0)).or_else(|| {
                let built = ["batch_input_shape", "build_input_shape"].map(|key| self.config.get(key).cloned());
                built.into_iter().flatten().find(Value::is_array)
            });
            let config = shape.map(|shape| ("batch_shape".to_owned(), shape)).into_iter().collect();
            let input = Layer {
                class: "InputLayer".to_owned(),
                name: format!("{name}_input"),
                module: String::new(),
                config,
                model: None,
                calls: Vec::new(),
            };
            layers.insert(0, input);
        }
        let at = |layer: usize| Source { layer, call: 0, output: 0 };
        for (index, layer) in layers.iter_mut().enumerate() {
            layer.config.remove(INBOUND);
            layer.calls = index.checked_sub(1).map(|before| vec![Argument::Tensor(at(before))]).into_iter().collect();
        }
        let last = layers.len().saturating_sub(1);
        Ok(Model { name: name.to_owned(), layers, inputs: vec![at(0)], outputs: vec![at(last)] })
    }

    fn functional(mut self, name: &str) -> Result<Model, FormatError> {
        let mut layers = self.children()?;
        let mut index = HashMap::new();
        for (position, layer) in layers.iter().enumerate() {
            if index.insert(layer.name.clone(), position).is_some() {
                return Err(bad(format!("two layers are called {:?}", layer.name)));
            }
        }
        let nodes: Vec<Vec<Vec<Raw>>> = layers
            .iter_mut()
            .map(|layer| match layer.config.remove(INBOUND) {
                Some(Value::Array(nodes)) => nodes.iter().map(call).collect(),
                _ => Ok(Vec::new()),
            })
            .collect::<Result<_, _>>()?;
        let ends = |key: &str| {
            let mut list = Vec::new();
            self.config.get(key).map_or(Ok(()), |value| references(value, 0, &mut list)).map(|()| list)
        };
        let (inputs, outputs) = (ends("input_layers")?, ends("output_layers")?);

        // A model counts its calls from 1 in some versions, since making it was its first.
        let mut highest = vec![0; layers.len()];
        for (name, call, _) in nodes.iter().flatten().flatten().filter_map(Raw::tensor).chain(&outputs) {
            if let Some(highest) = index.get(name).and_then(|&at| highest.get_mut(at)) {
                *highest = (*highest).max(*call);
            }
        }
        let first: Vec<usize> = (layers.iter().zip(&nodes).zip(&highest))
            .map(|((layer, calls), &highest)| usize::from(layer.model.is_some() && highest >= calls.len().max(1)))
            .collect();
        let resolve = |(name, call, output): &(String, usize, usize)| -> Result<Source, FormatError> {
            let layer = *index.get(name).ok_or_else(|| bad(format!("there is no layer {name:?}")))?;
            let call = call.checked_sub(first.get(layer).copied().unwrap_or_default());
            let call = call.ok_or_else(|| bad(format!("{name:?} has no such call")))?;
            Ok(Source { layer, call, output: *output })
        };
        for (layer, calls) in layers.iter_mut().zip(&nodes) {
            layer.calls = calls
                .iter()
                .map(|call| {
                    call.iter()
                        .map(|argument| match argument {
                            Raw::Tensor(tensor) => resolve(tensor).map(Argument::Tensor),
                            Raw::Numbers(numbers) => Ok(Argument::Numbers(numbers.clone())),
                        })
                        .collect()
                })
                .collect::<Result<_, _>>()?;
        }
        let inputs = inputs.iter().map(resolve).collect::<Result<_, _>>()?;
        let outputs = outputs.iter().map(resolve).collect::<Result<_, _>>()?;
        Ok(Model { name: name.to_owned(), layers, inputs, outputs })
    }
}

/// An argument with a layer's name instead of its position.
enum Raw {
    Tensor((String, usize, usize)),
    Numbers(Vec<f64>),
}

impl Raw {
    fn tensor(&self) -> Option<&(String, usize, usize)> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            Self::Numbers(_) => None,
        }
    }
}

/// `["name", 1, 0]`, perhaps with keyword arguments behind it.
fn reference(list: &[Value]) -> Option<(String, usize, usize)> {
    let small = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    match list {
        [Value::String(name), call, output, ..] => Some((name.clone(), small(call)?, small(output)?)),
        _ => None,
    }
}

/// All references in a list, an object or a single one.
fn references(value: &Value, depth: usize, found: &mut Vec<(String, usize, usize)>) -> Result<(), FormatError> {
    match value {
        Value::Array(list) => match reference(list) {
            Some(one) => found.push(one),
            None if depth < MAX_DEPTH => list.iter().try_for_each(|inner| references(inner, depth + 1, found))?,
            None => return Err(bad("its outputs are nested too deep")),
        },
        Value::Object(entries) if depth < MAX_DEPTH => {
            entries.values().try_for_each(|inner| references(inner, depth + 1, found))?;
        }
        _ => return Err(bad("an input or output is not the name of a layer")),
    }
    Ok(())
}

/// The arguments of one call, in any version's form.
fn call(node: &Value) -> Result<Vec<Raw>, FormatError> {
    let mut arguments = Vec::new();
    match node {
        // Keras 3: {"args": [..], "kwargs": {..}}.
        Value::Object(node) => {
            if let Some(args) = node.get("args") {
                collect(args, 0, &mut arguments)?;
            }
            if let Some(Value::Object(named)) = node.get("kwargs") {
                named_arguments(named, &mut arguments)?;
            }
        }
        Value::Array(node) => match node.as_slice() {
            // An operator of TensorFlow: ["name", 0, 0, {"y": ..}].
            [Value::String(_), ..] => positional(node, &mut arguments)?,
            inputs => {
                for input in inputs {
                    match input {
                        Value::Array(input) => positional(input, &mut arguments)?,
                        _ => return Err(bad("a layer's input is not a list")),
                    }
                }
            }
        },
        _ => return Err(bad("a layer's inputs are not a list")),
    }
    Ok(arguments)
}

fn positional(input: &[Value], arguments: &mut Vec<Raw>) -> Result<(), FormatError> {
    match input {
        [Value::String(constant), _, value, ..] if constant == "_CONSTANT_VALUE" => {
            arguments.push(Raw::Numbers(numbers(value).ok_or_else(|| bad("a constant is not a number"))?));
        }
        _ => arguments.push(Raw::Tensor(reference(input).ok_or_else(|| bad("a layer's input has no name"))?)),
    }
    if let Some(Value::Object(named)) = input.get(3) {
        named_arguments(named, arguments)?;
    }
    Ok(())
}

/// The second operand of an operator; other named arguments are settings.
fn named_arguments(named: &Map<String, Value>, arguments: &mut Vec<Raw>) -> Result<(), FormatError> {
    for key in ["x", "y", "x1", "x2"] {
        match named.get(key) {
            Some(Value::Array(list)) if reference(list).is_some() => arguments.extend(reference(list).map(Raw::Tensor)),
            Some(value) => collect(value, 0, arguments)?,
            None => {}
        }
    }
    Ok(())
}

fn collect(value: &Value, depth: usize, arguments: &mut Vec<Raw>) -> Result<(), FormatError> {
    if let Some(list) = numbers(value).filter(|list| !list.is_empty()) {
        arguments.push(Raw::Numbers(list));
        return Ok(());
    }
    match value {
        Value::Array(list) if depth < MAX_DEPTH => {
            list.iter().try_for_each(|inner| collect(inner, depth + 1, arguments))
        }
        Value::Object(object) => {
            let history = object.get("config").and_then(|config| config.get("keras_history"));
            match history.and_then(Value::as_array).and_then(|list| reference(list)) {
                Some(tensor) => {
                    arguments.push(Raw::Tensor(tensor));
                    Ok(())
                }
                // A constant array: {"class_name": "__numpy__" or "__tensor__", "config": {"value": ..}}.
                None => match object.get("config").and_then(|config| config.get("value")) {
                    Some(value) if depth < MAX_DEPTH => collect(value, depth + 1, arguments),
                    _ => Err(bad("a layer's argument is neither a tensor nor a number")),
                },
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        _ => Err(bad("a layer's arguments are nested too deep")),
    }
}

/// A number or a list of numbers, an inner list of one being taken as its number.
fn numbers(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::Number(number) => number.as_f64().map(|number| vec![number]),
        Value::Array(list) => match list.as_slice() {
            [Value::Array(inner)] => numbers_of(inner),
            list => numbers_of(list),
        },
        _ => None,
    }
}

fn numbers_of(list: &[Value]) -> Option<Vec<f64>> {
    if list.len() > MAX_NUMBERS {
        return None;
    }
    list.iter().map(Value::as_f64).collect()
}

/// The shape with the batch that a layer declares or, if it is a model, its first layer.
pub(super) fn shape(layer: &Layer, depth: usize) -> Option<Value> {
    let own = ["batch_shape", "batch_input_shape", "build_input_shape"].map(|key| layer.config.get(key));
    if let Some(shape) = own.into_iter().flatten().find(|shape| shape.is_array()) {
        return Some(shape.clone());
    }
    let model = layer.model.as_ref().filter(|_| depth < MAX_DEPTH)?;
    let first = model.inputs.first().and_then(|first| model.layers.get(first.layer))?;
    shape(first, depth + 1)
}
