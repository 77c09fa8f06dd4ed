// A map to pixels. Signed: -limit gets the table's first entry, 0 the entry 128, limit the last; unsigned: 0 gets the
// first one. Values beyond are held at the ends; where limit is no positive normal number, all values count as 0.
// Values that are not finite get a colour of their own.
//
// Bindings: 0 map, 1 table: 256 colours (u32), 2 output: pixels (u32); 3 info: element count (u32), limit (f32 bits),
// signed (u32): 1 or 0, colour of values that are not finite (u32).
// A colour is red, green, blue, opacity from the lowest byte up: the bytes of RGBA in memory.

@group(0) @binding(0) var<storage, read> map: array<f32>;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;
@group(0) @binding(3) var<storage, read> info: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * (groups.x * 64u) + id.x;
    if index >= info[0] {
        return;
    }
    let value = map[index];
    if (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u {
        output[index] = info[3];
        return;
    }
    // Normal and positive: by the bits, because a GPU may take a subnormal number for 0.
    let limit = bitcast<f32>(info[1]);
    var share = 0.0;
    if info[1] >= 0x00800000u && info[1] < 0x7f800000u {
        share = clamp(value, -limit, limit) / limit;
    }
    let place = select(share * 256.0, share * 128.0 + 128.0, info[2] == 1u);
    output[index] = table[min(u32(max(place, 0.0)), 255u)];
}
