"""Write two small Keras networks and what iNNvestigate 2.1.2 says of them.

    python3.10 -m venv VENV && . VENV/bin/activate
    pip install -r requirements-innvestigate.txt
    python tests/golden/innvestigate_fixtures.py     # after generate.py; adds its two networks to expected.json

TensorFlow needs an older Python and an older protobuf than the rest, hence an environment of its own. Everything runs in
float64. The same network is written as ONNX with channels first; only the first dense layer sees a difference, its
columns are permuted.
"""

import copy
import json
import os
from importlib import metadata
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import innvestigate
import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper
from tensorflow import keras

import check

HERE = Path(__file__).resolve().parent
SAMPLES, SIZE, CLASSES = 2, 12, 5
STEPS = 64
TOLERANCE = 1e-4
MARGIN, PATH_MARGIN = 1e-4, 2e-6

COMPAT = {"compat": "innvestigate"}
PATH = {"steps": STEPS, "baseline": "zero", "rule": "left"}
BOX = {"low": -3, "high": 3}
FULL_BIAS = "iNNvestigate puts the whole bias into both denominators instead of splitting it by sign."
NO_INPUT_RULE = "The rule for the input layer has no effect in iNNvestigate 2.1.2: its map equals that without one."

# Method, parameters here, options there. Marked: the bias is counted in full, so that biased networks need `compat`.
ANALYZERS = [
    ("gradient", {}, {}, False),
    ("input_t_gradient", {}, {}, False),
    ("deconvnet", COMPAT, {}, False),
    ("guided_backprop", COMPAT, {}, False),
    ("integrated_gradients", COMPAT | PATH, {"steps": STEPS}, False),
    ("lrp.z", {}, {}, False),
    ("lrp.epsilon", {"epsilon": 0.1}, {"epsilon": 0.1}, False),
    ("lrp.w_square", {}, {}, False),
    ("lrp.flat", {}, {}, False),
    ("lrp.alpha_2_beta_1", {}, {}, True),
    ("lrp.alpha_2_beta_1_IB", {}, {}, False),
    ("lrp.alpha_1_beta_0", {}, {}, True),
    ("lrp.alpha_1_beta_0_IB", {}, {}, False),
    ("lrp.z_plus", {}, {}, False),
    ("lrp.z_plus_fast", {}, {}, False),
    ("lrp.sequential_preset_a", {}, {}, True),
    ("lrp.sequential_preset_b", {}, {}, True),
    ("deep_taylor", {}, {}, False),
]
# Where the input layer's rule is lost: ours is computed from the formulas, theirs only compared with the plain method.
WITHOUT_EFFECT = [
    ("lrp.sequential_preset_a_flat", {}, {}, "lrp.sequential_preset_a"),
    ("lrp.sequential_preset_b_flat", {}, {}, "lrp.sequential_preset_b"),
    ("deep_taylor.bounded", BOX, BOX, "deep_taylor"),
]


def keras_network(weights, biased):
    layers = keras.layers
    image = layers.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(6, 3, activation="relu", use_bias=biased)(image)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(8, 3, activation="relu", use_bias=biased)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(16, activation="relu", use_bias=biased)(x)
    x = layers.Dense(CLASSES, use_bias=biased)(x)
    model = keras.Model(image, x)
    model.set_weights([array.astype(np.float64) for array in weights])
    return model


def random_weights(random, biased):
    """In Keras' layout, float32."""
    weights = []
    for shape in ((3, 3, 3, 6), (3, 3, 6, 8), (3 * 3 * 8, 16), (16, CLASSES)):
        spread = np.sqrt(2 / np.prod(shape[:-1]))
        weights.append((random.standard_normal(shape) * spread).astype(np.float32))
        if biased:
            weights.append((random.standard_normal(shape[-1]) * 0.3).astype(np.float32))
    return weights


def write_onnx(path, weights, biased):
    step = 2 if biased else 1
    kernels, biases = weights[::step], weights[1::step] if biased else [None] * 4
    rows, columns, channels = 3, 3, 8
    dense = kernels[2].reshape(rows, columns, channels, -1).transpose(3, 2, 0, 1).reshape(16, -1)
    arrays = [kernels[0].transpose(3, 2, 0, 1), kernels[1].transpose(3, 2, 0, 1), dense, kernels[3].T]
    names = ["conv1", "conv2", "dense1", "dense2"]
    initializers, inputs = [], {}
    for name, weight, bias in zip(names, arrays, biases):
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(weight), f"{name}.weight"))
        inputs[name] = [f"{name}.weight"]
        if bias is not None:
            initializers.append(numpy_helper.from_array(bias, f"{name}.bias"))
            inputs[name].append(f"{name}.bias")
    conv = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [0, 0, 0, 0]}
    nodes = [
        helper.make_node("Conv", ["image", *inputs["conv1"]], ["z1"], "conv1", **conv),
        helper.make_node("Relu", ["z1"], ["a1"], "relu1"),
        helper.make_node("MaxPool", ["a1"], ["pooled"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["pooled", *inputs["conv2"]], ["z2"], "conv2", **conv),
        helper.make_node("Relu", ["z2"], ["a2"], "relu2"),
        helper.make_node("Flatten", ["a2"], ["flat"], "flatten", axis=1),
        helper.make_node("Gemm", ["flat", *inputs["dense1"]], ["z3"], "dense1", transB=1),
        helper.make_node("Relu", ["z3"], ["a3"], "relu3"),
        helper.make_node("Gemm", ["a3", *inputs["dense2"]], ["logits"], "dense2", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="golden")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def kinks(values):
    """Distance of the nearest ReLU kink or tie of a max pooling; windows of equal cells have no winner to protect."""
    nearest = min(np.abs(values[name][values[name] != 0]).min() for name in ("z1", "z2", "z3"))
    view = check.pool_windows(values["a1"], {"kernel_shape": (2, 2), "strides": (2, 2)})[0]
    ordered = np.sort(view.reshape(*view.shape[:4], -1), axis=-1)
    gap = ordered[..., -1] - ordered[..., -2]
    return min(nearest, gap[gap > 0].min())


def build(name, biased):
    for seed in range(1000):
        random = np.random.default_rng(seed)
        weights = random_weights(random, biased)
        x = random.standard_normal((SAMPLES, 3, SIZE, SIZE)).astype(np.float32)
        write_onnx(HERE / f"{name}.onnx", weights, biased)
        np.save(HERE / f"{name}.input.npy", x)
        network = check.Network(entry_of(name, x))
        logits = np.sort(network.values["logits"], axis=1)
        clear = (logits[:, -1] - logits[:, -2]).min() > 0.1 and logits[:, -1].min() > 0.3
        if clear and len(set(network.target)) > 1 and kinks(network.values) > MARGIN:
            path = [network.run(network.x * (step / STEPS)) for step in range(1, STEPS)]
            if min(map(kinks, path)) > PATH_MARGIN:
                return seed, weights, network
    raise RuntimeError(f"no seed found for {name}")


def entry_of(name, x):
    return {
        "onnx": f"{name}.onnx",
        "input": {"file": f"{name}.input.npy", "name": "image", "shape": list(x.shape)},
        "output": {"name": "logits", "classes": CLASSES, "softmax": False},
        "operators": ["Conv", "Flatten", "Gemm", "MaxPool", "Relu"],
        "logits": f"{name}.logits.npy",
    }


def in_float32(network):
    """The same network on float32 weights and activations, to see what they cost."""
    single = copy.copy(network)
    single.constants = {name: value.astype(np.float32) for name, value in network.constants.items()}
    single.x = network.x.astype(np.float32)
    single.values = single.run(single.x)
    single.logit_start = single.one * single.values[single.logits]
    return single


def deviation(value, reference):
    return np.abs(value - reference).max() / np.abs(reference).max()


def generate(name, biased):
    seed, weights, network = build(name, biased)
    x = network.x
    model = keras_network(weights, biased)
    channels_last = x.transpose(0, 2, 3, 1)
    error = deviation(model.predict(channels_last, verbose=0), network.values["logits"])
    assert error < 1e-9, error
    np.save(HERE / f"{name}.logits.npy", network.values["logits"].astype(np.float32))
    print(f"{name}: seed {seed}, logits {error:.1e}", flush=True)

    def analyse(method, options):
        analyzer = innvestigate.create_analyzer(method, model, **options)
        return analyzer.analyze(channels_last).transpose(0, 3, 1, 2)

    rows, single = [], in_float32(network)

    def add(method, value, library, parameters, variant=None, **extra):
        ours = network.attribution({"method": method, "parameters": parameters})
        error = deviation(ours, value)
        print(f"  {error:.1e} {method} {variant or ''}", flush=True)
        assert error < 1e-6, method
        lost = deviation(single.attribution({"method": method, "parameters": parameters}), value)
        if 20 * lost > TOLERANCE:
            extra["tolerance"] = float(f"{20 * lost:.0e}")
            extra["tolerance_reason"] = "20 times what float32 alone costs the reference"
        file = ".".join(filter(None, (name, method, variant, "npy")))
        np.save(HERE / file, np.ascontiguousarray(value.astype(np.float32)))
        starts_at_one = method in ("gradient", "input_t_gradient", "integrated_gradients")
        rows.append(
            {
                "file": file,
                "method": method,
                "parameters": parameters,
                "start": "one" if starts_at_one else "relu_logit" if method.startswith("deep_taylor") else "logit",
                "library": library,
                "tolerance": TOLERANCE,
                "float32_error": float(f"{lost:.1e}"),
                **extra,
            }
        )

    theirs = {}
    for method, parameters, options, whole_bias in ANALYZERS:
        theirs[method] = analyse(method, options)
        if biased and whole_bias:
            ours = network.attribution({"method": method, "parameters": parameters})
            add(method, ours, "numpy", parameters, fault=FULL_BIAS)
            parameters = parameters | COMPAT
        variant = "compat" if "compat" in parameters else None
        add(method, theirs[method], "innvestigate", parameters, variant)
    for method, parameters, options, plain in WITHOUT_EFFECT:
        assert np.array_equal(analyse(method, options), theirs[plain]), method
        ours = network.attribution({"method": method, "parameters": parameters})
        add(method, ours, "numpy", parameters, fault=NO_INPUT_RULE)

    total, biases, products = network.ledger()

    def as_list(value):
        return [float(f"{entry:.9g}") for entry in value]

    logit = network.logit_start.sum(axis=1)
    return {
        **entry_of(name, x),
        "seed": seed,
        "argmax": network.target.tolist(),
        "kink_margin": float(f"{kinks(network.values):.2g}"),
        "attributions": rows,
        "lrp_ledger": {
            "method": "lrp.z",
            "tolerance": 1e-4,
            "logit": as_list(logit),
            "input": as_list(total),
            "bias": {node: as_list(value) for node, value in biases.items()},
            "product": {node: as_list(value) for node, value in products.items()},
        },
    }


def main():
    tf.compat.v1.disable_eager_execution()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    keras.backend.set_floatx("float64")
    path = HERE / "expected.json"
    document = json.loads(path.read_text())
    for name, biased in (("innvestigate_plain", False), ("innvestigate_biased", True)):
        document["networks"][name] = generate(name, biased)
    document["versions"]["innvestigate"] = metadata.version("innvestigate")
    document["versions"]["tensorflow"] = tf.__version__
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
