//! Writes small HDF5 files for tests: groups with attributes of text, and arrays of floats with or without data.

use std::collections::BTreeMap;

/// What is in a file.
pub(crate) enum Entry {
    Group {
        /// Lists of text.
        attributes: Vec<(&'static str, Vec<String>)>,
        links: BTreeMap<String, Entry>,
    },
    /// An array; one without data has a shape alone.
    Array { dims: Vec<usize>, data: Option<Vec<f32>> },
}

impl Entry {
    pub fn group() -> Self {
        Self::Group { attributes: Vec::new(), links: BTreeMap::new() }
    }

    /// The group at a path, which is made if it is not there.
    pub fn at(&mut self, path: &str) -> &mut Self {
        let mut entry = self;
        for part in path.split('/') {
            let Self::Group { links, .. } = entry else { panic!("{part} is in an array") };
            entry = links.entry(part.to_owned()).or_insert_with(Self::group);
        }
        entry
    }

    /// Gives a group a list of text.
    pub fn set(&mut self, name: &'static str, texts: Vec<String>) {
        let Self::Group { attributes, .. } = self else { panic!("an array has no attributes") };
        attributes.push((name, texts));
    }
}

/// A file with these entries.
pub(crate) fn write(root: &Entry) -> Vec<u8> {
    // Signature, version, sizes of addresses and lengths, flags, base, extension, end, root, checksum.
    let mut file = b"\x89HDF\r\n\x1a\n\x02\x08\x08\0".to_vec();
    file.extend([[0; 8], [0xff; 8], [0; 8], [0; 8]].concat());
    file.extend([0; 4]);
    let address = entry(root, &mut file);
    let end = file.len() as u64;
    file[28..36].copy_from_slice(&end.to_le_bytes());
    file[36..44].copy_from_slice(&address.to_le_bytes());
    file
}

fn entry(entry_of: &Entry, file: &mut Vec<u8>) -> u64 {
    let mut messages = Vec::new();
    match entry_of {
        Entry::Group { attributes, links } => {
            for (name, texts) in attributes {
                messages.push((0x0c, attribute(name, texts)));
            }
            for (name, inner) in links {
                let address = entry(inner, file);
                // Version 1; the length of the name has two bytes.
                let mut link = vec![1, 1];
                link.extend((name.len() as u16).to_le_bytes());
                link.extend(name.as_bytes());
                link.extend(address.to_le_bytes());
                messages.push((0x06, link));
            }
        }
        Entry::Array { dims, data } => {
            let address = data.as_ref().map_or(u64::MAX, |_| file.len() as u64);
            for value in data.iter().flatten() {
                file.extend(value.to_le_bytes());
            }
            messages.push((0x01, space(dims)));
            messages.push((
                0x03,
                [&[0x11, 0x20, 0x1f, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23][..], &[127, 0, 0, 0]].concat(),
            ));
            let size = 4 * dims.iter().product::<usize>() as u64;
            messages.push((0x08, [&[3, 1][..], &address.to_le_bytes(), &size.to_le_bytes()].concat()));
        }
    }
    let address = file.len() as u64;
    let body: Vec<u8> = (messages.iter())
        .flat_map(|(kind, data)| [&[*kind][..], &(data.len() as u16).to_le_bytes(), &[0], data].concat())
        .collect();
    file.extend(b"OHDR\x02\x02");
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file.extend([0; 4]);
    address
}

fn space(dims: &[usize]) -> Vec<u8> {
    let mut space = vec![2, dims.len() as u8, 0, u8::from(!dims.is_empty())];
    space.extend(dims.iter().flat_map(|&size| (size as u64).to_le_bytes()));
    space
}

fn attribute(name: &str, texts: &[String]) -> Vec<u8> {
    let width = texts.iter().map(String::len).max().unwrap_or_default() + 1;
    let datatype = [&[0x13, 0, 0, 0][..], &(width as u32).to_le_bytes()].concat();
    let space = space(&[texts.len()]);
    let mut attribute = vec![3, 0];
    for size in [name.len() + 1, datatype.len(), space.len()] {
        attribute.extend((size as u16).to_le_bytes());
    }
    attribute.push(0);
    attribute.extend(name.as_bytes());
    attribute.push(0);
    attribute.extend(datatype);
    attribute.extend(space);
    for text in texts {
        let start = attribute.len();
        attribute.extend(text.as_bytes());
        attribute.resize(start + width, 0);
    }
    attribute
}
