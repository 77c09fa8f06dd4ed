// The multiplier behind an element-wise function under DeepLIFT's rescale rule: m * dy / dx, and the gradient m * f'(x)
// where the difference dx of the inputs is too small to divide by.
//
// Bindings: 0 m, 1 gradient, 2 dx, 3 dy, 4 output, all of the same layout; 5 info: element count (u32), smallest |dx|
// that is divided by (f32 bits).

@group(0) @binding(0) var<storage, read_write> multiplier: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<storage, read_write> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;
@group(0) @binding(5) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let difference = dx[index];
    if abs(difference) < bitcast<f32>(info[1]) {
        output[index] = gradient[index];
    } else {
        output[index] = multiplier[index] * (dy[index] / difference);
    }
}
