// iNNspect's worker with its memory measured: every message to the page carries the size of the wasm memory.

import init from "/worker.js";

let memory;
const send = self.postMessage.bind(self);
self.postMessage = (message, transfer = []) => send([...message, { memory: memory?.buffer.byteLength ?? 0 }], transfer);

({ memory } = await init());
