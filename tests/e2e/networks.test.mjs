// Networks of the visitor: several files at once, kept for the next visit, and their input remembered.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { COMPUTING, SOON, assertExplained, catalog, drop, kept, look, network, photo, reach, scenario, until } from "./support.mjs";

const NONE = "?device=cpu#models=none";
const plain = network("plain");
const HASH = createHash("sha256").update(plain.bytes).digest("hex");
const labels = (word) => Buffer.from(Array.from({ length: 10 }, (_, index) => `${word} ${index}`).join("\n"));

/** Drops files and waits for the network's card. */
async function dropNetwork(page, files = [plain]) {
  await drop(page, "body", files);
  const card = page.getByTestId("model-card").filter({ hasText: "plain" });
  await card.waitFor({ timeout: COMPUTING });
  await reach(card, ["done", "no-evidence"]);
  return card;
}

const stored = (page) => page.locator(`[data-testid="stored-row"][data-hash="${HASH}"]`);

/** A new visit of the same browser to an address that names no network. */
const visit = (page, server, count) =>
  page.goto(`${server.url}?device=cpu&visit=${count}#models=none`, { waitUntil: "domcontentloaded", timeout: SOON });

/** Names of the folders that the browser keeps, and what is in each. */
const folders = (page) =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const found = {};
    try {
      for await (const [name, folder] of (await root.getDirectoryHandle("networks")).entries()) {
        found[name] = [];
        for await (const file of folder.keys()) found[name].push(file);
        found[name].sort();
      }
    } catch (error) {
      if (error.name !== "NotFoundError") throw error;
    }
    return found;
  });

/** Opens the input dialog of a card. */
async function openInput(page, card) {
  await card.getByTestId("configure").click();
  const dialog = page.getByTestId("input-dialog");
  await dialog.getByTestId("input-apply").waitFor();
  return dialog;
}

/** The range of the numbers that the network would get. */
const range = async (dialog) => ((await dialog.getByTestId("input-preview").getAttribute("data-range")) ?? "").split(" ").map(Number);

scenario("a picture and a network in one drop are both opened", { query: NONE }, async ({ page }) => {
  const card = await dropNetwork(page, [photo(2), plain]);
  await until("the photo", async () => (await page.locator(".thumb.own").count()) === 1);
  await reach(card, ["done"]);
  await assertExplained(card);
  assert.equal(await page.locator('.thumb.own [aria-current="true"]').count(), 1, "the picture that was dropped is the one explained");
  await until("an empty list of files", async () => (await page.locator(".file").count()) === 0);
});

scenario("a list of classes dropped with its network names the classes", { query: NONE }, async ({ page, server }) => {
  const card = await dropNetwork(page, [{ name: "things.txt", type: "text/plain", bytes: labels("thing") }, plain]);
  await until("the names", async () => /thing \d/.test(await card.getByTestId("top-classes").innerText()));
  await until("an empty list of files", async () => (await page.locator(".file").count()) === 0);
  assert.equal(await page.getByTestId("file-error").count(), 0);

  // The names are remembered without their file.
  await stored(page).waitFor({ timeout: COMPUTING });
  await visit(page, server, 1);
  const again = await dropNetwork(page);
  await until("the names again", async () => /thing \d/.test(await again.getByTestId("top-classes").innerText()));
});

scenario(
  "a network is kept, and opened from the list without the server",
  // A browser reports the update check that finds no server.
  { query: NONE, timeout: 600_000, allowed: [/Failed to load resource|ERR_CONNECTION_REFUSED|fetching the script/] },
  async ({ page, server }) => {
    await dropNetwork(page);
    await stored(page).waitFor({ timeout: COMPUTING });
    assert.match(await page.getByTestId("stored-total").innerText(), /\d (B|kB|MB)/);
    assert.deepEqual(await folders(page), { [HASH]: ["0", "about.json"] });
    await until("the service worker", () => page.evaluate(() => navigator.serviceWorker?.controller !== null), COMPUTING);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await kept(page, catalog().photos[0].file);
    await server.stop();

    await visit(page, server, 1);
    const row = stored(page);
    await row.waitFor({ timeout: COMPUTING });
    assert.equal(await page.getByTestId("model-card").count(), 0, "nothing is opened by itself");
    await row.getByTestId("stored-open").click();
    const card = page.getByTestId("model-card").filter({ hasText: "plain" });
    await card.waitFor();
    await reach(card, ["done", "no-evidence"], 2 * COMPUTING);
    await row.getByTestId("stored-in-use").waitFor();
    assert.equal(await page.getByTestId("model-chip").filter({ hasText: "plain" }).count(), 1);
  },
);

scenario("an address that names a kept network opens it", { query: NONE }, async ({ page }) => {
  await dropNetwork(page);
  await stored(page).waitFor({ timeout: COMPUTING });
  await until("the hash in the address", () => page.evaluate((hash) => location.hash.includes(`models=${hash}`), HASH));
  await page.reload();
  const card = page.getByTestId("model-card").filter({ hasText: "plain" });
  await card.waitFor({ timeout: COMPUTING });
  await reach(card, ["done", "no-evidence"], 2 * COMPUTING);
  assert.equal(await page.getByTestId("model-card").count(), 1);
});

scenario("removing a kept network can be taken back, and then happens", { query: NONE }, async ({ page, server }) => {
  await dropNetwork(page);
  const row = stored(page);
  await row.waitFor({ timeout: COMPUTING });
  await row.getByTestId("stored-remove").click();
  await row.waitFor({ state: "detached" });
  await page.getByTestId("toast").filter({ hasText: "plain" }).getByTestId("toast-action").click();
  await row.waitFor();
  assert.deepEqual(Object.keys(await folders(page)), [HASH]);

  await row.getByTestId("stored-remove").click();
  await row.waitFor({ state: "detached" });
  await until("the folder to go", async () => Object.keys(await folders(page)).length === 0, 2 * SOON);
  // The open network goes on working.
  await reach(page.getByTestId("model-card").filter({ hasText: "plain" }), ["done", "no-evidence"]);

  // A folder that was not written to the end is no network, and is cleared away.
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await (await root.getDirectoryHandle("networks", { create: true })).getDirectoryHandle("ab".repeat(32), { create: true });
    const stream = await (await folder.getFileHandle("0", { create: true })).createWritable();
    await stream.write("half");
    await stream.close();
  });
  await visit(page, server, 1);
  await until("the folder to go", async () => Object.keys(await folders(page)).length === 0);
  assert.equal(await page.getByTestId("stored-row").count(), 0);
});

scenario("a network that finds no room works, and the page says calmly that it is not kept", { query: NONE }, async ({ page, context, url }) => {
  await page.evaluate(() => navigator.serviceWorker?.ready.then(() => true));
  const devtools = await context.newCDPSession(page);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(url).origin, quotaSize: 1000 });
  const card = await dropNetwork(page);
  await page.getByTestId("toast").filter({ hasText: /not kept for the next visit: .*(room|free)/ }).waitFor();
  await assertExplained(card);
  assert.equal(await page.getByTestId("stored-row").count(), 0);
  assert.equal(await page.getByTestId("file-error").count(), 0);
});

scenario("what the input is like is remembered, and can be reset", { query: NONE }, async ({ page, server }) => {
  const card = await dropNetwork(page);
  const before = await look(card.getByTestId("heatmap"));
  let dialog = await openInput(page, card);
  const assumed = await dialog.getByTestId("input-origin").innerText();
  assert.equal(await dialog.getByTestId("input-reset").count(), 0, "nothing was changed yet");
  await dialog.getByTestId("preset-keras-caffe").check();
  await dialog.getByTestId("input-labels").setInputFiles({ name: "labels.csv", mimeType: "text/csv", buffer: labels("item") });
  await dialog.getByTestId("labels-taken").waitFor({ timeout: COMPUTING });
  assert.match(await dialog.getByTestId("labels-first").innerText(), /item 0, item 1, item 2, item 3, item 4 and 5 more/);
  await dialog.getByTestId("input-apply").click();
  await until("the names", async () => /item \d/.test(await card.getByTestId("top-classes").innerText()), COMPUTING);
  await reach(card, ["done", "no-evidence"]);

  await visit(page, server, 1);
  const again = await dropNetwork(page);
  assert.match(await again.getByTestId("top-classes").innerText(), /item \d/);
  assert.equal(await again.getByTestId("input-hint").count(), 0, "it was looked at before");
  dialog = await openInput(page, again);
  assert.ok(await dialog.getByTestId("preset-keras-caffe").isChecked());
  assert.notEqual(await dialog.getByTestId("input-origin").innerText(), assumed);
  await dialog.getByTestId("input-reset").click();
  await until("the names of the file", async () => !/item/.test(await dialog.getByTestId("labels-first").innerText()), COMPUTING);
  assert.ok(!(await dialog.getByTestId("preset-keras-caffe").isChecked()));
  await dialog.getByTestId("input-apply").click();
  await until("the first map", async () => (await look(again.getByTestId("heatmap"))).hash === before.hash, COMPUTING);

  await visit(page, server, 2);
  const third = await dropNetwork(page);
  dialog = await openInput(page, third);
  assert.equal(await dialog.getByTestId("input-origin").innerText(), assumed);
});

scenario("the dialog shows what the network would see before anything is applied", { query: NONE }, async ({ page }) => {
  const card = await dropNetwork(page, [photo(1), plain]);
  await until("the photo", async () => (await page.locator(".thumb.own").count()) === 1);
  await reach(card, ["done", "no-evidence"]);
  const job = await card.getAttribute("data-job");
  const dialog = await openInput(page, card);
  const seen = dialog.getByTestId("input-seen");
  await until("the picture", async () => (await look(seen)).colours > 8, COMPUTING);

  // Each range is one that the one before it cannot have.
  const within = async (preset, fits) => {
    await dialog.getByTestId(`preset-${preset}`).check();
    await until(`the range of ${preset}`, async () => {
      const [low, high] = await range(dialog);
      return low < high && fits(low, high);
    }, COMPUTING);
    assert.match(await dialog.getByTestId("input-range").innerText(), /Numbers from .* to/);
  };
  await within("raw", (low, high) => low >= 0 && high > 32 && high <= 255);
  await within("unit", (low, high) => low >= 0 && high <= 1);
  await within("keras-tf", (low, high) => low >= -1 && low < 0 && high <= 1);
  await within("torchvision", (low, high) => low >= -2.2 && high <= 2.7 && (low < -1.01 || high > 1.01));
  assert.equal(await dialog.getByTestId("input-mean").inputValue(), "0.485, 0.456, 0.406");

  // The cut is seen too.
  const cut = (await look(seen)).hash;
  const fit = (await dialog.getByTestId("input-fit").inputValue()) === "crop" ? "stretch" : "crop";
  await dialog.getByTestId("input-fit").selectOption(fit);
  await until("another cut", async () => (await look(seen)).hash !== cut, COMPUTING);

  // Own numbers are custom ones, known numbers are recognised, and nonsense is said to be so.
  await dialog.getByTestId("input-mean").fill("0.4, 0.4, 0.4");
  assert.ok(await dialog.getByTestId("preset-custom").isChecked());
  await dialog.getByTestId("input-mean").fill("0.485 0.456 0.406");
  assert.ok(await dialog.getByTestId("preset-torchvision").isChecked());
  await dialog.getByTestId("input-std").fill("0");
  await dialog.getByText("A deviation of 0 would divide by zero.").first().waitFor();

  await page.keyboard.press("Escape");
  await dialog.getByTestId("input-apply").waitFor({ state: "hidden" });
  assert.equal(await card.getAttribute("data-job"), job, "nothing was applied");
});

scenario("a list of classes can be dropped on the input dialog, and one that does not fit is refused there", { query: NONE }, async ({ page }) => {
  const card = await dropNetwork(page);
  const dialog = await openInput(page, card);
  await drop(page, '[data-testid="input-dialog"]', [{ name: "three.txt", type: "text/plain", bytes: Buffer.from("a\nb\nc\n") }]);
  await dialog.getByTestId("labels-refused").waitFor({ timeout: COMPUTING });
  await drop(page, '[data-testid="input-dialog"]', [
    { name: "names.json", type: "application/json", bytes: Buffer.from(JSON.stringify(Array.from({ length: 10 }, (_, index) => `name ${index}`))) },
  ]);
  await dialog.getByTestId("labels-taken").waitFor({ timeout: COMPUTING });
  assert.match(await dialog.getByTestId("labels-first").innerText(), /name 0/);
  await dialog.getByTestId("labels-back").click();
  await until("the names before", async () => !/name/.test(await dialog.getByTestId("labels-first").innerText()), COMPUTING);
  assert.equal(await page.getByTestId("file-error").count(), 0, "it belongs to the dialog");
});
