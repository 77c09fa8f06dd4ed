//! The walk over the layers of a model.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

use innspect_graph::{GraphBuilder, Op, ParamId, ValueId, Weights as Elements, passes};
use serde_json::Value;

use super::{
    Refusal, applications,
    config::{Argument, Layer, Model, Source, shape},
    layers,
    weights::{Weights, join},
};
use crate::{FormatError, Imported};

/// The side of the picture where the file leaves it open: what most classifiers were trained with.
const DEFAULT_SIDE: usize = 224;

/// More calls than any classifier makes. Models in models could otherwise call each other without end.
const MAX_CALLS: usize = 20_000;

/// More characters than the names of all nodes have.
const MAX_NAMES: usize = 1 << 24;

/// A value as a layer sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tensor {
    pub id: ValueId,
    /// Whether the layer sees `[H, W, C]` where the graph has `[C, H, W]`.
    pub last: bool,
}

/// What a layer is called with.
pub(super) enum Input {
    Tensor(Tensor),
    Numbers(Vec<f64>),
}

/// The state of the walk.
pub(super) struct Importer<'a> {
    pub builder: GraphBuilder,
    pub weights: &'a Weights<'a>,
    /// Whether Keras 3 wrote the file, which changed what some activations mean.
    pub keras3: bool,
    params: HashMap<String, ParamId>,
    calls: usize,
    /// Characters of names so far.
    names: usize,
    /// How often each name was given to a node.
    titles: HashMap<String, usize>,
}

pub(super) fn import(
    model: &Model,
    weights: &Weights,
    version: &str,
    container: &str,
    file: &str,
) -> Result<Imported, FormatError> {
    let mut warnings = Vec::new();
    let input = input(model, &mut warnings)?;
    let name = if model.name.is_empty() { file } else { &model.name };
    let builder = GraphBuilder::new(name, input.name, input.sample);
    let mut picture = Tensor { id: builder.input(), last: input.last };
    let keras3 = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 3);
    let mut importer =
        Importer { builder, weights, keras3, params: HashMap::new(), calls: 0, names: 0, titles: HashMap::new() };
    if let Some(shape) = input.reshape {
        // Rows of pixels, or all of them in a row.
        let permutation = vec![1, 2, 0];
        let moved = importer.builder.node("", Op::Transpose { permutation }, &[picture.id], "")?;
        let title = format!("{}/layout", input.name);
        picture = Tensor { id: importer.builder.node("", Op::Reshape { shape }, &[moved], title)?, last: false };
    }
    let outputs =
        model.outputs.get(..1).ok_or_else(|| FormatError::Output { reason: "it has no output".to_owned() })?;
    let results = importer.model(model, "", &[picture], outputs)?;
    let output = *results.first().ok_or_else(|| FormatError::Output { reason: "it has no output".to_owned() })?;
    let title =
        model.outputs.first().and_then(|output| model.layers.get(output.layer)).map(|layer| layer.name.as_str());
    let title = title.unwrap_or_default();
    let classes = importer.builder.shape(output.id);
    if output.id == importer.builder.input() {
        return Err(FormatError::Output { reason: "its output is the picture itself".to_owned() });
    }
    if classes.dims().iter().filter(|&&size| size > 1).count() > 1 {
        return Err(FormatError::Output { reason: format!("its output {title:?} has shape {classes}") });
    }
    if model.outputs.len() > 1 {
        warnings.push(format!("Of its {} outputs, {title:?} is taken as the class scores.", model.outputs.len()));
    }
    let mut graph = passes::optimize(importer.builder.finish(output.id))?;
    graph.labels = applications::labels(&graph.name, graph.classes());
    // A network that was trained for other classes may have been given other pictures.
    if let (Some([3, height, width]), Some(_)) = (graph.image_shape(), &graph.labels) {
        graph.preprocessing = applications::preprocessing(&graph.name, [height, width]);
    }
    crate::check_weights(&graph, &mut warnings);
    let version = if version.is_empty() { "of unknown version" } else { version };
    Ok(Imported { graph, format: format!("Keras {version} ({container})"), warnings })
}

/// The picture as the file describes it and as the graph has it.
struct Picture<'a> {
    name: &'a str,
    /// Shape of the graph's input, `[C, H, W]`.
    sample: Vec<usize>,
    /// Whether the network sees `[H, W, C]`.
    last: bool,
    /// The shape that the network sees where it is no picture.
    reshape: Option<Vec<usize>>,
}

fn input<'a>(model: &'a Model, warnings: &mut Vec<String>) -> Result<Picture<'a>, FormatError> {
    let refuse = |reason: String| FormatError::Input { reason };
    let layer = match model.inputs.as_slice() {
        [one] => model.layers.get(one.layer).ok_or_else(|| refuse("it has no input".to_owned()))?,
        [] => return Err(refuse("it has no input".to_owned())),
        more => {
            let name = |input: &Source| model.layers.get(input.layer).map(|layer| layer.name.as_str());
            let names: Vec<&str> = more.iter().filter_map(name).take(8).collect();
            return Err(refuse(format!("it has {} inputs: {}", more.len(), names.join(", "))));
        }
    };
    let declared = shape(layer, 0).ok_or_else(|| refuse("the file does not say the size of its input".to_owned()))?;
    let mut dims = Vec::new();
    // The batch comes first.
    for size in declared.as_array().map(Vec::as_slice).unwrap_or_default().iter().skip(1) {
        dims.push(match size {
            Value::Null => None,
            size => Some(match size.as_u64().and_then(|size| usize::try_from(size).ok()) {
                Some(size @ 1..=65536) => size,
                _ => return Err(refuse(format!("its input has an axis of size {size}"))),
            }),
        });
    }
    let name = layer.name.as_str();
    let mut side = |size: Option<usize>, what: &str| {
        size.unwrap_or_else(|| {
            warnings.push(format!("The file leaves the {what} of the picture open; {DEFAULT_SIDE} is used."));
            DEFAULT_SIDE
        })
    };
    match dims.as_slice() {
        &[first, second, third] => {
            let last = match data_format(model, 0) {
                Some(last) => last,
                None => matches!(third, Some(1..=4)) || !matches!(first, Some(1 | 3)),
            };
            let (channels, height, width) = if last { (third, first, second) } else { (first, second, third) };
            let (height, width) = (side(height, "height"), side(width, "width"));
            let channels = channels.unwrap_or_else(|| {
                warnings.push("The file does not say how many channels the picture has; 3 are used.".to_owned());
                3
            });
            Ok(Picture { name, sample: vec![channels, height, width], last, reshape: None })
        }
        &[height, width] => {
            let (height, width) = (side(height, "height"), side(width, "width"));
            Ok(Picture { name, sample: vec![1, height, width], last: true, reshape: Some(vec![height, width]) })
        }
        // A flat vector of pixels, as for MNIST in many courses.
        &[Some(features)] => {
            let square = |count: usize| (1..=4096usize).find(|side| side * side == count);
            let (channels, side) = square(features)
                .map(|side| (1, side))
                .or_else(|| features.is_multiple_of(3).then(|| square(features / 3)).flatten().map(|side| (3, side)))
                .ok_or_else(|| refuse(format!("its input {name:?} is a vector of {features} numbers")))?;
            warnings.push(format!("The input is a vector; it is read as a picture of {channels} × {side} × {side}."));
            Ok(Picture { name, sample: vec![channels, side, side], last: true, reshape: Some(vec![features]) })
        }
        other => Err(refuse(format!("its input {name:?} has {} axes", other.len() + 1))),
    }
}

/// Whether the first layer that says so sees channels last.
fn data_format(model: &Model, depth: usize) -> Option<bool> {
    model.layers.iter().find_map(|layer| match &layer.model {
        Some(inner) if depth < 64 => data_format(inner, depth + 1),
        _ => match layer.config.get("data_format").and_then(Value::as_str) {
            Some("channels_first") => Some(false),
            Some("channels_last") => Some(true),
            _ => None,
        },
    })
}

impl Importer<'_> {
    /// Reads the layers that `outputs` depend on. `path` is the model's own place in the tree of models.
    fn model(
        &mut self,
        model: &Model,
        path: &str,
        inputs: &[Tensor],
        outputs: &[Source],
    ) -> Result<Vec<Tensor>, FormatError> {
        let broken = |reason: String| FormatError::Damaged {
            reason: format!("its description of the network is not right: {reason}"),
        };
        let mut values: HashMap<(usize, usize), Vec<Tensor>> = HashMap::new();
        for (input, tensor) in model.inputs.iter().zip(inputs) {
            values.insert((input.layer, input.call), vec![*tensor]);
        }
        if inputs.len() != model.inputs.len() {
            return Err(broken(format!(
                "{:?} has {} inputs, {} are given",
                model.name,
                model.inputs.len(),
                inputs.len()
            )));
        }
        for key in order(model, outputs, &values)? {
            let (at, call) = key;
            let layer = model.layers.get(at).ok_or_else(|| broken("a layer is missing".to_owned()))?;
            self.calls += 1;
            if self.calls > MAX_CALLS {
                return Err(FormatError::TooLarge { what: "calls of layers", actual: self.calls, limit: MAX_CALLS });
            }
            let mut given = Vec::new();
            for argument in layer.calls.get(call).map(Vec::as_slice).unwrap_or_default() {
                given.push(match argument {
                    Argument::Numbers(numbers) => Input::Numbers(numbers.clone()),
                    Argument::Tensor(source) => {
                        let tensor = values.get(&(source.layer, source.call)).and_then(|list| list.get(source.output));
                        let missing = || broken(format!("{:?} reads a result that does not exist", layer.name));
                        Input::Tensor(*tensor.ok_or_else(missing)?)
                    }
                });
            }
            let results = match &layer.model {
                Some(inner) => {
                    let tensors: Vec<Tensor> = given
                        .iter()
                        .filter_map(|input| match input {
                            Input::Tensor(tensor) => Some(*tensor),
                            Input::Numbers(_) => None,
                        })
                        .collect();
                    let path = join(path, &layer.name);
                    self.model(inner, &path, &tensors, &inner.outputs)?
                }
                None => vec![self.step(layer, &join(path, &layer.name), &given)?],
            };
            values.insert(key, results);
        }
        outputs
            .iter()
            .map(|source| {
                let tensor = values.get(&(source.layer, source.call)).and_then(|list| list.get(source.output));
                tensor.copied().ok_or_else(|| broken("its output does not exist".to_owned()))
            })
            .collect()
    }

    /// Reads one layer; `name` is its name with the models it is in.
    fn step(&mut self, layer: &Layer, name: &str, inputs: &[Input]) -> Result<Tensor, FormatError> {
        self.names = self.names.saturating_add(name.len());
        if self.names > MAX_NAMES {
            return Err(FormatError::TooLarge { what: "characters of names", actual: self.names, limit: MAX_NAMES });
        }
        let result = layers::convert(self, layer, name, inputs);
        result.map_err(|refusal| {
            let (class, layer) = (layer.class.clone(), name.to_owned());
            match refusal {
                Refusal::Graph(error) => FormatError::Layer { class, layer, reason: error.to_string() },
                Refusal::Reason(reason) => FormatError::Layer { class, layer, reason },
                Refusal::Unknown => FormatError::UnknownLayer { class, layer },
                Refusal::File(error) => error,
            }
        })
    }

    /// Adds a node that is called `name`, or `name_2` and so on where a layer is called again.
    pub fn add(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, Refusal> {
        let count = self.titles.entry(name.to_owned()).or_default();
        *count += 1;
        let title = if *count == 1 { name.to_owned() } else { format!("{name}_{count}") };
        Ok(self.builder.node(title.clone(), op, inputs, title)?)
    }

    /// Puts a weight into the graph. `key` names the layer and the preparation, so that a layer that is called twice
    /// holds its weights once.
    pub fn param(
        &mut self,
        key: &str,
        make: impl FnOnce(&Self) -> Result<(Vec<usize>, Elements), Refusal>,
    ) -> Result<ParamId, Refusal> {
        if let Some(&id) = self.params.get(key) {
            return Ok(id);
        }
        let (dims, data) = make(self)?;
        if dims.iter().try_fold(1usize, |count, &size| count.checked_mul(size)) != Some(data.len()) {
            return Err(Refusal::reason(format!("a weight has {} elements instead of {dims:?}", data.len())));
        }
        let id = self.builder.param(key, dims, data);
        self.params.insert(key.to_owned(), id);
        Ok(id)
    }
}

/// The calls that `outputs` depend on, each after those it reads, otherwise in the order of the file.
fn order(
    model: &Model,
    outputs: &[Source],
    given: &HashMap<(usize, usize), Vec<Tensor>>,
) -> Result<Vec<(usize, usize)>, FormatError> {
    let broken = |reason: String| FormatError::Damaged {
        reason: format!("its description of the network is not right: {reason}"),
    };
    let key = |source: &Source| (source.layer, source.call);
    let mut readers: HashMap<(usize, usize), Vec<(usize, usize)>> = HashMap::new();
    let mut waiting: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut open: Vec<(usize, usize)> = outputs.iter().map(key).collect();
    while let Some(node) = open.pop() {
        if given.contains_key(&node) || waiting.contains_key(&node) {
            continue;
        }
        let layer = model.layers.get(node.0).ok_or_else(|| broken("a layer is missing".to_owned()))?;
        let call = layer.calls.get(node.1).ok_or_else(|| broken(format!("{:?} is never called", layer.name)))?;
        let mut count = 0;
        for argument in call {
            if let Argument::Tensor(source) = argument
                && !given.contains_key(&key(source))
            {
                count += 1;
                readers.entry(key(source)).or_default().push(node);
                open.push(key(source));
            }
        }
        waiting.insert(node, count);
    }
    let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
        waiting.iter().filter(|(_, count)| **count == 0).map(|(&node, _)| Reverse(node)).collect();
    let mut order = Vec::new();
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for reader in readers.remove(&node).unwrap_or_default() {
            if let Some(count) = waiting.get_mut(&reader) {
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(reader));
                }
            }
        }
    }
    if order.len() < waiting.len() {
        return Err(broken("its layers read each other in a circle".to_owned()));
    }
    Ok(order)
}
