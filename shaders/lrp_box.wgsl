// Relevance of an input with known bounds (the z^B rule): x * a - low * p - high * n, where a, p and n are what the
// weights and their positive and negative parts pass back, and the bounds are one number a channel.
//
// Bindings: 0 x, 1 a, 2 p, 3 n, 4 output, all [n, c, ...] row-major; 5 info: element count, elements of one channel,
// channels (u32), then the low bounds and the high bounds (f32 bits).

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> all: array<f32>;
@group(0) @binding(2) var<storage, read_write> positive: array<f32>;
@group(0) @binding(3) var<storage, read_write> negative: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;
@group(0) @binding(5) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let channel = (index / info[1]) % info[2];
    let low = bitcast<f32>(info[3u + channel]);
    let high = bitcast<f32>(info[3u + info[2] + channel]);
    output[index] = x[index] * all[index] - low * positive[index] - high * negative[index];
}
