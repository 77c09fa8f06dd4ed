// The page's side of the worker's protocol, with nothing of the page around it.

/** What ends a request. */
const ENDS = new Set(["model_ready", "image_ready", "explained", "not_applicable", "cancelled"]);

/** A request with its job; of files that are opened each has one. */
const named = (request, job) =>
  request.files ? { ...request, files: request.files.map((file) => ({ job, ...file })) } : { job, ...request };

/** iNNspect's worker. */
export class Engine {
  #worker;
  #jobs = new Map();
  #next = 1;
  /** What a measuring worker sends with every message, as of the last one. */
  readings = {};

  /** Starts the worker's script on a device. */
  static async start(script, device) {
    const engine = new Engine();
    engine.#worker = new Worker(script, { type: "module" });
    await new Promise((done, fail) => {
      engine.#worker.onerror = (event) => fail(new Error(`the worker failed: ${event.message}`));
      engine.#worker.onmessage = ({ data: [json] }) => {
        const reply = JSON.parse(json);
        if (reply.type === "listening") engine.#worker.postMessage([JSON.stringify({ type: "start", device })]);
        if (reply.type === "failed") fail(new Error(`${reply.error.what} ${reply.error.place}`));
        if (reply.type !== "started") return;
        engine.device = reply.device;
        engine.methods = reply.methods;
        done();
      };
    });
    engine.#worker.onmessage = ({ data }) => engine.#hear(data);
    return engine;
  }

  #hear([json, ...attachments]) {
    const reply = JSON.parse(json);
    const job = this.#jobs.get(reply.job);
    this.readings = attachments.find((attachment) => !(attachment instanceof ArrayBuffer)) ?? this.readings;
    if (!job) return;
    if (reply.type === "partial") job.steps = reply.steps.total;
    if (reply.type === "failed") {
      this.#jobs.delete(reply.job);
      job.fail(new Error(`${reply.error.what} ${reply.error.place}`));
    } else if (ENDS.has(reply.type) || (reply.type === "predicted" && job.type === "predict")) {
      this.#jobs.delete(reply.job);
      job.done({ reply, steps: job.steps });
    }
  }

  /**
   * Sends a request and waits for its last reply. What the worker's GPU did meanwhile is in `counts` of the answer, if
   * the worker counts; the number of steps is in `steps`, if the worker showed a map on the way.
   */
  async ask(request, { files = [], limit = 120_000 } = {}) {
    const job = this.#next++;
    const before = this.readings;
    const begun = performance.now();
    const { reply, steps } = await new Promise((done, fail) => {
      this.#jobs.set(job, { type: request.type, done, fail });
      setTimeout(() => fail(new Error(`${request.type} took longer than ${limit / 1000} s`)), limit);
      this.#worker.postMessage([JSON.stringify(named(request, job)), ...files]);
    });
    const counts = Object.fromEntries(
      Object.entries(this.readings).map(([name, count]) => [name, count - (before[name] ?? 0)]),
    );
    return { reply, job, counts, steps, milliseconds: performance.now() - begun };
  }

  /** Loads a network of the catalogue, or one of a golden file. */
  async load(model) {
    const file = new File([await fetched(model.url)], `${model.id}.onnx`);
    if (model.preprocessing) {
      const { id, name, sha256, preprocessing } = model;
      const request = { type: "load_model", model: id, name, source: { kind: "attached" }, sha256, preprocessing, labels: model.labels };
      return this.ask(request, { files: [file] });
    }
    return this.open(model.id, file);
  }

  /** Opens a file of the user's as a network. */
  async open(id, file, limit) {
    return this.ask({ type: "open_files", files: [{ id, name: file.name }] }, { files: [file], limit });
  }

  /** Loads a picture from a file's bytes. */
  async picture(id, bytes) {
    const request = { type: "load_image", image: id, name: `${id}.png`, source: { kind: "attached" } };
    return this.ask(request, { files: [new File([bytes], request.name)] });
  }

  /** Runs forward. */
  async predict(model, image, limit) {
    return this.ask({ type: "predict", model, image }, { limit });
  }

  /** Explains the best class by a method; parameters that are not given have their defaults. */
  async explain(model, image, method, { params = {}, pictures = [], limit } = {}) {
    const spec = { method, params, class: null, layer: null, neuron: null, seed: 0 };
    const display = { reduction: "sum", colormap: "auto", scale: { kind: "per_map" }, clip: 99.5 };
    const answer = await this.ask({ type: "explain", model, image, spec, display, pictures }, { limit });
    this.#worker.postMessage([JSON.stringify({ type: "forget", job: answer.job })]);
    return answer;
  }

  /** Ends the worker. */
  stop() {
    this.#worker.terminate();
  }
}

/** The bytes of an address. */
export async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: HTTP status ${response.status}`);
  return response.arrayBuffer();
}
