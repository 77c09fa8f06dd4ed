// Promises of the built files themselves.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SITE, catalog } from "./support.mjs";

const text = (file) => readFileSync(join(SITE, file), "utf8");
const files = readdirSync(SITE, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(SITE.length + 1));

/** The static constructors of the engine must run once, not on every call from JavaScript: a factor of 150 in time. */
test("the worker's exports are not wrapped in its constructors", () => {
  const bytes = readFileSync(join(SITE, "worker_bg.wasm"));
  assert.ok(WebAssembly.Module.exports(new WebAssembly.Module(bytes)).length > 5);
  // Names are stripped, so look at the code.
  assert.ok(!wraps(bytes), "most exports call one and the same function first");
});

test("such wrappers would be found", () => {
  const section = (id, ...bytes) => [id, bytes.length, ...bytes];
  const module = (body) =>
    Uint8Array.from([
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      ...section(1, 1, 0x60, 0, 0),
      ...section(3, 6, 0, 0, 0, 0, 0, 0),
      ...section(7, 5, ...[1, 2, 3, 4, 5].flatMap((index) => [1, 0x60 + index, 0, index])),
      ...section(10, 6, 2, 0, 0x0b, ...[1, 2, 3, 4, 5].flatMap(() => [body.length + 2, 0, ...body, 0x0b])),
    ]);
  const [wrapped, plain] = [module([0x10, 0]), module([0x01])];
  assert.ok(WebAssembly.validate(wrapped) && WebAssembly.validate(plain));
  assert.ok(wraps(wrapped));
  assert.ok(!wraps(plain));
});

/**
 * Whether most exported functions begin by calling one and the same function, which is what the linker's wrappers do:
 * `call $__wasm_call_ctors`, the arguments, `call $function`.
 */
function wraps(bytes) {
  let at = 8;
  const leb = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const skipName = () => {
    const length = leb();
    at += length;
  };
  let imported = 0;
  const exported = [];
  const firstCalls = new Map();
  while (at < bytes.length) {
    const id = bytes[at++];
    const size = leb();
    const end = at + size;
    if (id === 2) {
      for (let count = leb(); count > 0; count -= 1) {
        skipName();
        skipName();
        const kind = bytes[at++];
        if (kind === 0) {
          leb();
          imported += 1;
        } else if (kind === 3) {
          at += 1;
          leb();
        } else {
          if (kind === 1) at += 1;
          const flags = leb();
          leb();
          if (flags & 1) leb();
        }
      }
    } else if (id === 7) {
      for (let count = leb(); count > 0; count -= 1) {
        skipName();
        const kind = bytes[at++];
        const index = leb();
        if (kind === 0) exported.push(index);
      }
    } else if (id === 10) {
      const wanted = new Set(exported);
      const count = leb();
      for (let index = imported; index < imported + count; index += 1) {
        const length = leb();
        const next = at + length;
        if (wanted.has(index)) {
          for (let groups = leb(); groups > 0; groups -= 1) {
            leb();
            at += 1;
          }
          if (bytes[at] === 0x10) {
            at += 1;
            const callee = leb();
            firstCalls.set(callee, (firstCalls.get(callee) ?? 0) + 1);
          }
        }
        at = next;
      }
    }
    at = end;
  }
  return Math.max(0, ...firstCalls.values()) > Math.max(3, exported.length / 2);
}

test("the policy allows the own origin only, and every inline script by its hash", () => {
  const html = text("index.html");
  const policy = html.match(/http-equiv="Content-Security-Policy"\s+content="([^"]*)"/)?.[1];
  assert.ok(policy, "index.html has a Content-Security-Policy");
  const rules = new Map(policy.split(";").map((rule) => rule.trim().split(/\s+/)).map(([name, ...values]) => [name, values]));
  assert.deepEqual(rules.get("default-src"), ["'none'"]);
  assert.ok(rules.get("script-src").includes("'wasm-unsafe-eval'"));
  for (const [name, values] of rules) {
    for (const value of values) {
      assert.match(value, /^('self'|'none'|'wasm-unsafe-eval'|'sha256-[\w+/=]+'|blob:|data:)$/, `${name} ${value}`);
    }
  }
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script/g)].map((match) => match[1]);
  for (const script of inline) {
    const hash = createHash("sha256").update(script).digest("base64");
    assert.ok(rules.get("script-src").includes(`'sha256-${hash}'`), "an inline script without its hash");
  }
});

test("every address in the page is relative, so that any sub-path works", () => {
  const html = text("index.html");
  const addresses = [...html.matchAll(/\s(?:href|src)="([^"]+)"/g)].map((match) => match[1]);
  assert.ok(addresses.length > 3);
  for (const address of addresses) assert.doesNotMatch(address, /^(\/|[a-z]+:)/i, address);
  for (const file of files.filter((name) => name.endsWith(".css"))) {
    for (const [, address] of text(file).matchAll(/url\(\s*["']?([^"')]+)/g)) assert.doesNotMatch(address, /^(\/|https?:)/, `${file}: ${address}`);
  }
});

test("the manifest makes the site installable and names files that exist", () => {
  const link = text("index.html").match(/<link[^>]+rel="manifest"[^>]*>/)?.[0].match(/href="([^"]+)"/)?.[1];
  assert.ok(link, "index.html links a manifest");
  const manifest = JSON.parse(text(link));
  for (const key of ["name", "short_name", "start_url", "scope", "display", "icons"]) assert.ok(manifest[key], key);
  for (const address of [manifest.start_url, manifest.scope]) assert.doesNotMatch(address, /^(\/|https?:)/);
  const base = join(SITE, link, "..");
  for (const { src } of manifest.icons) assert.ok(existsSync(join(base, src)), src);
  const sizes = manifest.icons.flatMap(({ sizes }) => (sizes ?? "").split(" "));
  assert.ok(sizes.includes("192x192") && sizes.includes("512x512"), sizes.join());
});

test("the catalogue names files that are there, with their hashes and licences", () => {
  const { models, others, photos, datasets } = catalog();
  assert.ok(models.length >= 3, `${models.length} networks`);
  assert.ok(photos.length >= 48, `${photos.length} photos`);
  for (const entry of [...models, ...others, ...datasets]) {
    const bytes = readFileSync(join(SITE, "models", entry.file));
    assert.equal(bytes.length, entry.bytes, entry.file);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), entry.sha256, entry.file);
    assert.ok(entry.licence && entry.source, entry.id);
  }
  for (const model of models) assert.equal(JSON.parse(text(`models/${model.labels}`)).length, 1000, model.labels);
  assert.ok(others.length >= 4, `${others.length} networks of data sets`);
  for (const model of others) {
    const { classes } = datasets.find(({ id }) => id === model.dataset);
    assert.deepEqual(JSON.parse(text(`models/${model.labels}`)), classes, model.id);
  }
  for (const photo of photos) {
    assert.ok(existsSync(join(SITE, "models", photo.file)), photo.file);
    assert.ok(photo.author && photo.licence && photo.source && photo.title, photo.file);
  }
});

test("the service worker lists every file of the site", () => {
  const list = JSON.parse(text("sw.js").match(/Object\.entries\((\{[\s\S]*?\n\})\)/)[1]);
  assert.deepEqual(Object.keys(list).sort(), files.filter((name) => name !== "sw.js").map((name) => name.replaceAll("\\", "/")).sort());
  for (const [name, [hash, when]] of Object.entries(list)) {
    assert.equal(createHash("sha256").update(readFileSync(join(SITE, name))).digest("hex"), hash, name);
    assert.match(when, /^(install|idle|use)$/);
  }
});
