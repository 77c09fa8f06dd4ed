// Shares of the alpha-beta rule: factor * R / z for the positive contributions z of every output and for the negative
// ones, which lie one behind the other along the channels. Denominators are stabilised by epsilon with their sign; where
// that is 0 the share is 0.
//
// Bindings: 0 relevance [outer, c, plane], 1 z [outer, 2 c, plane], 2 output as z, all row-major; 3 info: element count
// of the output, c * plane (u32), epsilon, factor of the positive and of the negative contributions (f32 bits).

@group(0) @binding(0) var<storage, read_write> relevance: array<f32>;
@group(0) @binding(1) var<storage, read_write> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let half = index / info[1];
    let epsilon = bitcast<f32>(info[2]);
    let factor = bitcast<f32>(info[3u + half % 2u]);
    let d = z[index];
    let stabilized = d + select(-epsilon, epsilon, d >= 0.0);
    if stabilized == 0.0 {
        output[index] = 0.0;
    } else {
        output[index] = factor * relevance[(half / 2u) * info[1] + index % info[1]] / stabilized;
    }
}
