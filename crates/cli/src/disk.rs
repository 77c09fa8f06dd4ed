//! Files that are read piece by piece.

use std::{
    cell::RefCell,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    ops::Range,
    path::Path,
    rc::Rc,
};

use bytes::Bytes;
use innspect_formats::{Blob, Slices};

use crate::failure::Failure;

/// A file on disk, opened when the first piece is read.
struct OnDisk {
    path: std::path::PathBuf,
    file: RefCell<Option<File>>,
    length: u64,
}

impl Slices for OnDisk {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes, String> {
        let read = || -> std::io::Result<Bytes> {
            let mut slot = self.file.borrow_mut();
            let file = match &mut *slot {
                Some(file) => file,
                none => none.insert(File::open(&self.path)?),
            };
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.read_exact(&mut bytes)?;
            Ok(bytes.into())
        };
        read().map_err(|error| error.to_string())
    }
}

/// A file on disk, none of which is read yet.
pub fn open(path: &Path) -> Result<Blob, Failure> {
    let facts = std::fs::metadata(path)
        .map_err(|error| Failure::new(format!("{} cannot be read", path.display()), error.to_string(), ""))?;
    let file = OnDisk { path: path.to_owned(), file: RefCell::default(), length: facts.len() };
    Ok(Blob::slices(Rc::new(file)))
}
