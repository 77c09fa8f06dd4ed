//! A network as its steps and weights, and its forward pass.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result, bail};
use burn::tensor::{
    Device, Tensor, TensorData,
    activation::log_softmax,
    module::{batch_norm, batch_norm_train, conv2d, linear, max_pool2d},
    ops::{ConvOptions, MaxPoolOptions},
};
use fastrand::Rng;

use crate::exchange::{self, EPSILON, INPUT, Op, Step};

/// How much the running statistics of a normalisation keep at every batch.
const KEPT: f32 = 0.9;

/// A weight: its axes, and its values as one axis, so that all weights are optimised alike.
struct Weight {
    shape: Vec<usize>,
    values: Tensor<1>,
}

/// Mean and variance of every channel, gathered while training.
struct Running {
    mean: Vec<f32>,
    variance: Vec<f32>,
}

/// A network.
pub struct Network {
    steps: Vec<Step>,
    weights: BTreeMap<String, Weight>,
    running: BTreeMap<String, Running>,
}

/// What a step writes.
#[derive(Clone)]
enum Value {
    /// `[batch, channels, rows, columns]`
    Map(Tensor<4>),
    /// `[batch, features]`
    Row(Tensor<2>),
}

impl Value {
    fn map(self) -> Result<Tensor<4>> {
        match self {
            Self::Map(map) => Ok(map),
            Self::Row(_) => bail!("features where a feature map is needed"),
        }
    }

    fn row(self) -> Result<Tensor<2>> {
        match self {
            Self::Row(row) => Ok(row),
            Self::Map(_) => bail!("a feature map where features are needed"),
        }
    }

    /// The same function of either.
    fn each(self, map: impl Fn(Tensor<4>) -> Tensor<4>, row: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        match self {
            Self::Map(value) => Self::Map(map(value)),
            Self::Row(value) => Self::Row(row(value)),
        }
    }
}

/// Whether a pass is for learning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Statistics are the batch's, and the running ones follow them.
    Train,
    /// Statistics are the running ones.
    Test,
}

impl Network {
    /// Draws the weights of kernels from a normal distribution with the variance `2 / inputs` (He et al. 2015, equation
    /// 10); biases are 0 and factors 1.
    pub fn new(steps: Vec<Step>, rng: &mut Rng) -> Self {
        let mut network = Self { steps: Vec::new(), weights: BTreeMap::new(), running: BTreeMap::new() };
        for step in &steps {
            let name = |part: &str| format!("{}.{part}", step.name);
            let mut drawn = |shape: &[usize]| -> Vec<f32> {
                let inputs: usize = shape[1..].iter().product();
                let deviation = (2.0 / inputs as f32).sqrt();
                (0..shape.iter().product()).map(|_| deviation * normal(rng)).collect()
            };
            match step.op {
                Op::Conv { inputs, outputs, size, groups, bias, .. } => {
                    let shape = [outputs, inputs / groups, size, size];
                    network.insert(name("weight"), &shape, drawn(&shape));
                    if bias {
                        network.insert(name("bias"), &[outputs], vec![0.0; outputs]);
                    }
                }
                Op::Linear { inputs, outputs } => {
                    let shape = [outputs, inputs];
                    network.insert(name("weight"), &shape, drawn(&shape));
                    network.insert(name("bias"), &[outputs], vec![0.0; outputs]);
                }
                Op::BatchNorm { channels } => {
                    network.insert(name("weight"), &[channels], vec![1.0; channels]);
                    network.insert(name("bias"), &[channels], vec![0.0; channels]);
                    let running = Running { mean: vec![0.0; channels], variance: vec![1.0; channels] };
                    network.running.insert(step.name.clone(), running);
                }
                Op::Relu | Op::Relu6 | Op::MaxPool | Op::Add | Op::AveragePool | Op::Flatten => {}
            }
        }
        network.steps = steps;
        network
    }

    fn insert(&mut self, name: String, shape: &[usize], values: Vec<f32>) {
        let data = TensorData::new(values, [shape.iter().product::<usize>()]);
        let values = Tensor::from_data(data, &Device::flex().autodiff()).require_grad();
        self.weights.insert(name, Weight { shape: shape.to_vec(), values });
    }

    /// The names and values of all weights.
    pub fn weights(&self) -> impl Iterator<Item = (&str, &Tensor<1>)> {
        self.weights.iter().map(|(name, weight)| (name.as_str(), &weight.values))
    }

    /// Number of weights.
    pub fn count(&self) -> usize {
        self.weights.values().map(|weight| weight.shape.iter().product::<usize>()).sum()
    }

    /// Puts new values (outside autodiff) in the place of a weight's.
    pub fn replace(&mut self, name: &str, values: Tensor<1>) {
        if let Some(weight) = self.weights.get_mut(name) {
            weight.values = values.autodiff().require_grad();
        }
    }

    /// The logits of pictures `[batch, 1, rows, columns]`.
    ///
    /// # Errors
    /// The steps do not fit each other.
    pub fn forward(&mut self, pictures: Tensor<4>, mode: Mode) -> Result<Tensor<2>> {
        let mut known = HashMap::from([(INPUT.to_owned(), Value::Map(pictures))]);
        let mut last = INPUT.to_owned();
        for index in 0..self.steps.len() {
            let step = self.steps[index].clone();
            let inputs = step.inputs.iter().map(|name| known.get(name).cloned());
            let inputs: Option<Vec<Value>> = inputs.collect();
            let inputs = inputs.with_context(|| format!("{} reads what no step wrote", step.name))?;
            let value = self.step(&step, inputs, mode).with_context(|| step.name.clone())?;
            last.clone_from(&step.name);
            known.insert(step.name, value);
        }
        known.remove(&last).context("a network without steps")?.row()
    }

    fn step(&mut self, step: &Step, inputs: Vec<Value>, mode: Mode) -> Result<Value> {
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().context("an input is missing");
        let input = next()?;
        Ok(match step.op {
            Op::Conv { size, stride, groups, bias, .. } => {
                let bias = if bias { Some(self.values(step, "bias", mode)?) } else { None };
                let options = ConvOptions::new([stride; 2], [size / 2; 2], [1; 2], groups);
                Value::Map(conv2d(input.map()?, self.weight(step, mode)?, bias, options))
            }
            Op::Linear { .. } => {
                let weight: Tensor<2> = self.weight(step, mode)?;
                Value::Row(linear(input.row()?, weight.transpose(), Some(self.values(step, "bias", mode)?)))
            }
            Op::BatchNorm { .. } => Value::Map(self.norm(step, input.map()?, mode)?),
            Op::Relu => input.each(|map| map.clamp_min(0.0), |row| row.clamp_min(0.0)),
            Op::Relu6 => input.each(|map| map.clamp(0.0, 6.0), |row| row.clamp(0.0, 6.0)),
            Op::MaxPool => Value::Map(max_pool2d(input.map()?, MaxPoolOptions::new([2, 2]))),
            Op::Add => Value::Map(input.map()? + next()?.map()?),
            Op::AveragePool => Value::Map(input.map()?.mean_dim(3).mean_dim(2)),
            Op::Flatten => {
                let map = input.map()?;
                let [batch, channels, rows, columns] = map.dims();
                Value::Row(map.reshape([batch, channels * rows * columns]))
            }
        })
    }

    fn norm(&mut self, step: &Step, input: Tensor<4>, mode: Mode) -> Result<Tensor<4>> {
        let (weight, bias) = (self.values(step, "weight", mode)?, self.values(step, "bias", mode)?);
        let [batch, _, rows, columns] = input.dims();
        let running = self.running.get_mut(&step.name).context("a normalisation without statistics")?;
        if mode == Mode::Test {
            let channels = running.mean.len();
            let tensor =
                |values: &[f32]| Tensor::<1>::from_data(TensorData::new(values.to_vec(), [channels]), &Device::flex());
            let (mean, variance) = (tensor(&running.mean), tensor(&running.variance));
            return Ok(batch_norm(input, weight, bias, mean, variance, f64::from(EPSILON)));
        }
        let result = batch_norm_train(input, weight, bias, f64::from(EPSILON));
        // The running variance is that of the population that the batch is drawn from.
        let count = (batch * rows * columns) as f32;
        follow(&mut running.mean, result.mean, 1.0)?;
        follow(&mut running.variance, result.variance, count / (count - 1.0))?;
        Ok(result.output)
    }

    /// Values of one axis that belong to a step, within autodiff only where they learn.
    fn values(&self, step: &Step, part: &str, mode: Mode) -> Result<Tensor<1>> {
        let weight = self.weights.get(&format!("{}.{part}", step.name)).with_context(|| format!("no {part}"))?;
        let values = weight.values.clone();
        Ok(if mode == Mode::Train { values } else { values.inner() })
    }

    /// The kernel of a step.
    fn weight<const D: usize>(&self, step: &Step, mode: Mode) -> Result<Tensor<D>> {
        let values = self.values(step, "weight", mode)?;
        let shape = self.weights.get(&format!("{}.weight", step.name)).map(|weight| weight.shape.clone());
        let shape: Option<[usize; D]> = shape.and_then(|shape| shape.try_into().ok());
        Ok(values.reshape(shape.context("its weights have other axes")?))
    }

    /// Its steps, and all that a file needs of it.
    ///
    /// # Errors
    /// Weights cannot be read from the device.
    pub fn export(&self) -> Result<(Vec<Step>, BTreeMap<String, exchange::Tensor>)> {
        let mut tensors = BTreeMap::new();
        for (name, weight) in &self.weights {
            let values = read(weight.values.clone())?;
            tensors.insert(name.clone(), exchange::Tensor { shape: weight.shape.clone(), values });
        }
        for (step, running) in &self.running {
            for (part, values) in [("running_mean", &running.mean), ("running_var", &running.variance)] {
                let tensor = exchange::Tensor { shape: vec![values.len()], values: values.clone() };
                tensors.insert(format!("{step}.{part}"), tensor);
            }
        }
        Ok((self.steps.clone(), tensors))
    }
}

/// Mean cross-entropy in nats of logits and one-hot targets, `[batch, classes]` both.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    (log_softmax(logits, 1) * targets).sum() / -(batch as f32)
}

/// The values of a tensor.
///
/// # Errors
/// They cannot be read from the device.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor.inner().into_data().try_into_vec().map_err(|error| anyhow::anyhow!("no values of a tensor: {error:?}"))
}

/// Moves running statistics towards those of a batch.
fn follow(running: &mut [f32], batch: Tensor<1>, factor: f32) -> Result<()> {
    for (running, batch) in running.iter_mut().zip(read(batch)?) {
        *running = KEPT * *running + (1.0 - KEPT) * factor * batch;
    }
    Ok(())
}

/// Normally distributed with variance 1, by the method of Box and Muller.
fn normal(rng: &mut Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.f64()).cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builds;

    fn pictures(device: &Device) -> Tensor<4> {
        let values = (0..2 * 784).map(|index| (index as f32 * 0.37).sin().abs()).collect();
        Tensor::from_data(TensorData::new(values, [2, 1, 28, 28]), device)
    }

    #[test]
    fn every_build_gives_ten_logits() {
        for steps in [builds::plain(), builds::residual(), builds::separable()] {
            let mut network = Network::new(steps, &mut Rng::with_seed(1));
            assert!((10_000..60_000).contains(&network.count()), "{}", network.count());
            let logits = network.forward(pictures(&Device::flex()), Mode::Test).expect("it runs");
            assert_eq!(logits.dims(), [2, 10]);
        }
    }

    /// The gradient of the loss by one weight of every tensor against the difference quotient.
    #[test]
    fn gradients_are_slopes_of_the_loss() {
        for steps in [builds::plain(), builds::residual(), builds::separable()] {
            let mut network = Network::new(steps, &mut Rng::with_seed(2));
            let device = Device::flex().autodiff();
            let mut targets = vec![0.0_f32; 20];
            (targets[3], targets[17]) = (1.0, 1.0);
            let targets = Tensor::<2>::from_data(TensorData::new(targets, [2, 10]), &device);
            let loss = |network: &mut Network| {
                cross_entropy(network.forward(pictures(&device), Mode::Train).expect("it runs"), targets.clone())
            };
            let gradients = loss(&mut network).backward();
            let slopes: Vec<(String, Vec<f32>, f32)> = network
                .weights()
                .map(|(name, weight)| {
                    let gradient = weight.grad(&gradients).expect("every weight learns");
                    (name.to_owned(), read(weight.clone()).unwrap(), read(gradient).unwrap()[0])
                })
                .collect();
            let step = 2e-3;
            for (name, values, slope) in slopes {
                let mut ends = [1.0, -1.0].map(|sign| {
                    let mut moved = values.clone();
                    moved[0] += sign * step;
                    let length = moved.len();
                    network.replace(&name, Tensor::from_data(TensorData::new(moved, [length]), &Device::flex()));
                    read(loss(&mut network)).unwrap()[0]
                });
                ends[0] -= ends[1];
                let quotient = ends[0] / (2.0 * step);
                assert!((quotient - slope).abs() < 2e-2 * (1.0 + slope.abs()), "{name}: {slope} is not {quotient}");
                let length = values.len();
                network.replace(&name, Tensor::from_data(TensorData::new(values, [length]), &Device::flex()));
            }
        }
    }
}
