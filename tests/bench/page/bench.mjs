// What the driver calls in the page: `bench.*`. Every call does one thing, so that the driver decides the order.

import { Engine, fetched } from "./engine.mjs";

const pictures = new Map();
let engine;
let runtime;

/** Asks onnxruntime-web's worker. */
function ask(op, task = {}, transfer = []) {
  return new Promise((done, fail) => {
    const id = ++runtime.last;
    setTimeout(() => fail(new Error(`onnxruntime-web took longer than 120 s for ${op}`)), 120_000);
    runtime.jobs.set(id, { done, fail });
    runtime.worker.postMessage({ id, op, ...task }, transfer);
  });
}

/**
 * A photo made to a network's size, so that both engines read the very same numbers: a PNG that our preprocessing
 * leaves as it is, and its values prepared by the catalogue's formula.
 */
async function fit(model, url) {
  const { size, fit, channels, scale, mean, std } = model.preprocessing;
  const share = fit.kind === "center_crop" ? fit.crop : 1;
  const [height, width] = size.map((side) => Math.round(side / share));
  const bitmap = await createImageBitmap(new Blob([await fetched(url)]), { resizeWidth: width, resizeHeight: height });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const png = await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer();
  const [top, left] = [(height - size[0]) / 2, (width - size[1]) / 2];
  const { data } = context.getImageData(left, top, size[1], size[0]);
  const order = channels === "bgr" ? [2, 1, 0] : [0, 1, 2];
  const values = new Float32Array(3 * size[0] * size[1]);
  order.forEach((source, channel) => {
    for (let pixel = 0; pixel < size[0] * size[1]; pixel += 1) {
      values[channel * size[0] * size[1] + pixel] = (data[4 * pixel + source] * scale - mean[channel]) / std[channel];
    }
  });
  return { png, values };
}

globalThis.bench = {
  /** Starts our worker: what it runs on and which methods it has. */
  async start({ script = "/worker_loader.js", device }) {
    engine = await Engine.start(script, device);
    return { device: engine.device, methods: engine.methods };
  },

  /** Starts onnxruntime-web: its version. */
  async startRuntime() {
    runtime = { worker: new Worker("./ort-worker.mjs", { type: "module" }), jobs: new Map(), last: 0 };
    await new Promise((done, fail) => {
      runtime.worker.onerror = (event) => fail(new Error(`onnxruntime-web's worker failed: ${event.message}`));
      runtime.worker.onmessage = done;
    });
    runtime.worker.onmessage = ({ data: { id, result, error } }) => {
      const job = runtime.jobs.get(id);
      runtime.jobs.delete(id);
      if (error) job.fail(new Error(error));
      else job.done(result);
    };
    return ask("version");
  },

  /** Loads a network into our worker: milliseconds, bytes and all, and what it is. */
  async load({ model }) {
    const { reply, milliseconds } = await engine.load(model);
    return { milliseconds, model: reply.model };
  },

  /** Opens the file that the page was given as a network: milliseconds, and what it is. */
  async openFile({ id, limit }) {
    const { reply, milliseconds } = await engine.open(id, document.getElementById("file").files[0], limit);
    return { milliseconds, model: reply.model };
  },

  /** Loads a network into onnxruntime-web: milliseconds. */
  async loadRuntime({ model }) {
    const bytes = await fetched(model.url);
    return ask("load", { model: model.id, bytes }, [bytes]);
  },

  /** Loads photos made to a network's size under the ids 0, 1, ... */
  async fitted({ model, urls }) {
    for (const [index, url] of urls.entries()) {
      const { png, values } = await fit(model, url);
      pictures.set(`${model.id} ${index}`, values);
      await engine.picture(`${model.id} ${index}`, png);
    }
  },

  /** Loads photos as they are, under the ids 0, 1, ... */
  async photos({ urls }) {
    for (const [index, url] of urls.entries()) await engine.picture(`${index}`, await fetched(url));
  },

  /** Our forward pass: milliseconds, the best classes, and the GPU's counts if they are taken. */
  async forward({ model, image, limit }) {
    const { reply, counts } = await engine.predict(model, image, limit);
    const { milliseconds, top } = reply.prediction;
    return { milliseconds, top, counts };
  },

  /** An explanation on top of the last forward pass: milliseconds and steps, or why there is none. */
  async explain({ model, image, method, params, pictures, limit }) {
    const { reply, counts, steps } = await engine.explain(model, image, method, { params, pictures, limit });
    if (reply.type !== "explained") return { reason: reply.reason ?? reply.type };
    return { milliseconds: 1000 * reply.explanation.facts.seconds, state: reply.explanation.state, steps, counts };
  },

  /** What a measuring worker said last. */
  readings: () => engine.readings,

  /** onnxruntime-web's forward pass: milliseconds and its values. */
  async forwardRuntime({ model, image, shape, full }) {
    const { milliseconds, output } = await ask("run", { model, values: pictures.get(image), shape });
    return { milliseconds, output: full ? [...output] : undefined };
  },

  /** Ends the workers. */
  stop() {
    engine?.stop();
    runtime?.worker.terminate();
    engine = runtime = undefined;
  },
};
document.documentElement.dataset.ready = "";
