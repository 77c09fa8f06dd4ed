//! The networks of keras.applications, whose files of weights do not say what network they belong to.
//!
//! Each is described as the importer of whole models has it, so that nothing but the description is new. Files have the
//! layers in Keras's order, whatever their names: older releases had others. A file is taken for the architecture
//! whose number of layers and shapes of weights it has.

mod convnext;
mod densenet;
mod efficientnet;
mod inception;
mod mobilenet;
mod nasnet;
pub(super) mod net;
mod resnet;
mod stored;
#[cfg(test)]
mod tests;
mod vgg;

use std::sync::OnceLock;

use innspect_graph::Preprocessing;

use self::{
    net::{Description, Plan},
    stored::{Misfit, Stored},
};
use super::{
    import,
    weights::{Places, Weights},
};
use crate::{FormatError, Imported, hdf5, labels::imagenet_labels};

/// The number of ImageNet's classes.
const CLASSES: usize = 1000;

/// One form of an architecture: a width, or the names and order of an older release.
struct Candidate {
    /// The name of the function in keras.applications.
    architecture: &'static str,
    /// Height and width of the pictures it was trained with.
    side: usize,
    build: fn(Plan) -> Description,
}

const fn candidate(architecture: &'static str, side: usize, build: fn(Plan) -> Description) -> Candidate {
    Candidate { architecture, side, build }
}

const CANDIDATES: &[Candidate] = &[
    candidate("VGG16", 224, |plan| vgg::build(plan, "vgg16", [2, 2, 3, 3, 3])),
    candidate("VGG19", 224, |plan| vgg::build(plan, "vgg19", [2, 2, 4, 4, 4])),
    candidate("ResNet50", 224, |plan| resnet::build(plan, "resnet50", [3, 4, 6, 3], false)),
    candidate("ResNet50", 224, resnet::build_early),
    candidate("ResNet101", 224, |plan| resnet::build(plan, "resnet101", [3, 4, 23, 3], false)),
    candidate("ResNet152", 224, |plan| resnet::build(plan, "resnet152", [3, 8, 36, 3], false)),
    candidate("ResNet50V2", 224, |plan| resnet::build(plan, "resnet50v2", [3, 4, 6, 3], true)),
    candidate("ResNet101V2", 224, |plan| resnet::build(plan, "resnet101v2", [3, 4, 23, 3], true)),
    candidate("ResNet152V2", 224, |plan| resnet::build(plan, "resnet152v2", [3, 8, 36, 3], true)),
    candidate("Xception", 299, inception::xception),
    candidate("InceptionV3", 299, inception::v3),
    candidate("InceptionResNetV2", 299, inception::resnet_v2),
    candidate("MobileNet", 224, |plan| mobilenet::v1(plan, 0.25)),
    candidate("MobileNet", 224, |plan| mobilenet::v1(plan, 0.5)),
    candidate("MobileNet", 224, |plan| mobilenet::v1(plan, 0.75)),
    candidate("MobileNet", 224, |plan| mobilenet::v1(plan, 1.0)),
    candidate("MobileNetV2", 224, |plan| mobilenet::v2(plan, 0.35)),
    candidate("MobileNetV2", 224, |plan| mobilenet::v2(plan, 0.5)),
    candidate("MobileNetV2", 224, |plan| mobilenet::v2(plan, 0.75)),
    candidate("MobileNetV2", 224, |plan| mobilenet::v2(plan, 1.0)),
    candidate("MobileNetV2", 224, |plan| mobilenet::v2(plan, 1.3)),
    candidate("MobileNetV2", 224, |plan| mobilenet::v2(plan, 1.4)),
    candidate("MobileNetV3Small", 224, |plan| mobilenet::v3(plan, false, 0.75, false)),
    candidate("MobileNetV3Small", 224, |plan| mobilenet::v3(plan, false, 1.0, false)),
    candidate("MobileNetV3Small", 224, |plan| mobilenet::v3(plan, false, 1.0, true)),
    candidate("MobileNetV3Large", 224, |plan| mobilenet::v3(plan, true, 0.75, false)),
    candidate("MobileNetV3Large", 224, |plan| mobilenet::v3(plan, true, 1.0, false)),
    candidate("MobileNetV3Large", 224, |plan| mobilenet::v3(plan, true, 1.0, true)),
    candidate("DenseNet121", 224, |plan| densenet::build(plan, "densenet121", [6, 12, 24, 16])),
    candidate("DenseNet169", 224, |plan| densenet::build(plan, "densenet169", [6, 12, 32, 32])),
    candidate("DenseNet201", 224, |plan| densenet::build(plan, "densenet201", [6, 12, 48, 32])),
    candidate("NASNetMobile", 224, |plan| nasnet::build(plan, 1056, 4, 32, false)),
    candidate("NASNetLarge", 331, |plan| nasnet::build(plan, 4032, 6, 96, true)),
    candidate("EfficientNetB0", 224, |plan| efficientnet::v1(plan, "efficientnetb0", 1.0, 1.0)),
    candidate("EfficientNetB1", 240, |plan| efficientnet::v1(plan, "efficientnetb1", 1.0, 1.1)),
    candidate("EfficientNetB2", 260, |plan| efficientnet::v1(plan, "efficientnetb2", 1.1, 1.2)),
    candidate("EfficientNetB3", 300, |plan| efficientnet::v1(plan, "efficientnetb3", 1.2, 1.4)),
    candidate("EfficientNetB4", 380, |plan| efficientnet::v1(plan, "efficientnetb4", 1.4, 1.8)),
    candidate("EfficientNetB5", 456, |plan| efficientnet::v1(plan, "efficientnetb5", 1.6, 2.2)),
    candidate("EfficientNetB6", 528, |plan| efficientnet::v1(plan, "efficientnetb6", 1.8, 2.6)),
    candidate("EfficientNetB7", 600, |plan| efficientnet::v1(plan, "efficientnetb7", 2.0, 3.1)),
    candidate("EfficientNetV2B0", 224, |plan| {
        efficientnet::v2(plan, "efficientnetv2-b0", &efficientnet::V2_B, 1.0, 1.0)
    }),
    candidate("EfficientNetV2B1", 240, |plan| {
        efficientnet::v2(plan, "efficientnetv2-b1", &efficientnet::V2_B, 1.0, 1.1)
    }),
    candidate("EfficientNetV2B2", 260, |plan| {
        efficientnet::v2(plan, "efficientnetv2-b2", &efficientnet::V2_B, 1.1, 1.2)
    }),
    candidate("EfficientNetV2B3", 300, |plan| {
        efficientnet::v2(plan, "efficientnetv2-b3", &efficientnet::V2_B, 1.2, 1.4)
    }),
    candidate("EfficientNetV2S", 384, |plan| efficientnet::v2(plan, "efficientnetv2-s", &efficientnet::V2_S, 1.0, 1.0)),
    candidate("EfficientNetV2M", 480, |plan| efficientnet::v2(plan, "efficientnetv2-m", &efficientnet::V2_M, 1.0, 1.0)),
    candidate("EfficientNetV2L", 480, |plan| efficientnet::v2(plan, "efficientnetv2-l", &efficientnet::V2_L, 1.0, 1.0)),
    candidate("ConvNeXtTiny", 224, |plan| convnext::build(plan, "convnext_tiny", [3, 3, 9, 3], [96, 192, 384, 768])),
    candidate("ConvNeXtSmall", 224, |plan| convnext::build(plan, "convnext_small", [3, 3, 27, 3], [96, 192, 384, 768])),
    candidate("ConvNeXtBase", 224, |plan| convnext::build(plan, "convnext_base", [3, 3, 27, 3], [128, 256, 512, 1024])),
    candidate("ConvNeXtLarge", 224, |plan| {
        convnext::build(plan, "convnext_large", [3, 3, 27, 3], [192, 384, 768, 1536])
    }),
    candidate("ConvNeXtXLarge", 224, |plan| {
        convnext::build(plan, "convnext_xlarge", [3, 3, 27, 3], [256, 512, 1024, 2048])
    }),
];

/// How the networks of a family take their pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Preparation {
    /// Blue, green, red in 0..255 without the mean.
    Caffe,
    /// In -1..1.
    Tf,
    /// In 0..1, normalised.
    Torch,
    /// By their own first layers.
    Inside,
}

/// What a network of keras.applications expects, told by the name that Keras gives the model. The first that begins so.
fn preparation(model: &str) -> Option<Preparation> {
    use Preparation::{Caffe, Inside, Tf, Torch};
    let families = [
        ("mobilenetv3", Inside),
        ("mobilenet", Tf),
        ("resnet50v2", Tf),
        ("resnet101v2", Tf),
        ("resnet152v2", Tf),
        ("resnet50", Caffe),
        ("resnet101", Caffe),
        ("resnet152", Caffe),
        ("vgg16", Caffe),
        ("vgg19", Caffe),
        ("xception", Tf),
        ("inception_v3", Tf),
        ("inception_resnet_v2", Tf),
        ("nasnet", Tf),
        ("densenet", Torch),
        ("efficientnet", Inside),
        ("convnext", Inside),
        ("regnet", Inside),
        ("resnet-rs", Inside),
    ];
    let model = model.to_ascii_lowercase();
    families.into_iter().find(|(family, _)| model.starts_with(family)).map(|(_, preparation)| preparation)
}

/// How pictures are prepared for the model of this name; `None` if the name is none of keras.applications or the
/// network prepares them itself.
pub(super) fn preprocessing(model: &str, size: [usize; 2]) -> Option<Preprocessing> {
    match preparation(model)? {
        Preparation::Caffe => Some(Preprocessing::keras_caffe(size)),
        Preparation::Tf => Some(Preprocessing::keras_tf(size)),
        Preparation::Torch => Some(Preprocessing::torchvision(size)),
        Preparation::Inside => None,
    }
}

/// The names of ImageNet's classes, if the model of this name has as many.
pub(super) fn labels(model: &str, classes: usize) -> Option<Vec<String>> {
    preparation(model).filter(|_| classes == CLASSES)?;
    imagenet_labels()
}

/// An architecture that has the shapes of a file.
struct Fit {
    candidate: &'static Candidate,
    plan: Plan,
    description: Description,
    places: Places,
}

impl Candidate {
    /// Tries the network with its top or without it.
    fn fit(&'static self, stored: &Stored, top: bool, side: usize) -> Result<Fit, Misfit> {
        let mut plan = Plan { side, classes: top.then_some(CLASSES), deviations: false };
        let mut description = (self.build)(plan);
        if let Some(classes) = stored.last_size(&description).filter(|&classes| top && classes != CLASSES) {
            plan.classes = Some(classes);
            description = (self.build)(plan);
        }
        let places = stored.fit(&description)?;
        Ok(Fit { candidate: self, plan, description, places })
    }
}

/// How many arrays of weights each candidate has with its top and without, which rules most of them out.
fn counts() -> &'static [[usize; 2]] {
    static COUNTS: OnceLock<Vec<[usize; 2]>> = OnceLock::new();
    COUNTS.get_or_init(|| {
        let count = |candidate: &Candidate, classes: Option<usize>| {
            let plan = Plan { side: candidate.side, classes, deviations: false };
            (candidate.build)(plan).arrays()
        };
        CANDIDATES.iter().map(|candidate| [count(candidate, Some(CLASSES)), count(candidate, None)]).collect()
    })
}

/// A name as it is compared: `EfficientNetV2-B0` is `efficientnetv2b0`.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// Each architecture's name once.
fn names<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Vec<String> {
    let mut names: Vec<String> = candidates.map(|candidate| candidate.architecture.to_owned()).collect();
    names.dedup();
    names
}

/// The names of the architectures whose weights are read.
pub(crate) fn architectures() -> Vec<&'static str> {
    CANDIDATES.iter().map(|candidate| candidate.architecture).collect()
}

/// Reads a file of weights alone; `None` if it holds none, or no known architecture's and none is chosen.
///
/// # Errors
/// [`FormatError::NeedsArchitecture`] if several architectures have its shapes or the chosen one is unknown,
/// [`FormatError::OtherArchitecture`] if the chosen one has others, and what the importer says.
pub(super) fn read(root: hdf5::Object, name: &str, chosen: Option<&str>) -> Result<Option<Imported>, FormatError> {
    let Some(stored) = Stored::list(root)? else { return Ok(None) };
    match recognise(&stored, chosen, None)? {
        Some(fit) => finish(stored, fit, name).map(Some),
        None => Ok(None),
    }
}

/// The architecture that the shapes of a file are those of. `side` is for pictures of another size.
fn recognise(stored: &Stored, chosen: Option<&str>, side: Option<usize>) -> Result<Option<Fit>, FormatError> {
    let chosen = chosen.map(plain);
    let (mut fits, mut closest): (Vec<Fit>, Option<(&Candidate, Misfit)>) = (Vec::new(), None);
    for (candidate, counts) in CANDIDATES.iter().zip(counts()) {
        if chosen.as_ref().is_some_and(|name| *name != plain(candidate.architecture)) {
            continue;
        }
        for (top, count) in [true, false].into_iter().zip(counts) {
            // Where it is chosen, its first difference is told.
            if chosen.is_none() && *count != stored.count() {
                continue;
            }
            match candidate.fit(stored, top, side.unwrap_or(candidate.side)) {
                Ok(fit) => fits.push(fit),
                Err(misfit) if closest.as_ref().is_none_or(|(_, other)| other.fitting < misfit.fitting) => {
                    closest = Some((candidate, misfit));
                }
                Err(_) => {}
            }
        }
    }
    match (fits.len(), chosen, closest) {
        (1, ..) => Ok(fits.pop()),
        (0, None, _) => Ok(None),
        (0, Some(_), Some((candidate, misfit))) => Err(misfit.error(candidate.architecture)),
        (0, Some(_), None) => Err(FormatError::NeedsArchitecture { candidates: names(CANDIDATES.iter()) }),
        _ => Err(FormatError::NeedsArchitecture { candidates: names(fits.iter().map(|fit| fit.candidate)) }),
    }
}

/// Makes the network.
fn finish(stored: Stored, fit: Fit, name: &str) -> Result<Imported, FormatError> {
    let Fit { candidate, mut plan, mut description, places } = fit;
    let version = stored.version()?;
    let weights = Weights::at(stored.into_root(), places);
    // The files of EfficientNet hold the deviation of ImageNet's colours where the layer reads a variance. Keras divides
    // by its root once more; networks trained otherwise do not need that.
    let variance = description.model.layers.iter().find(|layer| layer.class == "Normalization");
    let variance = variance.and_then(|layer| weights.get(&layer.name, 1).ok());
    let close = |(value, deviation): (&f32, f64)| (f64::from(*value) - deviation).abs() < 1e-3;
    if variance
        .and_then(|(_, values)| values.read().ok().map(|values| values.into_owned()))
        .is_some_and(|values| values.iter().zip(efficientnet::DEVIATION).all(close))
    {
        plan.deviations = true;
        description = (candidate.build)(plan);
    }
    let container = format!("HDF5, weights of {}", candidate.architecture);
    let mut imported = import::import(&description.model, &weights, &version, &container, name)?;
    let (architecture, side) = (candidate.architecture, plan.side);
    imported.graph.preprocessing = preprocessing(&description.model.name, [side, side]);
    match plan.classes {
        Some(CLASSES) => {}
        Some(classes) => imported.warnings.push(format!(
            "It is taken for {architecture} with {classes} classes that reads pictures of {side} × {side}, prepared as \
             for the original."
        )),
        None => {
            imported.graph.labels =
                Some((0..imported.graph.classes()).map(|index| format!("feature {index}")).collect());
            imported.warnings.push(format!(
                "The file holds {architecture} without the layers that tell classes apart: the scores are its features, \
                 each the mean of one of its last maps."
            ));
        }
    }
    Ok(imported)
}
