// `cargo xtask montage`: one picture of every method on one photo for the built-in networks.
//
//   node montage.mjs FOLDER PHOTO OUT.jpg
//
// FOLDER holds methods.json (`innspect methods --json`) and, in a folder named like each network, any number of folders
// that `innspect explain` wrote. The page is written there too, as methods.html.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT, launch } from "../e2e/support.mjs";

const WIDTH = 1600;
/** Methods in a line. */
const COLUMNS = 4;
/** Largest size of the picture in bytes. */
const LIMIT = 700_000;
/** Families with the headings that the page gives them; small ones stand side by side. */
const FAMILIES = {
  gradient: "Gradients", cam: "Class activation maps", activation: "Activations", pattern: "Learned signals",
  lrp: "Layer-wise relevance propagation", baseline: "Differences from a baseline",
  perturbation: "Hiding parts of the picture",
};
/** What stands in the place of a map that says nothing. */
const STATES = { no_positive_evidence: "no positive evidence", all_zero: "zero everywhere", non_finite: "not finite" };

const [folder, photo, out] = process.argv.slice(2).map((path) => resolve(path));
if (!out) {
  console.error("usage: node montage.mjs FOLDER PHOTO OUT.jpg");
  process.exit(2);
}
const read = (...path) => JSON.parse(readFileSync(join(...path), "utf8"));
const escape = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
const address = (file) => escape(encodeURI(relative(folder, file)));

const methods = read(folder, "methods.json");
const catalog = read(ROOT, "models/catalog.json");
const networks = catalog.models.filter(({ dataset }) => !dataset).map(({ id, name }) => ({ name, ...maps(join(folder, id)) }));
const shown = catalog.photos.find(({ file }) => basename(file) === basename(photo));

const page = join(folder, "methods.html");
writeFileSync(page, html());
mkdirSync(dirname(out), { recursive: true });
const { bytes, quality } = await draw();
console.log(`${relative(ROOT, out)}: ${methods.length} methods, ${(bytes / 1000).toFixed(0)} kB at quality ${quality}`);

/** The maps of a network, by method, and what it says of the photo. */
function maps(folder) {
  const found = new Map();
  let best;
  for (const run of readdirSync(folder)) {
    const { samples, results } = read(folder, run, "result.json");
    [best] = samples[0].prediction.top;
    for (const { samples: [sample] } of results) {
      found.set(sample.method, { file: join(folder, run, sample.png), state: sample.state });
    }
  }
  return { maps: found, best };
}

function cell({ name, maps }, id) {
  const map = maps.get(id);
  if (!map) return `<span class="none">not for ${escape(name)}</span>`;
  if (map.state !== "ordinary") return `<span class="none">${STATES[map.state]}</span>`;
  return `<img src="${address(map.file)}" alt="" />`;
}

function family([family, title]) {
  const own = methods.filter((method) => method.family === family);
  if (own.length === 0) return "";
  const cells = own.map(({ id, name }) => `
      <figure><figcaption>${escape(name)}</figcaption><div>${networks.map((network) => cell(network, id)).join("")}</div></figure>`);
  const span = Math.min(COLUMNS, own.length);
  return `
    <section style="grid-column: span ${span}; grid-template-columns: repeat(${span}, 1fr)">
      <h2>${title}</h2>${cells.join("")}
    </section>`;
}

function html() {
  const unknown = methods.find((method) => !(method.family in FAMILIES));
  if (unknown) throw new Error(`${unknown.id} is of the family ${unknown.family}, which the page does not know`);
  const order = networks.map(({ name, best }, index) =>
    `<li><b>${index + 1}</b> ${escape(name)}: ${escape(best.label)} ${(100 * best.score).toFixed(0)} %</li>`);
  return `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <title>All methods on one photo</title>
  <style>
    * { box-sizing: border-box; margin: 0; }
    body { width: ${WIDTH}px; padding: 26px 28px 30px; background: #fafaf8; color: #1c1c1a; font: 15px/1.35 "DejaVu Sans", sans-serif; }
    header { display: flex; gap: 26px; align-items: center; margin-bottom: 20px; }
    header img { height: 190px; display: block; border-radius: 4px; }
    h1 { font-size: 27px; font-weight: 600; margin-bottom: 8px; }
    p { color: #55554f; max-width: 900px; }
    ol { list-style: none; padding: 0; margin-top: 10px; display: flex; gap: 28px; }
    li b { display: inline-block; width: 1.5em; text-align: center; background: #e4e4de; border-radius: 3px; font-weight: 600; }
    main, section { display: grid; gap: 12px 20px; grid-template-columns: repeat(${COLUMNS}, 1fr); }
    main { grid-auto-flow: dense; gap: 20px; }
    h2 { grid-column: 1 / -1; font-size: 17px; font-weight: 600; border-bottom: 2px solid #c9c9c1; padding-bottom: 3px; }
    figure div { display: grid; grid-template-columns: repeat(${networks.length}, 1fr); gap: 4px; }
    figcaption { font-size: 14px; margin-bottom: 2px; white-space: nowrap; }
    figure img, .none { display: block; width: 100%; aspect-ratio: 1; }
    .none { display: grid; place-items: center; padding: 6px; text-align: center; font-size: 12px; color: #77776f; background: #ecece7; }
  </style>
  <body>
    <header>
      <img src="${address(photo)}" alt="" />
      <div>
        <h1>${methods.length} methods, one photo, ${networks.length} networks</h1>
        <p>${shown ? `${escape(shown.title)} (${escape(shown.author)}, ${escape(shown.licence)}). ` : ""}Each method shows why the networks see what they see, from left to right. Red speaks for the class and blue against it; maps without a sign go from blue to yellow.</p>
        <ol>${order.join("")}</ol>
      </div>
    </header>
    <main>${Object.entries(FAMILIES).map(family).join("")}
    </main>
  </body>
</html>
`;
}

/** Takes the page's picture in the best quality that stays under the limit. */
async function draw() {
  const browser = await launch({ viewport: { width: WIDTH, height: 1000 } });
  try {
    const tab = browser.context.pages()[0] ?? (await browser.context.newPage());
    await tab.goto(pathToFileURL(page).href);
    const broken = await tab.evaluate(() => [...document.images].filter(({ naturalWidth }) => naturalWidth === 0).map(({ src }) => src));
    if (broken.length > 0) throw new Error(`${broken.length} pictures do not load, such as ${broken[0]}`);
    for (let quality = 88; quality >= 40; quality -= 4) {
      const picture = await tab.screenshot({ type: "jpeg", quality, fullPage: true, timeout: 60_000 });
      if (picture.length > LIMIT) continue;
      writeFileSync(out, picture);
      return { bytes: picture.length, quality };
    }
    throw new Error(`the picture is larger than ${LIMIT / 1000} kB in any quality`);
  } finally {
    await browser.stop();
  }
}
