// A browser with the benchmarks' page open, by the means of the end-to-end tests.

import { launch, until, watch } from "../e2e/support.mjs";

/** Opens the page: `{call(name, task), version, stop()}`; a call runs `bench.name(task)` there. */
export async function open(server, { webgpu = false } = {}) {
  const browser = await launch({ webgpu });
  const page = browser.context.pages()[0] ?? (await browser.context.newPage());
  const { errors } = watch(page, new URL(server.url).origin);
  await page.goto(`${server.url}bench/`);
  await until("the benchmarks' page", () => page.evaluate(() => "ready" in document.documentElement.dataset));
  return {
    version: browser.context.browser()?.version(),
    async call(name, task = {}) {
      try {
        return await page.evaluate(([name, task]) => globalThis.bench[name](task), [name, task]);
      } catch (error) {
        const console = errors.length > 0 ? ` (console: ${errors.slice(-3).join("; ")})` : "";
        throw new Error(`${error.message.split("\n")[0]}${console}`);
      }
    },
    /** Gives the page a file on disk, as a person does. */
    give: (path) => page.setInputFiles("#file", path),
    stop: () => browser.stop(),
  };
}
