// Networks of every format, dropped as people drop them, explained on both devices.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { COMPUTING, GOLDEN, drop, look, reach, scenario, until } from "./support.mjs";

const NONE = "#models=none";
const file = (folder, name) => ({ name, bytes: readFileSync(join(GOLDEN, folder, name)) });
const folder = (path) => readdirSync(join(GOLDEN, path)).filter((name) => !name.endsWith(".npy")).map((name) => file(path, name));

/** What is dropped, the file that names the card, and what the card's details say of the format. */
const CASES = [
  { files: [file("keras", "residual.k2.h5")], format: /Keras 2\.\d+\.\d+ \(HDF5\)/ },
  { files: [file("keras", "nested.k3.keras")], format: /Keras 3\.\d+\.\d+ \(archive\)/ },
  { files: [file("tflite", "plain.int8.tflite")], format: /TensorFlow Lite/ },
  { files: folder("tfjs/layers/residual.k2.shards"), main: "model.json", format: /TensorFlow\.js/ },
  { files: folder("tfjs/graph/concat"), main: "model.json", format: /TensorFlow\.js/ },
  { files: [file("torch", "plain.safetensors")], format: /PyTorch/ },
  { files: [file("onnx", "vit_script_opset17.onnx")], format: /ONNX opset 17/ },
];

async function openAll(page, cases) {
  for (const { files, main = files[0].name, format } of cases) {
    await drop(page, "body", files);
    // What is new comes first.
    await until(main, async () => (await page.locator(".file").count()) === 0, COMPUTING);
    const card = page.getByTestId("model-card").first();
    assert.match(await card.innerText(), new RegExp(main.replaceAll(".", "\\.")), "the card has the name of the file");
    await reach(card, ["done", "no-evidence"]);
    assert.equal(await page.getByTestId("file-error").count(), 0, main);
    const heat = await look(card.locator("canvas").first());
    assert.ok(heat.colours > 4, `${main} shows a map`);
    await card.getByTestId("facts").locator("summary").click();
    await until(`${main}'s format`, async () => format.test(await card.getByTestId("facts").innerText()));
  }
}

scenario("every format opens by drop and is explained", { query: `?device=cpu${NONE}`, timeout: 600_000 }, ({ page }) => openAll(page, CASES));

scenario("Keras, TensorFlow and PyTorch networks on the GPU", { device: "gpu", query: `?device=gpu${NONE}`, timeout: 600_000 }, ({ page }) =>
  openAll(page, [CASES[0], CASES[2]]),
);

scenario("a network without its shards says which are missing", { query: `?device=cpu${NONE}` }, async ({ page }) => {
  await drop(page, "body", [file("tfjs/layers/residual.k2.shards", "model.json")]);
  const error = page.getByTestId("file-error");
  await error.waitFor({ timeout: COMPUTING });
  assert.match(await error.innerText(), /missing: .*shard1of/);
});
