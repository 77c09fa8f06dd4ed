// Methods of many passes: maps on the way, how long the rest takes, and stopping.

import assert from "node:assert/strict";
import { COMPUTING, assertExplained, cardOf, catalog, choose, drop, look, network, photo, reach, scenario, until } from "./support.mjs";

const [model] = catalog().models;
/** Half a minute of work, and a few seconds of it. */
const LONG = "method=rise&p.samples=600";
const SHORT = "method=kernel_shap&p.samples=24&p.segments=grid:4&seed=5";

/** Waits for a map on the way and gives its numbers: `[done, total, words]`. */
async function onTheWay(card, after = 0) {
  return until(`more than ${after} steps`, async () => {
    const words = await card.getByTestId("steps").innerText({ timeout: 500 }).catch(() => "");
    const [, done, total] = words.match(/^(\d+) of (\d+)/) ?? [];
    return Number(done) > after && [Number(done), Number(total), words];
  }, COMPUTING);
}

scenario("a long method shows its map on the way, leaves the page free and stops at once", { query: `?device=cpu#models=${model.id}&${LONG}`, timeout: 600_000 }, async ({ page }) => {
  const card = cardOf(page, model.id);
  const heat = card.getByTestId("heatmap");
  const [first, total] = await onTheWay(card);
  assert.equal(total, 600);
  assert.equal(await card.getAttribute("data-state"), "computing");
  assert.notEqual(await heat.getAttribute("data-partial"), null, "the map is marked as not finished");
  const early = await look(heat);
  assert.ok(early.colours > 8, `${early.colours} colours`);

  // From here on the page must stay free, while maps come and things are done with them.
  const since = await page.evaluate(() => performance.now());
  const [second, , words] = await onTheWay(card, first);
  assert.match(words, /^\d+ of 600, (about \d+ (s|min)|under a second) left$/);
  await page.getByTestId("opacity").fill("80");
  await card.getByTestId("stage").hover();
  assert.match(await card.getByTestId("relevance").innerText(), /\d/, "maps on the way can be read");
  const [third] = await onTheWay(card, second);
  assert.ok(first < second && second < third && third < total, `${first}, ${second}, ${third}`);
  assert.notEqual((await look(heat)).hash, early.hash, "the map grows");
  const share = Number(await card.getByRole("progressbar").getAttribute("aria-valuenow"));
  assert.ok(share > 0 && share < 100, `${share} %`);

  const begun = Date.now();
  await card.getByTestId("cancel").click();
  await until("the stop", async () => (await card.getAttribute("data-state")) === "stopped", 2_000);
  const took = Date.now() - begun;
  console.log(`stopped ${took} ms after the click`);
  assert.ok(took < 1_000, `it took ${took} ms to stop`);
  const tasks = await page.evaluate((since) => globalThis.longTasks.filter(({ startTime }) => startTime > since), since);
  assert.deepEqual(tasks, [], "tasks over 50 ms on the main thread");

  // The map so far stays and says what it is.
  const [, at] = (await card.getByTestId("steps").innerText()).match(/^Stopped at (\d+) of 600$/);
  assert.ok(Number(at) >= third);
  assert.notEqual(await heat.getAttribute("data-partial"), null);
  await assertExplained(card);
  assert.match(await card.getByTestId("facts").innerText(), new RegExp(`${at} of 600 so far`));
  assert.ok(await card.getByTestId("check-map").isDisabled(), "an unfinished map is not checked");
  const kept = await look(heat);
  await page.waitForTimeout(600);
  assert.equal((await look(heat)).hash, kept.hash, "nothing comes after the stop");

  // Again begins anew; another method takes its place at once.
  await card.getByTestId("retry").click();
  const [again] = await onTheWay(card);
  assert.ok(again < Number(at) + 50);
  await choose(page, "gradient");
  const asked = Date.now();
  await reach(card, "done");
  assert.equal(await heat.getAttribute("data-partial"), null);
  assert.equal(await card.getByTestId("steps").count(), 0);
  assert.match(await card.getByTestId("facts-line").first().innerText(), /^Gradient/);
  assert.ok(Date.now() - asked < 15_000, `the next method waited ${Date.now() - asked} ms`);
});

scenario("the same seed gives the same map, another one another", { query: `?device=cpu#models=${model.id}&${SHORT}`, timeout: 600_000 }, async ({ page }) => {
  const card = cardOf(page, model.id);
  const heat = card.getByTestId("heatmap");
  const seed = page.getByTestId("seed");
  /** The finished map for a seed. */
  const map = async (value) => {
    const before = await card.getAttribute("data-job");
    await seed.fill(String(value));
    await seed.press("Enter");
    await until("the new job", async () => ![before, null].includes(await card.getAttribute("data-job")));
    await reach(card, "done");
    assert.equal(await heat.getAttribute("data-partial"), null);
    return (await look(heat)).hash;
  };
  await reach(card, "done", 2 * COMPUTING);
  const first = (await look(heat)).hash;
  assert.notEqual(await map(6), first);
  assert.equal(await map(5), first);
});

scenario("gpu: maps on the way come and stop too", { device: "gpu", query: "?device=gpu#models=none&method=smoothgrad&p.samples=1000", timeout: 600_000 }, async ({ page }) => {
  await drop(page, "body", [network("innvestigate_plain"), photo(1)]);
  const card = page.getByTestId("model-card").filter({ hasText: "innvestigate_plain" });
  await card.waitFor({ timeout: COMPUTING });
  // Of the dropped photo, whose job took the place of another picture's.
  await page.locator('.thumb.own [aria-current="true"]').waitFor();
  const [done, total] = await onTheWay(card);
  assert.ok(done < total && total === 1000, `${done} of ${total}`);
  await card.getByTestId("cancel").click();
  await until("the stop", async () => (await card.getAttribute("data-state")) === "stopped", 5_000);
  assert.match(await card.getByTestId("steps").innerText(), /^Stopped at \d+ of 1000$/);
  await choose(page, "gradient");
  await reach(card, "done");
  assert.equal(await card.getByTestId("heatmap").getAttribute("data-partial"), null);
});
