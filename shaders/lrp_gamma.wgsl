// Shares of the generalised gamma rule: s = R / d of every output, where d = z + gamma * z_p for positive outputs and
// z + gamma * (z - z_p) for negative ones (z_p: the positive contributions to z). It stands twice, one behind the other
// along the channels, each time with a factor for positive and one for negative outputs. An output of 0 passes nothing on.
//
// Bindings: 0 relevance, 1 z, 2 z_p, all [outer, c, plane], 3 output [outer, 2 c, plane], all row-major; 4 info: element
// count of the output, c * plane (u32), gamma, the factors of the first half for positive and negative outputs and those
// of the second (f32 bits).

@group(0) @binding(0) var<storage, read_write> relevance: array<f32>;
@group(0) @binding(1) var<storage, read_write> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> positive: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let half = index / info[1];
    let place = (half / 2u) * info[1] + index % info[1];
    let gamma = bitcast<f32>(info[2]);
    let value = z[place];
    let p = positive[place];
    let d = value + gamma * select(value - p, p, value > 0.0);
    let factor = bitcast<f32>(info[3u + 2u * (half % 2u) + select(1u, 0u, value > 0.0)]);
    if value == 0.0 || d == 0.0 {
        output[index] = 0.0;
    } else {
        output[index] = factor * relevance[place] / d;
    }
}
