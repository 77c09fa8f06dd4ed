//! The arrays of a file of weights, and whether they are those of an architecture.

use std::collections::HashMap;

use super::net::{Description, Weighted};
use crate::{
    FormatError,
    hdf5::Object,
    keras::weights::{self, Group, Places},
};

/// More arrays than any network has.
const MAX_ARRAYS: usize = 100_000;

/// Deeper groups than Keras writes.
const MAX_DEPTH: usize = 16;

/// A file of weights.
pub(super) struct Stored<'a> {
    root: Object<'a>,
    layout: Layout,
    /// The shapes of all arrays by their paths.
    arrays: HashMap<String, Vec<usize>>,
}

enum Layout {
    /// A list of layers, each with a list of weights, in the order of the model.
    Lists(Vec<Group>),
    /// Groups named after the classes of layers, in a group of this name.
    Classes(&'static str),
}

/// Where a file departs from an architecture.
pub(super) struct Misfit {
    /// How many layers with weights are alike before.
    pub fitting: usize,
    layer: String,
    expected: Vec<Vec<usize>>,
    found: Vec<Vec<usize>>,
}

impl Misfit {
    pub fn error(self, architecture: &str) -> FormatError {
        let words = |shapes: &[Vec<usize>]| {
            let shape = |dims: &Vec<usize>| match dims.as_slice() {
                [] => "1".to_owned(),
                dims => dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×"),
            };
            if shapes.is_empty() { "none".to_owned() } else { shapes.iter().map(shape).collect::<Vec<_>>().join(", ") }
        };
        FormatError::OtherArchitecture {
            architecture: architecture.to_owned(),
            layer: self.layer,
            expected: words(&self.expected),
            found: words(&self.found),
        }
    }
}

impl<'a> Stored<'a> {
    /// Lists what a file holds; `None` if it is not laid out as Keras does.
    pub fn list(root: Object<'a>) -> Result<Option<Self>, FormatError> {
        // A file without the architecture may still have its weights where whole models have them.
        let root =
            if root.list("layer_names")?.is_none() { root.find_one("model_weights")?.unwrap_or(root) } else { root };
        let mut arrays = HashMap::new();
        if let Some(layers) = root.list("layer_names")? {
            let mut groups = Vec::new();
            for layer in layers {
                let Some(group) = root.find(&layer)? else { continue };
                let names = weights::names(&group, &layer)?;
                for name in &names {
                    let object = root.find(name)?;
                    let object =
                        object.ok_or_else(|| FormatError::Damaged { reason: format!("{name:?} is missing") })?;
                    arrays.insert(name.clone(), object.dims()?);
                }
                check(arrays.len())?;
                if !names.is_empty() {
                    groups.push(Group { weights: names });
                }
            }
            return Ok(Some(Self { root, layout: Layout::Lists(groups), arrays }));
        }
        let Some(list) = weights::container(&root)? else { return Ok(None) };
        let Some(top) = root.find_one(list)? else { return Ok(None) };
        walk(&top, list, false, 0, &mut arrays)?;
        Ok(Some(Self { root, layout: Layout::Classes(list), arrays }))
    }

    /// The version of Keras that wrote the file, empty if it does not say so.
    pub fn version(&self) -> Result<String, FormatError> {
        Ok(self.root.text("keras_version")?.unwrap_or_default())
    }

    pub fn into_root(self) -> Object<'a> {
        self.root
    }

    fn places(&self, description: &Description) -> Places {
        match &self.layout {
            Layout::Lists(groups) => weights::places_in_order(&description.model, groups),
            Layout::Classes(list) => weights::places_in_archive(&description.model, list),
        }
    }

    /// The last axis of the last weight, which is the number of classes; `None` if the file has another number of layers.
    pub fn last_size(&self, description: &Description) -> Option<usize> {
        if description.arrays() != self.count() {
            return None;
        }
        let path = &description.shapes.last()?.path;
        let places = self.places(description);
        let dims = self.arrays.get(places.get(path)?.last()?)?;
        dims.last().copied().filter(|&size| size > 0)
    }

    /// How many arrays there are.
    pub fn count(&self) -> usize {
        self.arrays.len()
    }

    /// The places of all weights, if they have the shapes of the network.
    pub fn fit(&self, description: &Description) -> Result<Places, Misfit> {
        let places = self.places(description);
        for (at, Weighted { path, shapes: expected, group }) in description.shapes.iter().enumerate() {
            let found: Option<Vec<&Vec<usize>>> = places
                .get(path)
                .and_then(|places| places.iter().map(|place| self.arrays.get(place)).collect::<Option<_>>());
            if !found.as_ref().is_some_and(|found| found.iter().copied().eq(expected)) {
                let found = match (&self.layout, found) {
                    (_, Some(found)) => found.into_iter().cloned().collect(),
                    // Another number of weights than the layer has.
                    (Layout::Lists(groups), None) => {
                        let names = groups.get(*group).map(|group| group.weights.as_slice()).unwrap_or_default();
                        names.iter().filter_map(|name| self.arrays.get(name)).cloned().collect()
                    }
                    (Layout::Classes(_), None) => Vec::new(),
                };
                return Err(Misfit { fitting: at, layer: path.clone(), expected: expected.clone(), found });
            }
        }
        if description.arrays() != self.count() {
            let used: std::collections::HashSet<&String> = places.values().flatten().collect();
            let mut more: Vec<&String> = self.arrays.keys().filter(|name| !used.contains(name)).collect();
            more.sort();
            let layer = more.first().map(|name| (*name).clone()).unwrap_or_default();
            let found = self.arrays.get(&layer).cloned().into_iter().collect();
            return Err(Misfit { fitting: description.shapes.len(), layer, expected: Vec::new(), found });
        }
        Ok(places)
    }
}

fn check(count: usize) -> Result<(), FormatError> {
    if count > MAX_ARRAYS {
        return Err(FormatError::TooLarge { what: "arrays", actual: count, limit: MAX_ARRAYS });
    }
    Ok(())
}

/// Lists the arrays in groups called `vars`.
fn walk(
    group: &Object,
    path: &str,
    vars: bool,
    depth: usize,
    arrays: &mut HashMap<String, Vec<usize>>,
) -> Result<(), FormatError> {
    if depth > MAX_DEPTH {
        return Err(FormatError::TooLarge { what: "groups inside each other", actual: depth, limit: MAX_DEPTH });
    }
    for name in group.links()?.keys() {
        // The state of random numbers is no weight.
        if name == "seed_generator" {
            continue;
        }
        let Some(object) = group.find_one(name)? else { continue };
        let path = format!("{path}/{name}");
        if vars {
            arrays.insert(path, object.dims()?);
            check(arrays.len())?;
        } else {
            walk(&object, &path, name == "vars", depth + 1, arrays)?;
        }
    }
    Ok(())
}
