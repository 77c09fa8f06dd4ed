// Every method of the list on both devices, and the numbers of those that take many passes.
//
// Without a GPU, WebGPU runs a hundred times slower than on one, so the GPU's scenario keeps to the smallest network and
// to quick parameters. The command says what each method gives with the same network, pictures, parameters and seed.

import assert from "node:assert/strict";
import { assertSame, inWorker, methodTable, native, openBare, picture } from "./compare.mjs";
import { COMPUTING, drop, look, network, reach, scenario, until } from "./support.mjs";

/** Parameters that make every method quick; each goes to the methods that have it. */
const QUICK = { samples: 4, steps: 4, channels: 4, cells: 3, window: 6, stride: 6, segments: "grid:2", pictures: 2 };
const IMAGES = [0, 1, 2].map((variant) => picture(36, 30, variant));
const SEED = 3;
const FINAL = ["done", "no-evidence", "suspect", "not-applicable", "failed", "stopped"];
/** What a card shows of each state of a map. */
const SHOWN = { ordinary: "done", no_positive_evidence: "no-evidence", all_zero: "suspect", non_finite: "suspect" };

/** The parameters of `all` that a method has. */
const own = ({ params }, all) => Object.fromEntries(Object.entries(all).filter(([name]) => params.some((param) => param.name === name)));

/** Drops a network and the pictures, the first of which is shown. */
async function open(page, name) {
  await drop(page, "body", [network(name)]);
  const card = page.getByTestId("model-card").filter({ hasText: name });
  await card.waitFor({ timeout: COMPUTING });
  await drop(page, "body", IMAGES.map((bytes, index) => ({ name: `picture ${index}.png`, type: "image/png", bytes })));
  const thumbs = page.locator(".thumb.own").getByTestId("picture");
  await until("the pictures", async () => (await thumbs.count()) === IMAGES.length);
  // Pictures are decoded when they are shown for the first time.
  for (let index = IMAGES.length - 1; index >= 0; index -= 1) {
    await thumbs.nth(index).click();
    await until(`picture ${index}`, async () => (await thumbs.nth(index).getAttribute("aria-current")) === "true");
    await reach(card, ["done", "no-evidence"]);
  }
  return card;
}

/** Chooses a method by the list, or with parameters by the address, as a link does. */
async function choose(page, card, method, params) {
  const before = await card.getAttribute("data-job");
  const pairs = Object.entries(params);
  if (pairs.length === 0) {
    await page.getByTestId("method").selectOption(method);
  } else {
    const kept = (await page.evaluate(() => location.hash)).slice(1).split("&").filter((pair) => pair.startsWith("models="));
    const hash = [...kept, `method=${method}`, ...pairs.map(([name, value]) => `p.${name}=${value}`)].join("&");
    await page.evaluate((hash) => (location.hash = hash), hash);
    await until(`${method} in the list`, async () => (await page.getByTestId("method").inputValue()) === method);
  }
  // A new job says that the state is that of the new method.
  return until(`${method} to end`, async () => {
    const [job, state] = await card.evaluate((element) => [element.dataset.job, element.dataset.state]);
    return job !== undefined && job !== before && FINAL.includes(state) && state;
  }, COMPUTING);
}

async function everyMethod(page, name, quick, only) {
  const table = await methodTable();
  const expected = await native(name, IMAGES[0], ["all"], { pictures: IMAGES.slice(1), params: quick });
  const card = await open(page, name);
  const offered = await page.getByTestId("method").locator("option").evaluateAll((options) => options.map(({ value }) => value));
  assert.deepEqual([...offered].sort(), table.map(({ id }) => id).sort(), "the page offers the command's methods");
  assert.ok(offered.length > 45, `${offered.length} methods`);

  const shown = await page.getByTestId("method").inputValue();
  // The one that is shown already comes last, so that each choice is a change.
  const order = only ?? [...offered.filter((id) => id !== shown), shown];
  const refused = [];
  const looks = new Set();
  for (const id of order) {
    const state = await choose(page, card, id, own(table.find((method) => method.id === id), quick));
    const words = (await card.getByTestId("verdict").allInnerTexts()).join(" ").replace(/\s+/g, " ");
    const reference = expected.get(id);
    assert.equal(state, reference ? SHOWN[reference.state] : "not-applicable", `${name} ${id}: ${words}`);
    if (state === "not-applicable") {
      refused.push(id);
      assert.match(words, /Does not apply [A-Z].{20,}\./, `${id} says why`);
      continue;
    }
    assert.ok(await card.getByTestId("facts").count(), `${id} says how it was made`);
    if (state === "done") {
      const { colours, hash } = await look(card.getByTestId("heatmap"));
      assert.ok(colours > 2, `${id} draws ${colours} colours`);
      looks.add(hash);
    }
  }
  return { refused, drawn: looks.size, all: order.length };
}

scenario("cpu: every method of the list explains or says why not", { device: "cpu", query: "?device=cpu#models=none", timeout: 600_000 }, async ({ page }) => {
  // Windows of the default size would cover so small a picture.
  const { refused, drawn, all } = await everyMethod(page, "plain", { window: 6, stride: 3 });
  assert.deepEqual(refused, [], "every method applies to a plain network");
  assert.ok(drawn > 0.7 * all, `only ${drawn} of ${all} maps differ`);
});

scenario("cpu: methods that do not fit a network say so", { device: "cpu", query: "?device=cpu#models=none" }, async ({ page }) => {
  // A network without rectifiers, and some of the methods that take it all the same.
  const only = ["guided_backprop", "deconvnet", "guided_grad_cam", "gradient", "lrp.z_plus", "rise"];
  const { refused } = await everyMethod(page, "squeeze_excite", QUICK, only);
  assert.deepEqual(refused.sort(), ["deconvnet", "guided_backprop", "guided_grad_cam"]);
});

scenario("gpu: every method of the list explains or says why not", { device: "gpu", query: "?device=gpu#models=none", timeout: 900_000 }, async ({ page }) => {
  const { refused } = await everyMethod(page, "innvestigate_biased", QUICK);
  assert.deepEqual(refused, []);
  assert.equal(await page.getByTestId("device-badge").getAttribute("data-device"), "gpu");
});

/** What can be asked beside a class's logit, as the page and as the command take it. */
const QUESTIONS = [
  ["probability", { target: { kind: "probability" } }, ["--target", "probability"], ["gradient", "grad_cam", "lrp.epsilon", "integrated_gradients", "occlusion"]],
  ["contrast", { target: { kind: "contrast", against: 2 } }, ["--target", "contrast:2"], ["gradient", "grad_cam", "lrp.z_plus", "deep_lift.rescale", "rise"]],
  [
    "unit", { target: { kind: "neuron", layer: "conv1", neuron: { channel: 3, position: [4, 5] } } },
    ["--layer", "conv1", "--neuron", "3,4,5"], ["gradient", "lrp.alpha_beta", "smoothgrad", "kernel_shap"],
  ],
  ["concept", { concept: { layer: "relu1", channels: [1, 3] } }, ["--concept", "relu1:1,3"], ["lrp.epsilon", "lrp.z_plus", "deep_taylor"]],
  ["channel", { layer: "relu1", neuron: { channel: 2, position: null } }, ["--layer", "relu1", "--neuron", "2"], ["activation"]],
];

for (const device of ["cpu", "gpu"]) {
  scenario(`${device}: the numbers of every method are the native command's`, { device, visit: false, timeout: 900_000 }, async ({ page, server }) => {
    await openBare(page, server);
    const table = await methodTable();
    const name = "innvestigate_biased";
    const rows = [["", {}, [], table.map(({ id }) => id)], ...(device === "cpu" ? QUESTIONS : [])];
    const specs = [];
    const expected = [];
    for (const [asked, given, options, ids] of rows) {
      const methods = table.filter(({ id }) => ids.includes(id));
      assert.equal(methods.length, ids.length, ids.join());
      const params = Object.fromEntries(methods.flatMap((method) => Object.entries(own(method, QUICK))));
      const maps = await native(name, IMAGES[0], ids, { params, pictures: IMAGES.slice(1), seed: SEED, options });
      for (const method of methods) {
        specs.push({ method: method.id, params: own(method, QUICK), seed: SEED, ...given });
        expected.push([`${method.id} ${asked}`, method, maps.get(method.id).values]);
      }
    }
    const maps = await inWorker(page, device, name, IMAGES, specs);
    const wrong = [];
    for (const [index, [what, method, reference]] of expected.entries()) {
      const { values, reason } = maps[index];
      const tolerance = method.id === "lrp.gamma" || method.family === "pattern" ? 1e-3 : 1e-4;
      try {
        assert.ok(values, `${what}: ${reason}`);
        assertSame(what, values, reference, tolerance);
      } catch (error) {
        wrong.push(error.message);
      }
    }
    assert.deepEqual(wrong, []);
  });
}
