//! The classifiers of torchvision, a family a file.
//!
//! A family is told by the names of its tensors. Its numbers are read from their shapes wherever these tell them, so
//! that heads with other classes, other widths and other depths are read too.

mod alexnet;
mod convnext;
mod densenet;
mod efficientnet;
mod googlenet;
mod inception_v3;
mod mnasnet;
mod mobilenet_v2;
mod mobilenet_v3;
mod regnet;
mod resnet;
mod shufflenet_v2;
mod squeezenet;
mod vgg;

use innspect_graph::{Fit, Preprocessing, ResizeFilter, ValueId};

use super::{
    net::{Fault, Flow, Net},
    state::State,
};

/// The epsilon of PyTorch's batch normalisation.
const EPSILON: f64 = 1e-5;

/// A family of architectures.
pub(super) struct Family {
    /// Its name, with those that go by it too.
    pub name: &'static str,
    /// The kernel that reads the picture.
    pub stem: &'static str,
    /// Whether these are its tensors.
    pub matches: fn(&State) -> bool,
    /// Beginnings of names that only training needs.
    pub ignored: &'static [&'static str],
    /// What the weights tell before the network is built.
    pub recipe: fn(&State) -> Recipe,
    /// Builds the network and gives its logits.
    pub build: fn(&mut Net) -> Flow,
}

/// Which one of its family it is, and how torchvision prepares pictures for its own weights of it.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// Name of the network.
    pub title: String,
    /// Height and width of its pictures.
    pub side: usize,
    /// What the shorter side of a picture is scaled to before `side` is cut out.
    pub resize: usize,
    /// Interpolation.
    pub filter: ResizeFilter,
    /// Whether channels are in -1..1 instead of normalised by ImageNet's mean and deviation.
    pub halved: bool,
    /// What a person should know, each a sentence.
    pub warnings: Vec<&'static str>,
}

impl Recipe {
    /// The usual 224 of 256 pixels.
    fn new(title: impl Into<String>) -> Self {
        Self::sized(title, 224, 256)
    }

    fn sized(title: impl Into<String>, side: usize, resize: usize) -> Self {
        Self { title: title.into(), side, resize, filter: ResizeFilter::Bilinear, halved: false, warnings: Vec::new() }
    }

    /// How a picture becomes the input of `size`.
    pub fn preprocessing(&self, size: [usize; 2]) -> Preprocessing {
        let crop = (self.side as f32 / self.resize.max(1) as f32).min(1.0);
        let usual =
            Preprocessing { fit: Fit::CenterCrop { crop }, filter: self.filter, ..Preprocessing::torchvision(size) };
        if self.halved { Preprocessing { mean: vec![0.5; 3], std: vec![0.5; 3], ..usual } } else { usual }
    }
}

const FAMILIES: &[Family] = &[
    alexnet::FAMILY,
    convnext::FAMILY,
    densenet::FAMILY,
    efficientnet::FAMILY,
    googlenet::FAMILY,
    inception_v3::FAMILY,
    mnasnet::FAMILY,
    mobilenet_v2::FAMILY,
    mobilenet_v3::FAMILY,
    regnet::FAMILY,
    resnet::FAMILY,
    shufflenet_v2::FAMILY,
    squeezenet::FAMILY,
    vgg::FAMILY,
];

/// Names of all families.
pub(super) fn names() -> Vec<String> {
    FAMILIES.iter().map(|family| family.name.to_owned()).collect()
}

/// Names of all families, those with several taken apart.
pub(super) fn single_names() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|family| family.name.split(", ")).collect()
}

/// The family with tensors of these names.
pub(super) fn recognise(state: &State) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| state.has(family.stem) && (family.matches)(state))
}

/// The family that a name means: its own or that of one of its networks, such as `resnet50`.
pub(super) fn find(name: &str) -> Option<&'static Family> {
    let plain = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
    };
    let wanted = plain(name);
    let by = |fits: &dyn Fn(&str) -> bool| {
        FAMILIES.iter().find(|family| family.name.split(',').any(|name| fits(&plain(name))))
    };
    by(&|name| name == wanted).or_else(|| by(&|name| wanted.starts_with(name)))
}

/// Whether a tensor has a kernel of this height.
fn has_kernel(state: &State, tensor: &str, height: usize) -> bool {
    matches!(state.dims(tensor), Some(&[_, _, rows, _]) if rows == height)
}

/// The last layer. Where a person has put a `Sequential` in its place, it must hold one layer with weights.
fn head(net: &mut Net, x: ValueId, module: &str) -> Flow {
    let state = net.state();
    match state.children(module).as_slice() {
        _ if state.has(&format!("{module}.weight")) => net.linear(x, module),
        [] => net.linear(x, module),
        [one] => net.linear(x, &format!("{module}.{one}")),
        more => Err(Fault::Misfit(format!(
            "its head {module:?} has {} layers, and weights do not tell what is between them",
            more.len()
        ))),
    }
}

/// The `Linear` layers of a `Sequential` with the rectifier behind each but the last, dropout left out.
fn classifier(net: &mut Net, mut x: ValueId, module: &str) -> Flow {
    let layers = net.state().children(module);
    for (position, number) in layers.iter().enumerate() {
        x = net.linear(x, &format!("{module}.{number}"))?;
        if position + 1 < layers.len() {
            x = net.relu(x, &format!("{module}.{}", number.saturating_add(1)))?;
        }
    }
    Ok(x)
}
