//! Inputs: pictures that are prepared, or arrays that already are.

use std::path::{Path, PathBuf};

use innspect_dataset::{decode, npy, prepare};

use crate::{
    failure::{Failure, read},
    model::Model,
};

/// A batch for a network.
pub struct Batch {
    /// `[n, C, H, W]`, row-major.
    pub data: Vec<f32>,
    /// Shape.
    pub shape: Vec<usize>,
    /// A name for each sample.
    pub names: Vec<String>,
}

/// Decodes and prepares pictures.
pub fn pictures(model: &Model, files: &[PathBuf]) -> Result<Batch, Failure> {
    let Some([channels, height, width]) = model.graph.image_shape() else {
        return Err(Failure::new(
            format!("{} reads no pictures", model.name),
            "",
            "Give prepared inputs with --input.",
        ));
    };
    let mut data = Vec::with_capacity(files.len() * channels * height * width);
    for file in files {
        let picture = decode(&read(file)?).map_err(|error| {
            Failure::new(format!("{}: {}", file.display(), error.what()), error.place(), error.advice())
        })?;
        let prepared = prepare(&picture, &model.preprocessing)?;
        if prepared.tensor.len() != channels * height * width {
            return Err(Failure::new(
                format!(
                    "The preprocessing makes {} numbers, the network reads {channels}×{height}×{width}",
                    prepared.tensor.len()
                ),
                "",
                "Give prepared inputs with --input.",
            ));
        }
        data.extend(prepared.tensor);
    }
    let names = files.iter().map(|file| file.display().to_string()).collect();
    Ok(Batch { data, shape: vec![files.len(), channels, height, width], names })
}

/// Reads an array N,C,H,W, or N,H,W,C where only that fits the network.
pub fn array(model: &Model, file: &Path) -> Result<Batch, Failure> {
    let array = npy::read_f32(&read(file)?)?;
    let expected = model.graph.value(model.graph.input).shape.dims();
    let samples = array.shape.first().copied().unwrap_or_default();
    let names = (0..samples).map(|sample| format!("{}[{sample}]", file.display())).collect();
    match array.shape.get(1..) {
        Some(rest) if samples > 0 && rest == expected => Ok(Batch { data: array.data, shape: array.shape, names }),
        Some(&[height, width, channels]) if samples > 0 && expected == [channels, height, width] => {
            let mut data = Vec::with_capacity(array.data.len());
            for sample in array.data.chunks(height * width * channels) {
                for channel in 0..channels {
                    data.extend(sample.iter().skip(channel).step_by(channels));
                }
            }
            Ok(Batch { data, shape: vec![samples, channels, height, width], names })
        }
        _ => Err(Failure::new(
            format!(
                "{} has shape {:?}; the network takes {:?} behind the batch",
                file.display(),
                array.shape,
                expected
            ),
            "",
            "Save a float32 array N,C,H,W that is already preprocessed.",
        )),
    }
}
