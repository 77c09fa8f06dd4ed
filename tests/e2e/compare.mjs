// The browser beside the native command: the same network and pictures given to both.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { GOLDEN, ROOT } from "./support.mjs";

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** A picture with smooth and sharp parts as a PNG, the same every time; `variant` gives others like it. */
export function picture(width, height, variant = 0) {
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    rows.push(0);
    for (let x = 0; x < width; x += 1) {
      const disc = (x - (width * (1 + variant)) / 3) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2;
      const wave = 128 + 100 * Math.sin(x / (3 + variant)) * Math.cos(y / 4);
      rows.push(disc ? 230 : (x * 255) / width, (y * 255) / height, disc ? 40 : wave);
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

async function command(args) {
  const own = process.env.INNSPECT_CLI;
  const [program, first] = own ? [own, []] : ["cargo", ["run", "--quiet", "--package", "innspect-cli", "--"]];
  const { stdout } = await promisify(execFile)(program, [...first, ...args], { cwd: ROOT, timeout: 240_000, maxBuffer: 1 << 26 });
  return stdout;
}

/** The method table, as the command gives it. */
export async function methodTable() {
  return JSON.parse(await command(["methods", "--json"]));
}

/**
 * The command's maps, channels summed as the page does: method -> {values, state, facts}. `methods` are ids, or `["all"]`
 * for those that apply to the network; a parameter goes to the methods that have it.
 */
export async function native(network, image, methods, { params = {}, pictures = [], seed = 0, options = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "innspect-native-"));
  try {
    const file = (name, bytes) => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const args = [
      "explain", "--model", join(GOLDEN, `${network}.onnx`), "--image", file("picture.png", image), "--device", "cpu",
      "--method", methods.join(), "--seed", String(seed), "--out", join(folder, "out"), ...options,
      ...Object.entries(params).flatMap(([name, value]) => ["--param", `${name}=${value}`]),
      ...pictures.flatMap((bytes, index) => ["--pictures", file(`other ${index}.png`, bytes)]),
    ];
    await command(args);
    const maps = new Map();
    for (const { npy: name, samples: [{ state, ...facts }] } of JSON.parse(readFileSync(join(folder, "out/result.json"), "utf8")).results) {
      const { shape: [, channels, height, width], values } = npy(join(folder, "out", name));
      const sums = new Float32Array(height * width);
      for (let channel = 0; channel < channels; channel += 1) {
        for (let pixel = 0; pixel < sums.length; pixel += 1) sums[pixel] += values[channel * sums.length + pixel];
      }
      maps.set(name.replace(/\.npy$/, ""), { values: sums, state, facts });
    }
    return maps;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs in the browser: loads the network and the pictures into a worker of its own and explains the first one once for
 * each of `specs`. Gives `{kind, maps: [{values, reason}]}`.
 */
async function inBrowser({ device, network, images, specs }) {
  const file = (base64, name) => new File([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], name);
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
  const send = (request, files = []) => worker.postMessage([JSON.stringify(request), ...files]);

  await hear("listening");
  let answer = hear("started");
  send({ type: "start", device });
  const started = (await answer).reply.device;

  answer = hear("model_ready");
  send({ type: "load_model", job: 1, model: "m", name: "network", source: { kind: "attached" }, sha256: null, preprocessing: null, labels: null }, [file(network, "network")]);
  await answer;
  const names = images.map((_, index) => `i${index}`);
  for (const [index, image] of images.entries()) {
    answer = hear("image_ready");
    send({ type: "load_image", job: 100 + index, image: names[index], name: `picture ${index}.png`, source: { kind: "attached" } }, [file(image, `picture ${index}.png`)]);
    await answer;
  }

  const maps = [];
  const display = { reduction: "sum", colormap: "auto", scale: { kind: "per_map" }, clip: 99.5 };
  for (const [index, given] of specs.entries()) {
    answer = hear("explained", "not_applicable");
    const spec = { params: {}, class: null, layer: null, neuron: null, seed: 0, ...given };
    send({ type: "explain", job: 1000 + index, model: "m", image: names[0], spec, display, pictures: names.slice(1) });
    const { reply, attachments } = await answer;
    maps.push(reply.type === "explained" ? { values: [...new Float32Array(attachments[1])] } : { reason: reply.reason });
  }
  worker.terminate();
  return { kind: started.kind, maps };
}

/** The worker's maps, through its protocol and without the page. `page` must show a document of the site. */
export async function inWorker(page, device, network, images, specs) {
  const task = {
    device,
    network: readFileSync(join(GOLDEN, `${network}.onnx`)).toString("base64"),
    images: images.map((image) => image.toString("base64")),
    specs,
  };
  const { kind, maps } = await page.evaluate(inBrowser, task);
  assert.equal(kind, device);
  assert.equal(maps.length, specs.length);
  return maps;
}

/** Opens a document of the site that starts no engine of its own. */
export async function openBare(page, server) {
  // A page without an icon of its own makes the browser look for one.
  await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
  await page.goto(`${server.url}models/catalog.json`);
}

/** Asserts that two maps are the same, up to a share of the reference's largest value. */
export function assertSame(name, values, reference, tolerance) {
  assert.equal(values.length, reference.length, name);
  const largest = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.ok(largest > 0, `${name} is zero everywhere`);
  const worst = values.reduce((most, value, index) => Math.max(most, Math.abs(value - reference[index])), 0);
  assert.ok(worst <= tolerance * largest, `${name}: off by ${(worst / largest).toExponential(1)} of the largest value`);
}
