//! Elements of tensors that stand in files beside the network's.

use bytes::Bytes;

use super::proto::{DataLocation, Graph, Tensor};
use crate::{Blob, FormatError, ModelFiles};

/// Whether the elements are in another file.
pub(crate) fn is_external(tensor: &Tensor) -> bool {
    tensor.data_location == DataLocation::External as i32 || !tensor.external_data.is_empty()
}

fn entry<'a>(tensor: &'a Tensor, key: &str) -> Option<&'a str> {
    tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

/// The file at a path relative to the network's. A file given with just this path goes before those that only have its
/// name.
fn find<'a>(files: &'a ModelFiles, location: &str) -> Option<&'a Blob> {
    fn parts(path: &str) -> impl Iterator<Item = &str> {
        path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".")
    }
    let exact = files.beside.iter().find(|(name, _)| parts(name).eq(parts(location)));
    exact.map(|(_, blob)| blob).or_else(|| files.find(location))
}

/// Checks that all files that the network refers to are there, and adds up their lengths.
///
/// # Errors
/// [`FormatError::MissingFiles`] with all that are not.
pub(crate) fn check(graph: &Graph, files: &ModelFiles) -> Result<u64, FormatError> {
    let mut locations: Vec<&str> = Vec::new();
    collect(graph, &mut locations);
    locations.sort_unstable();
    locations.dedup();
    let mut missing = Vec::new();
    let mut total = 0u64;
    for location in locations {
        match find(files, location) {
            Some(blob) => total = total.saturating_add(blob.len()),
            None => missing.push(location.to_owned()),
        }
    }
    if missing.is_empty() { Ok(total) } else { Err(FormatError::MissingFiles { files: missing }) }
}

fn collect<'a>(graph: &'a Graph, locations: &mut Vec<&'a str>) {
    let mut add = |tensor: &'a Tensor| {
        // A tensor without a location is an error of its own where it is read.
        if let Some(location) = entry(tensor, "location").filter(|_| is_external(tensor)) {
            locations.push(location);
        }
    };
    graph.initializer.iter().for_each(&mut add);
    let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
    attributes().filter_map(|attribute| attribute.t.as_ref()).for_each(&mut add);
    for inner in attributes().filter_map(|attribute| attribute.g.as_deref()) {
        collect(inner, locations);
    }
}

/// The `size` bytes of a tensor's elements.
pub(crate) fn read(tensor: &Tensor, size: usize, files: &ModelFiles) -> Result<Bytes, FormatError> {
    let fail = |reason: String| FormatError::Tensor { tensor: tensor.name.clone(), reason };
    let location = entry(tensor, "location").filter(|location| !location.is_empty());
    let location = location.ok_or_else(|| fail("it does not say which file holds its elements".to_owned()))?;
    let number = |key: &str| {
        entry(tensor, key)
            .map(|text| text.trim().parse::<u64>().map_err(|_| fail(format!("its {key} {text:?} is not a number"))))
            .transpose()
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    let wanted = size as u64;
    if length.is_some_and(|length| length != wanted) {
        let length = length.unwrap_or_default();
        return Err(fail(format!("it has {length} bytes in {location:?}, its shape {:?} needs {wanted}", tensor.dims)));
    }
    let blob = find(files, location);
    let blob = blob.ok_or_else(|| FormatError::MissingFiles { files: vec![location.to_owned()] })?;
    let bytes = match offset.checked_add(wanted) {
        Some(end) => blob.read(offset..end)?,
        None => None,
    };
    bytes.ok_or_else(|| {
        let have = blob.len();
        fail(format!("{wanted} bytes from {offset} on do not lie within {location:?}, which has {have}"))
    })
}
