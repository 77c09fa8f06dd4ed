// What is said of how good a map is: the numbers beside it, the checks on demand, and the badge that comes by itself.

import assert from "node:assert/strict";
import { COMPUTING, cardOf, catalog, choose, drop, network, photo, reach, scenario, until } from "./support.mjs";

const { models } = catalog();
const NONE = "?device=cpu#models=none";
const CHECKS = ["class_sensitivity", "deletion", "road", "max_sensitivity", "randomisation"];
/** How many plots, each with its table, a check's result has. */
const PLOTS = { class_sensitivity: 0, deletion: 1, road: 1, max_sensitivity: 0, randomisation: 1 };

async function dropNetwork(page, name) {
  await drop(page, "body", [network(name), photo(1)]);
  const card = page.getByTestId("model-card").filter({ hasText: name });
  await card.waitFor({ timeout: COMPUTING });
  await page.locator(".thumb.own").waitFor();
  await reach(card, ["done", "no-evidence"]);
  return card;
}

/** Chooses a method and waits for its map. */
async function show(page, card, method) {
  if ((await page.getByTestId("method").inputValue()) !== method) {
    const before = await card.getAttribute("data-job");
    await choose(page, method);
    await until(`the job of ${method}`, async () => ![before, null].includes(await card.getAttribute("data-job")));
  }
  await reach(card, "done");
}

const row = (page, check) => page.locator(`[data-testid="check-row"][data-check="${check}"]`);
const stateOf = (page, check) => row(page, check).getAttribute("data-state");

/** A meter's number, which must be a share. */
async function share(meter) {
  const value = Number((await meter.locator(".meter-value").innerText()).replace("−", "-"));
  assert.ok(value >= 0 && value <= 1, `${value}`);
  return value;
}

/** The number behind "error" of a line such as "conservation error 0.3 %". */
const percent = (words) => Number(words.match(/error\s+(?:< )?([\d.]+)\s*%/)?.[1]);

scenario("every map comes with its measures, and with what its sum should be", { query: NONE }, async ({ page }) => {
  const card = await dropNetwork(page, "plain");
  await show(page, card, "gradient");
  const [sparse, complex] = [await share(card.getByTestId("sparseness")), await share(card.getByTestId("complexity"))];
  assert.ok(sparse > 0 && complex > 0);
  assert.equal(await card.getByTestId("completeness").count() + await card.getByTestId("conservation").count(), 0, "gradients promise no sum");

  for (const method of ["integrated_gradients", "deep_lift.rescale", "kernel_shap", "shapley_sampling"]) {
    await show(page, card, method);
    const words = await card.getByTestId("completeness").innerText();
    assert.match(words, /^completeness error (< )?[\d.]+ ?%$/, method);
    assert.ok(percent(words) < 5, `${method}: ${words}`);
    const sentence = await card.getByTestId("completeness").getAttribute("title");
    assert.match(sentence, /The score is [−\d.e-]+ above that of the baseline, and the pixels sum to [−\d.e-]+\./, method);
  }
  for (const method of ["lrp.epsilon", "lrp.z_plus"]) {
    await show(page, card, method);
    const conservation = card.getByTestId("conservation");
    assert.match(await conservation.innerText(), /^conservation error (< )?[\d.]+ ?%$/, method);
    assert.match(await conservation.getAttribute("title"), /Relevance starts with [−\d.e-]+, and the pixels sum to [−\d.e-]+/, method);
  }
});

scenario("five checks measure a map and show what they found", { query: NONE }, async ({ page }) => {
  const card = await dropNetwork(page, "plain");
  await show(page, card, "gradient");
  await card.getByTestId("check-map").click();
  const dialog = page.getByTestId("quality-dialog");
  await dialog.waitFor();
  assert.match(await dialog.getByTestId("quality-subject").innerText(), /^plain\S* · Gradient · class \d+ · dropped-/);
  assert.deepEqual(await page.getByTestId("check-row").evaluateAll((rows) => rows.map((row) => row.dataset.check)), CHECKS);

  // One by hand, then all that are left.
  await row(page, "deletion").getByTestId("check-measure").click();
  await until("deletion", async () => (await stateOf(page, "deletion")) === "done", COMPUTING);
  await dialog.getByTestId("check-all").click();
  for (const check of CHECKS) {
    await until(check, async () => {
      const state = await stateOf(page, check);
      assert.ok(!["failed", "not-applicable"].includes(state), `${check} is ${state}: ${await row(page, check).innerText()}`);
      return state === "done";
    }, COMPUTING);
    const result = row(page, check).getByTestId("check-result");
    const words = await result.innerText();
    assert.match(words, /\d\.?\d*/, check);
    assert.doesNotMatch(words, /NaN|undefined|inf\b/i, check);

    const plots = result.getByTestId("plot");
    assert.equal(await plots.count(), PLOTS[check], `plots of ${check}`);
    for (const plot of await plots.all()) {
      const drawing = plot.locator(":scope > svg");
      assert.ok((await drawing.getAttribute("aria-label")).length > 20, "a plot has words");
      const lines = await drawing.locator(".plot-line path").evaluateAll((paths) => paths.map((path) => path.getAttribute("d")));
      assert.equal(lines.length, 2);
      for (const line of lines) assert.match(line, /^M[\d.\s,-]+(L[\d.\s,-]+)+$/, "a line without gaps");
      assert.notEqual(lines[0], lines[1], `the lines of ${check} differ`);
      const table = plot.getByTestId("plot-table");
      await table.locator("summary").click();
      const rows = await table.locator("tbody tr").allInnerTexts();
      assert.ok(rows.length >= 3, `${check}: ${rows.length} rows`);
      for (const text of rows) assert.ok((text.match(/\d/g) ?? []).length >= 2, `${check}: ${text}`);
    }
  }
  await share(dialog.getByTestId("class-similarity"));
  const change = Number(await dialog.getByTestId("max-sensitivity").locator(".meter-value").innerText());
  assert.ok(change > 0, `${change}`);
  // Randomising all layers leaves little of a gradient's map.
  assert.match(await row(page, "randomisation").innerText(), /With all .*layers randomised/);

  const overflow = await dialog.evaluate((element) => element.scrollWidth - element.clientWidth);
  assert.ok(overflow <= 0, `the dialog is ${overflow} px too wide`);
  await dialog.getByTestId("quality-close").click();
  await dialog.waitFor({ state: "hidden" });

  // Results belong to the map: they are kept while it is shown, and go with it.
  await card.getByTestId("check-map").click();
  assert.equal(await stateOf(page, "road"), "done");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await show(page, card, "input_t_gradient");
  await card.getByTestId("check-map").click();
  await until("fresh checks", async () => (await stateOf(page, "road")) === "none");
});

scenario("a method that hardly depends on the class layers is marked by itself", { query: `${NONE}&method=lrp.z_plus` }, async ({ page }) => {
  const card = await dropNetwork(page, "plain");
  const badge = card.getByTestId("insensitive");
  await badge.waitFor({ timeout: COMPUTING });
  assert.match(await badge.getAttribute("title"), /similarity of 0\.9\d+/);
  await show(page, card, "gradient");
  assert.equal(await badge.count(), 0, "the badge goes with the map");
  // The gradient is checked as well, and stays without a badge.
  await card.getByTestId("check-map").click();
  await until("what was found by itself", async () => (await stateOf(page, "class_sensitivity")) === "done", COMPUTING);
  assert.ok((await share(page.getByTestId("class-similarity"))) < 0.9);
  await page.keyboard.press("Escape");
  assert.equal(await badge.count(), 0);
  // What is known is not measured again.
  await show(page, card, "lrp.z_plus");
  await badge.waitFor({ timeout: 5_000 });
});

scenario("a running check is stopped, and the page goes on", { query: `?device=cpu#models=${models[0].id}&method=gradient`, timeout: 600_000 }, async ({ page }) => {
  const card = cardOf(page, models[0].id);
  await reach(card, "done", 2 * COMPUTING);
  await card.getByTestId("check-map").click();
  await row(page, "randomisation").getByTestId("check-measure").click();
  await until("the measuring", async () => /Measuring/.test(await row(page, "randomisation").innerText()), COMPUTING);
  const begun = Date.now();
  await row(page, "randomisation").getByTestId("check-stop").click();
  await until("the stop", async () => (await stateOf(page, "randomisation")) === "none", 5_000);
  // The worker is free at once as well: the next thing asked of it is answered.
  await page.keyboard.press("Escape");
  await show(page, card, "lrp.epsilon");
  const took = Date.now() - begun;
  console.log(`stopped, and another map made, ${took} ms after the click`);
  assert.ok(took < 20_000, `${took} ms`);
});
