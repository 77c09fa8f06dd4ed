// Maps [n, h, w] at another size, bilinear with half-pixel centres; beyond the border the border continues.
//
// Bindings: 0 map, 1 output; 2 info: element count of the output (u32), height and width of the map (u32), height and
// width of the output (u32).

@group(0) @binding(0) var<storage, read> map: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(0) @binding(2) var<storage, read> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let size = vec2<u32>(info[2], info[1]);
    let target_size = vec2<u32>(info[4], info[3]);
    let sample = index / (target_size.x * target_size.y);
    let within = index % (target_size.x * target_size.y);
    let pixel = vec2<u32>(within % target_size.x, within / target_size.x);

    let scale = vec2<f32>(size) / vec2<f32>(target_size);
    let place = max((vec2<f32>(pixel) + 0.5) * scale - 0.5, vec2<f32>(0.0));
    let first = min(vec2<u32>(place), size - 1u);
    let second = min(first + 1u, size - 1u);
    let share = place - vec2<f32>(first);

    let start = sample * size.x * size.y;
    let above = start + first.y * size.x;
    let below = start + second.y * size.x;
    let upper = map[above + first.x] * (1.0 - share.x) + map[above + second.x] * share.x;
    let lower = map[below + first.x] * (1.0 - share.x) + map[below + second.x] * share.x;
    output[index] = upper * (1.0 - share.y) + lower * share.y;
}
