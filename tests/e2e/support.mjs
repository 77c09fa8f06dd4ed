// What every scenario shares: a server, a browser with a fresh profile, and the promises that hold in each of them.
//
// `scenario` opens the page, runs the steps and then asserts that nothing was asked of another origin and that the
// console stayed free of errors. Every wait is bounded.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = join(HERE, "../..");
export const SITE = process.env.INNSPECT_SITE ?? join(ROOT, "dist");
export const RESULTS = join(HERE, "results");
export const GOLDEN = join(ROOT, "tests/golden");
mkdirSync(RESULTS, { recursive: true });

/** A wait for something that takes no computing. */
export const SOON = 15_000;
/** A wait for an explanation on the CPU of a busy two-core machine. */
export const COMPUTING = 120_000;

/** WebGPU, its canvases and its workers without a GPU. */
const SOFTWARE_WEBGPU = [
  "--enable-unsafe-webgpu", "--use-vulkan=swiftshader", "--enable-features=Vulkan", "--disable-vulkan-surface",
  "--use-angle=swiftshader",
];

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Waits until `check` returns something true and returns it. */
export async function until(what, check, limit = SOON) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) assert.fail(`waited ${limit / 1000} s for ${what}`);
    await sleep(50);
  }
}

function xtask(args, options = {}) {
  const own = process.env.INNSPECT_XTASK;
  const [program, first] = own ? [own, []] : ["cargo", ["run", "--quiet", "--package", "xtask", "--"]];
  return spawn(program, [...first, ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], ...options });
}

/** Waits until the service worker keeps a copy of a file of the site. */
export const kept = (page, file) =>
  until(`a copy of ${file}`, () =>
    page.evaluate(async (file) => {
      for (const name of await caches.keys()) {
        const urls = (await (await caches.open(name)).keys()).map(({ url }) => url);
        if (urls.some((url) => url.includes(file))) return true;
      }
      return false;
    }, file), COMPUTING);

/** Runs `cargo xtask post-build` on a folder, as Trunk does. */
export async function postBuild(folder) {
  const child = xtask(["post-build"], { env: { ...process.env, TRUNK_STAGING_DIR: folder } });
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  child.stderr.on("data", (data) => (said += data));
  const code = await new Promise((done) => child.on("close", done));
  assert.equal(code, 0, said);
}

/** A server of the site: `{url, stop()}`. */
export async function serve({ folder = SITE, base = "/", port = 0 } = {}) {
  const child = xtask(["serve", "--no-build", "--dir", folder, "--port", String(port), "--base", base]);
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  child.stderr.on("data", (data) => (said += data));
  let ended = false;
  const end = new Promise((done) => child.on("close", () => done((ended = true))));
  const url = await until("the server", () => {
    if (ended) assert.fail(`the server ended: ${said}`);
    return said.match(/https?:\/\/[^\s]+/)?.[0];
  }, 60_000);
  return {
    url,
    port: Number(new URL(url).port),
    async stop() {
      child.kill("SIGKILL");
      await end;
    },
  };
}

/** Where Chromium itself reports for duty, whatever page is open. Versions differ: the last two are of Chromium 150. */
const BROWSERS_OWN = [
  "accounts.google.com", "clients2.google.com", "update.googleapis.com", "redirector.gvt1.com",
  "content-autofill.googleapis.com", "www.google.com", "android.clients.google.com",
];

/** A proxy that lets nothing through and remembers what the site asked of it: everything but the local server. */
async function watchman() {
  const asked = {
    all: [],
    push(address) {
      const host = address.replace(/^\w+:\/\//, "").split(/[:/]/)[0];
      if (!BROWSERS_OWN.includes(host)) this.all.push(address);
    },
  };
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    response.writeHead(502).end();
  });
  server.on("connect", (request, socket) => {
    asked.push(request.url);
    socket.on("error", () => {}); // The browser may be gone before it hears the answer.
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  server.on("clientError", (_, socket) => socket.destroy());
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { asked: asked.all, address: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

/** A browser with an empty profile that can reach the local server only: `{context, foreign, stop()}`. */
export async function launch({ webgpu = false, ...options } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "innspect-e2e-"));
  const proxy = await watchman();
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--headless=new", "--no-sandbox", `--proxy-server=${proxy.address}`, "--proxy-bypass-list=127.0.0.1", "--disable-quic",
      "--no-first-run", "--no-pings", "--disable-domain-reliability", "--disable-component-update", "--disable-sync",
      "--disable-background-networking", ...(webgpu ? SOFTWARE_WEBGPU : []),
    ],
    viewport: { width: 1440, height: 900 },
    colorScheme: "light",
    ...options,
  });
  context.setDefaultTimeout(SOON);
  return {
    context,
    foreign: proxy.asked,
    async stop() {
      await context.close();
      proxy.stop();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

/** Collects what a page must not do. */
export function watch(page, origin, record = { errors: [], foreign: [] }) {
  page.on("console", (message) => {
    if (message.type() === "error") record.errors.push(message.text());
  });
  page.on("pageerror", (error) => record.errors.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^https?:|^wss?:/.test(url.protocol) && url.origin !== origin) record.foreign.push(request.url());
  });
  return record;
}

/**
 * Opens the site and runs `steps({page, context, server, url, errors})`.
 *
 * `device` is put into the address; `"gpu"` also gives the browser WebGPU in software. `allowed` lists patterns of console
 * errors that the scenario provokes.
 */
export function scenario(name, options, steps) {
  const { device, base = "/", query, timeout = 300_000, allowed = [], browser: extra = {}, visit = true } = options;
  test(name, { timeout }, async () => {
    const server = await serve({ base });
    const browser = await launch({ webgpu: device === "gpu", ...extra });
    try {
      const origin = new URL(server.url).origin;
      const { context } = browser;
      const page = context.pages()[0] ?? (await context.newPage());
      const record = watch(page, origin);
      context.on("page", (other) => watch(other, origin, record));
      await page.addInitScript(() => {
        globalThis.longTasks = [];
        new PerformanceObserver((list) => {
          for (const { startTime, duration } of list.getEntries()) globalThis.longTasks.push({ startTime, duration });
        }).observe({ type: "longtask", buffered: true });
      });
      const search = query ?? (device ? `?device=${device}` : "");
      const url = server.url + search;
      if (visit) await page.goto(url, { waitUntil: "domcontentloaded", timeout: SOON });
      try {
        await steps({ page, context, server, url, errors: record.errors });
      } catch (error) {
        const picture = join(RESULTS, `failed ${name.replace(/[^\w-]+/g, " ").trim()}.png`);
        await page.screenshot({ path: picture, timeout: SOON }).catch(() => {});
        if (record.errors.length > 0) error.message += `\nconsole: ${record.errors.join("\n         ")}`;
        throw error;
      }
      assert.deepEqual(record.foreign, [], "requests to other origins");
      assert.deepEqual(browser.foreign, [], "connections to other hosts");
      const unexpected = record.errors.filter((text) => !allowed.some((pattern) => pattern.test(text)));
      assert.deepEqual(unexpected, [], "console errors");
    } finally {
      await browser.stop();
      await server.stop();
    }
  });
}

/** Lets files fall on an element, as from a file manager: `[{name, type, bytes}]`. */
export async function drop(page, selector, files) {
  const data = files.map(({ name, type = "", bytes }) => ({ name, type, base64: Buffer.from(bytes).toString("base64") }));
  await page.locator(selector).first().evaluate((element, items) => {
    const transfer = new DataTransfer();
    for (const { name, type, base64 } of items) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    for (const kind of ["dragenter", "dragover", "drop"]) {
      element.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer }));
    }
  }, data);
}

/** A golden network's file. */
export function network(name) {
  return { name: `${name}.onnx`, bytes: readFileSync(join(GOLDEN, `${name}.onnx`)) };
}

/** The built-in catalogue, with the networks for photos, which a visitor is offered, apart from those of a data set. */
export function catalog() {
  const { models, ...rest } = JSON.parse(readFileSync(join(SITE, "models/catalog.json"), "utf8"));
  return { ...rest, models: models.filter(({ dataset }) => !dataset), others: models.filter(({ dataset }) => dataset) };
}

/** A built-in photo as a file. */
export function photo(index) {
  const { file } = catalog().photos[index];
  return { name: `dropped-${file.split("/").pop()}`, type: "image/jpeg", bytes: readFileSync(join(SITE, "models", file)) };
}

/** The card of a network, by its id, or the n-th. */
export function cardOf(page, which) {
  const cards = page.getByTestId("model-card");
  return typeof which === "number" ? cards.nth(which) : page.locator(`[data-testid="model-card"][data-model="${which}"]`);
}

/** Waits until a card is in one of the states; at once an error if it ends in another one that is final. */
export async function reach(card, states = ["done"], limit = COMPUTING) {
  const final = ["done", "no-evidence", "suspect", "not-applicable", "failed", "stopped"];
  const wanted = [states].flat();
  let state = "absent";
  const end = Date.now() + limit;
  while (Date.now() < end) {
    // A card that was just asked for something new may show its old state for a moment.
    for (let calm = 0; calm < 3; calm += 1) {
      state = (await card.count()) === 0 ? "absent" : await card.first().getAttribute("data-state");
      if (wanted.includes(state)) return state;
      if (!final.includes(state)) break;
      await sleep(400);
    }
    if (final.includes(state)) {
      const words = await card.getByTestId("verdict").allInnerTexts();
      assert.fail(`the card is ${state} instead of ${wanted.join(" or ")}: ${words.join(" ").replace(/\s+/g, " ")}`);
    }
    await sleep(100);
  }
  assert.fail(`the card is still ${state} after ${limit / 1000} s instead of ${wanted.join(" or ")}`);
}

/** What a canvas shows: `{width, height, colours, hash}`; a blank one has one colour. */
export function look(canvas) {
  return canvas.evaluate((element) => {
    const { width, height } = element;
    const { data } = element.getContext("2d").getImageData(0, 0, width, height);
    const colours = new Set();
    let hash = 2166136261;
    for (let at = 0; at < data.length; at += 4) {
      colours.add((data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]);
      for (let part = 0; part < 4; part += 1) hash = Math.imul(hash ^ data[at + part], 16777619);
    }
    return { width, height, colours: colours.size, hash };
  });
}

/** Asserts that a card shows a real map and five classes at most, best first. */
export async function assertExplained(card) {
  const heat = await look(card.getByTestId("heatmap"));
  assert.ok(heat.colours > 8, `the heatmap has ${heat.colours} colours`);
  const view = await look(card.getByTestId("view"));
  assert.ok(view.colours > 8, `the picture has ${view.colours} colours`);
  const scores = (await card.locator(".class-score").allInnerTexts()).map((text) => Number.parseFloat(text));
  assert.ok(scores.length >= 2 && scores.length <= 6, `${scores.length} classes`);
  const best = scores.slice(0, 5);
  assert.deepEqual(best, [...best].sort((a, b) => b - a), "the best class comes first");
  return heat;
}

/** Chooses a method and waits until the cards that show it are done. */
export async function choose(page, method) {
  await page.getByTestId("method").selectOption(method);
}
