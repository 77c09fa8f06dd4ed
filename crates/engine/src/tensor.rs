//! A tensor on a device, and the plain operations that the engine composes.
//!
//! [`Tensor`] is burn's rank-erased `DispatchTensor`: f32, batch first, on whichever device it was made. The operations
//! are thin on purpose; what is worth a kernel of its own lives in [`crate::kernel`].

use burn::{
    backend::{
        Dispatch, DispatchTensor, TensorMetadata,
        ops::{FloatTensorOps, IntTensorOps, PadMode},
    },
    tensor::{FloatDType, Shape, Slice, TensorData},
};

use crate::{Device, EngineError};

/// A float tensor on a device.
#[derive(Clone, Debug)]
pub struct Tensor(pub(crate) DispatchTensor);

/// An index tensor on a device, such as the winners of a max pooling.
#[derive(Clone, Debug)]
pub struct Indices(pub(crate) DispatchTensor);

impl Tensor {
    /// Uploads `data` in row-major order.
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    #[must_use]
    pub fn from_slice(data: &[f32], shape: &[usize], device: &Device) -> Self {
        Self::from_vec(data.to_vec(), shape, device)
    }

    /// Uploads `data` in row-major order without another copy on the CPU.
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    #[must_use]
    pub fn from_vec(data: Vec<f32>, shape: &[usize], device: &Device) -> Self {
        Self(Dispatch::float_from_data(TensorData::new(data, shape.to_vec()), device.dispatch()))
    }

    /// A tensor with the same value everywhere.
    #[must_use]
    pub fn full(value: f32, shape: &[usize], device: &Device) -> Self {
        Self(Dispatch::float_full(Shape::from(shape.to_vec()), value.into(), device.dispatch(), FloatDType::F32))
    }

    /// Reads the elements back in row-major order.
    ///
    /// # Errors
    /// [`EngineError::Device`] if the device failed since the last read.
    pub async fn read(&self) -> Result<Vec<f32>, EngineError> {
        let data = Dispatch::float_into_data(self.0.clone())
            .await
            .map_err(|error| EngineError::Device { reason: format!("{error:?}") })?;
        data.try_to_vec().map_err(|error| EngineError::Device { reason: format!("{error:?}") })
    }

    /// The tensor as burn's extensions take it.
    #[must_use]
    pub fn as_dispatch(&self) -> &DispatchTensor {
        &self.0
    }

    /// A float tensor of burn's.
    #[must_use]
    pub fn from_dispatch(tensor: DispatchTensor) -> Self {
        Self(tensor)
    }

    /// The shape with the batch.
    #[must_use]
    pub fn dims(&self) -> Vec<usize> {
        self.0.shape().to_vec()
    }

    /// The number of samples.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.dims().first().copied().unwrap_or(1)
    }

    /// The positive part.
    #[must_use]
    pub fn rectified(&self) -> Self {
        self.clamp_min(0.0)
    }

    /// One channel of feature maps `[n, c, h, w]`, as `[n, 1, h, w]`.
    #[must_use]
    pub fn channel(&self, channel: usize) -> Self {
        self.slice(1, channel, channel + 1, 1)
    }

    /// The mean over channels of feature maps `[n, c, h, w]`, as `[n, 1, h, w]`.
    #[must_use]
    pub fn channel_mean(&self) -> Self {
        self.sum_dim(1).scale(1.0 / self.dims()[1] as f32)
    }

    /// The mean over positions of feature maps `[n, c, h, w]`, as `[n, c, 1, 1]`.
    #[must_use]
    pub fn spatial_mean(&self) -> Self {
        let dims = self.dims();
        let positions = dims[2] * dims[3];
        let flat = self.reshape(&[dims[0], dims[1], positions]).sum_dim(2);
        flat.scale(1.0 / positions as f32).reshape(&[dims[0], dims[1], 1, 1])
    }

    /// The sum over channels of feature maps `[n, c, h, w]`, each channel times its weight `[n, c, 1, 1]`, as
    /// `[n, 1, h, w]`.
    #[must_use]
    pub fn weighted_channel_sum(&self, weights: &Self) -> Self {
        self.mul(weights).sum_dim(1)
    }

    /// Element-wise sum with broadcasting.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        Self(Dispatch::float_add(self.0.clone(), other.0.clone()))
    }

    /// Element-wise difference with broadcasting.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        Self(Dispatch::float_sub(self.0.clone(), other.0.clone()))
    }

    /// Element-wise product with broadcasting.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        Self(Dispatch::float_mul(self.0.clone(), other.0.clone()))
    }

    /// Element-wise quotient with broadcasting.
    #[must_use]
    pub fn div(&self, other: &Self) -> Self {
        Self(Dispatch::float_div(self.0.clone(), other.0.clone()))
    }

    /// Adds a number to every element.
    #[must_use]
    pub fn add_scalar(&self, value: f32) -> Self {
        Self(Dispatch::float_add_scalar(self.0.clone(), value.into()))
    }

    /// Multiplies every element with a number.
    #[must_use]
    pub fn scale(&self, value: f32) -> Self {
        Self(Dispatch::float_mul_scalar(self.0.clone(), value.into()))
    }

    /// The negative of every element.
    #[must_use]
    pub fn neg(&self) -> Self {
        Self(Dispatch::float_neg(self.0.clone()))
    }

    pub(crate) fn recip(&self) -> Self {
        Self(Dispatch::float_recip(self.0.clone()))
    }

    pub(crate) fn exp(&self) -> Self {
        Self(Dispatch::float_exp(self.0.clone()))
    }

    pub(crate) fn log(&self) -> Self {
        Self(Dispatch::float_log(self.0.clone()))
    }

    pub(crate) fn sqrt(&self) -> Self {
        Self(Dispatch::float_sqrt(self.0.clone()))
    }

    pub(crate) fn abs(&self) -> Self {
        Self(Dispatch::float_abs(self.0.clone()))
    }

    pub(crate) fn sign(&self) -> Self {
        Self(Dispatch::float_sign(self.0.clone()))
    }

    pub(crate) fn tanh(&self) -> Self {
        Self(Dispatch::float_tanh(self.0.clone()))
    }

    pub(crate) fn erf(&self) -> Self {
        Self(Dispatch::float_erf(self.0.clone()))
    }

    pub(crate) fn powf(&self, exponent: f32) -> Self {
        Self(Dispatch::float_powf_scalar(self.0.clone(), exponent.into()))
    }

    pub(crate) fn clamp_min(&self, min: f32) -> Self {
        Self(Dispatch::float_clamp_min(self.0.clone(), min.into()))
    }

    pub(crate) fn clamp_max(&self, max: f32) -> Self {
        Self(Dispatch::float_clamp_max(self.0.clone(), max.into()))
    }

    pub(crate) fn clamp(&self, min: f32, max: f32) -> Self {
        Self(Dispatch::float_clamp(self.0.clone(), min.into(), max.into()))
    }

    pub(crate) fn matmul(&self, other: &Self) -> Self {
        Self(Dispatch::float_matmul(self.0.clone(), other.0.clone()))
    }

    /// The same elements in another shape, row-major.
    #[must_use]
    pub fn reshape(&self, shape: &[usize]) -> Self {
        Self(Dispatch::float_reshape(self.0.clone(), Shape::from(shape.to_vec())))
    }

    pub(crate) fn permute(&self, axes: &[usize]) -> Self {
        Self(Dispatch::float_permute(self.0.clone(), axes))
    }

    pub(crate) fn expand(&self, shape: &[usize]) -> Self {
        Self(Dispatch::float_expand(self.0.clone(), Shape::from(shape.to_vec())))
    }

    /// Sum over an axis that counts the batch; it stays with length 1.
    #[must_use]
    pub fn sum_dim(&self, axis: usize) -> Self {
        Self(Dispatch::float_sum_dim(self.0.clone(), axis))
    }

    /// Largest element along an axis that counts the batch; it stays with length 1.
    #[must_use]
    pub fn max_dim(&self, axis: usize) -> Self {
        Self(Dispatch::float_max_dim(self.0.clone(), axis))
    }

    /// Sum over all axes but the batch, `[batch]`.
    #[must_use]
    pub fn sum_samples(&self) -> Self {
        let batch = self.batch();
        let rest = self.dims().iter().skip(1).product::<usize>();
        self.reshape(&[batch, rest]).sum_dim(1).reshape(&[batch])
    }

    /// Each sample over its largest absolute value; one that is 0 everywhere stays so.
    pub(crate) fn to_unit(&self) -> Self {
        let batch = self.batch();
        let rest = self.dims().iter().skip(1).product::<usize>();
        let flat = self.reshape(&[batch, rest]);
        let largest = flat.abs().max_dim(1).clamp_min(f32::MIN_POSITIVE);
        flat.div(&largest).reshape(&self.dims())
    }

    /// Joins tensors along an axis that counts the batch.
    #[must_use]
    pub fn cat(tensors: Vec<Self>, axis: usize) -> Self {
        Self(Dispatch::float_cat(tensors.into_iter().map(|tensor| tensor.0).collect(), axis))
    }

    /// The range `start..end` by `step` of an axis that counts the batch.
    #[must_use]
    pub fn slice(&self, axis: usize, start: usize, end: usize, step: usize) -> Self {
        Self(Dispatch::float_slice(self.0.clone(), &slices(&self.dims(), axis, start, end, step)))
    }

    /// `self` with `values` written over the range `start..end` by `step` of an axis that counts the batch.
    pub(crate) fn slice_assign(&self, axis: usize, start: usize, end: usize, step: usize, values: &Self) -> Self {
        let ranges = slices(&self.dims(), axis, start, end, step);
        Self(Dispatch::float_slice_assign(self.0.clone(), &ranges, values.0.clone()))
    }

    /// Surrounds the sample's axes with `value`; `pads` are (before, after) for each axis without the batch.
    pub(crate) fn pad(&self, pads: &[(usize, usize)], value: f32) -> Self {
        let mut all = vec![(0, 0)];
        all.extend_from_slice(pads);
        let dims = self.dims();
        let shape: Vec<usize> = dims.iter().zip(&all).map(|(size, (before, after))| size + before + after).collect();
        if shape == dims {
            return self.clone();
        }
        Self(Dispatch::float_pad(self.0.clone(), &all, PadMode::Constant(value)))
    }

    /// Undoes [`Self::pad`].
    pub(crate) fn unpad(&self, pads: &[(usize, usize)]) -> Self {
        let mut result = self.clone();
        for (axis, &(before, after)) in pads.iter().enumerate() {
            if before + after > 0 {
                let size = result.dims()[axis + 1];
                result = result.slice(axis + 1, before, size - after, 1);
            }
        }
        result
    }

    /// Picks indices along an axis that counts the batch; an index may occur more than once.
    pub(crate) fn select(&self, axis: usize, indices: &Indices) -> Self {
        Self(Dispatch::float_select(self.0.clone(), axis, indices.0.clone()))
    }

    /// Adds `values` into `self` at the indices of an axis that counts the batch: the adjoint of [`Self::select`].
    pub(crate) fn select_add(&self, axis: usize, indices: &Indices, values: &Self) -> Self {
        Self(Dispatch::float_select_assign(
            self.0.clone(),
            axis,
            indices.0.clone(),
            values.0.clone(),
            burn::tensor::IndexingUpdateOp::Add,
        ))
    }

    /// Sums what broadcasting spread: brings `self` to `shape` by summing the axes where `shape` has 1.
    pub(crate) fn sum_to(&self, shape: &[usize]) -> Self {
        let mut result = self.clone();
        for (axis, (&have, &want)) in self.dims().iter().zip(shape).enumerate() {
            if have != want && want == 1 {
                result = result.sum_dim(axis);
            }
        }
        result
    }
}

impl Indices {
    pub(crate) fn from_slice(indices: &[usize], device: &Device) -> Self {
        let data: Vec<i32> = indices.iter().map(|&index| index as i32).collect();
        let length = data.len();
        Self(Dispatch::int_from_data(TensorData::new(data, [length]), device.dispatch()))
    }
}

fn slices(dims: &[usize], axis: usize, start: usize, end: usize, step: usize) -> Vec<Slice> {
    dims.iter()
        .enumerate()
        .map(|(index, &size)| {
            let (start, end, step) = if index == axis { (start, end, step) } else { (0, size, 1) };
            Slice::new(start as isize, Some(end as isize), step as isize)
        })
        .collect()
}
