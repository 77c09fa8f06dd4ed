//! What a pickle holds, as plain data.

use std::sync::Arc;

use bytes::Bytes;

use super::PickleError;
use super::number::Element;

/// Index of a value in its [`Document`].
pub(super) type Id = u32;

/// A Python value. Containers refer to their parts by index; [`Node`] follows them. Text and bytes are shared, so that a
/// file cannot multiply them by mentioning them often.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// A wider integer, two's complement, little endian.
    BigInt(Vec<u8>),
    /// A float.
    Float(f64),
    /// Text; Python 2's byte strings too if they are UTF-8.
    Text(Arc<str>),
    /// Bytes.
    Bytes(Bytes),
    /// A tuple, or a `torch.Size`.
    Tuple(Vec<Id>),
    /// A list, a set or a frozen set.
    List(Vec<Id>),
    /// A dictionary in the order of insertion; a key that is set twice appears twice.
    Dict(Vec<(Id, Id)>),
    /// A Python object, from the list of the allowed ones.
    Global(Global),
    /// NumPy's element type.
    Dtype(Dtype),
    /// A NumPy array.
    Array(Array),
    /// Numbers of a PyTorch tensor, kept outside the pickle.
    Storage(Storage),
    /// A PyTorch tensor, a view of a storage.
    Tensor(TensorView),
    /// A Python object that is not on the list, or what calling it would have given: its full name alone. Only
    /// checkpoints are read so, which hold settings of the training beside the tensors.
    Object(Arc<str>),
}

/// The Python objects that a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `_codecs.encode`, how Python 3 writes bytes in old protocols.
    Encode,
    /// `builtins.bytearray` or `bytes`.
    Bytes,
    /// `builtins.set` or `frozenset`.
    Set,
    /// `numpy.ndarray`.
    Ndarray,
    /// `numpy.dtype`.
    Dtype,
    /// `numpy.core.multiarray._reconstruct`.
    Reconstruct,
    /// `numpy.core.multiarray.scalar`.
    Scalar,
    /// `numpy.core.numeric._frombuffer`.
    FromBuffer,
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`.
    RebuildParameter,
    /// `torch.Size`.
    Size,
    /// `torch.FloatStorage` and its siblings.
    StorageClass(Element),
}

impl Global {
    /// Looks a name up; `None` if it is not allowed.
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("_codecs", "encode") => Self::Encode,
            ("builtins" | "__builtin__", "bytearray" | "bytes") => Self::Bytes,
            ("builtins" | "__builtin__", "set" | "frozenset") => Self::Set,
            ("numpy", "ndarray") => Self::Ndarray,
            ("numpy", "dtype") => Self::Dtype,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Self::Reconstruct,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Self::Scalar,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Self::FromBuffer,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", "Size") => Self::Size,
            ("torch", storage) => Self::StorageClass(Element::from_torch_storage(storage)?),
            _ => return None,
        })
    }
}

/// NumPy's element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dtype {
    /// The type.
    pub element: Element,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
}

/// A NumPy array with its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Element type.
    pub dtype: Dtype,
    /// Shape.
    pub shape: Vec<usize>,
    /// Whether the first axis varies fastest in `data`.
    pub fortran: bool,
    /// The elements.
    pub data: Bytes,
}

impl Array {
    /// The elements in row-major order.
    pub fn to_f32(&self) -> Result<Vec<f32>, PickleError> {
        let mut strides = vec![0_usize; self.shape.len()];
        let mut step = 1_usize;
        let axes: Box<dyn Iterator<Item = usize>> =
            if self.fortran { Box::new(0..self.shape.len()) } else { Box::new((0..self.shape.len()).rev()) };
        for axis in axes {
            if let (Some(stride), Some(&size)) = (strides.get_mut(axis), self.shape.get(axis)) {
                *stride = step;
                // An overflow means an empty axis or a shape that `gather` refuses for its size.
                step = step.saturating_mul(size);
            }
        }
        gather(self.dtype, &self.data, &self.shape, &strides, 0)
    }
}

/// Where a PyTorch tensor's numbers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Element type.
    pub element: Element,
    /// Name of the storage in its container.
    pub key: Arc<str>,
    /// Number of elements.
    pub len: usize,
}

/// A PyTorch tensor: how a storage is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorView {
    /// The numbers.
    pub storage: Storage,
    /// Index of the first element.
    pub offset: usize,
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements to the next one along each axis.
    pub strides: Vec<usize>,
}

impl TensorView {
    /// The elements in row-major order, out of the (little endian) bytes of the storage.
    pub fn to_f32(&self, storage: &[u8]) -> Result<Vec<f32>, PickleError> {
        let dtype = Dtype { element: self.storage.element, big_endian: false };
        gather(dtype, storage, &self.shape, &self.strides, self.offset)
    }
}

/// Collects a strided view in row-major order.
pub(crate) fn gather(
    dtype: Dtype,
    data: &[u8],
    shape: &[usize],
    strides: &[usize],
    offset: usize,
) -> Result<Vec<f32>, PickleError> {
    let wrong = |what| PickleError::Tensor { shape: shape.to_vec(), what };
    if shape.len() != strides.len() {
        return Err(wrong("it has another number of strides than of axes"));
    }
    if shape.contains(&0) {
        return Ok(Vec::new());
    }
    let count = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    // A broadcast view could ask for any amount of memory out of a few bytes.
    let count = count
        .filter(|&count| count <= data.len() / dtype.element.size())
        .ok_or_else(|| wrong("it has more elements than are stored"))?;

    let mut out = Vec::with_capacity(count);
    let mut index = vec![0_usize; shape.len()];
    let mut position = offset;
    loop {
        let value = dtype.element.get(data, position, dtype.big_endian);
        out.push(value.ok_or_else(|| wrong("it reaches past the end of its storage"))?);
        // Advance like an odometer, last axis first.
        let mut axis = shape.len();
        loop {
            let Some(previous) = axis.checked_sub(1) else { return Ok(out) };
            axis = previous;
            let (Some(at), Some(&size), Some(&stride)) = (index.get_mut(axis), shape.get(axis), strides.get(axis))
            else {
                return Err(wrong("its axes do not fit"));
            };
            *at += 1;
            if *at < size {
                position = position.checked_add(stride).ok_or_else(|| wrong("its strides overflow"))?;
                break;
            }
            let back = stride.checked_mul(size - 1).and_then(|back| position.checked_sub(back));
            position = back.ok_or_else(|| wrong("its strides overflow"))?;
            *at = 0;
        }
    }
}

/// Everything a pickle holds.
#[derive(Clone, Debug)]
pub struct Document {
    pub(super) values: Vec<Value>,
    pub(super) root: Id,
}

impl Document {
    /// The object that was pickled.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node { document: self, id: self.root }
    }
}

/// A value and the document that holds its parts.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    document: &'a Document,
    id: Id,
}

impl<'a> Node<'a> {
    /// The value itself.
    #[must_use]
    pub fn value(self) -> &'a Value {
        self.document.values.get(self.id as usize).unwrap_or(&Value::None)
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        if let Value::Text(text) = self.value() { Some(text) } else { None }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        if let Value::Int(value) = self.value() { Some(*value) } else { None }
    }

    /// The number as a float, if it is one.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "what Python's float() does")]
    pub fn as_f64(self) -> Option<f64> {
        match self.value() {
            Value::Float(value) => Some(*value),
            Value::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The parts of a list or tuple; nothing for any other value.
    pub fn items(self) -> impl Iterator<Item = Node<'a>> {
        let ids: &[Id] = match self.value() {
            Value::List(ids) | Value::Tuple(ids) => ids,
            _ => &[],
        };
        ids.iter().map(move |&id| Node { document: self.document, id })
    }

    /// A part of a list or tuple.
    #[must_use]
    pub fn item(self, index: usize) -> Option<Node<'a>> {
        self.items().nth(index)
    }

    /// The entries of a dictionary; nothing for any other value.
    pub fn entries(self) -> impl Iterator<Item = (Node<'a>, Node<'a>)> {
        let pairs: &[(Id, Id)] = if let Value::Dict(pairs) = self.value() { pairs } else { &[] };
        let node = move |id| Node { document: self.document, id };
        pairs.iter().map(move |&(key, value)| (node(key), node(value)))
    }

    /// The entry of a dictionary with a textual key; the last one wins, as in Python.
    #[must_use]
    pub fn entry(self, key: &str) -> Option<Node<'a>> {
        self.entries().filter(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value).last()
    }
}
