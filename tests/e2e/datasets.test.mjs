// Data sets: from an empty page to the pictures worth looking at, and what is kept of the work.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMPUTING, GOLDEN, ROOT, SOON, assertExplained, drop, network, reach, scenario, until } from "./support.mjs";

const scanned = (page, limit = COMPUTING) =>
  until("the scan", async () => (await page.getByTestId("scan").getAttribute("data-state")) === "done", limit);
const counted = async (page) => {
  const words = await page.getByTestId("scan-count").innerText();
  return Number(words.replace(/[^\d ].*$/, "").replace(/\D/g, ""));
};

scenario("two clicks lead to the scatter of the sample photos, two more to a picture worth a look", { query: "?device=cpu#models=squeezenet1_1,efficientnet_lite0" }, async ({ page }) => {
  await page.getByTestId("view-suggest").click();
  await page.getByTestId("suggest-photos").click();
  await page.getByTestId("scatter").waitFor({ timeout: COMPUTING });
  await scanned(page);
  const summary = await page.getByTestId("scatter-summary").innerText();
  assert.match(summary, /64/, summary);
  // Every picture lies in one of the four quadrants.
  const quadrants = page.getByTestId("quadrant");
  assert.equal(await quadrants.count(), 4);
  const counts = (await quadrants.allInnerTexts()).map((text) => Number(text.match(/\d+/)[0]));
  assert.equal(counts.reduce((sum, count) => sum + count), 64, counts.join(" "));

  const odd = quadrants.filter({ hasText: "Sure but disagreeing" });
  const expected = Number((await odd.innerText()).match(/\d+/)[0]);
  assert.ok(expected > 0, "networks of the site contradict each other on some photo");
  await odd.click();
  await until("the selection", async () => (await page.getByTestId("selection-count").innerText()).startsWith(String(expected)));
  await page.getByTestId("explain-item").click();
  for (const card of await page.getByTestId("model-card").all()) {
    await reach(card);
    await assertExplained(card);
  }
  assert.match(await page.getByTestId("bar-count").innerText(), new RegExp(`1 of ${expected} selected`));
  // The selection is the same in all views.
  await page.getByTestId("bar-suggest").click();
  assert.ok((await page.getByTestId("selection-count").innerText()).startsWith(String(expected)));
  await page.getByTestId("tab-accuracy").click();
  await page.getByTestId("tab-table").click();
  assert.match(await page.getByTestId("twin-count").innerText(), /64/);
});

scenario("a scan goes on where a reload broke it off", { query: "?device=cpu#models=none" }, async ({ page }) => {
  await page.getByTestId("view-suggest").click();
  await page.getByTestId("set-menu").locator("summary").or(page.getByTestId("set-menu")).first().click();
  await page.getByTestId("set-option").filter({ hasText: "marked" }).click();
  await until("some predictions", async () => (await counted(page)) > 200, COMPUTING);
  await page.getByTestId("scan-pause").click();
  await until("a stopped scan", async () => (await page.getByTestId("scan").getAttribute("data-state")) === "paused");
  const before = await counted(page);
  await page.reload({ waitUntil: "domcontentloaded" });
  await page.getByTestId("scan").waitFor({ timeout: COMPUTING });
  await until("what was kept", async () => (await counted(page)) >= Math.min(before, 150), COMPUTING);
  await scanned(page);
  await until("all predictions", async () => (await counted(page)) === 2000);
  // The network that learnt the mark is right on the marked eights; the page says how often each is right.
  await page.getByTestId("tab-accuracy").click();
  const rows = await page.locator("table").first().locator("tbody tr").allInnerTexts();
  assert.equal(rows.length, 2, rows.join("\n"));
  for (const row of rows) assert.ok(Number(row.match(/([\d.]+) %/)[1]) > 95, row);
});

for (const device of ["cpu", "gpu"]) {
  scenario(`${device}: a zip of folders is scanned like by the command`, { device, query: `?device=${device}#models=none&view=suggest` }, async ({ page }) => {
    await drop(page, "body", [network("plain")]);
    const archive = join(GOLDEN, "datasets/animals.zip");
    await drop(page, "body", [{ name: "animals.zip", bytes: readFileSync(archive) }]);
    await page.getByTestId("scan").waitFor({ timeout: COMPUTING });
    await scanned(page);

    const folder = mkdtempSync(join(tmpdir(), "innspect-scan-"));
    try {
      const out = join(folder, "scan.json");
      const model = join(GOLDEN, "plain.onnx");
      const run = spawnSync(process.env.INNSPECT_CLI ?? "innspect", ["scan", "--model", model, "--images", archive, "--out", out], { cwd: ROOT, encoding: "utf8" });
      assert.equal(run.status, 0, run.stderr);
      const { images, left_out: leftOut } = JSON.parse(readFileSync(out, "utf8"));
      // A picture that cannot be read keeps its row in the page, and the other files are told of.
      const broken = leftOut.filter(({ file }) => /broken/.test(file)).length;
      assert.deepEqual([images.length, broken], [4, 1]);
      await page.getByTestId("tab-table").click();
      const rows = page.getByTestId("twin-row");
      await until("all rows", async () => (await rows.count()) === images.length + broken, SOON);
      const texts = await rows.allInnerTexts();
      for (const image of images) {
        const row = texts.find((text) => text.includes(image.file));
        assert.ok(row, `${image.file} in ${texts.join("; ")}`);
        const [best] = image.predictions[0].top;
        assert.ok(row.includes(best.label), `${image.file}: ${best.label} in ${row}`);
        const close = [...row.matchAll(/\d\.\d+/g)].some(([number]) => Math.abs(Number(number) - best.score) < 0.0051);
        assert.ok(close, `${image.file}: ${best.score} in ${row}`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
