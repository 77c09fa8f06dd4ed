// The main job: a picture and a network of one's own, on both devices.
//
// Without a GPU, WebGPU runs a hundred times slower than on one, so the GPU's scenarios keep to the small golden networks.

import assert from "node:assert/strict";
import { COMPUTING, assertExplained, cardOf, catalog, drop, look, network, photo, reach, scenario, until } from "./support.mjs";

const models = catalog().models;
/** Shows no built-in network. */
const NONE = "#models=none";

/** The methods that every device is asked for, and some that only small networks pay for here. */
const METHODS = [
  "gradient", "input_t_gradient", "deconvnet", "guided_backprop", "grad_cam", "guided_grad_cam", "lrp.z", "lrp.epsilon",
  "lrp.z_plus", "lrp.alpha_1_beta_0", "lrp.alpha_2_beta_1", "lrp.sequential_preset_a", "lrp.sequential_preset_a_flat",
  "activation",
];

/** Drops a golden network and returns its card once it has a first map. */
async function dropNetwork(page, name) {
  await drop(page, "body", [network(name)]);
  const card = page.getByTestId("model-card").filter({ hasText: name });
  await card.waitFor({ timeout: COMPUTING });
  await reach(card, ["done", "no-evidence"]);
  return card;
}

for (const device of ["cpu", "gpu"]) {
  scenario(`${device}: a dropped network explains a dropped photo`, { device, query: `?device=${device}${NONE}` }, async ({ page }) => {
    const card = await dropNetwork(page, "plain");
    assert.equal(await page.getByTestId("device-badge").getAttribute("data-device"), device);
    const before = await look(card.getByTestId("view"));

    await drop(page, "body", [photo(1)]);
    const own = page.locator(".thumb.own");
    await own.waitFor();
    assert.equal(await own.getByTestId("picture").getAttribute("aria-current"), "true", "a dropped photo is shown");
    await until("the new photo's map", async () => (await look(card.getByTestId("view"))).hash !== before.hash, COMPUTING);
    await reach(card, ["done", "no-evidence"]);
    await assertExplained(card);
    assert.equal(await page.getByTestId("file-error").count(), 0);
  });

  scenario(`${device}: every method draws a map of its own`, { device, query: `?device=${device}${NONE}`, timeout: 600_000 }, async ({ page }) => {
    const card = await dropNetwork(page, "residual");
    const offered = await page.getByTestId("method").locator("option").evaluateAll((options) => options.map(({ value }) => value));
    for (const method of METHODS) assert.ok(offered.includes(method), `${method} is offered`);
    const seen = new Map();
    for (const method of METHODS) {
      await page.getByTestId("method").selectOption(method);
      const named = () => card.locator('dt:text-is("Method") + dd').textContent({ timeout: 1000 }).catch(() => "");
      await until(`${method} to be shown`, async () => (await named()) === method || (await card.getAttribute("data-state")) === "no-evidence", COMPUTING);
      if ((await reach(card, ["done", "no-evidence"])) === "no-evidence") continue;
      const { hash, colours } = await look(card.getByTestId("heatmap"));
      assert.ok(colours > 4, `${method} draws ${colours} colours`);
      seen.set(method, hash);
    }
    assert.ok(seen.size >= METHODS.length - 2, `only ${[...seen.keys()].join()} have a map`);
    const hashes = new Set(seen.values());
    assert.ok(hashes.size >= seen.size - 2, "methods draw different maps");
  });

  scenario(`${device}: a click on a class explains it`, { device, query: `?device=${device}${NONE}` }, async ({ page }) => {
    const first = await dropNetwork(page, "concat");
    await page.getByTestId("method").selectOption("gradient");
    await reach(first);
    const before = await look(first.getByTestId("heatmap"));
    const second = first.getByTestId("top-class").nth(1);
    const chosen = await second.getAttribute("data-class");
    await second.click();
    await until("the other class's map", async () => {
      const { hash } = await look(first.getByTestId("heatmap")).catch(() => before);
      return hash !== before.hash && (await first.getAttribute("data-state")) === "done";
    }, COMPUTING);
    assert.equal(await second.getAttribute("aria-pressed"), "true");
    assert.match(await page.evaluate(() => location.hash), new RegExp(`class=${chosen}\\b`));
  });
}

scenario("a clicked class is explained in all networks, or in one only", { query: `?device=cpu#models=${models[0].id},${models[1].id}&method=gradient`, timeout: 600_000 }, async ({ page }) => {
  const [a, b] = [cardOf(page, models[0].id), cardOf(page, models[1].id)];
  for (const card of [a, b]) await reach(card, "done", 2 * COMPUTING);
  const second = a.getByTestId("top-class").nth(1);
  const name = await second.locator(".class-label").innerText();
  await second.click();
  for (const card of [a, b]) {
    await until("the class in the facts", async () => (await card.locator('dt:text-is("Class") + dd').textContent({ timeout: 1000 }).catch(() => "")).startsWith(name), COMPUTING);
    await reach(card);
  }
  // With Alt the class belongs to this network alone.
  const third = a.getByTestId("top-class").nth(2);
  const other = await third.locator(".class-label").innerText();
  await third.click({ modifiers: ["Alt"] });
  const classOf = (card) => card.locator('dt:text-is("Class") + dd').textContent({ timeout: 1000 }).catch(() => "");
  await until("the class of one network", async () => (await classOf(a)).startsWith(other), COMPUTING);
  assert.ok((await classOf(b)).startsWith(name));
});

scenario("a running explanation can be cancelled and asked for again", { query: `?device=cpu#models=${models.at(-1).id}&method=lrp.alpha_2_beta_1`, timeout: 600_000 }, async ({ page }) => {
  const card = cardOf(page, models.at(-1).id);
  const cancel = card.getByTestId("cancel");
  await until("the explanation to run", async () => /Explaining|forward/i.test(await card.locator(".status-text").innerText({ timeout: 500 }).catch(() => "")), 2 * COMPUTING);
  const begun = Date.now();
  await cancel.click();
  await reach(card, "stopped", 10_000);
  const took = Date.now() - begun;
  console.log(`stopped ${took} ms after the click`);
  assert.ok(took < 3000, `it took ${took} ms to stop`);
  await card.getByTestId("retry").click();
  await reach(card, "done", 2 * COMPUTING);
  await assertExplained(card);
});

scenario("zoom and cross-hair move in all cards together", { query: `?device=cpu#models=${models[0].id},${models[1].id}`, timeout: 600_000 }, async ({ page }) => {
  const cards = [cardOf(page, models[0].id), cardOf(page, models[1].id)];
  for (const card of cards) await reach(card, "done", 2 * COMPUTING);
  const stage = cards[0].getByTestId("stage");
  const box = await stage.boundingBox();
  await page.mouse.move(box.x + box.width / 3, box.y + box.height / 3);
  for (const card of cards) {
    const value = await card.getByTestId("relevance").innerText();
    assert.match(value, /\d/, value);
  }
  await page.mouse.wheel(0, -400);
  const transforms = () => Promise.all(cards.map((card) => card.locator(".layers").getAttribute("style")));
  await until("the zoom", async () => /scale\((?!1\.0000)/.test((await transforms())[0]));
  const [first, second] = await transforms();
  assert.equal(first, second);
});

scenario("opacity, colours and scale redraw without a new explanation", { query: `?device=cpu#models=${models[0].id}&method=gradient`, timeout: 600_000 }, async ({ page }) => {
  const card = cardOf(page, models[0].id);
  await reach(card, "done", 2 * COMPUTING);
  const job = await card.getAttribute("data-job");
  const heat = card.getByTestId("heatmap");
  const before = await look(heat);
  await page.locator('input[name="colormap"][value="grey"]').check({ force: true });
  await until("grey", async () => (await look(heat)).hash !== before.hash);
  assert.equal(await heat.getAttribute("data-map"), "grey");
  await page.getByTestId("opacity").fill("30");
  await until("the opacity", async () => /opacity:\s*0\.3/.test(await heat.getAttribute("style")));
  assert.equal(await card.getAttribute("data-job"), job, "the same explanation");
  assert.match(await card.getByTestId("colour-bar").innerText(), /\d/);
});
