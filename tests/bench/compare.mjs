// Our wasm CPU device against onnxruntime-web, and what an explanation costs beside a forward pass.

import { open } from "./browser.mjs";
import { COSTS, isLong } from "./figures.mjs";
import { longMethods } from "./long.mjs";
import { noise, ratio, summary } from "./statistics.mjs";

/** Largest difference of a score or logit between the engines, as a share of the largest. */
const TOLERANCE = 1e-3;

/**
 * Forward passes A-B-A-B and explanations, on each network: `{runtime, models: [...]}`. `plan` has the networks, two
 * photos and others that methods may learn from, and how often and how long to measure.
 */
export async function compare(server, plan, say) {
  const page = await open(server);
  try {
    const { device, methods } = await page.call("start", { device: "cpu" });
    if (device.kind !== "cpu") throw new Error(`the worker runs on ${device.name}`);
    const runtime = await page.call("startRuntime");
    const models = [];
    for (const model of plan.models) models.push(await one(page, model, methods, plan, say));
    return { runtime, models };
  } finally {
    await page.stop();
  }
}

async function one(page, model, methods, plan, say) {
  const loaded = await page.call("load", { model });
  const loadedRuntime = await page.call("loadRuntime", { model });
  await page.call("fitted", { model, urls: [...plan.photos, ...plan.others] });
  const pictures = [...plan.photos, ...plan.others].map((_, index) => `${model.id} ${index}`);
  const images = pictures.slice(0, plan.photos.length);
  const shape = [1, ...model.input];
  let turn = 0;
  /** Every forward pass takes the picture that the one before did not have: the worker keeps the last one's. */
  const image = () => images[turn++ % images.length];
  const ours = (picture) => page.call("forward", { model: model.id, image: picture });
  const theirs = (picture, full = false) => page.call("forwardRuntime", { model: model.id, image: picture, shape, full });

  const first = { ours: 0, runtime: 0 };
  let difference = 0;
  for (const [index, picture] of images.entries()) {
    const [mine, other] = [await ours(picture), await theirs(picture, true)];
    if (index === 0) Object.assign(first, { ours: mine.milliseconds, runtime: other.milliseconds });
    difference = Math.max(difference, disagreement(mine.top, other.output));
  }
  if (difference > TOLERANCE) throw new Error(`${model.name}: the engines differ by ${difference.toExponential(1)}`);

  await warm(plan, () => ours(image()));
  await warm(plan, () => theirs(image()));
  const times = { ours: [], runtime: [] };
  const end = Date.now() + plan.limit;
  while (times.ours.length < plan.pairs && Date.now() < end) {
    const picture = image();
    times.ours.push((await ours(picture)).milliseconds);
    times.runtime.push((await theirs(picture)).milliseconds);
  }
  const result = {
    id: model.id,
    name: model.name,
    load: { ours: loaded.milliseconds, runtime: loadedRuntime },
    first,
    difference,
    forward: { ours: summary(times.ours), runtime: summary(times.runtime), ratio: ratio(times.ours, times.runtime) },
    noise: { ours: noise(times.ours), runtime: noise(times.runtime) },
    methods: [],
    long: [],
    times,
  };
  const { value, low, high } = result.forward.ratio;
  say(`${model.name}: forward ${result.forward.ours.median.toFixed(1)} ms, onnxruntime-web ${result.forward.runtime.median.toFixed(1)} ms, ratio ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`);

  const short = methods.filter((method) => !isLong(method)).map(({ id }) => id);
  const series = { image, plan, result, say };
  await explanations(page, model, short.filter((id) => id in COSTS), plan.figureRounds, series);
  await explanations(page, model, short.filter((id) => !(id in COSTS)), plan.otherRounds, series);
  result.long = await longMethods(page, model, methods, { image, pictures, plan, say });
  return result;
}

/** Rounds of one forward pass and every method on its tape. */
async function explanations(page, model, methods, rounds, { image, plan, result, say }) {
  const forward = [];
  const series = new Map(methods.map((method) => [method, []]));
  const reasons = new Map();
  const round = async (keep) => {
    const picture = image();
    const pass = await page.call("forward", { model: model.id, image: picture });
    if (keep) forward.push(pass.milliseconds);
    for (const [method, list] of series) {
      if (reasons.has(method)) continue;
      const { milliseconds, reason } = await page.call("explain", { model: model.id, image: picture, method });
      if (reason) reasons.set(method, reason);
      else if (keep) list.push(milliseconds);
    }
  };
  for (let count = 0; count < plan.warmRounds; count += 1) await round(false);
  const end = Date.now() + plan.limit;
  while (forward.length < rounds && Date.now() < end) await round(true);
  for (const [method, list] of series) {
    if (reasons.has(method)) {
      result.methods.push({ id: method, reason: reasons.get(method) });
      continue;
    }
    const whole = list.map((milliseconds, index) => forward[index] + milliseconds);
    const cost = ratio(whole, forward);
    result.methods.push({ id: method, explain: summary(list), forward: summary(forward), cost });
    say(`${model.name}: ${method} ${summary(list).median.toFixed(1)} ms, ${cost.value.toFixed(2)} forward passes with its own`);
  }
}

/** At least three runs and as long as it takes the browser to compile what is run often. */
async function warm(plan, run) {
  const begun = Date.now();
  for (let count = 0; count < 3 || (Date.now() - begun < plan.warm && count < 200); count += 1) await run();
}

/** The largest difference between our best classes and the runtime's values, whichever of logits or scores they are. */
function disagreement(top, output) {
  const scores = output.every((value) => value >= 0 && value <= 1);
  const largest = Math.max(...output.map(Math.abs));
  const differences = top.map(({ class: index, logit, score }) => Math.abs((scores ? score : logit) - output[index]));
  return Math.max(...differences) / largest;
}
