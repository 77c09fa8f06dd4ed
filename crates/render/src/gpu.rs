//! The same steps on tensors of a device, so that pixels come back instead of relevance.
//!
//! One WGSL launch each on the GPU; on the CPU device the functions of this crate. Tensors are burn's rank-erased ones,
//! f32, batch first.

use burn::{
    backend::{
        Backend, Dispatch, DispatchTensor, Flex, TensorMetadata, backend_extension,
        ops::{FloatTensorOps, IntTensorOps},
        tensor::{FloatTensor, IntTensor},
        wgpu::{CubeBackend, CubeTensor, into_contiguous},
    },
    tensor::{DType, Shape, TensorData},
};
use innspect_engine::{
    EngineError,
    launch::{Shader, launch},
    shader,
};
use innspect_protocol::ChannelReduction;

use crate::{NOT_A_NUMBER, Table};

/// `[n, c, h, w]` to `[n, 1, h, w]`, see [`reduce`](crate::reduce()).
#[must_use]
pub fn reduce(attribution: &DispatchTensor, reduction: ChannelReduction) -> DispatchTensor {
    <Dispatch as Pictures>::picture_reduce(attribution.clone(), reduction)
}

/// `[n, c, h, w]` to `[n, c, to[0], to[1]]`, see [`upsample`](crate::upsample).
#[must_use]
pub fn upsample(map: &DispatchTensor, to: [usize; 2]) -> DispatchTensor {
    <Dispatch as Pictures>::picture_upsample(map.clone(), to)
}

/// A map of any shape to pixels of the same shape, see [`colorize`](crate::colorize). [`read_pixels`] reads them.
#[must_use]
pub fn colorize(map: &DispatchTensor, limit: f32, table: &Table, signed: bool) -> DispatchTensor {
    <Dispatch as Pictures>::picture_colorize(map.clone(), limit, Box::new(*table), signed)
}

/// Reads pixels back, four bytes each: red, green, blue, opacity.
///
/// # Errors
/// [`EngineError::Device`] if the device failed since the last read.
pub async fn read_pixels(pixels: &DispatchTensor) -> Result<Vec<u8>, EngineError> {
    let failed = |reason: String| EngineError::Device { reason };
    let data = Dispatch::int_into_data(pixels.clone()).await.map_err(|error| failed(format!("{error:?}")))?;
    let values: Vec<u32> = data.try_to_vec().map_err(|error| failed(format!("{error:?}")))?;
    Ok(values.into_iter().flat_map(u32::to_le_bytes).collect())
}

/// The extension of burn's backends by the kernels of pictures.
#[backend_extension(Cube, Flex)]
pub trait Pictures: Backend {
    /// See [`reduce`].
    fn picture_reduce(attribution: FloatTensor<Self>, reduction: ChannelReduction) -> FloatTensor<Self>;

    /// See [`upsample`].
    fn picture_upsample(map: FloatTensor<Self>, to: [usize; 2]) -> FloatTensor<Self>;

    /// See [`colorize`].
    fn picture_colorize(map: FloatTensor<Self>, limit: f32, table: Box<Table>, signed: bool) -> IntTensor<Self>;
}

/// The dimensions of a batch of feature maps.
fn dims(tensor: &impl TensorMetadata) -> [usize; 4] {
    match tensor.shape().to_vec()[..] {
        [n, c, h, w] => [n, c, h, w],
        ref other => panic!("feature maps [n, c, h, w], not {other:?}"),
    }
}

/// A colour as the shaders hold it.
fn pack([r, g, b]: [u8; 3]) -> u32 {
    u32::from_le_bytes([r, g, b, 255])
}

static REDUCE: Shader = shader!("picture_reduce");
static UPSAMPLE: Shader = shader!("picture_upsample");
static COLORIZE: Shader = shader!("picture_colorize");

/// Launches a shader on `input`, with `constants` as a second input where there are some. `info` follows the element
/// count of the output.
fn picture(
    shader: &'static Shader,
    input: CubeTensor,
    constants: Option<&[u32]>,
    shape: Shape,
    dtype: DType,
    info: &[u32],
) -> CubeTensor {
    let input = into_contiguous(input);
    let (client, device) = (input.client.clone(), input.device.clone());
    let handle = client.empty(shape.num_elements() * size_of::<u32>());
    let output = CubeTensor::new_contiguous(client.clone(), device, shape, handle, dtype);
    let constants = constants.map(|constants| client.create_from_slice(bytemuck::cast_slice(constants)));
    launch(shader, std::iter::once(input.handle).chain(constants).collect(), &output, info);
    output
}

impl Pictures for CubeBackend {
    fn picture_reduce(attribution: FloatTensor<Self>, reduction: ChannelReduction) -> FloatTensor<Self> {
        let [n, c, h, w] = dims(&attribution);
        let mode = match reduction {
            ChannelReduction::Sum => 0,
            ChannelReduction::AbsSum => 1,
            ChannelReduction::MaxAbs => 2,
            ChannelReduction::L2 => 3,
        };
        let info = [(h * w) as u32, c as u32, mode];
        picture(&REDUCE, attribution, None, Shape::from(vec![n, 1, h, w]), DType::F32, &info)
    }

    fn picture_upsample(map: FloatTensor<Self>, to: [usize; 2]) -> FloatTensor<Self> {
        let [n, c, h, w] = dims(&map);
        let info = [h, w, to[0], to[1]].map(|length| length as u32);
        picture(&UPSAMPLE, map, None, Shape::from(vec![n, c, to[0], to[1]]), DType::F32, &info)
    }

    fn picture_colorize(map: FloatTensor<Self>, limit: f32, table: Box<Table>, signed: bool) -> IntTensor<Self> {
        let colours = table.map(pack);
        let info = [limit.to_bits(), u32::from(signed), pack(NOT_A_NUMBER)];
        let shape = map.shape();
        picture(&COLORIZE, map, Some(&colours), shape, DType::U32, &info)
    }
}

/// Values of a flex tensor in row-major order.
fn values(tensor: FloatTensor<Flex>) -> Vec<f32> {
    tensor.to_contiguous().as_slice::<f32>().unwrap_or_default().to_vec()
}

fn flex(values: Vec<f32>, shape: Vec<usize>) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}

impl Pictures for Flex {
    fn picture_reduce(attribution: FloatTensor<Self>, reduction: ChannelReduction) -> FloatTensor<Self> {
        let [n, c, h, w] = dims(&attribution);
        let all = values(attribution);
        let maps = all.chunks((c * h * w).max(1)).flat_map(|one| crate::reduce(one, c, reduction));
        flex(maps.collect(), vec![n, 1, h, w])
    }

    fn picture_upsample(map: FloatTensor<Self>, to: [usize; 2]) -> FloatTensor<Self> {
        let [n, c, h, w] = dims(&map);
        let all = values(map);
        let maps = all.chunks((h * w).max(1)).flat_map(|one| crate::upsample(one, [h, w], to));
        flex(maps.collect(), vec![n, c, to[0], to[1]])
    }

    fn picture_colorize(map: FloatTensor<Self>, limit: f32, table: Box<Table>, signed: bool) -> IntTensor<Self> {
        let shape = map.shape().to_vec();
        let bytes = crate::colorize(&values(map), limit, &table, signed);
        let pixels: Vec<u32> = bytes.chunks_exact(4).map(|p| u32::from_le_bytes([p[0], p[1], p[2], p[3]])).collect();
        Flex::int_from_data(TensorData::new(pixels, shape), &Default::default())
    }
}
