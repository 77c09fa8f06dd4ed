// What can be asked of a network: parameters, targets, concepts, channels and seeds; and that a link says it all.

import assert from "node:assert/strict";
import { COMPUTING, SOON, choose, drop, look, network, photo, reach, scenario, until } from "./support.mjs";

const NONE = "?device=cpu#models=none";

const hash = (page) => page.evaluate(() => decodeURIComponent(location.hash));

/** A value of the card's facts. */
const fact = async (card, name) => (await card.locator(`.facts dt:text-is("${name}") + dd`).first().textContent({ timeout: 1000 })) ?? "";

async function dropNetwork(page, name, photos = [1]) {
  await drop(page, "body", [network(name), ...photos.map(photo)]);
  const card = page.getByTestId("model-card").filter({ hasText: name });
  await card.waitFor({ timeout: COMPUTING });
  await until("the photos", async () => (await page.locator(".thumb.own").count()) === photos.length);
  await reach(card, ["done", "no-evidence"]);
  return card;
}

/** Does something that asks for a new map, waits for it and gives its picture. */
async function anew(card, act, states = ["done"]) {
  const before = await card.getAttribute("data-job");
  await act();
  await until("a new job", async () => ![before, null].includes(await card.getAttribute("data-job")), COMPUTING);
  await reach(card, states);
  return look(card.getByTestId("heatmap"));
}

const show = (page, card, method) => anew(card, () => choose(page, method));

/** Types into a field and leaves it. */
async function type(page, test, text) {
  await page.getByTestId(test).fill(text);
  await page.getByTestId(test).press("Tab");
}

/** Opens the form where it is folded. */
async function unfold(page) {
  const fold = page.getByTestId("params");
  if ((await fold.count()) && (await fold.getAttribute("open")) === null) await fold.locator("> summary").click();
}

scenario("numbers: what is typed is taken, kept in range and put back", { query: NONE }, async ({ page }) => {
  const card = await dropNetwork(page, "plain");
  const plain = await show(page, card, "integrated_gradients");
  await unfold(page);
  const steps = page.getByTestId("param-steps");
  assert.equal(await steps.inputValue(), "64");
  assert.equal(await page.getByTestId("params-reset").count(), 0);

  const few = await anew(card, () => type(page, "param-steps", "2"));
  assert.notEqual(few.hash, plain.hash);
  assert.match(await fact(card, "Parameters"), /steps 2\b/);
  assert.match(await hash(page), /p\.steps=2\b/);
  // Above the range becomes its end; what is no number changes nothing.
  await anew(card, () => type(page, "param-steps", "99999"));
  assert.equal(await steps.inputValue(), "1024");
  await anew(card, () => type(page, "param-steps", "3.4"));
  assert.equal(await steps.inputValue(), "3");
  const job = await card.getAttribute("data-job");
  await type(page, "param-steps", "");
  assert.equal(await steps.inputValue(), "3");
  assert.equal(await card.getAttribute("data-job"), job, "nothing is made anew");

  const back = await anew(card, () => page.getByTestId("params-reset").click());
  assert.equal(back.hash, plain.hash);
  assert.equal(await steps.inputValue(), "64");
  assert.doesNotMatch(await hash(page), /p\./);

  // A choice of words.
  await anew(card, () => page.getByTestId("param-rule").selectOption("left"));
  assert.match(await hash(page), /p\.rule=left/);

  // A number that the method chooses by itself.
  const auto = await show(page, card, "deep_taylor.bounded");
  const low = page.getByTestId("param-low");
  assert.equal(await low.inputValue(), "");
  assert.equal(await low.getAttribute("placeholder"), "auto");
  const wide = await anew(card, () => type(page, "param-low", "-30"));
  assert.notEqual(wide.hash, auto.hash);
  assert.match(await fact(card, "Parameters"), /low -30/);
  assert.equal((await anew(card, () => type(page, "param-low", ""))).hash, auto.hash);
  assert.equal(await low.getAttribute("placeholder"), "auto");

  // Each method keeps its own.
  await show(page, card, "integrated_gradients");
  assert.equal(await page.getByTestId("param-rule").inputValue(), "left");
});

scenario("segments, the rule of the first layer, and the baseline have fields of their own", { query: `${NONE}&seed=2` }, async ({ page }) => {
  const card = await dropNetwork(page, "plain", [1, 2]);
  const grid = await show(page, card, "kernel_shap");
  await unfold(page);
  assert.equal(await page.getByTestId("param-segments").inputValue(), "grid");
  assert.equal(await page.getByTestId("param-segments-count").inputValue(), "8");
  const slic = await anew(card, () => page.getByTestId("param-segments").selectOption("slic"));
  assert.notEqual(slic.hash, grid.hash);
  assert.equal(await page.getByTestId("param-segments-count").inputValue(), "64");
  await anew(card, () => type(page, "param-segments-count", "9"));
  assert.match(await fact(card, "Parameters"), /segments slic:9\b/);
  await anew(card, () => type(page, "param-segments-count", "0"));
  assert.equal(await page.getByTestId("param-segments-count").inputValue(), "2", "the fewest that make sense");

  // The baseline is chosen by its looks.
  const chooser = page.getByTestId("param-baseline");
  assert.equal(await chooser.getAttribute("data-value"), "grey");
  await chooser.locator("> summary").click();
  const options = page.getByTestId("param-baseline-option");
  await until("the options", async () => (await options.count()) >= 8);
  assert.ok((await options.count()) <= 9, "seven named ones and the other loaded picture");
  const looks = new Map();
  for (const value of ["black", "white", "grey", "mean", "blur", "noise"]) {
    const canvas = page.locator(`.baseline-choice:has([data-value="${value}"]) canvas`);
    await until(`the looks of ${value}`, async () => !(await canvas.getAttribute("class") ?? "").includes("absent"));
    looks.set(value, await look(canvas));
  }
  assert.equal(new Set([...looks.values()].map(({ hash }) => hash)).size, looks.size, "baselines look different");
  for (const flat of ["black", "white", "grey", "mean"]) assert.equal(looks.get(flat).colours, 1, `${flat} is one colour`);
  for (const rich of ["blur", "noise"]) assert.ok(looks.get(rich).colours > 8, `${rich} has ${looks.get(rich).colours} colours`);
  const grey = await look(card.getByTestId("heatmap"));
  const white = await anew(card, () => options.and(page.locator('[data-value="white"]')).check({ force: true }));
  assert.equal(await chooser.getAttribute("data-value"), "white");
  assert.notEqual(white.hash, grey.hash);
  // A loaded picture: the other one that was dropped.
  const other = options.and(page.locator('[data-value^="picture:"]')).first();
  const picture = await anew(card, () => other.check({ force: true }));
  assert.match(await chooser.getAttribute("data-value"), /^picture:/);
  assert.ok(![white.hash, grey.hash].includes(picture.hash));
  assert.match(await chooser.locator(".baseline-name").innerText(), /dropped-/);

  // The rule of the first layer.
  const none = await show(page, card, "lrp.epsilon");
  const rule = page.getByTestId("param-input_rule");
  const seen = new Set([none.hash]);
  for (const name of ["flat", "w_square", "box"]) seen.add((await anew(card, () => rule.selectOption(name))).hash);
  assert.equal(seen.size, 4, "four rules, four maps");
  const job = await card.getAttribute("data-job");
  await type(page, "param-input_rule-low", "-2");
  await page.getByText("Give both bounds").waitFor();
  assert.equal(await card.getAttribute("data-job"), job, "one bound alone asks for nothing");
  await anew(card, () => type(page, "param-input_rule-high", "3"));
  assert.match(await hash(page), /p\.input_rule=box:-2,3/);
  assert.match(await fact(card, "Parameters"), /input_rule box:-2,3/);
  await type(page, "param-input_rule-high", "-5");
  await page.getByText("must be below").waitFor();
});

scenario("probability, another class, a unit, a concept and a channel can be explained", { query: NONE }, async ({ page }) => {
  const card = await dropNetwork(page, "plain");
  const logit = await show(page, card, "gradient");
  const target = page.getByTestId("target");
  assert.equal(await target.inputValue(), "logit");

  const probability = await anew(card, () => target.selectOption("probability"));
  assert.match(await fact(card, "Target"), /probability/i);

  await anew(card, () => target.selectOption("contrast"));
  assert.match(await page.getByTestId("against-chosen").innerText(), /strongest other/i);
  const strongest = await fact(card, "Target");
  await page.getByTestId("against").fill("class 7");
  const contrast = await anew(card, () => page.getByTestId("against-option").first().click());
  assert.match(await page.getByTestId("against-chosen").innerText(), /class 7/);
  assert.match(await hash(page), /target=contrast:7/);
  assert.notEqual(await fact(card, "Target"), strongest);
  await anew(card, () => page.getByTestId("against-top").click());
  assert.equal(await fact(card, "Target"), strongest);

  const channel = await anew(card, () => target.selectOption("neuron"));
  const layers = page.getByTestId("unit-layer");
  assert.equal(await layers.count(), 1, "one network, one list of layers");
  assert.equal(await layers.getAttribute("data-model"), await card.getAttribute("data-model"));
  await anew(card, () => layers.selectOption("/conv2/Conv"));
  await anew(card, () => type(page, "unit-channel", "3"));
  await anew(card, () => type(page, "unit-row", "4"));
  assert.equal(await page.getByTestId("unit-column").inputValue(), "0", "a row alone begins at the first column");
  const unit = await anew(card, () => type(page, "unit-column", "5"));
  assert.match(await fact(card, "Target"), /conv2.*3.*4.*5/);
  assert.match(await hash(page), /target=unit:3,4,5/);
  // A channel that the layer lacks is refused with a sentence, and the page goes on.
  await anew(card, () => type(page, "unit-channel", "500"), ["failed", "not-applicable"]);
  assert.match(await card.getByTestId("verdict").innerText(), /channel|500/i);
  await anew(card, () => type(page, "unit-channel", "3"));
  const all = [logit, probability, contrast, channel, unit].map(({ hash }) => hash);
  assert.equal(new Set(all).size, all.length, "five questions, five answers");

  // A method that does not take the target says so and explains the logit.
  await choose(page, "grad_cam");
  await page.getByTestId("target-note").waitFor();
  assert.match(await page.getByTestId("target-note").innerText(), /does not explain a unit of a layer/);
  await reach(card, ["done", "no-evidence"]);
  await show(page, card, "gradient");
  assert.equal(await target.inputValue(), "neuron", "the choice is kept for the methods that take it");
  await anew(card, () => target.selectOption("logit"));

  // Concept relevance.
  const whole = await show(page, card, "lrp.epsilon");
  const concept = page.getByTestId("concept");
  await concept.locator("> summary").click();
  await anew(card, () => page.getByTestId("concept-layer").selectOption("/relu2/Relu").then(() => type(page, "concept-channels", "1")));
  const one = await look(card.getByTestId("heatmap"));
  const two = await anew(card, () => type(page, "concept-channels", "1, 3"));
  assert.equal(new Set([whole.hash, one.hash, two.hash]).size, 3);
  assert.match(await concept.locator("> summary").innerText(), /2 channels/);
  assert.match(await hash(page), /concept=1,3/);
  await type(page, "concept-channels", "one");
  await page.getByText("“one” is not the number of a channel.").waitFor();
  assert.equal((await anew(card, () => type(page, "concept-channels", ""))).hash, whole.hash);

  // The channel of an activation map.
  const mean = await show(page, card, "activation");
  const fifth = await anew(card, () => type(page, "layer-channel", "5"));
  assert.notEqual(fifth.hash, mean.hash);
  assert.match(await hash(page), /channel=5/);
  assert.equal((await anew(card, () => type(page, "layer-channel", ""))).hash, mean.hash);
});

scenario("a seed gives its map again, a new one another", { query: `${NONE}&method=smoothgrad&p.samples=6` }, async ({ page }) => {
  const card = await dropNetwork(page, "plain");
  assert.match(await page.getByTestId("method-tags").innerText(), /random numbers/);
  const zero = await look(card.getByTestId("heatmap"));
  const other = await anew(card, () => page.getByTestId("seed-new").click());
  const seed = await page.getByTestId("seed").inputValue();
  assert.match(await hash(page), new RegExp(`seed=${seed}\\b`));
  assert.notEqual(other.hash, zero.hash);
  assert.equal((await anew(card, () => type(page, "seed", "0"))).hash, zero.hash);
  assert.equal((await anew(card, () => type(page, "seed", seed))).hash, other.hash);
  const job = await card.getAttribute("data-job");
  await type(page, "seed", "-3");
  assert.equal(await page.getByTestId("seed").inputValue(), seed, "a seed is no negative number");
  assert.equal(await card.getAttribute("data-job"), job);
  // Methods without chance have none.
  await show(page, card, "gradient");
  assert.equal(await page.getByTestId("seed").count(), 0);
});

scenario("a link shows the same again", { query: `?device=cpu#models=squeezenet1_1`, timeout: 600_000 }, async ({ page }) => {
  const card = page.getByTestId("model-card");
  await reach(card, ["done", "no-evidence"], 2 * COMPUTING);
  await show(page, card, "smoothgrad");
  await unfold(page);
  await anew(card, () => type(page, "param-samples", "3"));
  await anew(card, () => page.getByTestId("param-of").selectOption("input_t_gradient"));
  await anew(card, () => type(page, "seed", "41"));
  await anew(card, () => page.getByTestId("target").selectOption("contrast"));
  await card.getByTestId("top-class").nth(1).click();
  await until("the class in the link", async () => /class=\d/.test(await hash(page)));
  await reach(card);
  const before = [await look(card.getByTestId("heatmap")), await fact(card, "Parameters"), await fact(card, "Target"), await fact(card, "Seed")];
  const link = await hash(page);
  for (const part of ["method=smoothgrad", "p.samples=3", "p.of=input_t_gradient", "seed=41", "target=contrast"]) assert.ok(link.includes(part), link);

  await page.reload();
  await reach(card, ["done"], 2 * COMPUTING);
  assert.deepEqual([await look(card.getByTestId("heatmap")), await fact(card, "Parameters"), await fact(card, "Target"), await fact(card, "Seed")], before);
  assert.equal(await hash(page), link);
  assert.equal(await page.getByTestId("params").getAttribute("open"), "", "changed parameters are not hidden");
  assert.equal(await page.getByTestId("param-samples").inputValue(), "3");

  // A link with nonsense shows what there is.
  await page.goto(`${page.url().split("#")[0]}&again=1#models=squeezenet1_1&method=lrp.epsilon&p.epsilon=lots&p.nothing=1&target=moon&seed=x&concept=a`);
  await reach(card, ["done"], 2 * COMPUTING);
  assert.equal(Number(await page.getByTestId("param-epsilon").inputValue()), 1e-7);
  assert.match(await card.getByTestId("facts-line").first().innerText(), /LRP/);
  await page.goto(`${page.url().split("#")[0]}&again=2#models=squeezenet1_1&method=magic`);
  await reach(card, ["done", "no-evidence"], 2 * SOON);
  assert.equal(await page.getByTestId("method").inputValue(), "grad_cam", "a method that is not there is that of a first visit");
});

scenario("method, parameter and target are changed by keys alone", { query: `${NONE}&method=gradient` }, async ({ page }) => {
  const card = await dropNetwork(page, "plain");
  /** Presses Tab until an element has the focus. */
  const tabTo = async (test) => {
    for (let step = 0; step < 160; step += 1) {
      const now = await page.evaluate(() => document.activeElement?.dataset?.testid ?? document.activeElement?.parentElement?.dataset?.testid);
      if (now === test) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`${test} is not reached by Tab`);
  };
  await tabTo("method");
  const before = await page.getByTestId("method").inputValue();
  await anew(card, () => page.keyboard.press("ArrowDown"));
  assert.notEqual(await page.getByTestId("method").inputValue(), before);
  // Letters find in the list.
  await anew(card, () => page.keyboard.type("SmoothGrad"));
  assert.equal(await page.getByTestId("method").inputValue(), "smoothgrad");
  await tabTo("params");
  assert.equal(await page.getByTestId("params").getAttribute("open"), null);
  await page.keyboard.press("Enter");
  await tabTo("param-samples");
  await anew(card, async () => {
    await page.keyboard.press("Control+A");
    await page.keyboard.type("3");
    await page.keyboard.press("Enter");
  });
  assert.match(await fact(card, "Parameters"), /samples 3\b/);
  await tabTo("seed-new");
  await anew(card, () => page.keyboard.press("Enter"));
  await tabTo("target");
  await anew(card, () => page.keyboard.press("ArrowDown"));
  assert.equal(await page.getByTestId("target").inputValue(), "probability");

  // The chooser of baselines: open, and choose with the arrows.
  await page.keyboard.press("Escape");
  await show(page, card, "integrated_gradients");
  await unfold(page);
  await tabTo("param-baseline");
  await page.keyboard.press("Enter");
  await page.getByTestId("param-baseline-option").first().waitFor({ state: "attached" });
  await page.keyboard.press("Tab");
  await anew(card, () => page.keyboard.press("ArrowRight"));
  assert.equal(await page.getByTestId("param-baseline").getAttribute("data-value"), "white");
});
