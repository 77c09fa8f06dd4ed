// onnxruntime-web in a worker of its own: wasm, SIMD, one thread. Requests are {id, op, ...}.

import * as ort from "/bench/ort/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1;
ort.env.wasm.proxy = false;
ort.env.wasm.wasmPaths = new URL("/bench/ort/", location.href).href;

const sessions = new Map();

const operations = {
  version: () => ort.env.versions.web,

  /** Loads a network: milliseconds. */
  async load({ model, bytes }) {
    const begun = performance.now();
    sessions.set(model, await ort.InferenceSession.create(new Uint8Array(bytes), { executionProviders: ["wasm"] }));
    return performance.now() - begun;
  },

  /** One forward pass, values in, values out. */
  async run({ model, values, shape }) {
    const session = sessions.get(model);
    const begun = performance.now();
    const input = new ort.Tensor("float32", values, shape);
    const results = await session.run({ [session.inputNames[0]]: input });
    const output = await results[session.outputNames[0]].getData();
    return { milliseconds: performance.now() - begun, output };
  },
};

onmessage = async ({ data: { id, op, ...task } }) => {
  try {
    postMessage({ id, result: await operations[op](task) });
  } catch (error) {
    postMessage({ id, error: `onnxruntime-web: ${error.message ?? error}` });
  }
};
postMessage({ id: 0 });
