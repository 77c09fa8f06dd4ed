// iNNspect's worker with its WebGPU calls counted: every message to the page carries the counts so far.

const counts = {
  dispatches: 0, passes: 0, submits: 0, bindGroups: 0, pipelines: 0, buffersCreated: 0, bytesCreated: 0,
  buffersDestroyed: 0, writes: 0, bytesWritten: 0, copies: 0, reads: 0, bytesRead: 0,
};

/** Calls `count` before every call of a method; browsers without it have nothing to count. */
function tap(type, name, count) {
  const prototype = globalThis[type]?.prototype;
  const original = prototype?.[name];
  if (!original) return;
  prototype[name] = function (...parameters) {
    count.apply(this, parameters);
    return original.apply(this, parameters);
  };
}

const one = (counter) => () => (counts[counter] += 1);
tap("GPUComputePassEncoder", "dispatchWorkgroups", one("dispatches"));
tap("GPUComputePassEncoder", "dispatchWorkgroupsIndirect", one("dispatches"));
tap("GPUCommandEncoder", "beginComputePass", one("passes"));
tap("GPUQueue", "submit", one("submits"));
tap("GPUDevice", "createBindGroup", one("bindGroups"));
tap("GPUDevice", "createComputePipeline", one("pipelines"));
tap("GPUDevice", "createComputePipelineAsync", one("pipelines"));
tap("GPUCommandEncoder", "copyBufferToBuffer", one("copies"));
tap("GPUBuffer", "destroy", one("buffersDestroyed"));
tap("GPUDevice", "createBuffer", ({ size, mappedAtCreation }) => {
  counts.buffersCreated += 1;
  counts.bytesCreated += size;
  if (mappedAtCreation) {
    counts.writes += 1;
    counts.bytesWritten += size;
  }
});
tap("GPUQueue", "writeBuffer", (_buffer, _offset, data, first = 0, size = undefined) => {
  // Offset and size count elements of a typed array, bytes of anything else.
  const unit = data.BYTES_PER_ELEMENT ?? 1;
  counts.writes += 1;
  counts.bytesWritten += size === undefined ? data.byteLength - first * unit : size * unit;
});
tap("GPUBuffer", "mapAsync", function (mode, offset = 0, size = undefined) {
  if (mode !== GPUMapMode.READ) return;
  counts.reads += 1;
  counts.bytesRead += size ?? this.size - offset;
});

const send = self.postMessage.bind(self);
self.postMessage = (message, transfer = []) => send([...message, { ...counts }], transfer);

await import("/worker_loader.js");
