//! Why a file is no part of a collection, and why an item gives no picture.

use innspect_files::FileError;

use crate::decode::ImageError;
use crate::npy::NpyError;

/// Why a file is no part of a collection.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.what())]
#[non_exhaustive]
pub enum CollectError {
    /// Its first bytes are no picture's.
    Picture(ImageError),
    /// Its bytes cannot be had.
    File(FileError),
    /// A network.
    Network {
        /// What it is, as `an ONNX network`.
        seems: &'static str,
    },
    /// A NumPy array that cannot be read.
    Npy(NpyError),
    /// A damaged file of numbers in another format.
    Records {
        /// The format, as `MNIST idx`.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// An array that is neither pictures nor labels.
    Shape {
        /// Its shape.
        shape: Vec<usize>,
    },
    /// An array whose values are no brightness.
    Range {
        /// The least value.
        low: f64,
        /// The greatest value.
        high: f64,
    },
    /// Labels that belong to no pictures.
    Labels {
        /// How many there are.
        count: usize,
    },
    /// A list that names none of the pictures.
    List,
    /// More pictures than a collection may have.
    TooMany {
        /// Pictures there would be.
        actual: u64,
        /// How many may be.
        limit: usize,
    },
}

impl CollectError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Picture(error) => error.what(),
            Self::File(error) => file_what(error),
            Self::Network { seems } => format!("This is {seems}, not a picture."),
            Self::Npy(error) => error.what(),
            Self::Records { format, reason } => format!("The {format} file is damaged: {reason}."),
            Self::Shape { shape } => {
                let axes: Vec<String> = shape.iter().map(ToString::to_string).collect();
                format!("The array of shape ({}) holds neither pictures nor labels.", axes.join(", "))
            }
            Self::Range { low, high } => {
                format!("The values of the array go from {low:.6} to {high:.6}, neither within 0 to 1 nor 0 to 255.")
            }
            Self::Labels { count } => format!("There are no pictures to these {count} labels."),
            Self::List => "The list names none of the pictures.".into(),
            Self::TooMany { actual, limit } => {
                format!("There are {actual} pictures with those of this file, where {limit} are the limit.")
            }
        }
    }

    /// Where in the file; empty if [`what`](Self::what) says it all.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Picture(error) => error.place(),
            Self::Npy(error) => error.place(),
            Self::Shape { .. } => "header, shape".into(),
            Self::Range { .. } => "data".into(),
            _ => String::new(),
        }
    }

    /// What to do, one sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Picture(error) => error.advice(),
            Self::File(error) => file_advice(error).into(),
            Self::Network { .. } => "Load it as a network.".into(),
            Self::Npy(error) => error.advice(),
            Self::Records { .. } => "Get the file again.".into(),
            Self::Shape { .. } => {
                "Pictures have the shape (N, H, W), (N, H, W, C) or (N, C, H, W) with 1, 3 or 4 channels; labels have \
                 one axis, or one row of zeros and a one for each picture."
                    .into()
            }
            Self::Range { .. } => "Save the pictures as they were before normalisation.".into(),
            Self::Labels { .. } => "Choose the file of the pictures along with it.".into(),
            Self::List => "A list has the columns file and label; choose it together with the pictures.".into(),
            Self::TooMany { .. } => "Choose a part of the files.".into(),
        }
    }
}

impl From<FileError> for CollectError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<NpyError> for CollectError {
    fn from(error: NpyError) -> Self {
        Self::Npy(error)
    }
}

/// Why an item gives no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.what())]
#[non_exhaustive]
pub enum ItemError {
    /// The bytes cannot be decoded.
    Picture(#[from] ImageError),
    /// The bytes cannot be had.
    File(#[from] FileError),
}

impl ItemError {
    /// What happened, one sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Picture(error) => error.what(),
            Self::File(error) => file_what(error),
        }
    }

    /// Where in the file; empty if [`what`](Self::what) says it all.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Picture(error) => error.place(),
            Self::File(_) => String::new(),
        }
    }

    /// What to do, one sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Picture(error) => error.advice(),
            Self::File(error) => file_advice(error).into(),
        }
    }
}

fn file_what(error: &FileError) -> String {
    let text = error.to_string();
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), rest.as_str()))
}

fn file_advice(error: &FileError) -> &'static str {
    match error {
        FileError::Unreadable { .. } => "Choose the files again; they may have been moved or changed.",
        FileError::TooLarge { .. } => "Split it into several files.",
        FileError::Packing { .. } => "Unpack it and choose the folder.",
        _ => "Get the file again.",
    }
}
