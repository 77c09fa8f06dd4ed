//! The container of `torch.save` before PyTorch 1.6: a pickled magic number, the protocol, facts about the machine, the
//! object, and the keys of the storages, then per storage its length and its numbers.

use std::collections::BTreeMap;

use super::{
    Document, Node, PickleError, TensorView, Value,
    machine::{self, Foreign},
};

/// First bytes of the container: a pickle of the magic number 0x1950a86a20f9469cfc6c.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Version of the container that is read; there never was another.
const PROTOCOL: i64 = 1001;

/// Whether the bytes begin like a checkpoint of this kind.
#[must_use]
pub fn is_legacy(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// A checkpoint: the pickled object and the numbers that its tensors look at.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    document: Document,
    storages: BTreeMap<String, &'a [u8]>,
}

/// Reads a checkpoint. Python objects other than tensors stand as [`Value::Object`]: checkpoints often hold settings of
/// the training beside the tensors.
pub fn read_legacy(bytes: &[u8]) -> Result<Checkpoint<'_>, PickleError> {
    if !is_legacy(bytes) {
        return Err(PickleError::Unexpected {
            expected: "a checkpoint of PyTorch before 1.6",
            found: "its first bytes are others".to_owned(),
        });
    }
    let (protocol, at) = machine::run(bytes, MAGIC.len(), Foreign::Refused)?;
    if protocol.root().as_i64() != Some(PROTOCOL) {
        return Err(PickleError::Malformed { what: "another version of the container than 1001", at: MAGIC.len() });
    }
    let (facts, at) = machine::run(bytes, at, Foreign::Refused)?;
    if matches!(facts.root().entry("little_endian").map(Node::value), Some(Value::Bool(false))) {
        return Err(PickleError::BigEndian);
    }
    let (document, at) = machine::run(bytes, at, Foreign::Named)?;
    let keys_at = at;
    let (keys, mut at) = machine::run(bytes, at, Foreign::Refused)?;

    // The element type of a storage is only said where a tensor uses it.
    let mut sizes = BTreeMap::new();
    for value in &document.values {
        if let Value::Storage(storage) = value {
            sizes.insert(&*storage.key, storage.element.size());
        }
    }
    let mut storages = BTreeMap::new();
    for key in keys.root().items() {
        let key = key.as_str().ok_or(PickleError::Malformed { what: "a storage without a name", at: keys_at })?;
        let size =
            *sizes.get(key).ok_or(PickleError::Malformed { what: "a storage that no tensor uses", at: keys_at })?;
        let truncated = PickleError::Truncated { what: "a storage", at };
        let header = at.checked_add(8).and_then(|end| bytes.get(at..end)).and_then(|len| len.try_into().ok());
        let len = usize::try_from(u64::from_le_bytes(header.ok_or_else(|| truncated.clone())?)).ok();
        let start = at + 8;
        let end = len.and_then(|len| len.checked_mul(size)).and_then(|len| start.checked_add(len));
        let data = end.and_then(|end| bytes.get(start..end)).ok_or(truncated)?;
        at = start + data.len();
        storages.insert(key.to_owned(), data);
    }
    Ok(Checkpoint { document, storages })
}

impl<'a> Checkpoint<'a> {
    /// The object that was saved, usually a dictionary of tensors.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        self.document.root()
    }

    /// The tensors of a dictionary (a "state dict") with their names, in the order of the file. Entries that are no
    /// tensors are left out.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &TensorView)> {
        self.root().entries().filter_map(|(name, value)| match value.value() {
            Value::Tensor(view) => name.as_str().map(|name| (name, view)),
            _ => None,
        })
    }

    /// The bytes of a storage, little endian.
    #[must_use]
    pub fn storage(&self, key: &str) -> Option<&'a [u8]> {
        self.storages.get(key).copied()
    }

    /// A tensor's elements in row-major order.
    pub fn to_f32(&self, tensor: &TensorView) -> Result<Vec<f32>, PickleError> {
        let storage = self.storage(&tensor.storage.key).ok_or_else(|| PickleError::Tensor {
            shape: tensor.shape.clone(),
            what: "its storage is not in the file",
        })?;
        tensor.to_f32(storage)
    }
}
