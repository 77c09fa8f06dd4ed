//! The elements of a weight: in memory, or read when they are needed.

use std::{borrow::Cow, fmt, rc::Rc, sync::Arc};

/// The elements of a weight, row-major. A clone shares them.
///
/// A reader of a large file defers its large weights, so that the file is never in memory as a whole: the engine reads
/// one after the other to the device. What passes do to a deferred weight is done when it is read.
#[derive(Clone)]
pub struct Weights(Kind);

#[derive(Clone)]
enum Kind {
    Held(Arc<[f32]>),
    Deferred(usize, Rc<dyn Fn() -> Result<Vec<f32>, String>>),
}

impl Weights {
    /// Weights of `len` elements that `read` gives, each time it is asked.
    #[must_use]
    pub fn deferred(len: usize, read: impl Fn() -> Result<Vec<f32>, String> + 'static) -> Self {
        Self(Kind::Deferred(len, Rc::new(read)))
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Held(data) => data.len(),
            Kind::Deferred(len, _) => *len,
        }
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, if they are in memory. Those of biases, normalisations and other constants always are.
    #[must_use]
    pub fn held(&self) -> Option<&[f32]> {
        match &self.0 {
            Kind::Held(data) => Some(data),
            Kind::Deferred(..) => None,
        }
    }

    /// The elements, read now if they are deferred.
    ///
    /// # Errors
    /// What the reader of the file says, as the end of a sentence.
    pub fn read(&self) -> Result<Cow<'_, [f32]>, String> {
        match &self.0 {
            Kind::Held(data) => Ok(Cow::Borrowed(data)),
            Kind::Deferred(len, read) => {
                let data = read()?;
                if data.len() == *len {
                    Ok(Cow::Owned(data))
                } else {
                    Err(format!("{} numbers came in place of {len}", data.len()))
                }
            }
        }
    }

    /// Weights that `change` makes of these; it must keep their number.
    #[must_use]
    pub fn map(&self, change: impl Fn(&[f32]) -> Vec<f32> + 'static) -> Self {
        match &self.0 {
            Kind::Held(data) => change(data).into(),
            Kind::Deferred(len, read) => {
                let read = read.clone();
                Self::deferred(*len, move || read().map(|data| change(&data)))
            }
        }
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Held(data) if data.len() <= 16 => write!(formatter, "{data:?}"),
            Kind::Held(data) => write!(formatter, "[{} numbers]", data.len()),
            Kind::Deferred(len, _) => write!(formatter, "[{len} numbers to read]"),
        }
    }
}

/// Whether the elements are the same; deferred ones are read for it.
impl PartialEq for Weights {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && matches!((self.read(), other.read()), (Ok(a), Ok(b)) if a == b)
    }
}

impl From<Arc<[f32]>> for Weights {
    fn from(data: Arc<[f32]>) -> Self {
        Self(Kind::Held(data))
    }
}

impl From<Vec<f32>> for Weights {
    fn from(data: Vec<f32>) -> Self {
        Self(Kind::Held(data.into()))
    }
}

impl From<&[f32]> for Weights {
    fn from(data: &[f32]) -> Self {
        Self(Kind::Held(data.into()))
    }
}

impl<const N: usize> From<[f32; N]> for Weights {
    fn from(data: [f32; N]) -> Self {
        Self(Kind::Held(data.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn deferred_weights_are_read_when_asked_and_changed_then() {
        let reads = Rc::new(Cell::new(0));
        let counter = reads.clone();
        let weights = Weights::deferred(3, move || {
            counter.set(counter.get() + 1);
            Ok(vec![1.0, 2.0, 3.0])
        });
        let doubled = weights.map(|data| data.iter().map(|value| 2.0 * value).collect());
        assert_eq!((doubled.len(), reads.get()), (3, 0));
        assert!(doubled.held().is_none());
        assert_eq!(doubled, Weights::from([2.0, 4.0, 6.0]));
        assert_eq!(reads.get(), 1);
        assert_ne!(weights, doubled);
    }

    #[test]
    fn a_reader_that_gives_too_little_is_found_out() {
        assert!(Weights::deferred(2, || Ok(vec![1.0])).read().is_err());
        let failing = Weights::deferred(2, || Err("the file has changed".to_owned()));
        assert_eq!(failing.read().unwrap_err(), "the file has changed");
        assert!(failing != failing.clone(), "what cannot be read is equal to nothing");
    }
}
