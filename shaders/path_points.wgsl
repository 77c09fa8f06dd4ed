// Points on the straight line between two pictures: start + t * (end - start), for every t one picture.
//
// Bindings: 0 start, 1 end, both [c, h, w], 2 output [n, c, h, w], all row-major; 3 info: element count, elements of
// one picture (u32), then n values of t (f32 bits).

@group(0) @binding(0) var<storage, read_write> start: array<f32>;
@group(0) @binding(1) var<storage, read_write> end: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let cell = index % info[1];
    let t = bitcast<f32>(info[2u + index / info[1]]);
    output[index] = start[cell] + t * (end[cell] - start[cell]);
}
