// The multiplier behind a piecewise linear unit under DeepLIFT's rescale rule: m * (f(x) - f(x0)) / (x - x0), and the
// gradient at x where the difference is too small to divide by. f has slope 1 between its bounds, is constant above, and
// has the given slope below.
//
// Bindings: 0 m, 1 x, 2 x0, 3 output, all of the same layout; 4 info: element count (u32), low, high, slope, smallest
// difference (f32 bits).

@group(0) @binding(0) var<storage, read_write> multiplier: array<f32>;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> reference: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

fn f(value: f32) -> f32 {
    let low = bitcast<f32>(info[1]);
    let below = low + bitcast<f32>(info[3]) * (value - low);
    return min(select(value, below, value < low), bitcast<f32>(info[2]));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let value = x[index];
    let difference = value - reference[index];
    if abs(difference) < bitcast<f32>(info[4]) {
        let open = value > bitcast<f32>(info[1]) && value < bitcast<f32>(info[2]);
        output[index] = multiplier[index] * select(bitcast<f32>(info[3]), 1.0, open);
    } else {
        output[index] = multiplier[index] * ((f(value) - f(reference[index])) / difference);
    }
}
