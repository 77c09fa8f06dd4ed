//! The weights of a TensorFlow.js model: a list of names, shapes and types, whose bytes follow each other in shards.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use half::f16;
use innspect_graph::Weights;
use serde_json::Value;

use crate::{FormatError, ModelFiles, keras, onnx::proto::DataType};

/// More axes than any classifier's weight has.
const MAX_RANK: usize = 32;

/// More shards than a network is split into; one has 4 MB.
const MAX_SHARDS: usize = 2000;

/// How elements are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stored {
    Float,
    Half,
    Int,
    Bool,
    /// An integer of one byte, or two, that stands for `scale · integer + min`.
    Byte {
        scale: f64,
        min: f64,
    },
    Short {
        scale: f64,
        min: f64,
    },
}

impl Stored {
    fn size(self) -> usize {
        match self {
            Self::Float | Self::Int => 4,
            Self::Half | Self::Short { .. } => 2,
            Self::Bool | Self::Byte { .. } => 1,
        }
    }
}

/// A weight.
#[derive(Clone, Debug)]
pub(super) struct Weight {
    pub dims: Vec<usize>,
    stored: Stored,
    /// Whether its elements are whole numbers once they are read.
    whole: bool,
    raw: Bytes,
}

/// The weights of a model by name.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    names: Vec<String>,
    weights: HashMap<String, Weight>,
    /// How many bytes the shards have together.
    pub bytes: usize,
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}

impl Weight {
    /// Its elements as floats.
    pub fn floats(&self) -> Arc<[f32]> {
        let raw = &self.raw;
        match self.stored {
            Stored::Float => raw.chunks_exact(4).map(|part| f32::from_le_bytes(array(part))).collect(),
            Stored::Half => raw.chunks_exact(2).map(|part| f16::from_le_bytes(array(part)).to_f32()).collect(),
            Stored::Int => raw.chunks_exact(4).map(|part| i32::from_le_bytes(array(part)) as f32).collect(),
            Stored::Bool => raw.iter().map(|&byte| f32::from(u8::from(byte != 0))).collect(),
            Stored::Byte { scale, min } => raw.iter().map(|&byte| self.number(scale * f64::from(byte) + min)).collect(),
            Stored::Short { scale, min } => raw
                .chunks_exact(2)
                .map(|part| self.number(scale * f64::from(u16::from_le_bytes(array(part))) + min))
                .collect(),
        }
    }

    fn number(&self, value: f64) -> f32 {
        (if self.whole { value.round() } else { value }) as f32
    }

    /// Its type and its bytes, as they are where they need no scale.
    pub fn elements(&self) -> (DataType, Bytes) {
        match self.stored {
            Stored::Float => (DataType::Float, self.raw.clone()),
            Stored::Half => (DataType::Float16, self.raw.clone()),
            Stored::Int => (DataType::Int32, self.raw.clone()),
            Stored::Bool => (DataType::Bool, self.raw.clone()),
            Stored::Byte { .. } | Stored::Short { .. } if self.whole => {
                let bytes: Vec<u8> = self.floats().iter().flat_map(|&value| (value as i32).to_le_bytes()).collect();
                (DataType::Int32, bytes.into())
            }
            Stored::Byte { .. } | Stored::Short { .. } => {
                let bytes: Vec<u8> = self.floats().iter().flat_map(|value| value.to_le_bytes()).collect();
                (DataType::Float, bytes.into())
            }
        }
    }
}

fn bad(reason: &str) -> FormatError {
    FormatError::Damaged { reason: format!("its list of weights is not right: {reason}") }
}

/// The paths of the shards of a group.
fn paths(group: &Value) -> Result<Vec<&str>, FormatError> {
    let list = group.get("paths").and_then(Value::as_array).ok_or_else(|| bad("a group has no paths"))?;
    list.iter().map(|path| path.as_str().ok_or_else(|| bad("a path is not text"))).collect()
}

impl Manifest {
    /// Reads the weights of a `weightsManifest` from the shards that were given along.
    ///
    /// # Errors
    /// If shards are missing or too short, or a type is not known.
    pub fn read(manifest: &Value, files: &ModelFiles) -> Result<Self, FormatError> {
        let groups = manifest.as_array().ok_or_else(|| bad("it is not a list"))?;
        let mut shards = 0usize;
        for group in groups {
            shards = shards.saturating_add(paths(group)?.len());
        }
        if shards > MAX_SHARDS {
            return Err(FormatError::TooLarge { what: "shards", actual: shards, limit: MAX_SHARDS });
        }
        let mut missing: Vec<String> = Vec::new();
        for group in groups {
            for path in paths(group)? {
                if files.find(path).is_none() && !missing.iter().any(|other| other == path) {
                    missing.push(path.to_owned());
                }
            }
        }
        if !missing.is_empty() {
            return Err(FormatError::MissingFiles { files: missing });
        }
        let mut result = Self::default();
        let mut left = files.beside.iter().fold(0u64, |sum, (_, blob)| sum.saturating_add(blob.len()));
        for group in groups {
            let mut parts = Vec::new();
            for blob in paths(group)?.into_iter().filter_map(|path| files.find(path)) {
                // A manifest could name the same shard again and again.
                left = left.checked_sub(blob.len()).ok_or_else(|| bad("it reads a shard twice"))?;
                parts.push(blob.bytes()?);
            }
            let whole = match parts.as_slice() {
                [one] => one.clone(),
                _ => parts.concat().into(),
            };
            result.bytes = result.bytes.saturating_add(whole.len());
            let weights =
                group.get("weights").and_then(Value::as_array).ok_or_else(|| bad("a group has no weights"))?;
            result.group(weights, &whole)?;
        }
        Ok(result)
    }

    fn group(&mut self, weights: &[Value], whole: &Bytes) -> Result<(), FormatError> {
        let mut at = 0usize;
        for weight in weights {
            let name = weight.get("name").and_then(Value::as_str).ok_or_else(|| bad("a weight has no name"))?;
            let fail = |reason: String| FormatError::Tensor { tensor: name.to_owned(), reason };
            let shape =
                weight.get("shape").and_then(Value::as_array).ok_or_else(|| fail("it has no shape".to_owned()))?;
            let dims = shape
                .iter()
                .map(|size| size.as_u64().and_then(|size| usize::try_from(size).ok()))
                .collect::<Option<Vec<usize>>>()
                .filter(|dims| dims.len() <= MAX_RANK)
                .ok_or_else(|| fail("its shape is out of range".to_owned()))?;
            let count = dims.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
            let count = count.ok_or_else(|| fail(format!("its shape {dims:?} is too large")))?;
            let kind = weight.get("dtype").and_then(Value::as_str).unwrap_or_default();
            let short = |at: usize, length: usize| {
                let have = whole.len().saturating_sub(at);
                fail(format!("its shards end after {have} of its {length} bytes"))
            };
            if kind == "string" {
                // Each text has its length in front.
                for _ in 0..count {
                    let length =
                        whole.get(at..).and_then(|rest| rest.get(..4)).map(|part| u32::from_le_bytes(array(part)));
                    let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| short(at, 4))?;
                    let end = at.checked_add(4).and_then(|start| start.checked_add(length));
                    at = end.filter(|&end| end <= whole.len()).ok_or_else(|| short(at, length))?;
                }
                continue;
            }
            let strange = |reason: String| FormatError::Elements { tensor: name.to_owned(), reason };
            let stored = stored(weight, kind).map_err(strange)?;
            let length =
                count.checked_mul(stored.size()).ok_or_else(|| fail(format!("its shape {dims:?} is too large")))?;
            let end = at.checked_add(length).filter(|&end| end <= whole.len()).ok_or_else(|| short(at, length))?;
            let raw = whole.slice(at..end);
            at = end;
            let weight = Weight { dims, stored, whole: kind != "float32" && kind != "float16", raw };
            if self.weights.insert(name.to_owned(), weight).is_some() {
                return Err(fail("it is given twice".to_owned()));
            }
            self.names.push(name.to_owned());
        }
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&Weight> {
        self.weights.get(name)
    }
}

/// How a weight of the type `kind` is stored.
fn stored(weight: &Value, kind: &str) -> Result<Stored, String> {
    let Some(quantisation) = weight.get("quantization").filter(|value| !value.is_null()) else {
        return match kind {
            "float32" => Ok(Stored::Float),
            "float16" => Ok(Stored::Half),
            "int32" => Ok(Stored::Int),
            "bool" => Ok(Stored::Bool),
            other => Err(format!("its element type {other:?} is not supported")),
        };
    };
    let number = |key: &str| {
        quantisation.get(key).and_then(Value::as_f64).ok_or_else(|| format!("its quantisation has no {key}"))
    };
    match quantisation.get("dtype").and_then(Value::as_str).unwrap_or_default() {
        "float16" => Ok(Stored::Half),
        "uint8" => Ok(Stored::Byte { scale: number("scale")?, min: number("min")? }),
        "uint16" => Ok(Stored::Short { scale: number("scale")?, min: number("min")? }),
        other => Err(format!("its quantisation to {other:?} is not supported")),
    }
}

impl keras::Named for Manifest {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&self, name: &str) -> Option<(Vec<usize>, Weights)> {
        self.weights.get(name).map(|weight| (weight.dims.clone(), weight.floats().into()))
    }
}
