// `cargo xtask bench`: all measurements, a table on standard output, target/bench.json.
//
//   --quick        few samples
//   --only PART    forward (with the methods), memory, large, webgpu, sizes or visit; may be repeated
//   --write        put the tables into BENCHMARKS.md

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ROOT, SITE, catalog, launch } from "../e2e/support.mjs";
import { compare } from "./compare.mjs";
import { counts } from "./counts.mjs";
import { large } from "./large.mjs";
import { memory } from "./memory.mjs";
import { report } from "./report.mjs";
import { serve } from "./server.mjs";
import { sizes } from "./sizes.mjs";
import { visits } from "./visit.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const [BEGIN, END] = ["<!-- tables: begin -->", "<!-- tables: end -->"];
const PARTS = ["forward", "memory", "large", "webgpu", "sizes", "visit"];

const options = commandLine();
const wanted = (part) => options.only?.includes(part) ?? true;
const begun = Date.now();
const say = (text) => console.error(`[bench ${((Date.now() - begun) / 1000).toFixed(0).padStart(4)} s] ${text}`);

const { models, photos } = catalog();
const labels = (file) => JSON.parse(readFileSync(join(SITE, "models", file), "utf8"));
const builtIn = (id) => {
  const model = models.find((model) => model.id === id);
  if (!model) throw new Error(`the catalogue has no ${id}`);
  return { ...model, url: `/models/${model.file}`, labels: labels(model.labels) };
};
const golden = (id) => ({ id, name: `golden network \`${id}\``, url: `/bench/golden/${id}.onnx` });
const addresses = photos.map(({ file }) => `/models/${file}`);
const pair = addresses.slice(0, 2);
const { quick } = options;
const plans = {
  forward: {
    models: ["squeezenet1_1", "efficientnet_lite0"].map(builtIn), photos: pair, others: addresses.slice(2, 6),
    pairs: quick ? 5 : 21, figureRounds: quick ? 3 : 11, otherRounds: quick ? 1 : 5, longRuns: quick ? 1 : 2,
    warm: quick ? 1_500 : 4_000, warmRounds: quick ? 1 : 2, limit: quick ? 60_000 : 240_000,
  },
  memory: { model: builtIn("efficientnet_lite0"), photo: pair[0] },
  large: { photo: pair[0], limit: 300_000 },
  webgpu: { models: [golden("residual"), builtIn("squeezenet1_1")], photos: pair, limit: 150_000 },
  visit: { visits: quick ? 1 : 5, cards: models.length, limit: 120_000 },
};

const server = await serve({
  "/": SITE,
  "/bench/": join(HERE, "page"),
  "/bench/ort/": join(HERE, "node_modules/onnxruntime-web/dist"),
  "/bench/golden/": join(ROOT, "tests/golden"),
});
const result = {
  // First: starting a browser is load too.
  load: { before: os.loadavg()[0], after: 0 },
  date: new Date().toISOString().slice(0, 10),
  commit: commit(),
  browser: await browserVersion(),
  node: process.versions.node,
  cpu: os.cpus()[0]?.model.trim() ?? "unknown",
  cores: os.cpus().length,
  quick,
};
try {
  say(`${result.browser}, load average ${result.load.before.toFixed(2)}`);
  if (wanted("sizes")) result.sizes = sizes(SITE);
  if (wanted("forward")) result.compare = await compare(server, plans.forward, say);
  if (wanted("memory")) result.memory = await memory(server, plans.memory, say);
  if (wanted("large")) result.large = await large(server, plans.large, say);
  result.load.after = os.loadavg()[0];
  if (wanted("visit")) result.visits = await visits(server, plans.visit, say);
  // Last: the software rasteriser keeps every core busy.
  if (wanted("webgpu")) result.counts = await counts(server, plans.webgpu, say);
} finally {
  server.stop();
}

const file = join(ROOT, "target/bench.json");
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
const tables = report(result);
console.log(tables);
if (options.write) write(tables);
say(`done; all numbers are in target/bench.json`);

/** Puts the tables between the marks of BENCHMARKS.md. */
function write(tables) {
  const path = join(ROOT, "BENCHMARKS.md");
  const text = readFileSync(path, "utf8");
  const [first, last] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (first < 0 || last < first) throw new Error(`BENCHMARKS.md has no ${BEGIN} and ${END}`);
  writeFileSync(path, `${text.slice(0, first + BEGIN.length)}\n\n${tables}\n\n${text.slice(last)}`);
}

async function browserVersion() {
  const browser = await launch();
  const version = browser.context.browser()?.version();
  const page = browser.context.pages()[0] ?? (await browser.context.newPage());
  const agent = await page.evaluate(() => navigator.userAgent);
  await browser.stop();
  return `Chromium ${version ?? agent.match(/Chrome\/([\d.]+)/)?.[1] ?? "of unknown version"}`;
}

function commit() {
  const git = (...args) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "crates", "shaders", "models") ? " with changes" : "");
  } catch {
    return "unknown";
  }
}

function commandLine() {
  const kinds = { quick: { type: "boolean", default: false }, only: { type: "string", multiple: true }, write: { type: "boolean", default: false } };
  try {
    const { values } = parseArgs({ options: kinds });
    const unknown = values.only?.find((part) => !PARTS.includes(part));
    if (unknown) throw new Error(`there is no part ${unknown}; there are ${PARTS.join(", ")}`);
    return values;
  } catch (error) {
    console.error(`bench: ${error.message}`);
    process.exit(2);
  }
}
