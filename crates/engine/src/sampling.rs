//! Many variants of one picture, and the sum over their results: what noise, path and mask methods repeat.
//!
//! Each operation is one launch of a file of `shaders/` on the GPU and one pass over memory on the CPU. Variants are a
//! batch, made on the device from the one picture; their results are added up on the device too, so that nothing but the
//! finished map is read back.

use burn::{
    backend::{
        Backend, Dispatch, Flex, TensorMetadata, backend_extension,
        ops::FloatTensorOps,
        tensor::FloatTensor,
        wgpu::{CubeBackend, CubeTensor, into_contiguous},
    },
    tensor::{Shape, TensorData},
};

use crate::{
    Tensor,
    kernel::elements,
    launch::{Shader, apart, launch},
    shader,
};

/// Which copies of a noisy picture: results depend on the seed and a copy's number, not on how copies are batched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// Seed.
    pub seed: u32,
    /// Number of the first copy.
    pub first: u32,
    /// How many.
    pub count: usize,
}

/// The extension of burn's backends by the kernels of this module.
#[backend_extension(Cube, Flex)]
pub trait Sampling: Backend {
    /// See [`Tensor::masked`].
    fn mask_apply(x: FloatTensor<Self>, baseline: FloatTensor<Self>, masks: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`Tensor::path_points`].
    fn path_points(start: FloatTensor<Self>, end: FloatTensor<Self>, at: Vec<f32>) -> FloatTensor<Self>;

    /// See [`Tensor::with_noise`].
    fn noise_add(x: FloatTensor<Self>, sigma: f32, copies: Copies) -> FloatTensor<Self>;

    /// See [`Tensor::accumulate`].
    fn accumulate(
        total: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        values: FloatTensor<Self>,
        weights: Vec<f32>,
        squared: bool,
    ) -> FloatTensor<Self>;
}

impl Tensor {
    /// `mask · self + (1 - mask) · baseline` for every mask: pictures with parts hidden. `self` and `baseline` are one
    /// picture `[1, c, h, w]`, `masks` is `[n, 1, h, w]`, the result `[n, c, h, w]`.
    #[must_use]
    pub fn masked(&self, baseline: &Self, masks: &Self) -> Self {
        Self(<Dispatch as Sampling>::mask_apply(self.0.clone(), baseline.0.clone(), masks.0.clone()))
    }

    /// Points on the straight line from `self` (0) to `end` (1), both `[1, c, h, w]`: `[n, c, h, w]`.
    #[must_use]
    pub fn path_points(&self, end: &Self, at: &[f32]) -> Self {
        Self(<Dispatch as Sampling>::path_points(self.0.clone(), end.0.clone(), at.to_vec()))
    }

    /// Copies of `self` `[1, c, h, w]` with independent normal noise of standard deviation `sigma`: `[n, c, h, w]`.
    #[must_use]
    pub fn with_noise(&self, sigma: f32, copies: Copies) -> Self {
        Self(<Dispatch as Sampling>::noise_add(self.0.clone(), sigma, copies))
    }

    /// `self + Σ_k weights[k] · (values[k] - shift)`, or of its square; `self` and `shift` are `[1, c, h, w]`, `values`
    /// `[n, c, h, w]`.
    #[must_use]
    pub fn accumulate(&self, shift: &Self, values: &Self, weights: &[f32], squared: bool) -> Self {
        let (total, shift, values) = (self.0.clone(), shift.0.clone(), values.0.clone());
        Self(<Dispatch as Sampling>::accumulate(total, shift, values, weights.to_vec(), squared))
    }
}

static MASK_APPLY: Shader = shader!("mask_apply");
static PATH_POINTS: Shader = shader!("path_points");
static NOISE_ADD: Shader = shader!("noise_add");
static ACCUMULATE: Shader = shader!("accumulate");

/// The shape of `tensor` with a batch of `count`.
fn batched(shape: &[usize], count: usize) -> Vec<usize> {
    std::iter::once(count).chain(shape.iter().skip(1).copied()).collect()
}

fn run(shader: &'static Shader, inputs: Vec<CubeTensor>, shape: Vec<usize>, info: &[u32]) -> CubeTensor {
    let inputs: Vec<CubeTensor> = apart(inputs).into_iter().map(into_contiguous).collect();
    let (client, device, dtype) = (inputs[0].client.clone(), inputs[0].device.clone(), inputs[0].dtype);
    let shape = Shape::from(shape);
    let handle = client.empty(shape.num_elements() * size_of::<f32>());
    let output = CubeTensor::new_contiguous(client, device, shape, handle, dtype);
    launch(shader, inputs.into_iter().map(|tensor| tensor.handle).collect(), &output, info);
    output
}

impl Sampling for CubeBackend {
    fn mask_apply(x: FloatTensor<Self>, baseline: FloatTensor<Self>, masks: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = x.meta.shape().to_vec();
        let count = masks.meta.shape()[0];
        let (cells, plane) = (shape.iter().product::<usize>(), shape[2..].iter().product::<usize>());
        run(&MASK_APPLY, vec![x, baseline, masks], batched(&shape, count), &[cells as u32, plane as u32])
    }

    fn path_points(start: FloatTensor<Self>, end: FloatTensor<Self>, at: Vec<f32>) -> FloatTensor<Self> {
        let shape = start.meta.shape().to_vec();
        let mut info = vec![shape.iter().product::<usize>() as u32];
        info.extend(at.iter().map(|t| t.to_bits()));
        run(&PATH_POINTS, vec![start, end], batched(&shape, at.len()), &info)
    }

    fn noise_add(x: FloatTensor<Self>, sigma: f32, copies: Copies) -> FloatTensor<Self> {
        let shape = x.meta.shape().to_vec();
        let info = [shape.iter().product::<usize>() as u32, copies.seed, copies.first, sigma.to_bits()];
        run(&NOISE_ADD, vec![x], batched(&shape, copies.count), &info)
    }

    fn accumulate(
        total: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        values: FloatTensor<Self>,
        weights: Vec<f32>,
        squared: bool,
    ) -> FloatTensor<Self> {
        let shape = total.meta.shape().to_vec();
        let mut info = vec![if squared { 2 } else { 1 }, weights.len() as u32];
        info.extend(weights.iter().map(|weight| weight.to_bits()));
        run(&ACCUMULATE, vec![total, shift, values], shape, &info)
    }
}

fn flex(data: Vec<f32>, shape: Vec<usize>) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(data, shape), &Default::default())
}

impl Sampling for Flex {
    fn mask_apply(x: FloatTensor<Self>, baseline: FloatTensor<Self>, masks: FloatTensor<Self>) -> FloatTensor<Self> {
        let (shape, count) = (x.shape().to_vec(), masks.shape()[0]);
        let plane = shape[2..].iter().product::<usize>().max(1);
        let (x, baseline, masks) = (x.to_contiguous(), baseline.to_contiguous(), masks.to_contiguous());
        let mut data = Vec::with_capacity(count * elements(&x).len());
        for mask in elements(&masks).chunks(plane) {
            for (x, baseline) in elements(&x).chunks(plane).zip(elements(&baseline).chunks(plane)) {
                data.extend(
                    mask.iter().zip(x).zip(baseline).map(|((&mask, &x), &baseline)| mask * x + (1.0 - mask) * baseline),
                );
            }
        }
        flex(data, batched(&shape, count))
    }

    fn path_points(start: FloatTensor<Self>, end: FloatTensor<Self>, at: Vec<f32>) -> FloatTensor<Self> {
        let shape = start.shape().to_vec();
        let (start, end) = (start.to_contiguous(), end.to_contiguous());
        let mut data = Vec::with_capacity(at.len() * elements(&start).len());
        for &t in &at {
            data.extend(elements(&start).iter().zip(elements(&end)).map(|(&start, &end)| start + t * (end - start)));
        }
        flex(data, batched(&shape, at.len()))
    }

    fn noise_add(x: FloatTensor<Self>, sigma: f32, copies: Copies) -> FloatTensor<Self> {
        let shape = x.shape().to_vec();
        let x = x.to_contiguous();
        let mut data = Vec::with_capacity(copies.count * elements(&x).len());
        for copy in 0..copies.count as u32 {
            let stream = hash(copies.first.wrapping_add(copy) ^ hash(copies.seed));
            data.extend(
                elements(&x).iter().enumerate().map(|(cell, &x)| x + sigma * normal(place(hash(cell as u32 ^ stream)))),
            );
        }
        flex(data, batched(&shape, copies.count))
    }

    fn accumulate(
        total: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        values: FloatTensor<Self>,
        weights: Vec<f32>,
        squared: bool,
    ) -> FloatTensor<Self> {
        let shape = total.shape().to_vec();
        let (total, shift, values) = (total.to_contiguous(), shift.to_contiguous(), values.to_contiguous());
        let mut sum = elements(&total).to_vec();
        let copies = elements(&values).chunks(sum.len().max(1));
        for (&weight, values) in weights.iter().zip(copies) {
            let differences = values.iter().zip(elements(&shift)).map(|(&value, &shift)| value - shift);
            for (sum, difference) in sum.iter_mut().zip(differences) {
                *sum += weight * if squared { difference * difference } else { difference };
            }
        }
        flex(sum, shape)
    }
}

/// The permuted congruential hash of `shaders/noise_add.wgsl`.
fn hash(value: u32) -> u32 {
    let state = value.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let word = ((state >> ((state >> 28) + 4)) ^ state).wrapping_mul(277_803_737);
    (word >> 22) ^ word
}

/// The middle of one of 2^23 equal steps of `(-1, 1)`.
fn place(bits: u32) -> f32 {
    ((bits >> 9) as f32 + 0.5) / 4_194_304.0 - 1.0
}

/// `√2 · erfinv(x)` (Giles 2010), which is normal where `x` is uniform in `(-1, 1)`, as in `shaders/noise_add.wgsl`.
fn normal(x: f32) -> f32 {
    const NEAR: [f32; 9] = [
        2.810_226_4e-8,
        3.432_739_4e-7,
        -3.523_387_7e-6,
        -4.391_506_5e-6,
        2.185_808_7e-4,
        -1.253_725e-3,
        -4.177_681_6e-3,
        0.246_640_73,
        1.501_409_4,
    ];
    const FAR: [f32; 9] = [
        -2.002_142_6e-4,
        1.009_505_6e-4,
        1.349_343_2e-3,
        -3.673_428_4e-3,
        5.739_507_7e-3,
        -7.622_461_3e-3,
        9.438_870_5e-3,
        1.001_674,
        2.832_976_8,
    ];
    let w = -((1.0 - x) * (1.0 + x)).ln();
    let (w, polynomial) = if w < 5.0 { (w - 2.5, &NEAR) } else { (w.sqrt() - 3.0, &FAR) };
    std::f32::consts::SQRT_2 * x * polynomial.iter().fold(0.0, |p, coefficient| coefficient + p * w)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    fn read(tensor: &Tensor) -> Vec<f32> {
        pollster::block_on(tensor.read()).expect("numbers")
    }

    fn both() -> [Device; 2] {
        [Device::cpu(), pollster::block_on(Device::gpu()).expect("a Vulkan device; lavapipe serves")]
    }

    fn ramp(shape: &[usize], device: &Device) -> Tensor {
        let count: usize = shape.iter().product();
        Tensor::from_vec((0..count).map(|index| index as f32 / count as f32 - 0.5).collect(), shape, device)
    }

    #[test]
    fn masks_choose_between_picture_and_baseline() {
        for device in both() {
            let x = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0], &[1, 2, 1, 2], &device);
            let baseline = Tensor::from_slice(&[-1.0, -2.0, -3.0, -4.0], &[1, 2, 1, 2], &device);
            let masks = Tensor::from_slice(&[1.0, 0.0, 0.5, 1.0], &[2, 1, 1, 2], &device);
            assert_eq!(read(&x.masked(&baseline, &masks)), [1.0, -2.0, 3.0, -4.0, 0.0, 2.0, 0.0, 4.0]);
        }
    }

    #[test]
    fn points_lie_on_the_line() {
        for device in both() {
            let start = Tensor::from_slice(&[0.0, 10.0], &[1, 1, 1, 2], &device);
            let end = Tensor::from_slice(&[4.0, 2.0], &[1, 1, 1, 2], &device);
            assert_eq!(read(&start.path_points(&end, &[0.0, 0.25, 1.0])), [0.0, 10.0, 1.0, 8.0, 4.0, 2.0]);
        }
    }

    #[test]
    fn totals_take_weights_shift_and_squares() {
        for device in both() {
            let total = Tensor::from_slice(&[1.0, 1.0], &[1, 1, 1, 2], &device);
            let shift = Tensor::from_slice(&[1.0, 0.0], &[1, 1, 1, 2], &device);
            let values = Tensor::from_slice(&[3.0, 1.0, -1.0, 4.0], &[2, 1, 1, 2], &device);
            assert_eq!(read(&total.accumulate(&shift, &values, &[1.0, 0.5], false)), [2.0, 4.0]);
            assert_eq!(read(&total.accumulate(&shift, &values, &[1.0, 0.5], true)), [7.0, 10.0]);
        }
    }

    #[test]
    fn noise_is_normal_seeded_and_the_same_on_both_devices() {
        let copies = Copies { seed: 5, first: 0, count: 4 };
        let maps = both().map(|device| read(&ramp(&[1, 3, 40, 40], &device).with_noise(2.0, copies)));
        let clean = read(&ramp(&[1, 3, 40, 40], &Device::cpu()));
        let largest = maps[0].iter().zip(&maps[1]).fold(0.0_f32, |max, (a, b)| max.max((a - b).abs()));
        assert!(largest < 1e-5, "the devices differ by {largest}");
        let noise: Vec<f64> =
            maps[0].iter().enumerate().map(|(index, value)| f64::from(value - clean[index % clean.len()])).collect();
        let count = noise.len() as f64;
        let moment = |power: i32| noise.iter().map(|value| (value / 2.0).powi(power)).sum::<f64>() / count;
        assert!(moment(1).abs() < 0.03, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.04, "variance {}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.25, "fourth moment {}", moment(4));
        // Neighbours and copies are independent.
        let lagged = |lag: usize| noise.iter().zip(&noise[lag..]).map(|(a, b)| a * b / 4.0).sum::<f64>() / count;
        for lag in [1, 40, 1600, 4800] {
            assert!(lagged(lag).abs() < 0.03, "lag {lag}: {}", lagged(lag));
        }
    }

    #[test]
    fn noise_does_not_depend_on_the_batch() {
        let x = ramp(&[1, 1, 5, 5], &Device::cpu());
        let all = read(&x.with_noise(1.0, Copies { seed: 9, first: 0, count: 5 }));
        let last = read(&x.with_noise(1.0, Copies { seed: 9, first: 3, count: 2 }));
        assert_eq!(all[75..], last[..]);
        let other = read(&x.with_noise(1.0, Copies { seed: 10, first: 3, count: 2 }));
        assert_ne!(last, other);
    }

    #[test]
    fn the_normal_quantiles_are_right() {
        for (p, expected) in
            [(0.5, 0.0), (0.975, 1.959_964), (0.025, -1.959_964), (0.999, 3.090_232), (0.01, -2.326_348)]
        {
            let found = normal(2.0 * p - 1.0);
            assert!((found - expected).abs() < 2e-6 * expected.abs().max(1.0), "{p}: {found}");
        }
    }
}
