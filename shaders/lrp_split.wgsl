// The positive and the negative part of the input of a layer, one behind the other along the channels: what the
// sign-splitting rules multiply with weights that are stacked in the same way.
//
// Bindings: 0 x [outer, c, plane], 1 output [outer, 2 c, plane], both row-major; 2 info: element count of the output,
// c * plane (u32).

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(0) @binding(2) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let half = index / info[1];
    let value = x[(half / 2u) * info[1] + index % info[1]];
    output[index] = select(min(value, 0.0), max(value, 0.0), half % 2u == 0u);
}
