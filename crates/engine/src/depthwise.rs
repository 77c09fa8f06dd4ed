//! Depthwise convolution on the CPU.
//!
//! burn's flex accumulates whole rows in memory, one multiplication per load and store; for the depthwise layers of
//! mobile networks that is the slowest part of a forward pass. Here a block of outputs stays in registers while all taps
//! pass over it. Padding and stride are taken out first: each channel is copied once into a zero-framed plane, its
//! columns sorted by their remainder modulo the stride, so that the taps of neighbouring outputs are neighbours in memory.

/// Outputs computed together; four SIMD registers of four.
const BLOCK: usize = 16;

/// The geometry of a depthwise convolution of one plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Input `[h, w]`.
    pub input: [usize; 2],
    /// Output `[h, w]`.
    pub output: [usize; 2],
    /// Kernel `[h, w]`.
    pub kernel: [usize; 2],
    /// Step in `[h, w]`.
    pub stride: [usize; 2],
    /// Zero padding before `[h, w]`; what is missing after follows from the sizes.
    pub before: [usize; 2],
    /// Spacing of the taps in `[h, w]`.
    pub dilation: [usize; 2],
}

/// Convolves `planes` planes, plane `i` with kernel `i % kernels`, and adds `bias[i % kernels]` if there is a bias.
///
/// `x` is `[planes, h, w]`, `weight` `[kernels, kh, kw]`, the result `[planes, oh, ow]`.
pub(crate) fn convolve(x: &[f32], weight: &[f32], bias: Option<&[f32]>, planes: usize, geometry: Geometry) -> Vec<f32> {
    let Geometry { input, output, kernel, stride, dilation, .. } = geometry;
    let taps = kernel[0] * kernel[1];
    let kernels = weight.len() / taps.max(1);
    // Columns of one phase that any block may read.
    let blocks = output[1].div_ceil(BLOCK);
    let phase_width = blocks * BLOCK + ((kernel[1] - 1) * dilation[1]) / stride[1];
    let rows = (output[0] - 1) * stride[0] + (kernel[0] - 1) * dilation[0] + 1;
    let mut frame = vec![0.0_f32; rows * stride[1] * phase_width];
    // Each tap's row and where its first column lies within a row of the frame.
    let offsets: Vec<(usize, usize)> = (0..taps)
        .map(|tap| {
            let (row, column) = (tap / kernel[1] * dilation[0], tap % kernel[1] * dilation[1]);
            (row, column % stride[1] * phase_width + column / stride[1])
        })
        .collect();
    let row_length = stride[1] * phase_width;
    let mut result = vec![0.0_f32; planes * output[0] * output[1]];
    let plane_in = input[0] * input[1];
    let plane_out = output[0] * output[1];
    for plane in 0..planes {
        fill(&mut frame, &x[plane * plane_in..][..plane_in], geometry, phase_width, rows);
        let weights = &weight[plane % kernels * taps..][..taps];
        let start = bias.map_or(0.0, |bias| bias[plane % kernels]);
        let target = &mut result[plane * plane_out..][..plane_out];
        for (index, row) in target.chunks_exact_mut(output[1]).enumerate() {
            let top = index * stride[0] * row_length;
            for (block, cells) in row.chunks_mut(BLOCK).enumerate() {
                let mut sums = [start; BLOCK];
                for (&(tap_row, tap_offset), &w) in offsets.iter().zip(weights) {
                    let begin = top + tap_row * row_length + tap_offset + block * BLOCK;
                    if let Some(values) = frame.get(begin..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
                        for (sum, value) in sums.iter_mut().zip(values) {
                            *sum += w * value;
                        }
                    }
                }
                cells.copy_from_slice(&sums[..cells.len()]);
            }
        }
    }
    result
}

/// Copies a plane into its zero frame, columns sorted by phase. The frame's zeros stay from plane to plane, as every
/// plane writes the same cells.
fn fill(frame: &mut [f32], plane: &[f32], geometry: Geometry, phase_width: usize, rows: usize) {
    let Geometry { input, stride, before, .. } = geometry;
    let row_length = stride[1] * phase_width;
    for (y, source) in plane.chunks_exact(input[1]).enumerate() {
        let row = y + before[0];
        if row >= rows {
            break;
        }
        let target = &mut frame[row * row_length..][..row_length];
        if stride[1] == 1 {
            let count = input[1].min(phase_width.saturating_sub(before[1]));
            target[before[1]..before[1] + count].copy_from_slice(&source[..count]);
            continue;
        }
        for phase in 0..stride[1] {
            // The first source column whose place in the frame has this phase.
            let first = (phase + stride[1] - before[1] % stride[1]) % stride[1];
            let place = (first + before[1]) / stride[1];
            let cells = &mut target[phase * phase_width..][..phase_width];
            let Some(cells) = cells.get_mut(place..) else { continue };
            for (cell, value) in cells.iter_mut().zip(source.iter().skip(first).step_by(stride[1])) {
                *cell = *value;
            }
        }
    }
}

/// The gradient of [`convolve`] with respect to its input: `g` is `[planes, oh, ow]`, the result `[planes, h, w]`.
///
/// It is a convolution of `g`, spread by the stride, with the kernel turned by half a turn.
pub(crate) fn input_gradient(g: &[f32], weight: &[f32], planes: usize, geometry: Geometry) -> Vec<f32> {
    let Geometry { input, output, kernel, stride, before, dilation } = geometry;
    let taps = kernel[0] * kernel[1];
    let turned: Vec<f32> = weight.chunks_exact(taps).flat_map(|kernel| kernel.iter().rev().copied()).collect();
    let spread_size = [(output[0] - 1) * stride[0] + 1, (output[1] - 1) * stride[1] + 1];
    let spread = if stride == [1, 1] { None } else { Some(spread(g, planes, output, stride, spread_size)) };
    // A tap k reads x[o·s + k·d - before], so x[i] collects g[(i + before - k·d) / s]. Where the padding is wider than
    // the kernel's reach, the first outputs see no input and their gradients are cut off.
    let reach = [(kernel[0] - 1) * dilation[0], (kernel[1] - 1) * dilation[1]];
    let back = Geometry {
        input: spread_size,
        output: input,
        kernel,
        stride: [1, 1],
        before: [reach[0].saturating_sub(before[0]), reach[1].saturating_sub(before[1])],
        dilation,
    };
    debug_assert!(reach[0] >= before[0] && reach[1] >= before[1]);
    convolve(spread.as_deref().unwrap_or(g), &turned, None, planes, back)
}

/// Whether [`input_gradient`] covers this geometry: the padding does not reach beyond the kernel.
pub(crate) fn has_input_gradient(geometry: Geometry) -> bool {
    (0..2).all(|axis| (geometry.kernel[axis] - 1) * geometry.dilation[axis] >= geometry.before[axis])
}

fn spread(g: &[f32], planes: usize, from: [usize; 2], stride: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    let mut result = vec![0.0; planes * to[0] * to[1]];
    for plane in 0..planes {
        for y in 0..from[0] {
            let source = &g[(plane * from[0] + y) * from[1]..][..from[1]];
            let target = &mut result[(plane * to[0] + y * stride[0]) * to[1]..][..to[1]];
            for (cell, value) in target.iter_mut().step_by(stride[1]).zip(source) {
                *cell = *value;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// The definition, cell by cell.
    fn direct(
        x: &[f32],
        weight: &[f32],
        planes: usize,
        geometry: Geometry,
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        let Geometry { input, output, kernel, stride, before, dilation } = geometry;
        let kernels = weight.len() / (kernel[0] * kernel[1]);
        assert_eq!(x.len(), planes * input[0] * input[1]);
        for plane in 0..planes {
            for oy in 0..output[0] {
                for ox in 0..output[1] {
                    for ky in 0..kernel[0] {
                        for kx in 0..kernel[1] {
                            let y =
                                (oy * stride[0] + ky * dilation[0]).checked_sub(before[0]).filter(|y| *y < input[0]);
                            let x =
                                (ox * stride[1] + kx * dilation[1]).checked_sub(before[1]).filter(|x| *x < input[1]);
                            if let (Some(y), Some(x)) = (y, x) {
                                visit(
                                    (plane * output[0] + oy) * output[1] + ox,
                                    (plane * input[0] + y) * input[1] + x,
                                    (plane % kernels * kernel[0] + ky) * kernel[1] + kx,
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    fn geometries() -> Vec<Geometry> {
        let mut all = Vec::new();
        for (input, kernel, stride, before, after, dilation) in [
            ([7, 9], [3, 3], [1, 1], [1, 1], [1, 1], [1, 1]),
            ([8, 35], [3, 3], [2, 2], [0, 0], [1, 1], [1, 1]),
            ([9, 40], [5, 5], [2, 2], [2, 2], [2, 2], [1, 1]),
            ([12, 17], [3, 2], [1, 3], [0, 1], [0, 0], [2, 3]),
            ([5, 5], [1, 1], [1, 1], [0, 0], [0, 0], [1, 1]),
            ([6, 33], [5, 3], [3, 2], [2, 1], [2, 0], [1, 2]),
        ] {
            let size = |axis: usize| {
                (input[axis] + before[axis] + after[axis] - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1
            };
            all.push(Geometry { input, output: [size(0), size(1)], kernel, stride, before, dilation });
        }
        all
    }

    #[test]
    fn convolution_and_gradient_equal_their_definitions() {
        let planes = 6;
        for geometry in geometries() {
            let x = numbers(planes * geometry.input[0] * geometry.input[1], 1);
            let weight = numbers(3 * geometry.kernel[0] * geometry.kernel[1], 2);
            let g = numbers(planes * geometry.output[0] * geometry.output[1], 3);
            let mut expected = vec![0.0; g.len()];
            direct(&x, &weight, planes, geometry, |o, i, w| expected[o] += x[i] * weight[w]);
            let bias = [0.5, -0.25, 2.0];
            for (index, value) in expected.iter_mut().enumerate() {
                *value += bias[index / (geometry.output[0] * geometry.output[1]) % 3];
            }
            let actual = convolve(&x, &weight, Some(&bias), planes, geometry);
            assert!(close(&actual, &expected), "{geometry:?}");
            let mut gradient = vec![0.0; x.len()];
            direct(&x, &weight, planes, geometry, |o, i, w| gradient[i] += g[o] * weight[w]);
            assert!(has_input_gradient(geometry));
            assert!(close(&input_gradient(&g, &weight, planes, geometry), &gradient), "{geometry:?}");
        }
    }

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
    }
}
