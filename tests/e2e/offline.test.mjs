// After one visit everything works with the server gone, also under a sub-path; an update is offered.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { COMPUTING, SITE, assertExplained, cardOf, catalog, kept, launch, postBuild, reach, scenario, serve, until } from "./support.mjs";

const model = catalog().models[0];

for (const base of ["/", "/some/sub/path/"]) {
  scenario(
    `one visit is enough to work without the server, under ${base}`,
    // A browser reports the update check that finds no server.
    { base, query: `?device=cpu#models=${model.id}`, timeout: 600_000, allowed: [/Failed to load resource|ERR_CONNECTION_REFUSED|fetching the script/] },
    async ({ page, server, url }) => {
      await reach(cardOf(page, model.id), "done", 2 * COMPUTING);
      // What was loaded before the service worker listened is kept too, the network above all.
      await kept(page, model.file);
      await server.stop();

      await page.goto(`${server.url}?device=cpu&again=1#models=${model.id}`);
      await reach(cardOf(page, model.id), "done", 2 * COMPUTING);
      await assertExplained(cardOf(page, model.id));

      // A picture that was not looked at before, too.
      await page.getByTestId("picture").nth(3).click();
      await reach(cardOf(page, model.id), "done", COMPUTING);
      assert.equal(await page.getByTestId("catalog-error").count(), 0);
      assert.ok(url.startsWith(server.url));
    },
  );
}

test("a new version is offered, and taken when the visitor says so", { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "innspect-update-"));
  cpSync(SITE, folder, { recursive: true });
  const server = await serve({ folder });
  const browser = await launch();
  try {
    const page = browser.context.pages()[0];
    await page.goto(`${server.url}?device=cpu#models=none`);
    await until("the service worker", () => page.evaluate(() => navigator.serviceWorker?.controller !== null), COMPUTING);

    const index = join(folder, "index.html");
    const policy = readFileSync(index, "utf8").replace(/ 'sha256-[^']+'/g, "").replace("'wasm-unsafe-eval'", "'wasm-unsafe-eval' __SCRIPT_HASHES__");
    writeFileSync(index, policy.replace("<title>", "<title>New: "));
    await postBuild(folder);
    await page.reload();
    const offer = page.getByTestId("toast").filter({ hasText: /new version/i });
    await offer.waitFor({ timeout: COMPUTING });
    assert.doesNotMatch(await page.title(), /^New: /, "nothing is forced");
    await Promise.all([page.waitForEvent("load", { timeout: 60_000 }), offer.getByTestId("toast-action").click()]);
    await until("the new version", async () => (await page.title().catch(() => "")).startsWith("New: "));
  } finally {
    await browser.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
