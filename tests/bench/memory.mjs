// How much memory Integrated Gradients takes in our worker, with few and with many points on the path.

import { open } from "./browser.mjs";
import { MEMORY } from "./figures.mjs";

/**
 * The growth of the wasm memory beyond what network, picture, forward pass and gradient took: `{id, name, rows: [{steps,
 * before, growth}]}`, in bytes. wasm memory never shrinks, so its size afterwards is the peak. Each number of steps gets
 * a worker of its own.
 */
export async function memory(server, plan, say) {
  const { model, photo } = plan;
  const page = await open(server);
  const rows = [];
  try {
    for (const steps of [MEMORY.few, MEMORY.many]) {
      const { device } = await page.call("start", { script: "/bench/memory-worker.mjs", device: "cpu" });
      if (device.kind !== "cpu") throw new Error(`the worker runs on ${device.name}`);
      await page.call("load", { model });
      await page.call("photos", { urls: [photo] });
      const task = { model: model.id, image: "0" };
      await page.call("forward", task);
      await page.call("explain", { ...task, method: "gradient" });
      const before = (await page.call("readings")).memory;
      const { reason } = await page.call("explain", { ...task, method: "integrated_gradients", params: { steps }, limit: 300_000 });
      if (reason) throw new Error(`integrated_gradients: ${reason}`);
      rows.push({ steps, before, growth: (await page.call("readings")).memory - before });
      await page.call("stop");
    }
  } finally {
    await page.stop();
  }
  say(`${model.name}: ${rows.map(({ steps, growth }) => `${steps} steps grow the memory by ${(growth / 1e6).toFixed(1)} MB`).join(", ")}`);
  return { id: model.id, name: model.name, rows };
}
