//! The stack machine that a pickle is a program for.

use std::sync::Arc;

use bytes::Bytes;

use super::error::PickleError;
use super::number::Element;
use super::value::{Array, Document, Dtype, Global, Id, Storage, TensorView, Value};

/// Values of one pickle. A checkpoint of a large network has some ten thousand; a file of one-byte instructions could
/// otherwise take a hundred times its size in memory.
const MAX_VALUES: usize = 2_000_000;

/// References from containers to their parts that calls may copy, and sizes and strides of tensors.
const MAX_PARTS: usize = 16_000_000;

/// Marks that are open at the same time, which is the depth of nesting that a pickler reaches.
const MAX_DEPTH: usize = 10_000;

/// Axes of a tensor; PyTorch and NumPy allow 64.
const MAX_AXES: usize = 64;

/// What happens where a pickle names an object that is not on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// The reading ends.
    Refused,
    /// It stands as [`Value::Object`], and what is done to it is passed over.
    Named,
}

/// Runs the pickle that starts at `start`; also says where it ends, since files hold several after each other.
pub(super) fn run(bytes: &[u8], start: usize, foreign: Foreign) -> Result<(Document, usize), PickleError> {
    let mut machine = Machine {
        bytes,
        foreign,
        position: start,
        opcode_at: start,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        parts: 0,
    };
    let root = loop {
        if let Some(root) = machine.step()? {
            break root;
        }
    };
    Ok((Document { values: machine.values, root }, machine.position))
}

struct Machine<'a> {
    bytes: &'a [u8],
    foreign: Foreign,
    position: usize,
    /// Where the current instruction stands, for messages.
    opcode_at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack where an open list of arguments begins.
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
    /// How many parts calls have made so far.
    parts: usize,
}

impl<'a> Machine<'a> {
    /// Executes one instruction; the root if it was the last.
    fn step(&mut self) -> Result<Option<Id>, PickleError> {
        self.opcode_at = self.position;
        let code = self.u8()?;
        match code {
            b'.' => return self.pop().map(Some),
            b'(' => {
                if self.marks.len() >= MAX_DEPTH {
                    return Err(PickleError::TooMuch { what: "nested containers", limit: MAX_DEPTH });
                }
                self.marks.push(self.stack.len());
            }
            b'0' => {
                // Python lets POP remove a mark too.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.push_id(top)?;
            }

            // Constants and numbers.
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()))?;
            }
            b'K' => {
                let value = self.u8()?;
                self.push(Value::Int(value.into()))?;
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()))?;
            }
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.push(Value::Float(value))?;
            }
            0x8a => {
                let len = self.u8()?.into();
                self.long(len)?;
            }
            0x8b => {
                let len = self.len_u32()?;
                self.long(len)?;
            }
            b'I' | b'L' => {
                let line = self.line()?;
                let value = match line {
                    "00" => Value::Bool(false),
                    "01" => Value::Bool(true),
                    digits => Value::Int(
                        digits
                            .trim_end_matches('L')
                            .parse()
                            .map_err(|_| self.malformed("an integer that is not one of up to 64 bits"))?,
                    ),
                };
                self.push(value)?;
            }
            b'F' => {
                let value = self.line()?.parse().map_err(|_| self.malformed("a float that is not one"))?;
                self.push(Value::Float(value))?;
            }

            // Text and bytes.
            b'X' => {
                let len = self.len_u32()?;
                self.text(len)?;
            }
            0x8c => {
                let len = self.u8()?.into();
                self.text(len)?;
            }
            0x8d => {
                let len = self.len_u64()?;
                self.text(len)?;
            }
            b'B' => {
                let len = self.len_u32()?;
                self.blob(len)?;
            }
            b'C' => {
                let len = self.u8()?.into();
                self.blob(len)?;
            }
            0x8e | 0x96 => {
                let len = self.len_u64()?;
                self.blob(len)?;
            }
            b'T' => {
                let len = self.len_u32()?;
                self.old_string(len)?;
            }
            b'U' => {
                let len = self.u8()?.into();
                self.old_string(len)?;
            }
            b'V' => {
                let line = self.line()?;
                if line.contains('\\') {
                    return Err(self.malformed("text with escapes of protocol 0"));
                }
                let text = line.into();
                self.push(Value::Text(text))?;
            }
            b'S' => {
                let line = self.line()?;
                let inner = ['\'', '"']
                    .iter()
                    .find_map(|&quote| line.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)))
                    .filter(|inner| !inner.contains('\\'))
                    .ok_or_else(|| self.malformed("a string of protocol 0 without quotes or with escapes"))?;
                let text = inner.into();
                self.push(Value::Text(text))?;
            }

            // Containers.
            b')' => self.push(Value::Tuple(Vec::new()))?,
            b']' | 0x8f => self.push(Value::List(Vec::new()))?,
            b'}' => self.push(Value::Dict(Vec::new()))?,
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let parts = self.pop_many(count)?;
                self.push(Value::Tuple(parts))?;
            }
            b't' => {
                let parts = self.pop_mark()?;
                self.push(Value::Tuple(parts))?;
            }
            b'l' | 0x91 => {
                let parts = self.pop_mark()?;
                self.push(Value::List(parts))?;
            }
            b'd' => {
                let parts = self.pop_mark()?;
                let pairs = self.pairs(&parts)?;
                self.push(Value::Dict(pairs))?;
            }
            b'a' => {
                let part = self.pop()?;
                self.append(&[part])?;
            }
            b'e' | 0x90 => {
                let parts = self.pop_mark()?;
                self.append(&parts)?;
            }
            b's' => {
                let parts = self.pop_many(2)?;
                self.set_items(&parts)?;
            }
            b'u' => {
                let parts = self.pop_mark()?;
                self.set_items(&parts)?;
            }

            // Memo.
            b'q' => {
                let index = self.u8()?.into();
                self.memoize(index)?;
            }
            b'r' => {
                let index = self.len_u32()?;
                self.memoize(index)?;
            }
            b'p' => {
                let index = self.line_index()?;
                self.memoize(index)?;
            }
            0x94 => self.memoize(self.memo.len())?,
            b'h' => {
                let index = self.u8()?.into();
                self.recall(index)?;
            }
            b'j' => {
                let index = self.len_u32()?;
                self.recall(index)?;
            }
            b'g' => {
                let index = self.line_index()?;
                self.recall(index)?;
            }

            // Objects.
            b'c' => {
                let module: Arc<str> = self.line()?.into();
                let name: Arc<str> = self.line()?.into();
                self.global(&module, &name)?;
            }
            0x93 => {
                let parts = self.pop_many(2)?;
                let (module, name) = (self.text_of(&parts, 0)?, self.text_of(&parts, 1)?);
                self.global(&module, &name)?;
            }
            b'R' | 0x81 | 0x92 => {
                if code == 0x92 {
                    // Arguments by name; no object on the list takes any.
                    self.pop()?;
                }
                let parts = self.pop_many(2)?;
                let value = self.call(&parts)?;
                self.parts += match &value {
                    Value::Dict(pairs) => pairs.len(),
                    Value::List(items) | Value::Tuple(items) => items.len(),
                    Value::Tensor(view) => view.shape.len(),
                    _ => 0,
                };
                if self.parts > MAX_PARTS {
                    return Err(PickleError::TooMuch { what: "parts of containers", limit: MAX_PARTS });
                }
                self.push(value)?;
            }
            b'b' => self.build()?,
            b'Q' => {
                let persistent = self.pop()?;
                let value = self.storage(persistent)?;
                self.push(value)?;
            }

            // Framing.
            0x80 => {
                if self.u8()? > 5 {
                    return Err(self.malformed("a protocol newer than 5"));
                }
            }
            0x95 => drop(self.array::<8>()?),

            _ => return Err(PickleError::Opcode { code, at: self.opcode_at }),
        }
        Ok(None)
    }

    // --- reading bytes -------------------------------------------------------------------------------------------

    fn malformed(&self, what: &'static str) -> PickleError {
        PickleError::Malformed { what, at: self.opcode_at }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], PickleError> {
        let end = self.position.checked_add(len);
        let slice = end.and_then(|end| self.bytes.get(self.position..end));
        let slice = slice.ok_or(PickleError::Truncated { what: "a pickle", at: self.opcode_at })?;
        self.position += len;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn u8(&mut self) -> Result<u8, PickleError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn len_u32(&mut self) -> Result<usize, PickleError> {
        let len = u32::from_le_bytes(self.array()?);
        usize::try_from(len).map_err(|_| self.malformed("a length that is too large"))
    }

    fn len_u64(&mut self) -> Result<usize, PickleError> {
        let len = u64::from_le_bytes(self.array()?);
        usize::try_from(len).map_err(|_| self.malformed("a length that is too large"))
    }

    /// The rest of a line, without its end.
    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let len = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or(PickleError::Truncated { what: "a pickle", at: self.opcode_at })?;
        let at = self.opcode_at;
        let line = rest.get(..len).unwrap_or_default();
        self.position += len + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        std::str::from_utf8(line).map_err(|_| PickleError::Malformed { what: "text that is not UTF-8", at })
    }

    fn line_index(&mut self) -> Result<usize, PickleError> {
        self.line()?.parse().map_err(|_| self.malformed("an index that is not a number"))
    }

    fn text(&mut self, len: usize) -> Result<(), PickleError> {
        let at = self.opcode_at;
        let text = std::str::from_utf8(self.take(len)?)
            .map_err(|_| PickleError::Malformed { what: "text that is not UTF-8", at })?
            .into();
        self.push(Value::Text(text))
    }

    fn blob(&mut self, len: usize) -> Result<(), PickleError> {
        let bytes = Bytes::copy_from_slice(self.take(len)?);
        self.push(Value::Bytes(bytes))
    }

    /// A string of Python 2, which is text or bytes.
    fn old_string(&mut self, len: usize) -> Result<(), PickleError> {
        let bytes = self.take(len)?;
        let value = match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.into()),
            Err(_) => Value::Bytes(Bytes::copy_from_slice(bytes)),
        };
        self.push(value)
    }

    fn long(&mut self, len: usize) -> Result<(), PickleError> {
        let bytes = self.take(len)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        let value = if let Some(target) = wide.get_mut(..len) {
            target.copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(wide))
        } else {
            Value::BigInt(bytes.to_vec())
        };
        self.push(value)
    }

    // --- the stack -----------------------------------------------------------------------------------------------

    fn add(&mut self, value: Value) -> Result<Id, PickleError> {
        if self.values.len() >= MAX_VALUES {
            return Err(PickleError::TooMuch { what: "values", limit: MAX_VALUES });
        }
        let id = u32::try_from(self.values.len()).map_err(|_| self.malformed("too many values"))?;
        self.values.push(value);
        Ok(id)
    }

    fn push(&mut self, value: Value) -> Result<(), PickleError> {
        let id = self.add(value)?;
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<(), PickleError> {
        if self.stack.len() >= MAX_VALUES {
            return Err(PickleError::TooMuch { what: "values", limit: MAX_VALUES });
        }
        self.stack.push(id);
        Ok(())
    }

    /// The stack above the innermost mark: an instruction may not reach below it.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, PickleError> {
        let top = self.stack.last().copied().filter(|_| self.stack.len() > self.floor());
        top.ok_or_else(|| self.malformed("an empty stack"))
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, PickleError> {
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= self.floor() => Ok(self.stack.split_off(start)),
            _ => Err(self.malformed("an empty stack")),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| self.malformed("the end of a list that never began"))?;
        if mark > self.stack.len() {
            return Err(self.malformed("an empty stack"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn memoize(&mut self, index: usize) -> Result<(), PickleError> {
        let id = self.top()?;
        // Picklers count up; a far index would only serve to take memory.
        if index >= MAX_VALUES {
            return Err(PickleError::TooMuch { what: "memo entries", limit: MAX_VALUES });
        }
        if index >= self.memo.len() {
            self.memo.resize(index + 1, None);
        }
        if let Some(slot) = self.memo.get_mut(index) {
            *slot = Some(id);
        }
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Result<(), PickleError> {
        let id = self.memo.get(index).copied().flatten();
        let id = id.ok_or_else(|| self.malformed("a reference to a value that was not memorised"))?;
        self.push_id(id)
    }

    // --- containers ----------------------------------------------------------------------------------------------

    fn pairs(&self, parts: &[Id]) -> Result<Vec<(Id, Id)>, PickleError> {
        let (pairs, rest) = parts.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.malformed("a dictionary with a key without a value"));
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn top_value(&mut self) -> Result<&mut Value, PickleError> {
        let id = self.top()?;
        let error = self.malformed("an empty stack");
        self.values.get_mut(id as usize).ok_or(error)
    }

    fn append(&mut self, parts: &[Id]) -> Result<(), PickleError> {
        let error = self.malformed("an append to something that is not a list");
        match self.top_value()? {
            Value::List(list) => list.extend_from_slice(parts),
            Value::Object(_) => {}
            _ => return Err(error),
        }
        Ok(())
    }

    fn set_items(&mut self, parts: &[Id]) -> Result<(), PickleError> {
        let pairs = self.pairs(parts)?;
        let error = self.malformed("an entry for something that is not a dictionary");
        match self.top_value()? {
            Value::Dict(dict) => dict.extend(pairs),
            Value::Object(_) => {}
            _ => return Err(error),
        }
        Ok(())
    }

    // --- objects -------------------------------------------------------------------------------------------------

    fn value(&self, parts: &[Id], index: usize) -> Result<&Value, PickleError> {
        let id = parts.get(index).ok_or_else(|| self.malformed("a call with too few arguments"))?;
        self.values.get(*id as usize).ok_or_else(|| self.malformed("a value that is not there"))
    }

    fn text_of(&self, parts: &[Id], index: usize) -> Result<Arc<str>, PickleError> {
        match self.value(parts, index)? {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(self.malformed("text expected")),
        }
    }

    fn usize_of(&self, parts: &[Id], index: usize) -> Result<usize, PickleError> {
        match self.value(parts, index)? {
            Value::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
        .ok_or_else(|| self.malformed("a size or index expected"))
    }

    /// A tuple of sizes, as shapes and strides are; a plain number is a shape of one axis.
    fn sizes_of(&self, parts: &[Id], index: usize) -> Result<Vec<usize>, PickleError> {
        match self.value(parts, index)? {
            Value::Tuple(ids) if ids.len() <= MAX_AXES => (0..ids.len()).map(|axis| self.usize_of(ids, axis)).collect(),
            Value::Int(_) => Ok(vec![self.usize_of(parts, index)?]),
            _ => Err(self.malformed("a shape expected")),
        }
    }

    fn bytes_of(&self, parts: &[Id], index: usize) -> Result<Bytes, PickleError> {
        match self.value(parts, index)? {
            Value::Bytes(bytes) => Ok(bytes.clone()),
            Value::Text(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
            _ => Err(self.malformed("bytes expected")),
        }
    }

    fn dtype_of(&self, parts: &[Id], index: usize) -> Result<Dtype, PickleError> {
        match self.value(parts, index)? {
            Value::Dtype(dtype) => Ok(*dtype),
            _ => Err(self.malformed("an element type expected")),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), PickleError> {
        match Global::find(module, name) {
            Some(global) => self.push(Value::Global(global)),
            None if self.foreign == Foreign::Named => self.push(Value::Object(format!("{module}.{name}").into())),
            None => {
                Err(PickleError::RefusedGlobal { module: module.to_owned(), name: name.to_owned(), at: self.opcode_at })
            }
        }
    }

    /// What calling an allowed object gives; `parts` is the object and the tuple of its arguments.
    fn call(&self, parts: &[Id]) -> Result<Value, PickleError> {
        let global = match self.value(parts, 0)? {
            Value::Global(global) => global,
            Value::Object(class) => return Ok(Value::Object(class.clone())),
            _ => return Err(self.malformed("a call of something that is not an object")),
        };
        let Value::Tuple(args) = self.value(parts, 1)? else {
            return Err(self.malformed("a call without a tuple of arguments"));
        };
        Ok(match global {
            Global::OrderedDict => match args.first() {
                None => Value::Dict(Vec::new()),
                Some(_) => {
                    // Python 2 passes a list of pairs.
                    let Value::List(entries) = self.value(args, 0)? else {
                        return Err(self.malformed("an OrderedDict of something that is not a list"));
                    };
                    let pair = |index| match self.value(entries, index)? {
                        Value::List(pair) | Value::Tuple(pair) => match pair.as_slice() {
                            &[key, value] => Ok((key, value)),
                            _ => Err(self.malformed("an OrderedDict of something that is not pairs")),
                        },
                        _ => Err(self.malformed("an OrderedDict of something that is not pairs")),
                    };
                    Value::Dict((0..entries.len()).map(pair).collect::<Result<_, _>>()?)
                }
            },
            Global::Encode => {
                let text = self.text_of(args, 0)?;
                // "latin1": every character is one byte.
                let bytes: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
                Value::Bytes(bytes.map_err(|_| self.malformed("bytes beyond latin1"))?.into())
            }
            Global::Bytes => Value::Bytes(if args.is_empty() { Bytes::new() } else { self.bytes_of(args, 0)? }),
            Global::Set => match args.first() {
                None => Value::List(Vec::new()),
                Some(_) => match self.value(args, 0)? {
                    Value::List(items) => Value::List(items.clone()),
                    _ => return Err(self.malformed("a set of something that is not a list")),
                },
            },
            Global::Dtype => {
                let code = self.text_of(args, 0)?;
                let (order, code) = match code.strip_prefix(['<', '>', '|', '=']) {
                    Some(rest) => (code.starts_with('>'), rest),
                    None => (false, &*code),
                };
                let element =
                    Element::from_numpy(code).ok_or_else(|| self.malformed("an element type that is not a number"))?;
                Value::Dtype(Dtype { element, big_endian: order })
            }
            // An empty array: shape, type and bytes follow by BUILD.
            Global::Reconstruct => Value::Array(Array {
                dtype: Dtype { element: Element::U8, big_endian: false },
                shape: vec![0],
                fortran: false,
                data: Bytes::new(),
            }),
            Global::Scalar => Value::Array(Array {
                dtype: self.dtype_of(args, 0)?,
                shape: Vec::new(),
                fortran: false,
                data: self.bytes_of(args, 1)?,
            }),
            Global::FromBuffer => {
                let fortran = args.len() > 3 && &*self.text_of(args, 3)? == "F";
                let (data, dtype, shape) = (self.bytes_of(args, 0)?, self.dtype_of(args, 1)?, self.sizes_of(args, 2)?);
                Value::Array(Array { dtype, shape, fortran, data })
            }
            Global::RebuildTensor => {
                let storage = match self.value(args, 0)? {
                    Value::Storage(storage) => storage,
                    Value::Object(class) => return Ok(Value::Object(class.clone())),
                    _ => return Err(self.malformed("a tensor without a storage")),
                };
                Value::Tensor(TensorView {
                    storage: storage.clone(),
                    offset: self.usize_of(args, 1)?,
                    shape: self.sizes_of(args, 2)?,
                    strides: self.sizes_of(args, 3)?,
                })
            }
            Global::RebuildParameter => match self.value(args, 0)? {
                Value::Tensor(view) => Value::Tensor(view.clone()),
                Value::Object(class) => Value::Object(class.clone()),
                _ => return Err(self.malformed("a parameter that is not a tensor")),
            },
            Global::Size => match self.value(args, 0)? {
                Value::Tuple(items) | Value::List(items) => Value::Tuple(items.clone()),
                _ => return Err(self.malformed("a torch.Size of something that is not a tuple")),
            },
            Global::Ndarray | Global::StorageClass(_) => {
                return Err(self.malformed("a call of a class that is only named"));
            }
        })
    }

    /// `BUILD`: gives the object below the top its state.
    fn build(&mut self) -> Result<(), PickleError> {
        let state_id = self.pop()?;
        let target_id = self.top()?;
        let target = self.value(&[target_id], 0)?;
        let state = self.value(&[state_id], 0)?;
        let built = match (target, state) {
            // (version, byte order, ...).
            (Value::Dtype(dtype), Value::Tuple(state)) => {
                let big_endian = &*self.text_of(state, 1)? == ">";
                Value::Dtype(Dtype { big_endian, ..*dtype })
            }
            // (version, shape, type, Fortran order, bytes), without the version in old files.
            (Value::Array(_), Value::Tuple(state)) => {
                let state = if state.len() == 5 { state.get(1..).unwrap_or_default() } else { state.as_slice() };
                let fortran = match self.value(state, 2)? {
                    Value::Bool(value) => *value,
                    Value::Int(value) => *value != 0,
                    _ => return Err(self.malformed("an array without an order of axes")),
                };
                Value::Array(Array {
                    shape: self.sizes_of(state, 0)?,
                    dtype: self.dtype_of(state, 1)?,
                    fortran,
                    data: self.bytes_of(state, 3)?,
                })
            }
            // Attributes of an OrderedDict, such as PyTorch's `_metadata`.
            (Value::Dict(_), _) => return Ok(()),
            (Value::Object(_), _) => return Ok(()),
            _ => return Err(self.malformed("a state for something that has none")),
        };
        *self.top_value()? = built;
        Ok(())
    }

    /// A storage from its persistent id: `("storage", class, key, device, number of elements, ...)`.
    fn storage(&self, persistent: Id) -> Result<Value, PickleError> {
        let Value::Tuple(parts) = self.value(&[persistent], 0)? else {
            return Err(self.malformed("a persistent id that is not a tuple"));
        };
        let kind = self.text_of(parts, 0)?;
        // Old pickles of whole models hold their classes so, with the source code.
        if let ("storage" | "module", Value::Object(class)) = (&*kind, self.value(parts, 1)?) {
            return Ok(Value::Object(class.clone()));
        }
        if &*kind != "storage" {
            return Err(self.malformed("a persistent id that is not a storage"));
        }
        let Value::Global(Global::StorageClass(element)) = self.value(parts, 1)? else {
            return Err(self.malformed("a storage without a class"));
        };
        let view = parts.get(5).and_then(|id| self.values.get(*id as usize));
        if !matches!(view, None | Some(Value::None)) {
            return Err(self.malformed("a storage that is a view of another"));
        }
        Ok(Value::Storage(Storage { element: *element, key: self.text_of(parts, 2)?, len: self.usize_of(parts, 4)? }))
    }
}
