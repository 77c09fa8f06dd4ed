// The browser gives the numbers of the native command, on both devices.
//
// The native engine is measured against Captum and zennit in its own tests; here the same networks and a picture go
// through the worker's protocol, without the page, and every map is compared value by value.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { GOLDEN, ROOT, scenario } from "./support.mjs";

const NETWORKS = ["plain", "residual", "depthwise", "concat"];
const METHODS = [
  "gradient", "input_t_gradient", "guided_backprop", "grad_cam", "lrp.epsilon", "lrp.z_plus", "lrp.alpha_2_beta_1",
  "lrp.sequential_preset_a_flat",
];
/** Largest difference as a share of the largest value. */
const TOLERANCE = 1e-4;

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** A picture with smooth and sharp parts, the same every time. */
function picture(width, height) {
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    rows.push(0);
    for (let x = 0; x < width; x += 1) {
      const disc = (x - width / 3) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2;
      rows.push(disc ? 230 : (x * 255) / width, (y * 255) / height, disc ? 40 : 128 + 100 * Math.sin(x / 3) * Math.cos(y / 4));
    }
  }
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head), chunk("IDAT", zlib.deflateSync(Uint8Array.from(rows))), chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Reads an array of float32 from NumPy's format. */
function npy(file) {
  const bytes = readFileSync(file);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.subarray(10, start).toString("latin1");
  assert.match(header, /'<f4'/, header);
  const shape = header.match(/'shape':\s*\(([^)]*)\)/)[1].split(",").filter((part) => part.trim()).map(Number);
  return { shape, values: new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length)) };
}

/** The command's maps, channels summed as the page does: method -> {class, values}. */
async function native(network, image) {
  const folder = mkdtempSync(join(tmpdir(), "innspect-native-"));
  try {
    const own = process.env.INNSPECT_CLI;
    const [program, first] = own ? [own, []] : ["cargo", ["run", "--quiet", "--package", "innspect-cli", "--"]];
    const args = ["explain", "--model", join(GOLDEN, `${network}.onnx`), "--image", image, "--method", METHODS.join(), "--device", "cpu", "--out", folder];
    await promisify(execFile)(program, [...first, ...args], { cwd: ROOT, timeout: 240_000 });
    const maps = new Map();
    for (const method of METHODS) {
      const { shape, values } = npy(join(folder, `${method}.npy`));
      const [, channels, height, width] = shape;
      const sums = new Float32Array(height * width);
      for (let channel = 0; channel < channels; channel += 1) {
        for (let pixel = 0; pixel < sums.length; pixel += 1) sums[pixel] += values[channel * sums.length + pixel];
      }
      maps.set(method, sums);
    }
    return maps;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs in the browser: loads the network and the picture into a worker of its own and explains. */
async function inBrowser({ device, network, image, methods }) {
  const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer;
  const worker = new Worker(new URL("../worker_loader.js", location.href), { type: "module" });
  const waiting = [];
  worker.onmessage = ({ data: [json, ...attachments] }) => {
    const reply = JSON.parse(json);
    const at = waiting.findIndex(({ wanted }) => wanted.includes(reply.type) || reply.type === "failed");
    if (at < 0) return;
    const [{ done, fail }] = waiting.splice(at, 1);
    if (reply.type === "failed") fail(new Error(`${reply.error.what} ${reply.error.place}`));
    else done({ reply, attachments });
  };
  const hear = (...wanted) =>
    new Promise((done, fail) => {
      waiting.push({ wanted, done, fail });
      worker.onerror = (event) => fail(new Error(`the worker failed: ${event.message}`));
    });
  const send = (request, attachments = []) => worker.postMessage([JSON.stringify(request), ...attachments], attachments);

  await hear("listening");
  let answer = hear("started");
  send({ type: "start", device });
  const started = (await answer).reply.device;

  answer = hear("model_ready");
  send({ type: "load_model", job: 1, model: "m", name: "network", source: { kind: "attached" }, sha256: null, preprocessing: null, labels: null }, [bytes(network)]);
  await answer;
  answer = hear("image_ready");
  send({ type: "load_image", job: 2, image: "i", name: "picture.png", source: { kind: "attached" } }, [bytes(image)]);
  await answer;

  const maps = [];
  const display = { reduction: "sum", colormap: "auto", scale: { kind: "per_map" }, clip: 99.5 };
  for (const [index, method] of methods.entries()) {
    answer = hear("explained", "not_applicable");
    const spec = { method, params: {}, class: null, layer: null, neuron: null, seed: 0 };
    send({ type: "explain", job: 10 + index, model: "m", image: "i", spec, display });
    const { reply, attachments } = await answer;
    if (reply.type !== "explained") throw new Error(`${method}: ${reply.reason}`);
    maps.push([method, [...new Float32Array(attachments[1])]]);
  }
  worker.terminate();
  return { kind: started.kind, maps };
}

for (const device of ["cpu", "gpu"]) {
  scenario(`${device}: the worker's maps are the native command's`, { device, visit: false, timeout: 900_000 }, async ({ page, server }) => {
    // A document of the site that starts no engine of its own.
    // A page without an icon of its own makes the browser look for one.
    await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
    await page.goto(`${server.url}models/catalog.json`);
    const folder = mkdtempSync(join(tmpdir(), "innspect-picture-"));
    try {
      const image = join(folder, "picture.png");
      writeFileSync(image, picture(64, 48));
      for (const network of NETWORKS) {
        const expected = await native(network, image);
        const task = {
          device,
          network: readFileSync(join(GOLDEN, `${network}.onnx`)).toString("base64"),
          image: readFileSync(image).toString("base64"),
          methods: METHODS,
        };
        const { kind, maps } = await page.evaluate(inBrowser, task);
        assert.equal(kind, device);
        assert.equal(maps.length, METHODS.length);
        for (const [method, values] of maps) {
          const reference = expected.get(method);
          assert.equal(values.length, reference.length, `${network} ${method}`);
          const largest = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          assert.ok(largest > 0, `${network} ${method} is zero everywhere`);
          const worst = values.reduce((most, value, index) => Math.max(most, Math.abs(value - reference[index])), 0);
          assert.ok(worst <= TOLERANCE * largest, `${network} ${method}: off by ${(worst / largest).toExponential(1)} of the largest value`);
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
