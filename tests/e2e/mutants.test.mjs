// A thousand damaged networks in the worker: each is answered soon, and the engine goes on working.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GOLDEN, scenario } from "./support.mjs";

const SEEDS = [
  "plain.onnx", "keras/plain.k2.h5", "keras/plain.k3.keras", "tflite/plain.float.tflite", "tfjs/layers/plain.k2/model.json",
  "torch/zip.pth", "torch/legacy.pth", "torch/plain.safetensors",
];
const EACH = 125;
/** Longest time that reading one may take, in milliseconds; a busy machine is slow. */
const LONGEST = 5_000;

/** Runs in the browser: how many were read and refused, the longest answer, and what a network that is whole gives afterwards. */
async function inBrowser({ seeds, each }) {
  const worker = new Worker(new URL("./worker_loader.js", location.href), { type: "module" });
  let heard;
  worker.onerror = (event) => heard?.({ type: "crashed", message: event.message });
  worker.onmessage = ({ data: [json] }) => heard?.(JSON.parse(json));
  const hear = (...wanted) =>
    new Promise((done) => {
      heard = (reply) => [...wanted, "failed", "crashed"].includes(reply.type) && done(reply);
    });
  await hear("listening");
  let answer = hear("started");
  worker.postMessage([JSON.stringify({ type: "start", device: "cpu" })]);
  await answer;

  let job = 0;
  const open = async (name, bytes) => {
    job += 1;
    answer = hear("model_ready", "choose_architecture");
    const request = { type: "open_files", files: [{ job, id: `${job}`, name }] };
    worker.postMessage([JSON.stringify(request), new File([bytes], name)]);
    const reply = await answer;
    if (reply.type === "model_ready") worker.postMessage([JSON.stringify({ type: "drop_model", model: `${job}` })]);
    return reply;
  };
  let state = 20_260_101n;
  const below = (limit) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number((state >> 33n) % BigInt(limit));
  };
  const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const outcome = { read: 0, refused: 0, longest: 0, slowest: "", crashed: "" };
  for (const { name, base64 } of seeds) {
    const whole = bytesOf(base64);
    for (let round = 0; round < each; round += 1) {
      let mutant = whole.slice();
      for (let change = 0; change <= below(5); change += 1) {
        const at = below(2) === 0 ? below(Math.min(mutant.length, 4096)) : below(mutant.length);
        const kind = below(4);
        if (kind === 0) mutant[at] ^= 1 << below(8);
        else if (kind === 1) mutant.fill(0xff, at, at + 4);
        else if (kind === 2) mutant.fill(0, at, at + 8);
        else mutant.copyWithin(at, below(mutant.length), below(mutant.length));
      }
      if (below(8) === 0) mutant = mutant.slice(0, below(mutant.length));
      const begun = performance.now();
      const reply = await open(name, mutant);
      const took = performance.now() - begun;
      if (took > outcome.longest) Object.assign(outcome, { longest: took, slowest: `${name}, round ${round}` });
      if (reply.type === "crashed" || reply.job === null) return { ...outcome, crashed: `${name}, round ${round}: ${JSON.stringify(reply)}` };
      outcome[reply.type === "failed" ? "refused" : "read"] += 1;
    }
  }
  outcome.after = (await open(seeds[0].name, bytesOf(seeds[0].base64))).type;
  worker.terminate();
  return outcome;
}

scenario("a thousand damaged networks are answered one by one", { query: "?device=cpu#models=none", timeout: 600_000 }, async ({ page }) => {
  const seeds = SEEDS.map((path) => ({ name: path.split("/").at(-1), base64: readFileSync(join(GOLDEN, path)).toString("base64") }));
  const outcome = await page.evaluate(inBrowser, { seeds, each: EACH });
  assert.equal(outcome.crashed, "");
  assert.equal(outcome.after, "model_ready", "a whole network opens afterwards");
  // Both must happen, or the changes say nothing.
  assert.ok(outcome.read > 20 && outcome.refused > 200, JSON.stringify(outcome));
  assert.ok(outcome.longest < LONGEST, `${outcome.slowest} took ${outcome.longest} ms`);
});
