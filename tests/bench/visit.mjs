// A first visit with an empty profile: how long until the first heatmap, and how long the page is deaf meanwhile.

import { launch } from "../e2e/support.mjs";
import { summary } from "./statistics.mjs";

/** Visits: `{visits: [...], firstMap, allMaps, longestTask}` in milliseconds from the navigation. */
export async function visits(server, plan, say) {
  const visits = [];
  for (let count = 0; count < plan.visits; count += 1) visits.push(await visit(server, plan));
  const series = (key) => summary(visits.map((visit) => visit[key]));
  const result = {
    visits, firstPaint: series("firstPaint"), firstMap: series("firstMap"), allMaps: series("allMaps"),
    longestStarting: Math.max(...visits.map(({ longestStarting }) => longestStarting)),
    longestComputing: Math.max(...visits.map(({ longestComputing }) => longestComputing)),
  };
  say(`first visit: paint ${seconds(result.firstPaint)}, first map ${seconds(result.firstMap)}, all maps ${seconds(result.allMaps)}, longest task ${result.longestStarting} ms starting, ${result.longestComputing} ms computing`);
  return result;
}

const seconds = ({ median }) => `${(median / 1000).toFixed(2)} s`;

async function visit(server, plan) {
  const browser = await launch();
  try {
    const page = browser.context.pages()[0] ?? (await browser.context.newPage());
    await page.addInitScript(() => {
      const record = { tasks: [], paints: {}, busy: Infinity, done: {} };
      globalThis.innspectVisit = record;
      new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries()) record.tasks.push({ startTime, duration });
      }).observe({ type: "longtask", buffered: true });
      new PerformanceObserver((list) => {
        for (const { name, startTime } of list.getEntries()) record.paints[name] = startTime;
      }).observe({ type: "paint", buffered: true });
      new MutationObserver(() => {
        for (const card of document.querySelectorAll('[data-testid="model-card"]')) {
          const { state, model } = card.dataset;
          if (state === "computing") record.busy = Math.min(record.busy, performance.now());
          if (state === "done") record.done[model] ??= performance.now();
        }
      }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"] });
    });
    server.sent.length = 0;
    await page.goto(`${server.url}?device=cpu`, { waitUntil: "domcontentloaded" });
    const reached = (count) =>
      page.waitForFunction((count) => Object.keys(globalThis.innspectVisit.done).length >= count, count, {
        polling: 100, timeout: plan.limit,
      });
    await reached(1);
    const before = [...server.sent];
    await reached(plan.cards);
    const record = await page.evaluate(() => globalThis.innspectVisit);
    const times = Object.values(record.done).sort((a, b) => a - b);
    const longest = (tasks) => Math.round(Math.max(0, ...tasks.map(({ duration }) => duration)));
    return {
      firstPaint: record.paints["first-contentful-paint"],
      firstMap: times[0],
      allMaps: times.at(-1),
      longestStarting: longest(record.tasks.filter(({ startTime }) => startTime < record.busy)),
      longestComputing: longest(record.tasks.filter(({ startTime }) => startTime >= record.busy)),
      tasks: record.tasks,
      requestsToFirstMap: before.length,
      bytesToFirstMap: before.reduce((sum, { bytes }) => sum + bytes, 0),
      sent: before,
    };
  } finally {
    await browser.stop();
  }
}
