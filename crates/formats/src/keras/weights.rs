//! Where each layer's weights are in the file.

use std::{collections::HashMap, sync::Arc};

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
    root: hdf5::Object<'a>,
    places: Places,
}

/// A layer in a file that lists its layers.
pub(super) struct Group {
    /// The paths of its weights.
    pub weights: Vec<String>,
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
            assign(&inner, &names(&group, &layer.name)?, &mut places);
        }
        Ok(Self { root, places })
    }

    /// The weights in the file inside a `.keras` archive.
    pub fn archive(root: hdf5::Object<'a>, model: &Model) -> Result<Self, FormatError> {
        let places = places_in_archive(model, container(&root)?.unwrap_or("layers"));
        Ok(Self { root, places })
    }

    /// The weights at places that are known.
    pub fn at(root: hdf5::Object<'a>, places: Places) -> Self {
        Self { root, places }
    }

    /// A weight of the layer at `path`: its shape and its elements.
    pub fn get(&self, path: &str, index: usize) -> Result<(Vec<usize>, Arc<[f32]>), Refusal> {
        let place = self.places.get(path).and_then(|places| places.get(index));
        let missing = || Refusal::reason(format!("the file does not hold its weight number {}", index + 1));
        let place = place.ok_or_else(missing)?;
        let object = self.root.find(place)?.ok_or_else(missing)?;
        let fail = |error: FormatError| match error {
            FormatError::Unsupported { what } => {
                FormatError::Tensor { tensor: place.clone(), reason: format!("it has {what}, which are not supported") }
            }
            FormatError::Damaged { reason } => FormatError::Tensor { tensor: place.clone(), reason },
            other => other,
        };
        Ok((object.dims().map_err(fail)?, object.floats().map_err(fail)?))
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
        assign(&inner, &group.weights, &mut places);
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

/// Finds each layer's weights in the list of a group. A model's list has what training changes first, then the rest.
fn assign(leaves: &[Leaf], names: &[String], places: &mut Places) {
    let mut order: Vec<(usize, usize, &str)> = Vec::new();
    for trained in [true, false] {
        for (at, leaf) in leaves.iter().enumerate() {
            for (index, (name, own)) in expected(leaf.layer).into_iter().enumerate() {
                if (own && leaf.trained) == trained {
                    order.push((at, index, name));
                }
            }
        }
    }
    let mut slots: Vec<Vec<Option<&String>>> =
        leaves.iter().map(|leaf| vec![None; expected(leaf.layer).len()]).collect();
    let fits =
        order.len() == names.len() && order.iter().zip(names).all(|((.., wanted), name)| same(wanted, base(name)));
    for (position, (at, index, wanted)) in order.into_iter().enumerate() {
        let found = if fits {
            names.get(position)
        } else if let [leaf] = leaves {
            // One layer: by the name of the weight, else by position.
            let by_name = names.iter().find(|name| same(wanted, base(name)));
            by_name.or_else(|| names.get(position).filter(|_| names.len() == expected(leaf.layer).len()))
        } else {
            let owner = leaves.get(at).map(|leaf| leaf.layer.name.as_str()).unwrap_or_default();
            let mut matching = names
                .iter()
                .filter(|name| same(wanted, base(name)) && name.rsplit('/').nth(1) == owner.rsplit('/').next());
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
