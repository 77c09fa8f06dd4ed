// The service worker on a site of a few bytes, so that its rules are tested apart from the page's.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { launch, postBuild, serve, until } from "./support.mjs";

/** The smallest WebAssembly module. */
const MODULE = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

/** Writes a site whose page says `text` and whose network holds `weights`. */
async function site(folder, text, weights = "weights") {
  mkdirSync(join(folder, "models/photos"), { recursive: true });
  writeFileSync(
    join(folder, "index.html"),
    `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'self'; script-src 'self' __SCRIPT_HASHES__">
     <title>${text}</title><script>navigator.serviceWorker.register("./sw.js")</script><script src="./late.js"></script>`,
  );
  writeFileSync(join(folder, "late.js"), `document.documentElement.dataset.late = ${JSON.stringify(text)};`);
  writeFileSync(join(folder, "worker_bg.wasm"), MODULE);
  writeFileSync(join(folder, "models/catalog.json"), "{}");
  writeFileSync(join(folder, "models/used.onnx"), weights);
  writeFileSync(join(folder, "models/unused.onnx"), "unused");
  writeFileSync(join(folder, "models/photos/a dog & a bird.jpg"), "photo");
  await postBuild(folder);
}

/** Runs `steps({page, folder, server, restart})` on such a site under `base`. */
function small(name, base, steps) {
  test(name, { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "innspect-site-"));
    await site(folder, "first");
    const server = await serve({ folder, base });
    const browser = await launch();
    try {
      const page = browser.context.pages()[0];
      await page.goto(server.url);
      await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
      await steps({ page, folder, server });
    } finally {
      await browser.stop();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** What the page gets for an address: `[status, type, text]`, or the word `failed`. */
const ask = (page, address) =>
  page.evaluate(async (address) => {
    try {
      const response = await fetch(address);
      return [response.status, response.headers.get("content-type"), await response.text()];
    } catch {
      return "failed";
    }
  }, address);

/** Sends KEEP to the active worker and returns its answer. */
const keep = (page, urls) =>
  page.evaluate(
    (urls) =>
      new Promise((done) => {
        navigator.serviceWorker.addEventListener("message", (event) => done(event.data));
        navigator.serviceWorker.ready.then(({ active }) => active.postMessage({ type: "KEEP", urls }));
      }),
    urls,
  );

/** Waits until a new version is installed and waits. */
const waiting = (page) =>
  until("the new version", () => page.evaluate(async () => (await navigator.serviceWorker.ready).waiting !== null));

for (const base of ["/", "/some/sub path/"]) {
  small(`works without its server, under ${base}`, base, async ({ page, server }) => {
    const answer = await keep(page, ["models/used.onnx", new URL("models/photos/a dog & a bird.jpg", page.url()).href]);
    assert.deepEqual(answer, { type: "KEPT", missing: [] });
    await server.stop();

    await page.goto(`${server.url}?device=cpu#view`);
    assert.equal(await page.title(), "first");
    await page.waitForFunction(() => document.documentElement.dataset.late === "first");
    assert.deepEqual(await ask(page, "models/used.onnx"), [200, "application/octet-stream", "weights"]);
    assert.deepEqual(await ask(page, "models/photos/a dog & a bird.jpg"), [200, "image/jpeg", "photo"]);
    assert.deepEqual((await ask(page, "worker_bg.wasm?v=1"))[1], "application/wasm");
    await page.evaluate(() => WebAssembly.compileStreaming(fetch("worker_bg.wasm"))).catch((error) => {
      // The policy of this small page forbids compiling; the type was accepted if that is the complaint.
      assert.match(error.message, /Content Security Policy/);
    });
    assert.equal(await ask(page, "models/unused.onnx"), "failed", "a network that was never used is not downloaded");
    assert.equal(await ask(page, "nothing.txt"), "failed");
  });
}

small("keeps a network when it is used", "/", async ({ page, server }) => {
  assert.deepEqual((await ask(page, "models/used.onnx"))[0], 200);
  await until("the copy", () =>
    page.evaluate(async () => {
      const names = await caches.keys();
      const cache = await caches.open(names[0]);
      return (await cache.keys()).some(({ url }) => url.includes("models/used.onnx"));
    }));
  await server.stop();
  assert.deepEqual((await ask(page, "models/used.onnx"))[2], "weights");
});

small("offers an update and does not force it", "/", async ({ page, folder, server }) => {
  await keep(page, ["models/used.onnx"]);
  await site(folder, "second");
  await page.reload();
  assert.equal(await page.title(), "first", "the old version stays whole");
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  await waiting(page);
  await page.reload();
  assert.equal(await page.title(), "first", "a waiting version does not take over by itself");
  assert.equal((await ask(page, "late.js"))[2].includes("first"), true, "no file of the new version reaches the old page");

  const taken = page.evaluate(
    () =>
      new Promise((done) => {
        navigator.serviceWorker.addEventListener("controllerchange", () => done(true));
        navigator.serviceWorker.ready.then(({ waiting }) => waiting.postMessage({ type: "SKIP_WAITING" }));
      }),
  );
  assert.equal(await taken, true);
  await page.reload();
  assert.equal(await page.title(), "second");
  await server.stop();
  await page.reload();
  await page.waitForFunction(() => document.documentElement.dataset.late === "second");
  assert.deepEqual((await ask(page, "models/used.onnx"))[2], "weights", "an unchanged network survives the update");
});

small("does not mix versions when the server changes under it", "/", async ({ page, folder, server }) => {
  // The page of the first version asks for a network after the server has the second.
  await site(folder, "second", "other weights");
  const [status, , text] = await ask(page, "models/used.onnx");
  assert.deepEqual([status, text], [200, "other weights"], "the page gets what the server has; the engine checks the hash");
  const { missing } = await keep(page, ["models/used.onnx"]);
  assert.deepEqual(missing, ["models/used.onnx"], "a file that is not the listed one is not kept");
  await server.stop();
  assert.equal(await ask(page, "models/used.onnx"), "failed");
});

small("forgets what the new version does not list", "/", async ({ page, folder }) => {
  await keep(page, ["models/used.onnx"]);
  const kept = () => page.evaluate(async () => (await (await caches.open((await caches.keys())[0])).keys()).map(({ url }) => url));
  const before = await kept();
  await site(folder, "second", "other weights");
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  await waiting(page);
  await page.evaluate(async () => (await navigator.serviceWorker.ready).waiting.postMessage({ type: "SKIP_WAITING" }));
  await until("the old files to go", async () => {
    const after = await kept();
    return before.filter((url) => after.includes(url)).every((url) => !/used\.onnx|late\.js|index\.html/.test(url));
  });
});
