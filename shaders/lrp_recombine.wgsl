// Relevance from the two sign parts of the input: max(x, 0) * p + min(x, 0) * n, where p and n are what the
// positive and the negative part of the input receive (alpha-beta and z+ rules).
//
// Bindings: 0 x, 1 p, 2 n, 3 output, all of the same layout; 4 info: element count (u32).

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> positive: array<f32>;
@group(0) @binding(2) var<storage, read_write> negative: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let value = x[index];
    output[index] = max(value, 0.0) * positive[index] + min(value, 0.0) * negative[index];
}
