// Methods that take many passes, or fit something to other pictures: seconds each, so that they run once or twice.

import { LONG, UNITS, isLong } from "./figures.mjs";
import { median } from "./statistics.mjs";

/** Forward passes and gradients before a run, and as many after it. */
const AROUND = 3;

/**
 * Every long method on a network that is loaded, between forward passes and gradients of the same minute: what disturbs
 * a run disturbs what it is held against. `image()` names the next picture, `pictures` the loaded ones.
 */
export async function longMethods(page, model, methods, { image, pictures, plan, say }) {
  const results = [];
  for (const { id } of methods.filter(isLong)) {
    const { params = {}, most, unit } = LONG[id] ?? {};
    const runs = [];
    let reason;
    while (runs.length < (most ? plan.longRuns : 1) && !reason) {
      const run = await between(page, model, { method: id, params }, { image, pictures });
      reason = run.reason;
      if (!reason) runs.push(run);
    }
    if (reason) {
      results.push({ id, params, reason });
      continue;
    }
    const middle = (of) => median(runs.map(of));
    const result = {
      id, params, runs,
      steps: runs[0].steps,
      explain: middle(({ explain }) => explain),
      cost: middle(({ forward, explain }) => (forward + explain) / forward),
      most, unit,
      value: most && middle(UNITS[unit].of),
    };
    results.push(result);
    const figure = most ? `, ${result.value.toFixed(2)} ${UNITS[unit].name}` : "";
    const steps = result.steps ? `, ${result.steps} steps` : "";
    say(`${model.name}: ${id} ${(result.explain / 1000).toFixed(2)} s${steps}, ${result.cost.toFixed(1)} forward passes${figure}`);
  }
  return results;
}

async function between(page, model, task, { image, pictures }) {
  const [forwards, gradients] = [[], []];
  let picture;
  const around = async () => {
    for (let count = 0; count < AROUND; count += 1) {
      picture = image();
      forwards.push((await page.call("forward", { model: model.id, image: picture })).milliseconds);
      gradients.push((await page.call("explain", { model: model.id, image: picture, method: "gradient" })).milliseconds);
    }
  };
  await around();
  const others = pictures.filter((other) => other !== picture);
  const run = await page.call("explain", { model: model.id, image: picture, pictures: others, limit: 300_000, ...task });
  if (run.reason) return run;
  await around();
  // A method that shows no map on the way says itself how many steps it takes.
  const { samples, channels, steps } = task.params;
  return {
    explain: run.milliseconds, steps: run.steps ?? samples ?? channels ?? steps, state: run.state,
    forward: median(forwards), gradient: median(gradients),
  };
}
