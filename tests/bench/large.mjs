// A network of half a gigabyte in our worker: how long it takes to open and explain, and how much memory.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "./browser.mjs";

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), "vgg16.py");
const METHODS = ["gradient", "grad_cam", "lrp.epsilon"];

/** A Python that has h5py: the first of the path, or Debian's beside it. */
function python() {
  const has = (program) => spawnSync(program, ["-c", "import h5py"], { stdio: "ignore" }).status === 0;
  const found = ["python3", "/usr/bin/python3"].find(has);
  if (!found) throw new Error("no Python with h5py; on Debian: apt-get install python3-h5py");
  return found;
}

/** `{name, file, peakFactor, rows: [{what, milliseconds, memory}]}`, sizes in bytes. */
export async function large(server, { photo, limit }, say) {
  const folder = mkdtempSync(join(tmpdir(), "innspect-bench-"));
  const page = await open(server);
  try {
    const path = join(folder, "vgg16_weights_tf_dim_ordering_tf_kernels.h5");
    execFileSync(python(), [SCRIPT, path], { stdio: ["ignore", "ignore", "inherit"] });
    const file = statSync(path).size;
    const { device } = await page.call("start", { script: "/bench/memory-worker.mjs", device: "cpu" });
    if (device.kind !== "cpu") throw new Error(`the worker runs on ${device.name}`);
    const rows = [];
    const note = async (what, milliseconds) => rows.push({ what, milliseconds, memory: (await page.call("readings")).memory });
    await page.give(path);
    const { milliseconds, model } = await page.call("openFile", { id: "large", limit });
    await note("open", milliseconds);
    await page.call("photos", { urls: [photo] });
    const task = { model: "large", image: "0", limit };
    await note("forward", (await page.call("forward", task)).milliseconds);
    for (const method of METHODS) {
      const { milliseconds, reason } = await page.call("explain", { ...task, method });
      if (reason) throw new Error(`${method}: ${reason}`);
      await note(`\`${method}\``, milliseconds);
    }
    const peakFactor = rows[0].memory / file;
    say(`${model.name}: opened in ${(milliseconds / 1000).toFixed(1)} s, ${(rows[0].memory / 1e6).toFixed(0)} MB of wasm memory`);
    return { name: `VGG16 (${(model.params / 1e6).toFixed(0)} million weights)`, file, peakFactor, rows };
  } finally {
    await page.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
