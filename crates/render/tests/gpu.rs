//! Kernels against their twins, on whatever GPU there is (a software one will do).

use burn::backend::{Dispatch, DispatchTensor, TensorMetadata, ops::FloatTensorOps};
use burn::tensor::{Device, DeviceKind, TensorData};
use innspect_protocol::{ChannelReduction, Colormap};
use innspect_render::{gpu, table};

/// The CPU's device and the GPU's.
fn devices() -> [Device; 2] {
    let gpu = pollster::block_on(innspect_engine::Device::gpu()).expect("a GPU, or a software one such as lavapipe");
    assert!(gpu.is_gpu());
    [Device::flex(), Device::wgpu(DeviceKind::DefaultDevice)]
}

fn upload(values: &[f32], shape: &[usize], device: &Device) -> DispatchTensor {
    Dispatch::float_from_data(TensorData::new(values.to_vec(), shape.to_vec()), device.as_dispatch())
}

fn read(tensor: DispatchTensor) -> Vec<f32> {
    pollster::block_on(Dispatch::float_into_data(tensor)).unwrap().try_to_vec().unwrap()
}

/// Numbers without a pattern in `-1..1`.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 12_345_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / f32::from(1_u16 << 12) / 2048.0 - 1.0
    };
    (0..count).map(next).collect()
}

fn agree(cpu: &[f32], gpu: &[f32], tolerance: f32) {
    assert_eq!(cpu.len(), gpu.len());
    for (index, (a, b)) in cpu.iter().zip(gpu).enumerate() {
        let same = a == b || (a - b).abs() <= tolerance || !a.is_finite() && !b.is_finite();
        assert!(same, "element {index}: {a} on the CPU, {b} on the GPU");
    }
}

const REDUCTIONS: [ChannelReduction; 4] =
    [ChannelReduction::Sum, ChannelReduction::AbsSum, ChannelReduction::MaxAbs, ChannelReduction::L2];

#[test]
fn channels_are_reduced_alike() {
    for shape in [[1, 3, 5, 7], [2, 1, 4, 4], [3, 20, 9, 8]] {
        let mut values = noise(shape.iter().product());
        values[3] = f32::NAN;
        values[5] = f32::INFINITY;
        for reduction in REDUCTIONS {
            let [cpu, gpu] = devices().map(|device| gpu::reduce(&upload(&values, &shape, &device), reduction));
            assert_eq!(gpu.shape().to_vec(), [shape[0], 1, shape[2], shape[3]]);
            let (cpu, gpu) = (read(cpu), read(gpu));
            assert!(!gpu[3].is_finite() && !gpu[5].is_finite(), "{reduction:?}");
            agree(&cpu, &gpu, 1e-5);
        }
    }
}

#[test]
fn strides_do_not_matter() {
    // [1, h, w, c] in memory, as channels-last convolutions leave it.
    let values = noise(6 * 5 * 3);
    let [cpu, gpu] = devices().map(|device| {
        let channels_last = upload(&values, &[1, 6, 5, 3], &device);
        gpu::reduce(&Dispatch::float_permute(channels_last, &[0, 3, 1, 2]), ChannelReduction::Sum)
    });
    agree(&read(cpu), &read(gpu), 1e-6);
}

#[test]
fn maps_are_enlarged_alike() {
    let values = noise(2 * 2 * 7 * 5);
    for to in [[14, 10], [224, 224], [3, 4], [7, 5], [1, 1]] {
        let [cpu, gpu] = devices().map(|device| gpu::upsample(&upload(&values, &[2, 2, 7, 5], &device), to));
        assert_eq!(gpu.shape().to_vec(), [2, 2, to[0], to[1]]);
        agree(&read(cpu), &read(gpu), 1e-5);
    }
}

#[test]
fn maps_are_coloured_alike() {
    let mut values = noise(1000);
    values[..6].copy_from_slice(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, f32::MAX, -f32::MAX]);
    for (colormap, signed) in [(Colormap::Auto, true), (Colormap::Auto, false), (Colormap::Seismic, true)] {
        for limit in [0.7, 1e-3, 0.0, f32::NAN, 1e-44, f32::MIN_POSITIVE] {
            let colours = table(colormap, signed);
            let [cpu, gpu] = devices().map(|device| {
                let pixels = gpu::colorize(&upload(&values, &[1, 1, 20, 50], &device), limit, &colours, signed);
                pollster::block_on(gpu::read_pixels(&pixels)).unwrap()
            });
            assert_eq!(cpu, innspect_render::colorize(&values, limit, &colours, signed));
            for (index, (a, b)) in cpu.chunks_exact(4).zip(gpu.chunks_exact(4)).enumerate() {
                // A value on the edge of two entries may fall to either; neighbours differ by few levels.
                let near = a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 4);
                assert!(near && a[3] == b[3], "{} at limit {limit}: {a:?} on the CPU, {b:?} on the GPU", values[index]);
            }
            let same = cpu.chunks_exact(4).zip(gpu.chunks_exact(4)).filter(|(a, b)| a == b).count();
            assert!(same >= 990, "{same} of 1000 pixels are the same");
        }
    }
}

#[test]
fn more_workgroups_than_one_dimension_takes() {
    let count = 65_535 * 64 + 100;
    let values = noise(count);
    let [cpu, gpu] =
        devices().map(|device| gpu::reduce(&upload(&values, &[1, 1, 1, count], &device), ChannelReduction::Sum));
    agree(&read(cpu), &read(gpu), 0.0);
}
