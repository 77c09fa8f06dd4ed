// What a piecewise linear activation passes back: the cotangent g where low < x < high, slope * g elsewhere.
// Guided Backpropagation keeps only positive g of that; DeconvNet keeps positive g and ignores x.
//
// Bindings: 0 x (input of the activation), 1 g, 2 output, all of the same layout; 3 info: element count (u32),
// low (f32 bits), high (f32 bits), slope (f32 bits), flags (u32): 1 keeps only positive g, 2 ignores x.

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let low = bitcast<f32>(info[1]);
    let high = bitcast<f32>(info[2]);
    let slope = bitcast<f32>(info[3]);
    let flags = info[4];
    var cotangent = g[index];
    if (flags & 1u) != 0u {
        cotangent = max(cotangent, 0.0);
    }
    let value = x[index];
    let open = (value > low && value < high) || (flags & 2u) != 0u;
    output[index] = select(slope * cotangent, cotangent, open);
}
