// What a first visit downloads before a network: the files of the site, plain and compressed.

import { readFileSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";
import zlib from "node:zlib";

/** What the figure counts. */
const COUNTED = new Set([".html", ".css", ".js", ".wasm"]);

const brotli = (bytes, quality) =>
  zlib.brotliCompressSync(bytes, {
    params: {
      [zlib.constants.BROTLI_PARAM_QUALITY]: quality,
      [zlib.constants.BROTLI_PARAM_LGWIN]: 24,
      [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  }).length;

/** `{files: [{file, raw, gzip9, brotli9, brotli11}], total}`, largest first. */
export function sizes(site) {
  const files = readdirSync(site, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && COUNTED.has(extname(entry.name)))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(site.length + 1))
    .filter((file) => !file.startsWith("models/"))
    .map((file) => {
      const bytes = readFileSync(join(site, file));
      const gzip9 = zlib.gzipSync(bytes, { level: 9 }).length;
      return { file, raw: bytes.length, gzip9, brotli9: brotli(bytes, 9), brotli11: brotli(bytes, 11) };
    })
    .sort((a, b) => b.raw - a.raw);
  const total = Object.fromEntries(
    ["raw", "gzip9", "brotli9", "brotli11"].map((key) => [key, files.reduce((sum, file) => sum + file[key], 0)]),
  );
  return { files, total };
}
