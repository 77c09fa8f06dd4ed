//! Files that are read piece by piece.

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    rc::Rc,
};

use bytes::Bytes;
use innspect_formats::{Blob, Slices};

use crate::failure::Failure;

/// A file on disk, opened when the first piece is read.
pub struct OnDisk {
    path: PathBuf,
    file: RefCell<Option<File>>,
    length: u64,
    read: Cell<bool>,
}

impl OnDisk {
    /// A file none of which is read yet.
    pub fn open(path: &Path) -> Result<Rc<Self>, Failure> {
        let facts = std::fs::metadata(path)
            .map_err(|error| Failure::new(format!("{} cannot be read", path.display()), error.to_string(), ""))?;
        let (file, read) = Default::default();
        Ok(Rc::new(Self { path: path.to_owned(), file, length: facts.len(), read }))
    }

    /// Its bytes.
    pub fn blob(self: &Rc<Self>) -> Blob {
        Blob::slices(self.clone())
    }

    /// Whether anything of it was read.
    pub fn is_read(&self) -> bool {
        self.read.get()
    }
}

impl Slices for OnDisk {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes, String> {
        self.read.set(true);
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
