// What a forward pass and an explanation ask of WebGPU. Counts do not depend on the machine, so a software rasteriser
// will do; its times would say nothing.

import { open } from "./browser.mjs";

const METHODS = ["gradient", "grad_cam", "lrp.epsilon", "lrp.alpha_2_beta_1"];

/** Counts on each network: `{adapter, models: [{name, rows: [{what, counts}]}]}`. */
export async function counts(server, plan, say) {
  const models = [];
  let adapter;
  for (const model of plan.models) {
    // A browser each: a network that takes too long leaves nothing behind for the next.
    const page = await open(server, { webgpu: true });
    const rows = [];
    try {
      const { device } = await page.call("start", { script: "/bench/gpu-worker.mjs", device: "gpu" });
      if (device.kind !== "gpu") throw new Error(`no WebGPU: ${device.notice}`);
      adapter = device.name;
      await page.call("load", { model });
      await page.call("photos", { urls: plan.photos });
      await measure(page, model, plan, (row) => {
        rows.push(row);
        const { dispatches, passes, submits, bytesRead, bytesWritten } = row.counts;
        say(`${model.name}: ${row.what}: ${dispatches} launches, ${passes} passes, ${submits} submits, ${bytesRead} B read, ${bytesWritten} B written`);
      });
      models.push({ id: model.id, name: model.name, rows });
    } catch (error) {
      say(`${model.name}: ${error.message}`);
      models.push({ id: model.id, name: model.name, rows, error: error.message });
    } finally {
      await page.stop();
    }
  }
  return { adapter, models };
}

async function measure(page, model, plan, found) {
  const end = Date.now() + plan.limit;
  const left = () => Math.max(1000, end - Date.now());
  let turn = 0;
  const image = () => `${turn++ % plan.photos.length}`;
  const forward = (picture) => page.call("forward", { model: model.id, image: picture, limit: left() });
  // The first two compile kernels and fill pools; from then on every pass does the same.
  await forward(image());
  await forward(image());
  let picture = image();
  found({ what: "forward", counts: (await forward(picture)).counts });
  for (const method of METHODS) {
    const explain = () => page.call("explain", { model: model.id, image: picture, method, limit: left() });
    const first = await explain();
    if (first.reason) continue;
    found({ what: method, counts: (await explain()).counts });
  }
}
