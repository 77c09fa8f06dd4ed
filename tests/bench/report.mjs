// The results for people: Markdown tables, the figures that the project has set itself first.

import { COSTS, MEMORY, UNITS } from "./figures.mjs";

const table = (head, rows) =>
  [head, head.map((_, index) => (index === 0 ? "---" : "---:")), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

const ms = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toString());
const times = (value) => `${value.toFixed(2)}x`;
const interval = ({ value, low, high }) => `${times(value)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
const seconds = (value) => `${(value / 1000).toFixed(2)} s`;
const grouped = (count) => count.toLocaleString("en-US").replaceAll(",", " ");

/** All tables. */
export function report(result) {
  const { compare, counts, large, memory, sizes, visits } = result;
  const parts = [machine(result), figures(result)];
  if (compare) parts.push(costs(compare), forward(compare), ...compare.models.flatMap((model) => [methods(model), longMethods(model)]));
  if (memory) parts.push(memoryTable(memory));
  if (large) parts.push(largeTable(large));
  if (counts) parts.push(launches(counts));
  if (sizes) parts.push(download(sizes));
  if (visits) parts.push(firstVisit(visits));
  return parts.filter((part) => part !== "").join("\n\n");
}

function machine({ date, browser, node, cpu, cores, load, quick, commit }) {
  return [
    `Measured on ${date} at commit ${commit}: ${browser}, Node ${node}, ${cores} shared cores (${cpu}). Load average ` +
      `${load.before.toFixed(2)} before, ${load.after.toFixed(2)} after${quick ? "; a quick run with few samples" : ""}.`,
    load.before > 1.2 ? "The machine was busy: trust the ratios and the smallest times, not the medians in ms." : "",
  ].join(" ").trim();
}

function figures({ compare, memory, sizes, visits }) {
  const rows = [];
  const row = (what, most, value, unit) => rows.push([what, `at most ${unit(most)}`, unit(value), verdict([value], most)]);
  for (const { name, forward } of compare?.models ?? []) {
    row(`${name}: forward beside onnxruntime-web`, 2, forward.ratio.value, times);
  }
  if (memory) {
    const what = `${memory.name}: memory of Integrated Gradients, ${MEMORY.many} steps`;
    row(what, MEMORY.budget, memory.rows[1].growth, megabytes);
    row(`${what} beside ${MEMORY.few}`, MEMORY.most, memoryRatio(memory), times);
  }
  if (sizes) row("first load without networks, brotli 11", 3e6, sizes.total.brotli11, megabytes);
  if (visits) row("longest task of the page's thread while computing", 50, visits.longestComputing, (value) => `${value} ms`);
  return rows.length === 0 ? "" : `### Figures\n\n${table(["Figure", "Set", "Measured", ""], rows)}`;
}

const verdict = (values, most) => (values.every((value) => value <= most) ? "met" : "**missed**");

/** What every method with a figure costs, one column a network. */
function costs({ models }) {
  const row = (what, set, most, values) =>
    [what, `at most ${set}`, ...values.map((value) => (value === undefined ? "" : times(value))), verdict(values.filter((value) => value !== undefined), most)];
  const short = Object.entries(COSTS)
    .map(([id, most]) => ({ id, most, values: models.map(({ methods }) => methods.find((method) => method.id === id)?.cost?.value) }))
    .map(({ id, most, values }) => row(`\`${id}\``, times(most), most, values));
  const long = (models[0]?.long ?? [])
    .filter(({ most }) => most)
    .map(({ id, params, most, unit }) => {
      const values = models.map((model) => model.long.find((method) => method.id === id)?.value);
      return row(`\`${id}\`, ${parameters(params)}`, `${most} ${UNITS[unit].name}`, most, values);
    });
  const head = ["(forward + method) / forward, unless said otherwise", "Set", ...models.map(({ name }) => name), ""];
  return `### Costs with a figure\n\n${table(head, [...short, ...long])}`;
}

const parameters = (params) => Object.entries(params).map(([name, value]) => `${name} ${value}`).join(", ");

function forward({ runtime, models }) {
  const rows = models.flatMap((model) => {
    const line = (name, which, ratio) => {
      const { n, median, min, mad } = model.forward[which];
      return [name, ms(median), ms(min), ms(mad), n, model.noise[which].toFixed(2), ms(model.first[which]), ms(model.load[which]), ratio];
    };
    return [
      line(`${model.name}, iNNspect`, "ours", interval(model.forward.ratio)),
      line(`${model.name}, onnxruntime-web ${runtime}`, "runtime", ""),
    ];
  });
  const head = ["wasm, one thread", "median ms", "min", "MAD", "n", "odd/even", "first run", "load", "ratio of medians (95 %)"];
  const differences = models.map(({ name, difference }) => `${name} ${difference.toExponential(1)}`).join(", ");
  return `### Forward pass\n\n${table(head, rows)}\n\nLargest difference between the engines' outputs, as a share of the largest value: ${differences}.`;
}

function methods(model) {
  const rows = model.methods.map(({ id, explain, cost, reason }) =>
    reason
      ? [`\`${id}\``, "", "", "", "", reason]
      : [`\`${id}\``, ms(explain.median), ms(explain.min), ms(explain.mad), explain.n, interval(cost)]);
  const head = ["Method", "median ms on the kept forward pass", "min", "MAD", "n", "(forward + method) / forward (95 %)"];
  return `### Methods: ${model.name}\n\n${table(head, rows)}`;
}

function longMethods({ name, long }) {
  if (long.length === 0) return "";
  const rows = long.map(({ id, params, reason, runs, steps, explain, cost }) =>
    reason
      ? [`\`${id}\``, parameters(params), "", "", "", "", reason]
      : [`\`${id}\``, parameters(params) || "defaults", steps ?? "", seconds(explain), runs.length, times(cost), steps ? times((cost - 1) / steps) : ""]);
  const head = ["Method of many passes", "measured with", "steps", "time on the kept forward pass", "n", "(forward + method) / forward", "forward passes a step"];
  return `### Long methods: ${name}\n\n${table(head, rows)}`;
}

const memoryRatio = ({ rows: [few, many] }) => (many.growth === few.growth ? 1 : many.growth / few.growth);

function memoryTable(memory) {
  const rows = memory.rows.map(({ steps, before, growth }) => [`${steps} steps`, megabytes(before), megabytes(growth)]);
  const head = ["Integrated Gradients", "wasm memory before", "growth until the map is there"];
  return `### Memory: ${memory.name}, CPU device\n\n${table(head, rows)}`;
}

function largeTable({ name, file, peakFactor, rows }) {
  const lines = rows.map(({ what, milliseconds, memory }) => [what, seconds(milliseconds), megabytes(memory)]);
  const head = ["Step", "time", "wasm memory afterwards"];
  const note = `A file of ${megabytes(file)} with weights drawn at random, read in slices; at its largest the memory is ` +
    `${times(peakFactor)} the file while it is loaded. wasm memory never shrinks.`;
  return `### Large network: ${name}, CPU device\n\n${table(head, lines)}\n\n${note}`;
}

function launches({ adapter, models }) {
  const rows = models.flatMap(({ name, rows, error }) => [
    ...rows.map(({ what, counts: c }) => [
      `${name}: ${what === "forward" ? "forward" : `\`${what}\``}`, c.dispatches, c.passes, c.submits, grouped(c.bytesRead), c.reads,
      grouped(c.bytesWritten), c.writes, c.buffersCreated, c.buffersDestroyed, c.pipelines,
    ]),
    ...(error ? [[`${name}: ${error}`, ...Array(10).fill("")]] : []),
  ]);
  const head = ["Network", "launches", "passes", "submits", "bytes read", "reads", "bytes written", "writes", "buffers made", "freed", "pipelines made"];
  return `### WebGPU calls (${adapter ?? "no adapter"})\n\n${table(head, rows)}`;
}

function download({ files, total }) {
  const line = (name, size) => [name, ...["raw", "gzip9", "brotli9", "brotli11"].map((key) => megabytes(size[key]))];
  const large = files.filter(({ raw }) => raw >= 50_000);
  const small = files.filter(({ raw }) => raw < 50_000);
  const rest = Object.fromEntries(Object.keys(total).map((key) => [key, small.reduce((sum, file) => sum + file[key], 0)]));
  // Names carry a hash of the content.
  const plain = (file) => `\`${file.replace(/-[0-9a-f]{8,}(?=[._])/, "")}\``;
  const rows = [...large.map((file) => line(plain(file.file), file)), line(`${small.length} smaller files`, rest), line("**all**", total)];
  return `### Download without networks and pictures\n\n${table(["File", "raw", "gzip 9", "brotli 9", "brotli 11"], rows)}`;
}

function firstVisit({ visits, firstPaint, firstMap, allMaps, longestStarting, longestComputing }) {
  const line = (what, { median, min }) => [what, seconds(median), seconds(min)];
  const rows = [
    line("first contentful paint", firstPaint), line("first heatmap", firstMap), line("heatmaps of all three networks", allMaps),
    ["longest task of the page's thread until the engine computes", `${longestStarting} ms`, ""],
    ["longest task of the page's thread from then on", `${longestComputing} ms`, ""],
    ["requests until the first heatmap", visits[0].requestsToFirstMap, ""],
    ["bytes until the first heatmap, uncompressed, network and pictures included", megabytes(visits[0].bytesToFirstMap), ""],
  ];
  return `### First visit with an empty profile, CPU device, local server (${visits.length} visits)\n\n${table(["From the navigation", "median", "min"], rows)}`;
}
