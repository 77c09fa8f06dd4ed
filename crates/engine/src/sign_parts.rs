//! The sign-splitting rules as one product each way.
//!
//! Positive contributions are `x⁺w⁺ + x⁻w⁻`, negative ones `x⁺w⁻ + x⁻w⁺`. With the input's parts one behind the other along
//! the channels and the weights stacked as `[[w⁺, w⁻], [w⁻, w⁺]]`, one product gives both sums, and one product takes both
//! shares back: the same arithmetic as eight small products, with patches gathered once and no sums in between. The
//! operations here put parts one behind the other and take them apart.

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
    launch::{Shader, launch},
    shader,
};

/// The extension of burn's backends by the kernels of this module. Tensors are seen as `[outer, block]`, where a block is
/// all channels of a sample.
#[backend_extension(Cube, Flex)]
pub trait SignParts: Backend {
    /// See `split`.
    fn sign_split(x: FloatTensor<Self>, block: usize, shape: Vec<usize>) -> FloatTensor<Self>;

    /// See `divide`.
    fn sign_divide(
        r: FloatTensor<Self>,
        z: FloatTensor<Self>,
        block: usize,
        epsilon: f32,
        positive: f32,
        negative: f32,
    ) -> FloatTensor<Self>;

    /// See `gamma_shares`.
    fn sign_gamma(
        r: FloatTensor<Self>,
        z: FloatTensor<Self>,
        p: FloatTensor<Self>,
        block: usize,
        gamma: f32,
        factors: [[f32; 2]; 2],
        shape: Vec<usize>,
    ) -> FloatTensor<Self>;

    /// See `join`.
    fn sign_join(x: FloatTensor<Self>, parts: FloatTensor<Self>, block: usize) -> FloatTensor<Self>;
}

/// The number of elements behind an axis, that axis included.
fn block(x: &Tensor, axis: usize) -> usize {
    x.dims().iter().skip(axis).product::<usize>().max(1)
}

/// `[max(x, 0), min(x, 0)]` along an axis that counts the batch.
pub(crate) fn split(x: &Tensor, axis: usize) -> Tensor {
    let mut shape = x.dims();
    shape[axis] *= 2;
    Tensor(<Dispatch as SignParts>::sign_split(x.0.clone(), block(x, axis), shape))
}

/// `[positive · r / z₁, negative · r / z₂]` along an axis, where `z` is `[z₁, z₂]`, with denominators stabilised by
/// `epsilon` as in [`kernel::stabilized_divide`](crate::kernel::stabilized_divide).
pub(crate) fn divide(r: &Tensor, z: &Tensor, axis: usize, epsilon: f32, [positive, negative]: [f32; 2]) -> Tensor {
    let (r, z, block) = (r.0.clone(), z.0.clone(), block(r, axis));
    Tensor(<Dispatch as SignParts>::sign_divide(r, z, block, epsilon, positive, negative))
}

/// The share of every output under the generalised gamma rule (Andéol et al. 2021, in zennit's form): `R / d` with
/// `d = z + gamma · p` for positive outputs and `z + gamma · (z - p)` for negative ones. It stands twice along an axis, each
/// time with a factor for positive and one for negative outputs. `p` holds the positive contributions to `z`; the negative
/// ones are `z - p`, which loses no digits where `z` is negative.
pub(crate) fn gamma_shares(
    r: &Tensor,
    z: &Tensor,
    p: &Tensor,
    axis: usize,
    gamma: f32,
    factors: [[f32; 2]; 2],
) -> Tensor {
    let mut shape = z.dims();
    shape[axis] *= 2;
    let (r, block) = (r.0.clone(), block(z, axis));
    Tensor(<Dispatch as SignParts>::sign_gamma(r, z.0.clone(), p.0.clone(), block, gamma, factors, shape))
}

/// `max(x, 0) · p + min(x, 0) · n`, where `parts` is `[p, n]` along an axis.
pub(crate) fn join(x: &Tensor, parts: &Tensor, axis: usize) -> Tensor {
    Tensor(<Dispatch as SignParts>::sign_join(x.0.clone(), parts.0.clone(), block(x, axis)))
}

static LRP_SPLIT: Shader = shader!("lrp_split");
static LRP_SPLIT_DIVIDE: Shader = shader!("lrp_split_divide");
static LRP_GAMMA: Shader = shader!("lrp_gamma");
static LRP_JOIN: Shader = shader!("lrp_join");

fn run(shader: &'static Shader, inputs: Vec<CubeTensor>, shape: Shape, info: &[u32]) -> CubeTensor {
    let inputs: Vec<CubeTensor> = inputs.into_iter().map(into_contiguous).collect();
    let (client, device, dtype) = (inputs[0].client.clone(), inputs[0].device.clone(), inputs[0].dtype);
    let handle = client.empty(shape.num_elements() * size_of::<f32>());
    let output = CubeTensor::new_contiguous(client, device, shape, handle, dtype);
    launch(shader, inputs.into_iter().map(|tensor| tensor.handle).collect(), &output, info);
    output
}

impl SignParts for CubeBackend {
    fn sign_split(x: FloatTensor<Self>, block: usize, shape: Vec<usize>) -> FloatTensor<Self> {
        run(&LRP_SPLIT, vec![x], Shape::from(shape), &[block as u32])
    }

    fn sign_divide(
        r: FloatTensor<Self>,
        z: FloatTensor<Self>,
        block: usize,
        epsilon: f32,
        positive: f32,
        negative: f32,
    ) -> FloatTensor<Self> {
        let shape = z.meta.shape().clone();
        let info = [block as u32, epsilon.to_bits(), positive.to_bits(), negative.to_bits()];
        run(&LRP_SPLIT_DIVIDE, vec![r, z], shape, &info)
    }

    fn sign_gamma(
        r: FloatTensor<Self>,
        z: FloatTensor<Self>,
        p: FloatTensor<Self>,
        block: usize,
        gamma: f32,
        factors: [[f32; 2]; 2],
        shape: Vec<usize>,
    ) -> FloatTensor<Self> {
        let [[a, b], [c, d]] = factors.map(|pair| pair.map(f32::to_bits));
        run(&LRP_GAMMA, vec![r, z, p], Shape::from(shape), &[block as u32, gamma.to_bits(), a, b, c, d])
    }

    fn sign_join(x: FloatTensor<Self>, parts: FloatTensor<Self>, block: usize) -> FloatTensor<Self> {
        let shape = x.meta.shape().clone();
        run(&LRP_JOIN, vec![x, parts], shape, &[block as u32])
    }
}

fn flex(data: Vec<f32>, shape: Shape) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(data, shape), &Default::default())
}

impl SignParts for Flex {
    fn sign_split(x: FloatTensor<Self>, block: usize, shape: Vec<usize>) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let mut data = Vec::with_capacity(2 * elements(&x).len());
        for x in elements(&x).chunks(block) {
            data.extend(x.iter().map(|&x| if x > 0.0 { x } else { 0.0 }));
            data.extend(x.iter().map(|&x| if x < 0.0 { x } else { 0.0 }));
        }
        flex(data, Shape::from(shape))
    }

    fn sign_divide(
        r: FloatTensor<Self>,
        z: FloatTensor<Self>,
        block: usize,
        epsilon: f32,
        positive: f32,
        negative: f32,
    ) -> FloatTensor<Self> {
        let (shape, r, z) = (z.shape(), r.to_contiguous(), z.to_contiguous());
        let mut data = Vec::with_capacity(elements(&z).len());
        for (r, z) in elements(&r).chunks(block).zip(elements(&z).chunks(2 * block)) {
            for (factor, z) in [positive, negative].into_iter().zip(z.chunks(block)) {
                data.extend(r.iter().zip(z).map(|(&r, &z)| {
                    let stabilized = z + if z >= 0.0 { epsilon } else { -epsilon };
                    let quotient = factor * r / stabilized;
                    if stabilized == 0.0 { 0.0 } else { quotient }
                }));
            }
        }
        flex(data, shape)
    }

    fn sign_gamma(
        r: FloatTensor<Self>,
        z: FloatTensor<Self>,
        p: FloatTensor<Self>,
        block: usize,
        gamma: f32,
        factors: [[f32; 2]; 2],
        shape: Vec<usize>,
    ) -> FloatTensor<Self> {
        let (r, z, p) = (r.to_contiguous(), z.to_contiguous(), p.to_contiguous());
        let mut data = Vec::with_capacity(2 * elements(&z).len());
        let samples = elements(&r).chunks(block).zip(elements(&z).chunks(block)).zip(elements(&p).chunks(block));
        for ((r, z), p) in samples {
            for [above, below] in factors {
                data.extend(r.iter().zip(z).zip(p).map(|((&r, &z), &p)| {
                    let d = z + gamma * if z > 0.0 { p } else { z - p };
                    let share = if z > 0.0 { above } else { below } * r / d;
                    if (z == 0.0) | (d == 0.0) { 0.0 } else { share }
                }));
            }
        }
        flex(data, Shape::from(shape))
    }

    fn sign_join(x: FloatTensor<Self>, parts: FloatTensor<Self>, block: usize) -> FloatTensor<Self> {
        let (shape, x, parts) = (x.shape(), x.to_contiguous(), parts.to_contiguous());
        let mut data = Vec::with_capacity(elements(&x).len());
        for (x, parts) in elements(&x).chunks(block).zip(elements(&parts).chunks(2 * block)) {
            let (p, n) = parts.split_at(block.min(parts.len()));
            data.extend(x.iter().zip(p.iter().zip(n)).map(|(&x, (&p, &n))| x * if x > 0.0 { p } else { n }));
        }
        flex(data, shape)
    }
}
