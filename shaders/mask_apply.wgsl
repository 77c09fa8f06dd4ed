// Pictures with parts replaced by a baseline: mask * x + (1 - mask) * baseline, for every mask one picture.
//
// Bindings: 0 x [c, h, w], 1 baseline [c, h, w], 2 masks [n, h, w], 3 output [n, c, h, w], all row-major; 4 info:
// element count, elements of one picture (c * h * w), elements of one mask (h * w) (u32).

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> baseline: array<f32>;
@group(0) @binding(2) var<storage, read_write> masks: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let cell = index % info[1];
    let mask = masks[(index / info[1]) * info[2] + cell % info[2]];
    output[index] = mask * x[cell] + (1.0 - mask) * baseline[cell];
}
