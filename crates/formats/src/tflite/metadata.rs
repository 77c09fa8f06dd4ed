//! What a file says of its picture and its classes: a FlatBuffer in one of its buffers, and a zip archive behind it.

use bytes::Bytes;

use super::flatbuffer::Table;
use innspect_files::Zip;

use crate::{FormatError, read_labels};

/// The name of the entry that holds the description.
const NAME: &str = "TFLITE_METADATA";

/// The identifier of its schema.
const IDENTIFIER: &[u8] = b"M001";

/// The number of the options of a process unit that are a mean and a deviation.
const NORMALISATION: u8 = 1;

/// The number of the type of a file that names the elements of an axis.
const AXIS_LABELS: u8 = 2;

/// More entries than any list of a description has. Lists may be shared, so that there is no end to them otherwise.
const MAX_ENTRIES: usize = 64;

/// What is said, as far as it is understood.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub labels: Option<Vec<String>>,
    /// Mean and deviation in pixels.
    pub normalisation: Option<(Vec<f32>, Vec<f32>)>,
}

/// Reads the description of a file. One that is damaged is taken as none.
///
/// # Errors
/// If the file itself is damaged.
pub(super) fn read(bytes: &Bytes, root: Table) -> Result<Described, FormatError> {
    let mut described = Described::default();
    let mut file = None;
    for entry in root.tables(6)?.iter().take(MAX_ENTRIES) {
        let entry = entry?;
        if entry.text(0)? != NAME {
            continue;
        }
        let span = root.tables(4)?.get(entry.index(1)?)?.span(0)?.unwrap_or_default();
        let part = bytes.get(span).unwrap_or_default();
        if part.get(4..8) == Some(IDENTIFIER) {
            let said = Table::root(part).and_then(|table| description(table));
            let (normalisation, name) = said.unwrap_or_default();
            described.normalisation = normalisation;
            file = name;
        }
    }
    described.labels = labels(bytes, file.as_deref());
    Ok(described)
}

type Said = (Option<(Vec<f32>, Vec<f32>)>, Option<String>);

/// The normalisation of the first input, and the file with the names of the classes.
fn description(model: Table) -> Result<Said, FormatError> {
    let graphs = model.tables(3)?;
    if graphs.len() == 0 {
        return Ok((None, None));
    }
    let graph = graphs.get(0)?;
    let mut normalisation = None;
    if graph.tables(2)?.len() > 0 {
        for unit in graph.tables(2)?.get(0)?.tables(4)?.iter().take(MAX_ENTRIES) {
            let unit = unit?;
            if let (NORMALISATION, Some(options)) = (unit.byte(0)?, unit.table(1)?) {
                let numbers = |field: usize| -> Result<Vec<f32>, FormatError> {
                    Ok(options.numbers::<4>(field)?.floats().take(8).collect())
                };
                normalisation = Some((numbers(0)?, numbers(1)?));
            }
        }
    }
    for output in graph.tables(3)?.iter().take(MAX_ENTRIES) {
        for file in output?.tables(6)?.iter().take(MAX_ENTRIES) {
            let file = file?;
            if file.byte(2)? == AXIS_LABELS {
                return Ok((normalisation, Some(file.text(0)?)));
            }
        }
    }
    Ok((normalisation, None))
}

/// The names of the classes in the archive behind the network: in the file that the description names, else in one that
/// is called so.
fn labels(bytes: &Bytes, file: Option<&str>) -> Option<Vec<String>> {
    // The end record of an archive is its last 22 bytes and a comment.
    let tail = bytes.get(bytes.len().saturating_sub(22 + (1 << 10))..)?;
    tail.windows(4).any(|window| window == b"PK\x05\x06").then_some(())?;
    let archive = Zip::open(bytes.clone(), crate::MAX_ENTRIES).ok()?;
    let usual = || archive.names().find(|name| name.ends_with(".txt") && name.contains("label")).map(str::to_owned);
    let name = file.map(str::to_owned).or_else(usual)?;
    read_labels(&archive.read(&name).ok()??).ok()
}
