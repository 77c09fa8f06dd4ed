// Relevance from what the two sign parts of the input receive, which lie one behind the other along the channels:
// x times the first for positive x, times the second for others.
//
// Bindings: 0 x [outer, c, plane], 1 parts [outer, 2 c, plane], 2 output as x, all row-major; 3 info: element count of
// the output, c * plane (u32).

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let value = x[index];
    let start = (index / info[1]) * 2u * info[1] + index % info[1];
    output[index] = value * parts[start + select(info[1], 0u, value > 0.0)];
}
