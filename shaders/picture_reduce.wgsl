// Channels of an attribution to one value per pixel: [n, c, h, w] to [n, h, w]. A value that is not finite in any
// channel makes the result not finite.
//
// Bindings: 0 attribution, 1 output; 2 info: element count n * h * w (u32), pixels h * w (u32), channels c (u32),
// reduction (u32): 0 sum, 1 sum of absolute values, 2 largest absolute value, 3 Euclidean norm.

@group(0) @binding(0) var<storage, read> attribution: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(0) @binding(2) var<storage, read> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let pixels = info[1];
    let channels = info[2];
    let reduction = info[3];
    var at = (index / pixels) * pixels * channels + index % pixels;
    var result = 0.0;
    for (var channel = 0u; channel < channels; channel += 1u) {
        let value = attribution[at];
        at += pixels;
        // An exponent of ones: infinity or NaN. Comparisons and `max` may take either for any number.
        if (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u {
            output[index] = value;
            return;
        }
        switch reduction {
            case 1u: { result += abs(value); }
            case 2u: { result = max(result, abs(value)); }
            case 3u: { result += value * value; }
            default: { result += value; }
        }
    }
    if reduction == 3u {
        result = sqrt(result);
    }
    output[index] = result;
}
