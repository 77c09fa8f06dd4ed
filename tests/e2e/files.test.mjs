// Files that are not what they should be get a clear message, and the page goes on working.

import assert from "node:assert/strict";
import { COMPUTING, assertExplained, drop, network, photo, reach, scenario, until } from "./support.mjs";

const text = (words) => Buffer.from(words);
const whole = network("plain").bytes;

/** What is dropped, and what the message must say it is. */
const BAD = [
  ["notes.txt", text("Just some notes.\nNothing else.\n"), /text/i],
  ["page.onnx", text("<!DOCTYPE html><html><body>404: not found</body></html>"), /HTML|web page/i],
  ["empty.onnx", Buffer.alloc(0), /empty/i],
  ["half.onnx", whole.subarray(0, Math.floor(whole.length / 2)), /ends|truncated|incomplete|cut|corrupt|bytes/i],
  ["pointer.onnx", text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"), /LFS/i],
  ["noise.jpg", Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919 + 13) % 251)), /./],
  ["broken.png", Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.alloc(40)]), /PNG|picture|image/i],
];

scenario("files that are no network and no picture are named for what they are", { query: "?device=cpu#models=none" }, async ({ page }) => {
  for (const [name, bytes, says] of BAD) {
    await drop(page, "body", [{ name, bytes }]);
    const message = page.getByTestId("file-error").filter({ hasText: name });
    await message.waitFor({ timeout: 60_000 });
    const words = (await message.innerText()).replace(name, "").replace(/\s+/g, " ").trim();
    console.log(`${name}: ${words}`);
    assert.match(words, says, `${name}: ${words}`);
    assert.doesNotMatch(words, /panicked|unwrap|undefined|RuntimeError|unreachable/, words);
    await message.getByTestId("file-dismiss").click();
    await message.waitFor({ state: "detached" });
  }
  assert.equal(await page.getByTestId("engine-down").count(), 0);

  // After all that, a good network still works, several files at once, and the bad one among them keeps its message.
  await drop(page, "body", [photo(0), { name: "again.txt", bytes: BAD[0][1] }, network("plain")]);
  const card = page.getByTestId("model-card").filter({ hasText: "plain" });
  await card.waitFor({ timeout: COMPUTING });
  await reach(card, ["done", "no-evidence"]);
  await assertExplained(card);
  await until("the message", async () => (await page.getByTestId("file-error").count()) === 1);
});

scenario("the input of a dropped network is shown and can be changed", { query: "?device=cpu#models=none&method=gradient" }, async ({ page }) => {
  await drop(page, "body", [network("plain")]);
  const card = page.getByTestId("model-card").filter({ hasText: "plain" });
  await card.waitFor({ timeout: COMPUTING });
  await reach(card, ["done", "no-evidence"]);
  const hint = card.getByTestId("input-hint");
  await hint.locator("summary").click();
  assert.ok((await hint.innerText()).length > 40);
  await card.getByTestId("input-change").click();
  const dialog = page.getByTestId("input-dialog");
  await dialog.getByTestId("preset-keras-caffe").check();
  const labels = Array.from({ length: 10 }, (_, index) => `thing ${index}`).join("\n");
  await dialog.getByTestId("input-labels").setInputFiles({ name: "labels.txt", mimeType: "text/plain", buffer: Buffer.from(labels) });
  await dialog.getByTestId("input-apply").click();
  await until("the names", async () => /thing \d/.test(await card.getByTestId("top-classes").innerText()), COMPUTING);
  await reach(card, ["done", "no-evidence"]);
  assert.equal(await hint.count(), 0, "a checked input needs no hint");
});
