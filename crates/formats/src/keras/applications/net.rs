//! Networks described layer by layer, with the names, the order and the shapes of weights that Keras gives them.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::super::{
    config::{Argument, Layer, Model, Source},
    weights::{join, snake_case},
};

/// What is to be built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Plan {
    /// Height and width of the picture.
    pub side: usize,
    /// The number of classes; `None` for a network without its top, which ends in the mean of its last feature maps.
    pub classes: Option<usize>,
    /// Whether EfficientNet's normalisation has standard deviations where Keras reads variances.
    pub deviations: bool,
}

/// A network and the shapes of its weights.
pub(in super::super) struct Description {
    pub model: Model,
    /// The layers with weights in the order of Keras.
    pub shapes: Vec<Weighted>,
    /// The shape of each layer's result in the order of [`Model::layers`], without the batch.
    #[cfg_attr(not(test), expect(dead_code, reason = "compared with what Keras says"))]
    pub sizes: Vec<Vec<usize>>,
}

/// A layer with weights.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Weighted {
    /// Its name with the models it is in.
    pub path: String,
    /// The shape of each of its weights.
    pub shapes: Vec<Vec<usize>>,
    /// Its place among the layers with weights, a model inside counting as one.
    pub group: usize,
}

impl Description {
    /// How many arrays of weights there are.
    pub fn arrays(&self) -> usize {
        self.shapes.iter().map(|layer| layer.shapes.len()).sum()
    }
}

/// The result of a layer that was added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tap(usize);

/// The settings of a convolution. As in Keras it has a bias and no padding unless told otherwise.
#[derive(Clone, Copy)]
pub(super) struct Conv {
    filters: usize,
    kernel: [usize; 2],
    stride: usize,
    same: bool,
    bias: bool,
    groups: usize,
    activation: &'static str,
}

impl Conv {
    /// A square kernel.
    pub fn new(filters: usize, side: usize) -> Self {
        Self::of(filters, [side, side])
    }

    /// A kernel of any height and width.
    pub fn of(filters: usize, kernel: [usize; 2]) -> Self {
        Self { filters, kernel, stride: 1, same: false, bias: true, groups: 1, activation: "linear" }
    }

    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Padding that keeps the size.
    pub fn same(self) -> Self {
        Self { same: true, ..self }
    }

    /// No bias, as in front of a normalisation.
    pub fn bare(self) -> Self {
        Self { bias: false, ..self }
    }

    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    pub fn then(self, activation: &'static str) -> Self {
        Self { activation, ..self }
    }

    fn settings(self) -> Value {
        json!({
            "kernel_size": self.kernel, "strides": [self.stride, self.stride], "padding": padding(self.same),
            "use_bias": self.bias, "activation": self.activation,
        })
    }

    fn output(self, [height, width, _]: [usize; 3], channels: usize) -> Vec<usize> {
        let [rows, columns] = self.kernel;
        vec![window(height, rows, self.stride, self.same), window(width, columns, self.stride, self.same), channels]
    }
}

fn padding(same: bool) -> &'static str {
    if same { "same" } else { "valid" }
}

/// How many steps a window makes along an axis.
fn window(size: usize, kernel: usize, stride: usize, same: bool) -> usize {
    let room = if same { size } else { (size + 1).saturating_sub(kernel) };
    room.div_ceil(stride.max(1))
}

struct Built {
    layer: Layer,
    /// Shape of the result without the batch.
    size: Vec<usize>,
    /// The layers with weights in it.
    shapes: Vec<Weighted>,
}

/// A network that is being built.
pub(super) struct Net {
    layers: Vec<Built>,
    /// How many layers of each class have no name of their own.
    unnamed: HashMap<String, usize>,
}

impl Net {
    /// A network that reads pictures with three channels.
    pub fn new(plan: Plan) -> (Self, Tap) {
        Self::reading("input_1", vec![plan.side, plan.side, 3])
    }

    fn reading(name: &str, size: Vec<usize>) -> (Self, Tap) {
        let mut net = Self { layers: Vec::new(), unnamed: HashMap::new() };
        let mut shape = vec![Value::Null];
        shape.extend(size.iter().map(|&size| Value::from(size)));
        let input = net.push("InputLayer", name, Vec::new(), json!({ "batch_input_shape": shape }), size, Vec::new());
        (net, input)
    }

    /// Adds a layer; one with an empty name gets that of its class and a number, as in Keras.
    fn push(
        &mut self,
        class: &str,
        name: &str,
        inputs: Vec<Argument>,
        settings: Value,
        size: Vec<usize>,
        weights: Vec<Vec<usize>>,
    ) -> Tap {
        let name = if name.is_empty() { self.name(&snake_case(class)) } else { name.to_owned() };
        let config = match settings {
            Value::Object(config) => config,
            _ => Map::new(),
        };
        let mut shapes = Vec::new();
        if !weights.is_empty() {
            shapes.push(Weighted { path: name.clone(), shapes: weights, group: 0 });
        }
        let calls = if inputs.is_empty() { Vec::new() } else { vec![inputs] };
        let layer = Layer { class: class.to_owned(), name, module: String::new(), config, model: None, calls };
        self.layers.push(Built { layer, size, shapes });
        Tap(self.layers.len() - 1)
    }

    fn name(&mut self, base: &str) -> String {
        let count = self.unnamed.entry(base.to_owned()).or_default();
        *count += 1;
        if *count == 1 { base.to_owned() } else { format!("{base}_{}", *count - 1) }
    }

    /// The shape of a result without the batch.
    fn size(&self, tap: Tap) -> Vec<usize> {
        self.layers.get(tap.0).map(|built| built.size.clone()).unwrap_or_default()
    }

    /// Height, width and channels; a vector has one row and column.
    fn map(&self, tap: Tap) -> [usize; 3] {
        match self.size(tap).as_slice() {
            &[height, width, channels] => [height, width, channels],
            other => [1, 1, other.last().copied().unwrap_or_default()],
        }
    }

    /// The width of a feature map.
    pub fn width(&self, tap: Tap) -> usize {
        let [_, width, _] = self.map(tap);
        width
    }

    /// The channels of a feature map.
    pub fn channels(&self, tap: Tap) -> usize {
        let [.., channels] = self.map(tap);
        channels
    }

    /// A layer that reads one value and keeps its shape.
    fn keep(&mut self, x: Tap, class: &str, name: &str, settings: Value, weights: Vec<Vec<usize>>) -> Tap {
        let size = self.size(x);
        self.push(class, name, vec![tensor(x)], settings, size, weights)
    }

    pub fn conv(&mut self, x: Tap, name: &str, conv: Conv) -> Tap {
        let input = self.map(x);
        let [rows, columns] = conv.kernel;
        let mut weights = vec![vec![rows, columns, input[2] / conv.groups.max(1), conv.filters]];
        weights.extend(conv.bias.then(|| vec![conv.filters]));
        let mut settings = conv.settings();
        if let Some(settings) = settings.as_object_mut() {
            settings.insert("filters".to_owned(), conv.filters.into());
            settings.insert("groups".to_owned(), conv.groups.into());
        }
        self.push("Conv2D", name, vec![tensor(x)], settings, conv.output(input, conv.filters), weights)
    }

    /// A convolution of each channel by itself; the number of filters does not matter.
    pub fn depthwise(&mut self, x: Tap, name: &str, conv: Conv) -> Tap {
        let input = self.map(x);
        let [rows, columns] = conv.kernel;
        let mut weights = vec![vec![rows, columns, input[2], 1]];
        weights.extend(conv.bias.then(|| vec![input[2]]));
        let size = conv.output(input, input[2]);
        self.push("DepthwiseConv2D", name, vec![tensor(x)], conv.settings(), size, weights)
    }

    pub fn separable(&mut self, x: Tap, name: &str, conv: Conv) -> Tap {
        let input = self.map(x);
        let [rows, columns] = conv.kernel;
        let mut weights = vec![vec![rows, columns, input[2], 1], vec![1, 1, input[2], conv.filters]];
        weights.extend(conv.bias.then(|| vec![conv.filters]));
        let mut settings = conv.settings();
        if let Some(settings) = settings.as_object_mut() {
            settings.insert("filters".to_owned(), conv.filters.into());
        }
        self.push("SeparableConv2D", name, vec![tensor(x)], settings, conv.output(input, conv.filters), weights)
    }

    pub fn dense(&mut self, x: Tap, name: &str, units: usize, activation: &str) -> Tap {
        let mut size = self.size(x);
        let weights = vec![vec![size.last().copied().unwrap_or_default(), units], vec![units]];
        if let Some(last) = size.last_mut() {
            *last = units;
        }
        let settings = json!({ "units": units, "activation": activation });
        self.push("Dense", name, vec![tensor(x)], settings, size, weights)
    }

    pub fn batch_norm(&mut self, x: Tap, name: &str, epsilon: f64) -> Tap {
        let channels = self.channels(x);
        self.keep(x, "BatchNormalization", name, json!({ "epsilon": epsilon }), vec![vec![channels]; 4])
    }

    /// A batch normalisation without a factor that is learnt.
    pub fn batch_norm_unscaled(&mut self, x: Tap, name: &str) -> Tap {
        let channels = self.channels(x);
        let settings = json!({ "epsilon": 1e-3, "scale": false });
        self.keep(x, "BatchNormalization", name, settings, vec![vec![channels]; 3])
    }

    pub fn layer_norm(&mut self, x: Tap, name: &str, epsilon: f64) -> Tap {
        let channels = self.channels(x);
        self.keep(x, "LayerNormalization", name, json!({ "epsilon": epsilon }), vec![vec![channels]; 2])
    }

    pub fn layer_scale(&mut self, x: Tap, name: &str) -> Tap {
        let channels = self.channels(x);
        self.keep(x, "LayerScale", name, json!({}), vec![vec![channels]])
    }

    pub fn activation(&mut self, x: Tap, name: &str, function: &str) -> Tap {
        self.keep(x, "Activation", name, json!({ "activation": function }), Vec::new())
    }

    pub fn relu(&mut self, x: Tap, name: &str) -> Tap {
        self.activation(x, name, "relu")
    }

    /// The layer of the class ReLU, perhaps with an upper bound.
    pub fn relu_layer(&mut self, x: Tap, name: &str, max: Option<f64>) -> Tap {
        let settings = max.map_or_else(|| json!({}), |max| json!({ "max_value": max }));
        self.keep(x, "ReLU", name, settings, Vec::new())
    }

    pub fn dropout(&mut self, x: Tap, name: &str) -> Tap {
        self.keep(x, "Dropout", name, json!({}), Vec::new())
    }

    pub fn rescaling(&mut self, x: Tap, scale: Value, offset: f64) -> Tap {
        self.keep(x, "Rescaling", "", json!({ "scale": scale, "offset": offset }), Vec::new())
    }

    /// A normalisation with constants, or with weights if there are none.
    pub fn normalization(&mut self, x: Tap, name: &str, constants: Option<(Value, Value)>) -> Tap {
        let channels = self.channels(x);
        match constants {
            Some((mean, variance)) => {
                self.keep(x, "Normalization", name, json!({ "mean": mean, "variance": variance }), Vec::new())
            }
            None => self.keep(x, "Normalization", name, json!({}), vec![vec![channels], vec![channels], Vec::new()]),
        }
    }

    /// Rows above and below, columns left and right.
    pub fn pad(&mut self, x: Tap, name: &str, sides: [[usize; 2]; 2]) -> Tap {
        let [height, width, channels] = self.map(x);
        let [[top, bottom], [left, right]] = sides;
        let size = vec![height + top + bottom, width + left + right, channels];
        self.push("ZeroPadding2D", name, vec![tensor(x)], json!({ "padding": sides }), size, Vec::new())
    }

    /// The padding in front of a kernel with stride 2 that sees the same pixels as in TensorFlow's slim library.
    pub fn correct_pad(&mut self, x: Tap, name: &str, kernel: usize) -> Tap {
        let [height, width, _] = self.map(x);
        let side = |size: usize| [(kernel / 2 + size % 2).saturating_sub(1), kernel / 2];
        self.pad(x, name, [side(height), side(width)])
    }

    pub fn crop(&mut self, x: Tap, sides: [[usize; 2]; 2]) -> Tap {
        let [height, width, channels] = self.map(x);
        let [[top, bottom], [left, right]] = sides;
        let size = vec![height.saturating_sub(top + bottom), width.saturating_sub(left + right), channels];
        self.push("Cropping2D", "", vec![tensor(x)], json!({ "cropping": sides }), size, Vec::new())
    }

    pub fn max_pool(&mut self, x: Tap, name: &str, side: usize, stride: usize, same: bool) -> Tap {
        self.pool(x, "MaxPooling2D", name, side, stride, same)
    }

    pub fn average_pool(&mut self, x: Tap, name: &str, side: usize, stride: usize, same: bool) -> Tap {
        self.pool(x, "AveragePooling2D", name, side, stride, same)
    }

    fn pool(&mut self, x: Tap, class: &str, name: &str, side: usize, stride: usize, same: bool) -> Tap {
        let [height, width, channels] = self.map(x);
        let size = vec![window(height, side, stride, same), window(width, side, stride, same), channels];
        let settings = json!({ "pool_size": [side, side], "strides": [stride, stride], "padding": padding(same) });
        self.push(class, name, vec![tensor(x)], settings, size, Vec::new())
    }

    /// The mean of each feature map, as a vector or as a map of one pixel.
    pub fn global_pool(&mut self, x: Tap, name: &str, keep_dims: bool) -> Tap {
        let channels = self.channels(x);
        let size = if keep_dims { vec![1, 1, channels] } else { vec![channels] };
        let settings = json!({ "keepdims": keep_dims });
        self.push("GlobalAveragePooling2D", name, vec![tensor(x)], settings, size, Vec::new())
    }

    pub fn flatten(&mut self, x: Tap, name: &str) -> Tap {
        let count = self.size(x).iter().product();
        self.push("Flatten", name, vec![tensor(x)], json!({}), vec![count], Vec::new())
    }

    pub fn reshape(&mut self, x: Tap, name: &str, shape: Vec<usize>) -> Tap {
        self.push("Reshape", name, vec![tensor(x)], json!({ "target_shape": shape }), shape, Vec::new())
    }

    pub fn add(&mut self, inputs: &[Tap], name: &str) -> Tap {
        self.merge("Add", inputs, name, json!({}))
    }

    pub fn multiply(&mut self, inputs: &[Tap], name: &str) -> Tap {
        self.merge("Multiply", inputs, name, json!({}))
    }

    /// The first value and a share of the second.
    pub fn scaled_sum(&mut self, inputs: &[Tap], scale: f64) -> Tap {
        self.merge("CustomScaleLayer", inputs, "", json!({ "scale": scale }))
    }

    fn merge(&mut self, class: &str, inputs: &[Tap], name: &str, settings: Value) -> Tap {
        let size = inputs.first().map(|&first| self.size(first)).unwrap_or_default();
        self.push(class, name, inputs.iter().map(|&tap| tensor(tap)).collect(), settings, size, Vec::new())
    }

    pub fn concat(&mut self, inputs: &[Tap], name: &str) -> Tap {
        let mut size = inputs.first().map(|&first| self.size(first)).unwrap_or_default();
        let channels = inputs.iter().map(|&tap| self.channels(tap)).sum();
        if let Some(last) = size.last_mut() {
            *last = channels;
        }
        self.push("Concatenate", name, inputs.iter().map(|&tap| tensor(tap)).collect(), json!({}), size, Vec::new())
    }

    /// `x + y` without a layer, as Keras 2 notes it.
    pub fn operator_add(&mut self, x: Tap, y: Operand) -> Tap {
        let function = match y {
            Operand::Tap(_) => "__operators__.add",
            Operand::Number(_) => "math.add",
        };
        self.operator(x, &format!("tf.{function}"), function, y)
    }

    /// `x · y` without a layer.
    pub fn operator_multiply(&mut self, x: Tap, y: Operand) -> Tap {
        self.operator(x, "tf.math.multiply", "math.multiply", y)
    }

    fn operator(&mut self, x: Tap, base: &str, function: &str, y: Operand) -> Tap {
        let name = self.name(base);
        let size = self.size(x);
        let y = match y {
            Operand::Tap(tap) => tensor(tap),
            Operand::Number(number) => Argument::Numbers(vec![number]),
        };
        self.push("TFOpLambda", &name, vec![tensor(x), y], json!({ "function": function }), size, Vec::new())
    }

    /// A Sequential model inside this one.
    pub fn sequential(&mut self, x: Tap, name: &str, build: impl FnOnce(&mut Self, Tap) -> Tap) -> Tap {
        let (mut inner, input) = Self::reading(&format!("{name}_input"), self.size(x));
        let output = build(&mut inner, input);
        let size = inner.size(output);
        let description = inner.finish(name, output);
        let inner = description.shapes.into_iter();
        let shapes = inner.map(|layer| Weighted { path: join(name, &layer.path), ..layer }).collect();
        let layer = Layer {
            class: "Sequential".to_owned(),
            name: name.to_owned(),
            module: String::new(),
            config: Map::new(),
            model: Some(description.model),
            calls: vec![vec![tensor(x)]],
        };
        self.layers.push(Built { layer, size, shapes });
        Tap(self.layers.len() - 1)
    }

    /// Ends with the mean of the feature maps and, if there is a top, a layer with the classes.
    pub fn classify(&mut self, x: Tap, plan: Plan, pool: &str, name: &str) -> Tap {
        let x = self.global_pool(x, pool, false);
        match plan.classes {
            Some(classes) => self.dense(x, name, classes, "softmax"),
            None => x,
        }
    }

    /// The network in the order of Keras: by the longest way to the output, and among equals as a walk from the output
    /// back meets them.
    pub fn finish(self, name: &str, output: Tap) -> Description {
        let reads: Vec<Vec<usize>> = (self.layers.iter())
            .map(|built| built.layer.calls.iter().flatten().filter_map(layer_of).collect())
            .collect();
        let mut depth = vec![0usize; reads.len()];
        for (at, inputs) in reads.iter().enumerate().rev() {
            let below = depth.get(at).copied().unwrap_or_default() + 1;
            for &input in inputs {
                if let Some(depth) = depth.get_mut(input) {
                    *depth = (*depth).max(below);
                }
            }
        }
        let mut met = vec![None; reads.len()];
        let mut open = vec![output.0];
        let mut count = 0usize;
        while let Some(at) = open.pop() {
            if let Some(slot @ None) = met.get_mut(at) {
                *slot = Some(count);
                count += 1;
                open.extend(reads.get(at).into_iter().flatten().rev());
            }
        }
        let mut order: Vec<usize> = (0..reads.len()).filter(|&at| met.get(at).is_some_and(Option::is_some)).collect();
        order.sort_by_key(|&at| (std::cmp::Reverse(depth.get(at).copied()), met.get(at).copied()));
        let mut place = vec![0usize; reads.len()];
        for (new, &old) in order.iter().enumerate() {
            if let Some(place) = place.get_mut(old) {
                *place = new;
            }
        }
        let moved = |layer: usize| place.get(layer).copied().unwrap_or_default();

        let mut layers: Vec<Option<Built>> = self.layers.into_iter().map(Some).collect();
        let mut sorted = Vec::new();
        let (mut shapes, mut sizes, mut groups) = (Vec::new(), Vec::new(), 0);
        for old in order {
            let Some(mut built) = layers.get_mut(old).and_then(Option::take) else { continue };
            for argument in built.layer.calls.iter_mut().flatten() {
                if let Argument::Tensor(source) = argument {
                    source.layer = moved(source.layer);
                }
            }
            if !built.shapes.is_empty() {
                built.shapes.iter_mut().for_each(|layer| layer.group = groups);
                groups += 1;
            }
            shapes.append(&mut built.shapes);
            sizes.push(built.size);
            sorted.push(built.layer);
        }
        let end = |layer: usize| vec![Source { layer: moved(layer), call: 0, output: 0 }];
        // The first layer that is added is the input.
        let model = Model { name: name.to_owned(), layers: sorted, inputs: end(0), outputs: end(output.0) };
        Description { model, shapes, sizes }
    }
}

/// The second operand of an operator.
pub(super) enum Operand {
    Tap(Tap),
    Number(f64),
}

fn tensor(tap: Tap) -> Argument {
    Argument::Tensor(Source { layer: tap.0, call: 0, output: 0 })
}

fn layer_of(argument: &Argument) -> Option<usize> {
    match argument {
        Argument::Tensor(source) => Some(source.layer),
        Argument::Numbers(_) => None,
    }
}

/// A number of channels as the mobile networks round it: to a multiple of 8, and not down by more than a tenth.
pub(super) fn divisible(channels: f64) -> usize {
    let rounded = multiple(channels);
    if (rounded as f64) < 0.9 * channels { rounded + 8 } else { rounded }
}

/// The nearest multiple of 8, at least 8.
pub(super) fn multiple(channels: f64) -> usize {
    ((channels + 4.0) as usize / 8 * 8).max(8)
}
