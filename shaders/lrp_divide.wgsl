// Stabilised division of the epsilon rule: factor * n / (d + epsilon * s(d)) with s(0) = +1, and 0 where the
// stabilised denominator is 0, so that a dead unit passes nothing on instead of infinity.
//
// Bindings: 0 numerator, 1 denominator, 2 output, all of the same layout; 3 info: element count (u32),
// epsilon (f32 bits), factor (f32 bits).

@group(0) @binding(0) var<storage, read_write> numerator: array<f32>;
@group(0) @binding(1) var<storage, read_write> denominator: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let epsilon = bitcast<f32>(info[1]);
    let factor = bitcast<f32>(info[2]);
    let d = denominator[index];
    let stabilized = d + select(-epsilon, epsilon, d >= 0.0);
    if stabilized == 0.0 {
        output[index] = 0.0;
    } else {
        output[index] = factor * numerator[index] / stabilized;
    }
}
