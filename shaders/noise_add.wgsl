// Noisy copies of a picture: x + sigma * g with g from the standard normal distribution. Every number depends only on
// the seed, on which copy it is for and on its place, so that the CPU, the GPU and any size of batch make the same noise.
//
// A permuted congruential hash (PCG-RXS-M-XS, O'Neill 2014) makes 23 random bits, and Giles' approximation of the inverse
// error function for single precision (2010) turns them into g: no trigonometry, whose precision is not the same on all
// GPUs.
//
// Bindings: 0 x [c, h, w], 1 output [n, c, h, w], both row-major; 2 info: element count, elements of one picture, seed,
// number of the first copy (u32), sigma (f32 bits).

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(0) @binding(2) var<storage, read_write> info: array<u32>;

fn hash(value: u32) -> u32 {
    let state = value * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

// sqrt(2) * erfinv(x), x in (-1, 1).
fn normal(x: f32) -> f32 {
    var w = -log((1.0 - x) * (1.0 + x));
    var p: f32;
    if w < 5.0 {
        w -= 2.5;
        p = 2.81022636e-8;
        p = 3.43273939e-7 + p * w;
        p = -3.5233877e-6 + p * w;
        p = -4.39150654e-6 + p * w;
        p = 2.1858087e-4 + p * w;
        p = -1.25372503e-3 + p * w;
        p = -4.17768164e-3 + p * w;
        p = 0.246640727 + p * w;
        p = 1.50140941 + p * w;
    } else {
        w = sqrt(w) - 3.0;
        p = -2.00214257e-4;
        p = 1.00950558e-4 + p * w;
        p = 1.34934322e-3 + p * w;
        p = -3.67342844e-3 + p * w;
        p = 5.73950773e-3 + p * w;
        p = -7.6224613e-3 + p * w;
        p = 9.43887047e-3 + p * w;
        p = 1.00167406 + p * w;
        p = 2.83297682 + p * w;
    }
    return 1.41421356 * p * x;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let cell = index % info[1];
    let copy = info[3] + index / info[1];
    let bits = hash(cell ^ hash(copy ^ hash(info[2])));
    // The middle of one of 2^23 equal steps of (-1, 1): never an end.
    let place = (f32(bits >> 9u) + 0.5) / 4194304.0 - 1.0;
    output[index] = x[cell] + bitcast<f32>(info[4]) * normal(place);
}
