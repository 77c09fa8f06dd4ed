//! Where each layer's weights are in the file.

use std::collections::HashMap;

use innspect_graph::Weights as Elements;
use serde_json::Value;

use super::{
    Refusal,
    config::{Layer, Model},
};
use crate::{FormatError, hdf5};

/// The weights of each layer by its path: the paths of the arrays in the file.
pub(super) type Places = HashMap<String, Vec<String>>;

/// The weights of a network, by the path of the layer.
pub(super) struct Weights<'a> {
    source: Source<'a>,
    places: Places,
}

/// A layer in a file that lists its layers.
pub(super) struct Group {
    /// The paths of its weights.
    pub weights: Vec<String>,
}

/// What holds the weights.
enum Source<'a> {
    Hdf5(hdf5::Object<'a>),
    Named(&'a dyn Named),
}

/// Weights that a file gives in a list of names.
pub(crate) trait Named {
    /// Their names in the order of the file.
    fn names(&self) -> &[String];

    /// The shape and the elements of one.
    fn read(&self, name: &str) -> Option<(Vec<usize>, Elements)>;
}

/// A layer that has weights, its path and whether its weights are trained.
struct Leaf<'m> {
    layer: &'m Layer,
    path: String,
    trained: bool,
}

/// The weights of a layer in the order of Keras, and whether each is one that training changes.
pub(super) fn expected(layer: &Layer) -> Vec<(&'static str, bool)> {
    let on = |key: &str| layer.config.get(key).and_then(Value::as_bool).unwrap_or(true);
    let mut list = Vec::new();
    let mut push = |name: &'static str, trained: bool, present: bool| {
        if present {
            list.push((name, trained));
        }
    };
    match layer.class.as_str() {
        "Conv2D" | "Conv2DTranspose" | "Dense" => {
            push("kernel", true, true);
            push("bias", true, on("use_bias"));
        }
        "DepthwiseConv2D" => {
            push("depthwise_kernel", true, true);
            push("bias", true, on("use_bias"));
        }
        "SeparableConv2D" => {
            push("depthwise_kernel", true, true);
            push("pointwise_kernel", true, true);
            push("bias", true, on("use_bias"));
        }
        "BatchNormalization" | "SyncBatchNormalization" => {
            push("gamma", true, on("scale"));
            push("beta", true, on("center"));
            push("moving_mean", false, true);
            push("moving_variance", false, true);
        }
        "LayerNormalization" => {
            push("gamma", true, on("scale"));
            push("beta", true, on("center"));
        }
        "PReLU" => push("alpha", true, true),
        "LayerScale" => push("gamma", true, true),
        "Normalization" => {
            let own = layer.config.get("mean").is_none_or(Value::is_null);
            push("mean", false, own);
            push("variance", false, own);
            push("count", false, own);
        }
        _ => {}
    }
    list
}

fn trained(layer: &Layer) -> bool {
    layer.config.get("trainable").and_then(Value::as_bool).unwrap_or(true)
}

/// All layers with weights, in the order of the file.
fn leaves<'m>(layer: &'m Layer, path: &str, above: bool, found: &mut Vec<Leaf<'m>>) {
    let path = join(path, &layer.name);
    let trained = above && trained(layer);
    match &layer.model {
        Some(model) => model.layers.iter().for_each(|inner| leaves(inner, &path, trained, found)),
        None if expected(layer).is_empty() => {}
        None => found.push(Leaf { layer, path, trained }),
    }
}

/// The path of a layer inside another.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// The last part of a weight's name: `conv/kernel:0` is a `kernel`.
fn base(name: &str) -> &str {
    let last = name.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}

/// Names that newer versions gave to the same thing.
fn same(expected: &str, found: &str) -> bool {
    // Keras 1 has the name of the layer in front.
    let first = match expected {
        "kernel" => "_W",
        "bias" => "_b",
        "gamma" => "_gamma",
        "beta" => "_beta",
        "moving_mean" => "_running_mean",
        "moving_variance" => "_running_std",
        "depthwise_kernel" => "_depthwise_kernel",
        "pointwise_kernel" => "_pointwise_kernel",
        _ => return expected == found,
    };
    expected == found || expected == "depthwise_kernel" && found == "kernel" || found.ends_with(first)
}

impl<'a> Weights<'a> {
    /// The weights in the group `model_weights` of a legacy file.
    pub fn legacy(root: hdf5::Object<'a>, model: &Model) -> Result<Self, FormatError> {
        let mut places = HashMap::new();
        for layer in &model.layers {
            let mut inner = Vec::new();
            leaves(layer, "", true, &mut inner);
            if inner.is_empty() {
                continue;
            }
            let Some(group) = root.find(&layer.name)? else { continue };
            assign(&inner, &names(&group, &layer.name)?, false, &mut places);
        }
        Ok(Self { source: Source::Hdf5(root), places })
    }

    /// The weights in a list. Their names are places in an archive, or those of the variables; then the weights of a
    /// layer of the model stand together, in the order of the model or in that of its layers' names.
    pub fn named(list: &'a dyn Named, model: &Model) -> Result<Self, FormatError> {
        let mut places = HashMap::new();
        let names = list.names();
        let source = Source::Named(list);
        if names.iter().any(|name| name.contains("/vars/")) {
            let mut first = names.iter().filter_map(|name| name.split('/').next());
            let list = first.find(|first| first.starts_with('_')).unwrap_or("layers");
            containers(model, list, "", list, &mut places);
            return Ok(Self { source, places });
        }
        let mut groups: Vec<Vec<Leaf>> = Vec::new();
        for layer in &model.layers {
            let mut inner = Vec::new();
            leaves(layer, "", true, &mut inner);
            groups.push(inner);
        }
        let top =
            |group: &Vec<Leaf>| group.first().map(|leaf| leaf.path.split('/').next().unwrap_or_default().to_owned());
        for by_name in [false, true] {
            if by_name {
                groups.sort_by_key(top);
            }
            let mut rest = names;
            let mut parts = Vec::new();
            for group in &groups {
                let count = group.iter().map(|leaf| expected(leaf.layer).len()).sum::<usize>().min(rest.len());
                let (part, after) = rest.split_at(count);
                rest = after;
                parts.push(part);
            }
            if groups.iter().zip(&parts).all(|(group, part)| fits(&order(group), group, part, true)) {
                for (group, part) in groups.iter().zip(parts) {
                    assign(group, part, true, &mut places);
                }
                return Ok(Self { source, places });
            }
        }
        let all: Vec<Leaf> = groups.into_iter().flatten().collect();
        assign(&all, names, true, &mut places);
        Ok(Self { source, places })
    }

    /// The weights in the file inside a `.keras` archive.
    pub fn archive(root: hdf5::Object<'a>, model: &Model) -> Result<Self, FormatError> {
        let places = places_in_archive(model, container(&root)?.unwrap_or("layers"));
        Ok(Self { source: Source::Hdf5(root), places })
    }

    /// The weights at places that are known.
    pub fn at(root: hdf5::Object<'a>, places: Places) -> Self {
        Self { source: Source::Hdf5(root), places }
    }

    /// A weight of the layer at `path`: its shape and its elements.
    pub fn get(&self, path: &str, index: usize) -> Result<(Vec<usize>, Elements), Refusal> {
        let place = self.places.get(path).and_then(|places| places.get(index));
        let missing = || Refusal::reason(format!("the file does not hold its weight number {}", index + 1));
        let place = place.ok_or_else(missing)?;
        let root = match &self.source {
            Source::Hdf5(root) => root,
            Source::Named(list) => return list.read(place).ok_or_else(missing),
        };
        let object = root.find(place)?.ok_or_else(missing)?;
        let fail = |error: FormatError| match error {
            FormatError::Unsupported { what } => FormatError::Elements {
                tensor: place.clone(),
                reason: format!("it has {what}, which are not supported"),
            },
            FormatError::Damaged { reason } => FormatError::Tensor { tensor: place.clone(), reason },
            other => other,
        };
        Ok((object.dims().map_err(fail)?, object.weights().map_err(fail)?))
    }
}

/// The paths of a layer's weights, from the list in its group.
pub(super) fn names(group: &hdf5::Object, layer: &str) -> Result<Vec<String>, FormatError> {
    let names = group.list("weight_names")?.unwrap_or_default();
    // States of random numbers are no weights.
    let weights = names.into_iter().filter(|name| !matches!(base(name), "StateVar" | "seed_generator_state"));
    Ok(weights.map(|name| join(layer, &name)).collect())
}

/// The name of the group with the layers in the file inside an archive: Keras 2.12 to 2.14 have another.
pub(super) fn container(root: &hdf5::Object) -> Result<Option<&'static str>, FormatError> {
    let links = root.links()?;
    Ok(["_layer_checkpoint_dependencies", "layers"].into_iter().find(|name| links.contains_key(*name)))
}

/// The places in a file that has the layers in the order of the model, whatever their names.
pub(super) fn places_in_order(model: &Model, groups: &[Group]) -> Places {
    let mut places = HashMap::new();
    let mut groups = groups.iter();
    for layer in &model.layers {
        let mut inner = Vec::new();
        leaves(layer, "", true, &mut inner);
        if inner.is_empty() {
            continue;
        }
        let Some(group) = groups.next() else { break };
        assign(&inner, &group.weights, false, &mut places);
    }
    places
}

/// The places in the file inside an archive.
pub(super) fn places_in_archive(model: &Model, list: &str) -> Places {
    let mut places = HashMap::new();
    containers(model, list, "", list, &mut places);
    places
}

/// The places in an archive, which counts the layers of each class.
fn containers(model: &Model, list: &str, path: &str, place: &str, places: &mut Places) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for layer in &model.layers {
        let class = snake_case(&layer.class);
        let count = seen.entry(class.clone()).or_default();
        let own = if *count == 0 { format!("{place}/{class}") } else { format!("{place}/{class}_{count}") };
        *count += 1;
        let path = join(path, &layer.name);
        match &layer.model {
            Some(model) => containers(model, list, &path, &format!("{own}/{list}"), places),
            None => {
                let weights = expected(layer).len();
                if weights > 0 {
                    places.insert(path, (0..weights).map(|index| format!("{own}/vars/{index}")).collect());
                }
            }
        }
    }
}

/// The weights of some layers in the order of a group: what training changes first, then the rest. Each is the position
/// of its layer, its own among the layer's, and its name.
fn order(leaves: &[Leaf]) -> Vec<(usize, usize, &'static str)> {
    let mut order = Vec::new();
    for trained in [true, false] {
        for (at, leaf) in leaves.iter().enumerate() {
            for (index, (name, own)) in expected(leaf.layer).into_iter().enumerate() {
                if (own && leaf.trained) == trained {
                    order.push((at, index, name));
                }
            }
        }
    }
    order
}

/// Whether a list of names has this order; `owned` asks for the names of the layers too.
fn fits(order: &[(usize, usize, &str)], leaves: &[Leaf], names: &[String], owned: bool) -> bool {
    order.len() == names.len()
        && order.iter().zip(names).all(|((at, _, wanted), name)| {
            same(wanted, base(name)) && (!owned || leaves.get(*at).is_some_and(|leaf| owns(leaf, name)))
        })
}

/// Whether a weight has the name of a layer.
fn owns(leaf: &Leaf, name: &str) -> bool {
    name.rsplit('/').nth(1) == leaf.layer.name.rsplit('/').next()
}

/// Finds each layer's weights in the list of a group. A model's list has what training changes first, then the rest;
/// that order is enough unless the names of the layers must be right as well (`owned`).
fn assign(leaves: &[Leaf], names: &[String], owned: bool, places: &mut Places) {
    let order = order(leaves);
    let mut slots: Vec<Vec<Option<&String>>> =
        leaves.iter().map(|leaf| vec![None; expected(leaf.layer).len()]).collect();
    let fits = fits(&order, leaves, names, owned);
    for (position, (at, index, wanted)) in order.into_iter().enumerate() {
        let found = if fits {
            names.get(position)
        } else if let ([leaf], false) = (leaves, owned) {
            // One layer: by the name of the weight, else by position.
            let by_name = names.iter().find(|name| same(wanted, base(name)));
            by_name.or_else(|| names.get(position).filter(|_| names.len() == expected(leaf.layer).len()))
        } else {
            let owner = leaves.get(at);
            let mut matching =
                names.iter().filter(|name| same(wanted, base(name)) && owner.is_some_and(|leaf| owns(leaf, name)));
            matching.next().filter(|_| matching.next().is_none())
        };
        if let Some(slot) = slots.get_mut(at).and_then(|slots| slots.get_mut(index)) {
            *slot = found;
        }
    }
    for (leaf, slots) in leaves.iter().zip(slots) {
        // A layer without all its weights is refused when it is read.
        if let Some(found) = slots.into_iter().map(|slot| slot.cloned()).collect::<Option<Vec<_>>>() {
            places.insert(leaf.path.clone(), found);
        }
    }
}

/// A class name as Keras makes a group's name of it: `Conv2DTranspose` is `conv2d_transpose`.
pub(super) fn snake_case(class: &str) -> String {
    let chars: Vec<char> = class.chars().filter(|char| char.is_alphanumeric() || *char == '_').collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or(' ');
    let mut result = String::new();
    for (index, &char) in chars.iter().enumerate() {
        let starts = char.is_ascii_uppercase()
            && index > 0
            && at(index - 1) != '_'
            && (at(index + 1).is_ascii_lowercase() || at(index - 1).is_ascii_lowercase());
        if starts {
            result.push('_');
        }
        result.push(char.to_ascii_lowercase());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn classes_have_the_group_names_of_keras() {
        for (class, group) in [
            ("Conv2D", "conv2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("SeparableConv2D", "separable_conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("PReLU", "p_re_lu"),
            ("ReLU", "re_lu"),
            ("LeakyReLU", "leaky_re_lu"),
            ("ELU", "elu"),
            ("Dense", "dense"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("Functional", "functional"),
        ] {
            assert_eq!(snake_case(class), group);
        }
    }
}
