// A server for the benchmarks: the built site at the root, as on any static host, and the benchmarks' own pages and
// onnxruntime-web below /bench/, so that both have one origin. It counts what it sends.

import { createReadStream, statSync } from "node:fs";
import http from "node:http";
import { extname, join, normalize, sep } from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8", ".json": "application/json", ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg",
  ".webp": "image/webp",
};

/** Serves folders by prefix, the longest first: `{url, sent, stop()}`; `sent` lists `{path, bytes}`. */
export async function serve(folders) {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const sent = [];
  const server = http.createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://x").pathname);
    const prefix = prefixes.find((start) => path.startsWith(start));
    let file = normalize(join(folders[prefix], path.slice(prefix.length)));
    const inside = `${file}${sep}`.startsWith(`${normalize(folders[prefix])}${sep}`);
    let about = inside ? statSync(file, { throwIfNoEntry: false }) : undefined;
    if (about?.isDirectory()) {
      file = join(file, "index.html");
      about = statSync(file, { throwIfNoEntry: false });
    }
    if (!about?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    const tag = `"${about.size.toString(16)}-${Math.round(about.mtimeMs).toString(16)}"`;
    if (request.headers["if-none-match"] === tag) {
      sent.push({ path, bytes: 0 });
      response.writeHead(304, { etag: tag }).end();
      return;
    }
    sent.push({ path, bytes: about.size });
    response.writeHead(200, {
      etag: tag,
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "content-length": about.size,
      "cache-control": "no-cache",
    });
    createReadStream(file).pipe(response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    sent,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
