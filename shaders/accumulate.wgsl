// A weighted sum over the batch added to a total: total + sum over k of w_k * (v_k - shift) ^ power, power 1 or 2.
//
// Bindings: 0 total, 1 shift, both [c, h, w], 2 values [n, c, h, w], 3 output [c, h, w], all row-major; 4 info: element
// count of the output, power, n (u32), then n weights (f32 bits).

@group(0) @binding(0) var<storage, read_write> total: array<f32>;
@group(0) @binding(1) var<storage, read_write> shift: array<f32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    var sum = total[index];
    for (var k = 0u; k < info[2]; k++) {
        let difference = values[k * info[0] + index] - shift[index];
        sum += bitcast<f32>(info[3u + k]) * select(difference, difference * difference, info[1] == 2u);
    }
    output[index] = sum;
}
