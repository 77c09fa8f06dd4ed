//! The builds: three small networks of the kinds that differ most in how they are explained.

use crate::exchange::{CLASSES, INPUT, Op, Step};

/// Adds steps one after the other.
struct Builder {
    steps: Vec<Step>,
    /// Name of the newest value.
    last: String,
    /// Its channels.
    channels: usize,
}

impl Builder {
    fn new() -> Self {
        Self { steps: Vec::new(), last: INPUT.to_owned(), channels: 1 }
    }

    fn add(&mut self, name: String, op: Op) -> &mut Self {
        let inputs = vec![std::mem::replace(&mut self.last, name.clone())];
        self.steps.push(Step { name, inputs, op });
        self
    }

    fn conv(&mut self, name: String, outputs: usize, size: usize, stride: usize, bias: bool) -> &mut Self {
        let op = Op::Conv { inputs: self.channels, outputs, size, stride, groups: 1, bias };
        self.channels = outputs;
        self.add(name, op)
    }

    /// A window on every channel by itself.
    fn depthwise(&mut self, name: String, stride: usize) -> &mut Self {
        let channels = self.channels;
        let op = Op::Conv { inputs: channels, outputs: channels, size: 3, stride, groups: channels, bias: false };
        self.add(name, op)
    }

    fn norm(&mut self, name: String) -> &mut Self {
        let channels = self.channels;
        self.add(name, Op::BatchNorm { channels })
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> &mut Self {
        self.add(name.to_owned(), Op::Linear { inputs, outputs })
    }

    /// Mean of every channel, then one layer.
    fn head(mut self) -> Vec<Step> {
        let channels = self.channels;
        self.add("avgpool".to_owned(), Op::AveragePool).add("flatten".to_owned(), Op::Flatten);
        self.linear("fc", channels, CLASSES);
        self.steps
    }
}

/// As VGG: convolutions of 3x3 with a rectifier, pooled three times (28, 14, 7, 3), and two dense layers.
pub fn plain() -> Vec<Step> {
    let mut net = Builder::new();
    for (block, convs) in [(1, &[8, 8][..]), (2, &[16, 16]), (3, &[32])] {
        for (index, &channels) in convs.iter().enumerate() {
            let place = format!("{block}_{}", index + 1);
            net.conv(format!("conv{place}"), channels, 3, 1, true).add(format!("relu{place}"), Op::Relu);
        }
        net.add(format!("pool{block}"), Op::MaxPool);
    }
    net.add("flatten".to_owned(), Op::Flatten);
    net.linear("fc1", 32 * 3 * 3, 64).add("relu_fc1".to_owned(), Op::Relu).linear("fc2", 64, CLASSES);
    net.steps
}

/// As ResNet: three blocks of two normalised convolutions with a way around them.
pub fn residual() -> Vec<Step> {
    let mut net = Builder::new();
    net.conv("conv1".to_owned(), 8, 3, 1, false).norm("bn1".to_owned()).add("relu1".to_owned(), Op::Relu);
    for (index, outputs) in [8, 16, 32].into_iter().enumerate() {
        let name = |part: &str| format!("layer{}.{part}", index + 1);
        let (input, channels) = (net.last.clone(), net.channels);
        let stride = if channels == outputs { 1 } else { 2 };
        net.conv(name("conv1"), outputs, 3, stride, false).norm(name("bn1")).add(name("relu1"), Op::Relu);
        net.conv(name("conv2"), outputs, 3, 1, false).norm(name("bn2"));
        let main = std::mem::replace(&mut net.last, input);
        if channels != outputs {
            net.channels = channels;
            net.conv(name("downsample.conv"), outputs, 1, stride, false).norm(name("downsample.bn"));
        }
        let inputs = vec![main, std::mem::take(&mut net.last)];
        net.steps.push(Step { name: name("add"), inputs, op: Op::Add });
        net.last = name("add");
        net.add(name("relu2"), Op::Relu);
    }
    net.head()
}

/// As MobileNet: a window on every channel by itself, then a mixture of the channels, each with ReLU6.
pub fn separable() -> Vec<Step> {
    let mut net = Builder::new();
    net.conv("conv1".to_owned(), 16, 3, 2, false).norm("bn1".to_owned()).add("relu1".to_owned(), Op::Relu6);
    for (index, (outputs, stride)) in [(32, 1), (48, 2), (64, 1), (64, 1)].into_iter().enumerate() {
        let name = |part: &str| format!("block{}.{part}", index + 1);
        net.depthwise(name("depthwise"), stride).norm(name("bn1")).add(name("relu1"), Op::Relu6);
        net.conv(name("pointwise"), outputs, 1, 1, false).norm(name("bn2")).add(name("relu2"), Op::Relu6);
    }
    net.head()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_step_reads_what_an_earlier_one_wrote() {
        for steps in [plain(), residual(), separable()] {
            let mut known = HashSet::from([INPUT.to_owned()]);
            for step in steps {
                assert!(step.inputs.iter().all(|input| known.contains(input)), "{step:?}");
                assert!(known.insert(step.name.clone()), "{} is there twice", step.name);
            }
        }
    }

    #[test]
    fn a_way_around_reads_the_blocks_input() {
        let steps = residual();
        let find = |name: &str| steps.iter().find(|step| step.name == name).expect("the step");
        assert_eq!(find("layer1.add").inputs, ["layer1.bn2", "relu1"]);
        assert_eq!(find("layer2.downsample.conv").inputs, ["layer1.relu2"]);
        assert_eq!(find("layer2.add").inputs, ["layer2.bn2", "layer2.downsample.bn"]);
        assert_eq!(find("layer3.conv1").inputs, ["layer2.relu2"]);
    }
}
