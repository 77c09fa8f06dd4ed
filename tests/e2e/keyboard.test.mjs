// The page without a mouse, and its themes.

import assert from "node:assert/strict";
import { COMPUTING, cardOf, catalog, reach, scenario, until } from "./support.mjs";

const { models, photos } = catalog();
const query = `?device=cpu#models=${models[0].id}`;

scenario("keys choose pictures, methods, classes and looks", { query, timeout: 600_000 }, async ({ page }) => {
  const card = cardOf(page, models[0].id);
  await reach(card, "done", 2 * COMPUTING);

  await page.keyboard.press("ArrowRight");
  await until("the next picture", async () => (await page.locator('[data-testid="picture"][aria-current="true"]').getAttribute("data-picture-id")) === photos[1].file);
  await reach(card);
  await page.keyboard.press("ArrowLeft");
  await reach(card);

  const method = page.getByTestId("method");
  const before = await method.inputValue();
  await page.keyboard.press("m");
  await until("the next method", async () => (await method.inputValue()) !== before);
  await page.keyboard.press("Shift+M");
  await until("the method before", async () => (await method.inputValue()) === before);

  await page.keyboard.press("c");
  await page.keyboard.type("retriever");
  const options = page.getByTestId("class-option");
  await options.first().waitFor();
  await page.keyboard.press("Enter");
  await until("the class", async () => /retriever/i.test(await page.getByTestId("class-chosen").innerText()));
  await page.keyboard.press("Escape");
  await reach(card, ["done", "no-evidence", "stopped"]);
  // Back to the class with evidence: a map without any has no relevance to read.
  await page.keyboard.press("b");
  await until("the best class", async () => /best class/i.test(await page.getByTestId("class-chosen").innerText()));
  await reach(card, "done");

  await card.getByTestId("stage").focus();
  await page.keyboard.press("ArrowDown");
  assert.match(await card.getByTestId("relevance").innerText(), /\d/);

  await page.keyboard.press("?");
  const help = page.getByTestId("help-dialog");
  await help.getByText("Next picture").waitFor();
  await page.keyboard.press("Escape");
  await help.getByText("Next picture").waitFor({ state: "hidden" });
});

scenario("every control is reached by Tab, and the focus is seen", { query, timeout: 300_000 }, async ({ page }) => {
  await reach(cardOf(page, models[0].id), "done", 2 * COMPUTING);
  const seen = new Set();
  await page.locator("body").press("Tab");
  for (let step = 0; step < 200; step += 1) {
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const style = getComputedStyle(element);
      const ring = style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) > 0;
      return { name: element.dataset.testid ?? element.id ?? element.tagName, ring: ring || style.boxShadow !== "none" };
    });
    if (focus) {
      seen.add(focus.name);
      assert.ok(focus.ring, `no focus ring on ${focus.name}`);
    }
    await page.keyboard.press("Tab");
  }
  for (const name of ["theme", "help", "method", "class", "opacity", "top-class", "stage", "add-model", "picture"]) {
    assert.ok(seen.has(name), `${name} is not reached by Tab; reached: ${[...seen].join(", ")}`);
  }
});

scenario("the theme follows the system, then the choice, and is kept", { query: "?device=cpu#models=none" }, async ({ page }) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.getByTestId("theme").waitFor();
  const light = await ground();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground();
  assert.notEqual(light, dark);
  await page.getByTestId("theme").click();
  assert.equal(await ground(), light, "a chosen light theme beats the system");
  await page.reload();
  await page.getByTestId("theme").waitFor();
  assert.equal(await ground(), light, "the choice is kept");
  await page.getByTestId("theme").click();
  assert.equal(await ground(), dark);
});
