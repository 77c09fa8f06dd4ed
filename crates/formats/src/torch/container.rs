//! The containers of `torch.save`: a zip since PyTorch 1.6, several pickles and raw numbers before.

use innspect_files::Zip;

use crate::{
    Blob, FormatError, MAX_ENTRIES,
    pickle::{self, Node, PickleError, TensorView, Value},
    torch::state::{State, Tensor, check_size},
};

/// Under which keys training scripts put the state dictionary beside other things.
const NESTS: &[&str] = &["state_dict", "model_state_dict", "model", "net", "network", "weights", "params"];

/// A pickle is read at once; that of the largest network has a megabyte.
const MAX_PICKLE: u64 = 256 << 20;

/// Reads a state dictionary and says in which container it was.
pub(super) fn read(file: &Blob) -> Result<(State, &'static str), FormatError> {
    if file.head(4)?.starts_with(b"PK") {
        return Ok((archive(file)?, "zip"));
    }
    let bytes = file.bytes()?;
    if !pickle::torch::is_legacy(&bytes) {
        let document = pickle::read_checkpoint(&bytes).map_err(refusal)?;
        return Err(foreign(document.root()));
    }
    let checkpoint = pickle::torch::read_legacy(&bytes).map_err(refusal)?;
    let state = state(checkpoint.root(), file.len(), |view| {
        let storage = checkpoint.storage(&view.storage.key);
        Ok(storage.map(|storage| Tensor { data: bytes.slice_ref(storage).into(), ..tensor(view, false) }))
    })?;
    Ok((state, "before PyTorch 1.6"))
}

fn archive(file: &Blob) -> Result<State, FormatError> {
    let zip = Zip::open(file.clone(), MAX_ENTRIES)?;
    // Everything is in a folder, which has the name of the file that was written.
    let folder = zip.names().find_map(|name| name.strip_suffix("data.pkl").filter(|folder| is_folder(folder)));
    let folder = folder
        .map(str::to_owned)
        .ok_or_else(|| FormatError::TorchProgram { what: "an archive without the list of its tensors".to_owned() })?;
    if zip.names().any(|name| {
        name.strip_prefix(folder.as_str()).is_some_and(|entry| entry == "constants.pkl" || entry.starts_with("code/"))
    }) {
        return Err(FormatError::TorchProgram { what: "a TorchScript program, which is not run".to_owned() });
    }
    let order = zip.read(&format!("{folder}byteorder"))?;
    let big_endian = order.is_some_and(|order| order.as_ref() == b"big");
    let missing = || FormatError::Damaged { reason: "the list of its tensors is missing".to_owned() };
    let list = zip.part(&format!("{folder}data.pkl"))?.ok_or_else(missing)?;
    if list.len() > MAX_PICKLE {
        return Err(FormatError::TooLarge {
            what: "bytes in the list of its tensors",
            actual: usize::try_from(list.len()).unwrap_or(usize::MAX),
            limit: MAX_PICKLE as usize,
        });
    }
    let document = pickle::read_checkpoint(&list.bytes()?).map_err(refusal)?;
    // Storages that several tensors look at are found once.
    let mut storages = std::collections::HashMap::new();
    let mut unpacked = 0;
    state(document.root(), file.len(), |view| {
        let key = view.storage.key.clone();
        let storage = match storages.get(&key) {
            Some(storage) => Option::clone(storage),
            None => {
                let storage = zip.part(&format!("{folder}data/{key}"))?;
                unpacked += storage.as_ref().map_or(0, Blob::len);
                check_size(unpacked, file.len())?;
                storages.insert(key, storage.clone());
                storage
            }
        };
        Ok(storage.map(|data| Tensor { data, ..tensor(view, big_endian) }))
    })
}

/// Whether this is nothing or the path of one folder.
fn is_folder(path: &str) -> bool {
    path.is_empty() || path.find('/') == Some(path.len() - 1)
}

/// A tensor as its view says, without its numbers.
fn tensor(view: &TensorView, big_endian: bool) -> Tensor {
    Tensor {
        element: view.storage.element,
        big_endian,
        shape: view.shape.clone(),
        strides: Some(view.strides.clone()),
        offset: view.offset,
        data: Vec::new().into(),
    }
}

/// The state dictionary in what was saved in a file of `length` bytes. `find` gives a tensor its numbers; `None` if they are not in the file.
fn state(
    root: Node,
    length: u64,
    mut find: impl FnMut(&TensorView) -> Result<Option<Tensor>, FormatError>,
) -> Result<State, FormatError> {
    let is_state = |node: &Node| node.entries().any(|(_, value)| matches!(value.value(), Value::Tensor(_)));
    let mut dictionary = root;
    if !is_state(&root) {
        let inside = NESTS.iter().filter_map(|nest| root.entry(nest)).find(is_state);
        dictionary = match inside {
            Some(inside) => inside,
            None => {
                let object = NESTS.iter().filter_map(|nest| root.entry(nest)).find(|node| is_object(*node));
                return Err(foreign(object.unwrap_or(root)));
            }
        };
    }
    let mut tensors = Vec::new();
    for (name, value) in dictionary.entries() {
        let (Some(name), Value::Tensor(view)) = (name.as_str(), value.value()) else { continue };
        let tensor = find(view)?.ok_or_else(|| FormatError::Tensor {
            tensor: name.to_owned(),
            reason: "its storage is not in the file".to_owned(),
        })?;
        tensors.push((name.to_owned(), tensor));
    }
    State::new(tensors, length)
}

fn is_object(node: Node) -> bool {
    matches!(node.value(), Value::Object(_))
}

/// What a pickle holds that is no state dictionary.
fn foreign(root: Node) -> FormatError {
    let what = match root.value() {
        Value::Object(class) => format!("an object of the Python class {class}, which needs its code to run"),
        Value::Dict(_) => {
            let keys: Vec<String> =
                root.entries().filter_map(|(key, _)| key.as_str()).take(5).map(|key| format!("{key:?}")).collect();
            if keys.is_empty() {
                "a dictionary without tensors".to_owned()
            } else {
                format!("a dictionary without tensors, with the keys {}", keys.join(", "))
            }
        }
        Value::Tensor(_) => "one tensor".to_owned(),
        _ => "no dictionary of tensors".to_owned(),
    };
    FormatError::TorchProgram { what }
}

fn refusal(error: PickleError) -> FormatError {
    match error {
        PickleError::RefusedGlobal { module, name, .. } => FormatError::TorchProgram {
            what: format!("an object of the Python class {module}.{name}, which needs its code to run"),
        },
        PickleError::BigEndian => FormatError::TorchProgram {
            what: "numbers in the byte order of a big-endian machine, which are not read".to_owned(),
        },
        other => FormatError::Damaged { reason: other.to_string() },
    }
}
