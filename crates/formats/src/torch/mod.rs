//! Weights of PyTorch: checkpoints of `torch.save` (`.pt`, `.pth`) of all versions, and safetensors.
//!
//! Both hold tensors with names and no network. The names of a state dictionary tell the architecture all the same, and
//! the shapes its widths and depths; what neither tells, such as strides, is that of torchvision, whose classifiers are
//! built here under its own names of the modules. Every tensor must find its place, so weights of a network that is only
//! similar are refused. Nothing of a file is executed: pickles of whole models and TorchScript are refused by name.

mod architectures;
mod container;
mod net;
mod safetensors;
mod state;

use innspect_graph::{Graph, Preprocessing, passes};

use self::{
    architectures::{Family, Recipe},
    net::{Fault, Net},
    state::State,
};
use crate::{FormatError, Imported, ModelFiles, labels::imagenet_labels};

/// Reads the weights in a checkpoint of `torch.save` and builds the network that they belong to.
///
/// `side` is the height and width of the network's pictures where they are not what torchvision's weights were trained
/// with; no file says it.
///
/// # Errors
/// [`FormatError`] if the file is damaged, holds no plain tensors, or weights that fit none of the architectures that
/// are known, or not the one that [`ModelFiles::architecture`] names.
pub fn read_checkpoint(files: &ModelFiles, side: Option<usize>) -> Result<Imported, FormatError> {
    let (state, container) = container::read(&files.file)?;
    import(&state, container, files, side)
}

/// Reads the weights in a safetensors file and builds the network that they belong to.
///
/// # Errors
/// As [`read_checkpoint`].
pub fn read_safetensors(files: &ModelFiles, side: Option<usize>) -> Result<Imported, FormatError> {
    let state = safetensors::read(&files.file)?;
    import(&state, "safetensors", files, side)
}

/// Names of the families of architectures that weights are told apart by.
pub(crate) fn families() -> Vec<&'static str> {
    architectures::single_names()
}

fn import(state: &State, container: &str, files: &ModelFiles, side: Option<usize>) -> Result<Imported, FormatError> {
    let family = match &files.architecture {
        Some(wanted) => architectures::find(wanted).ok_or_else(|| FormatError::UnknownArchitecture {
            reason: format!("no architecture is called {wanted:?}"),
            known: architectures::names(),
        })?,
        None => architectures::recognise(state).ok_or_else(|| FormatError::UnknownArchitecture {
            reason: format!("tensors called {} are of no architecture that is known", state.sample()),
            known: architectures::names(),
        })?,
    };
    if !state.has(family.stem) {
        let reason = format!("the tensor {:?} is missing", family.stem);
        return Err(FormatError::Weights { architecture: family.name.to_owned(), reason });
    }
    let mut recipe = (family.recipe)(state);
    if let Some(side) = side {
        // The share of the picture that is cut out stays.
        recipe.resize = recipe.resize.saturating_mul(side) / recipe.side.max(1);
        recipe.side = side;
    }
    let graph = build(family, &recipe, state).map_err(|fault| match fault {
        Fault::File(error) => error,
        Fault::Misfit(reason) => FormatError::Weights { architecture: recipe.title.clone(), reason },
    })?;
    let mut graph = passes::optimize(graph)?;
    let mut warnings = vec![format!(
        "The file holds weights alone; by their names they belong to {} of torchvision, whose strides and paddings are \
         assumed.",
        recipe.title
    )];
    warnings.extend(recipe.warnings.iter().map(|&warning| warning.to_owned()));
    graph.preprocessing = preprocessing(&graph, &recipe, &mut warnings);
    if graph.classes() == 1000 {
        graph.labels = imagenet_labels();
    }
    crate::check_weights(&graph, &mut warnings);
    Ok(Imported { graph, format: format!("PyTorch weights ({container})"), warnings })
}

/// The network with its weights; each tensor of the file has its place in it.
fn build(family: &Family, recipe: &Recipe, state: &State) -> Result<Graph, Fault> {
    let stem = state.dims(family.stem).ok_or_else(|| Fault::missing(family.stem))?;
    let channels = stem.get(1).copied().unwrap_or_default();
    let mut net = Net::new(&recipe.title, [channels, recipe.side, recipe.side], state);
    let output = (family.build)(&mut net)?;
    let left = net.unused(|name| family.ignored.iter().any(|ignored| name.starts_with(ignored)));
    if let Some(first) = left.first() {
        let more = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
        return Err(Fault::Misfit(format!("there is no place in it for the tensor {first:?}{more}")));
    }
    Ok(net.finish(output))
}

/// How torchvision prepares the pictures of its own weights; of others it is the best guess.
fn preprocessing(graph: &Graph, recipe: &Recipe, warnings: &mut Vec<String>) -> Option<Preprocessing> {
    let [3, height, width] = graph.image_shape()? else { return None };
    if graph.classes() != 1000 {
        warnings.push(format!(
            "Weights do not say how pictures are prepared; the usual ImageNet mean and deviation and {height} × {width} \
             pixels are assumed."
        ));
    }
    Some(recipe.preprocessing([height, width]))
}
