"""What Keras 2.14 makes of its applications: their structure, and logits with weights that a formula makes.

Run in the environment of requirements-keras2.txt:

    python applications.py                       writes applications/structure.jsonl.gz and applications/logits.json
    python applications.py structure|logits      writes one of them
    python applications.py logits NAME..         writes the logits of some networks anew
    python applications.py files FOLDER NAME..   writes NAME.h5 and NAME.weights.h5 with a picture and its scores

`structure.jsonl.gz` has one line for each network, with and without its top: the layers in the order of Keras, each
with its class, name, inputs, the settings that matter, output shape and the shapes of its weights.

`logits.json` has the logits of each network for one picture of the smallest size, with 10 classes. Weights and picture
are no file: number `i` of array number `k` is `unit(k << 32 | i)`, splitmix64 as a number in -1..1, times a factor and
plus a summand that `spread` says. The tests make the same numbers.
"""

import gzip
import json
import math
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from keras import applications as A

HERE = pathlib.Path(__file__).parent / "applications"
CLASSES = 10

# Name, function, keyword arguments, side of the smallest picture.
NETWORKS = [
    *[(name, getattr(A, name), {}, 32) for name in [
        "VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2",
        "DenseNet121", "DenseNet169", "DenseNet201", "NASNetMobile", "NASNetLarge",
        *[f"EfficientNetB{number}" for number in range(8)],
        *[f"EfficientNetV2{letter}" for letter in ["B0", "B1", "B2", "B3", "S", "M", "L"]],
        *[f"ConvNeXt{size}" for size in ["Tiny", "Small", "Base", "Large", "XLarge"]],
    ]],
    ("Xception", A.Xception, {}, 71),
    ("InceptionV3", A.InceptionV3, {}, 75),
    ("InceptionResNetV2", A.InceptionResNetV2, {}, 75),
    *[("MobileNet", A.MobileNet, {"alpha": alpha}, 32) for alpha in [0.25, 0.5, 0.75, 1.0]],
    *[("MobileNetV2", A.MobileNetV2, {"alpha": alpha}, 32) for alpha in [0.35, 0.5, 0.75, 1.0, 1.3, 1.4]],
    *[(f"MobileNetV3{size}", getattr(A, f"MobileNetV3{size}"), arguments, 32) for size in ["Small", "Large"]
      for arguments in [{"alpha": 0.75}, {"alpha": 1.0}, {"alpha": 1.0, "minimalistic": True}]],
]

# Sides of the pictures that the networks were trained with, where they are not 224.
SIDES = {
    "Xception": 299, "InceptionV3": 299, "InceptionResNetV2": 299, "NASNetLarge": 331,
    "EfficientNetB1": 240, "EfficientNetB2": 260, "EfficientNetB3": 300, "EfficientNetB4": 380, "EfficientNetB5": 456,
    "EfficientNetB6": 528, "EfficientNetB7": 600, "EfficientNetV2B1": 240, "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300, "EfficientNetV2S": 384, "EfficientNetV2M": 480, "EfficientNetV2L": 480,
}

SETTINGS = [
    "filters", "kernel_size", "strides", "padding", "dilation_rate", "groups", "depth_multiplier", "use_bias",
    "activation", "axis", "epsilon", "scale", "center", "pool_size", "keepdims", "cropping", "units", "target_shape",
    "offset", "mean", "variance", "max_value", "negative_slope", "threshold", "function",
]


def plain(value):
    """A setting as JSON has it; a list of one axis is that axis."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def settings(layer):
    config = {key: plain(value) for key, value in layer.get_config().items() if key in SETTINGS and value is not None}
    if isinstance(config.get("axis"), list):
        [config["axis"]] = config["axis"]
    return config


def arguments(layer):
    """What a layer is called with: names of layers, and numbers."""
    [node, *more] = layer.inbound_nodes
    inputs = []
    if node.is_input:
        return inputs
    first = node.call_args[0]
    values = list(first) if isinstance(first, (list, tuple)) else list(node.call_args)
    for value in [*values, *node.call_kwargs.values()]:
        if hasattr(value, "_keras_history"):
            inputs.append(value._keras_history.layer.name)
        elif hasattr(value, "dtype") or isinstance(value, (int, float)):
            # A constant may have been rounded to single precision.
            inputs.append(float(value))
    return inputs


def describe(layer, inputs):
    size = layer.output_shape
    size = size[0] if isinstance(size, list) else size
    entry = {"class": type(layer).__name__, "name": layer.name, "inputs": inputs, "output": list(size[1:])}
    if isinstance(layer, keras.Sequential):
        entry["layers"] = [describe(inner, []) for inner in layer.layers]
    else:
        entry["settings"] = settings(layer)
        entry["weights"] = [list(weight.shape) for weight in layer.weights]
    return entry


def structure():
    lines = []
    for name, make, options, _ in NETWORKS:
        before = []
        for top in [True, False]:
            keras.backend.clear_session()
            # Without a top the size is left open, and the padding then is that of even sizes.
            sides = {"input_shape": (SIDES.get(name, 224),) * 2 + (3,)}
            model = make(weights=None, include_top=top, pooling=None if top else "avg", **sides, **options)
            layers = [describe(layer, arguments(layer)) for layer in model.layers]
            same = next(at for at, pair in enumerate(zip(before + [None], layers + [0])) if pair[0] != pair[1])
            lines.append({
                "architecture": name, **options, "top": top, "name": model.name, "same": same, "layers": layers[same:],
            })
            before = layers
            print(name, options, top, len(model.layers), flush=True)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    with open(HERE / "structure.jsonl.gz", "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=9, mtime=0) as packed:
            packed.write(text.encode())


def early_resnet50(weights, include_top, input_shape, pooling=None, classes=1000, classifier_activation="softmax"):
    """ResNet50 with the names, epsilon and order of operands that Keras had until 2018."""
    L = keras.layers

    def branch(x, name, *arguments, **options):
        x = L.Conv2D(*arguments, name="res" + name, **options)(x)
        return L.BatchNormalization(name="bn" + name)(x)

    image = L.Input(input_shape)
    x = L.ZeroPadding2D(3, name="conv1_pad")(image)
    x = L.Conv2D(64, 7, strides=2, name="conv1")(x)
    x = L.Activation("relu")(L.BatchNormalization(name="bn_conv1")(x))
    x = L.MaxPooling2D(3, strides=2)(L.ZeroPadding2D(1, name="pool1_pad")(x))
    for stage, blocks, filters in [(2, "abc", 64), (3, "abcd", 128), (4, "abcdef", 256), (5, "abc", 512)]:
        for block in blocks:
            stride = 2 if block == "a" and stage > 2 else 1
            name = f"{stage}{block}_branch"
            y = L.Activation("relu")(branch(x, name + "2a", filters, 1, strides=stride))
            y = L.Activation("relu")(branch(y, name + "2b", filters, 3, padding="same"))
            y = branch(y, name + "2c", 4 * filters, 1)
            shortcut = branch(x, name + "1", 4 * filters, 1, strides=stride) if block == "a" else x
            x = L.Activation("relu")(L.add([y, shortcut]))
    x = L.GlobalAveragePooling2D(name="avg_pool")(x)
    if include_top:
        x = L.Dense(classes, activation=classifier_activation, name="fc1000")(x)
    return keras.Model(image, x, name="resnet50")


def unit(array, count):
    """`count` numbers in -1..1 with 24 random bits."""
    with np.errstate(over="ignore"):
        x = (np.uint64(array) << np.uint64(32)) + np.arange(1, count + 1, dtype=np.uint64)
        x *= np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1.0


def gain(name):
    """What kernels are larger by where the activations make what flows smaller, so that the picture still tells. With
    more, the deep ones would become chaotic: single precision alone would change everything."""
    gains = {
        "EfficientNetB5": 1.5, "EfficientNetB6": 1.5, "EfficientNetB": 1.6, "EfficientNetV2S": 1.2,
        "EfficientNetV2M": 1.1, "EfficientNetV2": 1.3, "MobileNetV3": 1.4, "MobileNetV2": 1.2, "MobileNet": 1.4,
    }
    return next((gain for start, gain in gains.items() if name.startswith(start)), 1.0)


def spread(role, shape, larger):
    """The factor and the summand for an array of weights."""
    if role in ["kernel", "depthwise_kernel", "pointwise_kernel"]:
        # The last axis of a depthwise kernel is the number of results of each channel.
        reads = math.prod(shape[:2]) if role == "depthwise_kernel" else math.prod(shape[:-1])
        return math.sqrt(5.0 / reads) * larger, 0.0
    return {
        "gamma": (0.2, 0.8), "moving_variance": (0.3, 1.0), "variance": (0.0, 1.0), "mean": (0.0, 0.0),
        "count": (0.0, 0.0),
    }.get(role, (0.1, 0.0))


def fill(model, larger):
    """Gives the model its weights, in the order of the file."""
    arrays = 0
    for layer in model.layers:
        values = []
        for weight in layer.weights:
            role = weight.name.split("/")[-1].split(":")[0]
            factor, summand = spread(role, weight.shape, larger)
            numbers = unit(arrays, math.prod(weight.shape)) * factor + summand
            values.append(numbers.astype(np.float32).reshape(weight.shape))
            arrays += 1
        if values:
            layer.set_weights(values)


def picture(side, low, high):
    """A smooth picture with some noise, in `low..high`, and the same for the tests."""
    numbers = unit(1 << 20, side * side * 3).reshape(side, side, 3)
    return ((numbers * 0.5 + 0.5) * (high - low) + low).astype(np.float32)


# What tells the entries of logits.json apart.
KEYS = ["architecture", "alpha", "minimalistic", "top", "early"]


def logits(only=()):
    results = []
    for name, make, options, side in [*NETWORKS, ("ResNet50", early_resnet50, {}, 32)]:
        if name in ["ConvNeXtLarge", "ConvNeXtXLarge", "EfficientNetB7", "EfficientNetV2L"]:
            continue
        if only and name not in only:
            continue
        for top in [True, False]:
            keras.backend.clear_session()
            extra = {"classifier_activation": None, "classes": CLASSES} if top else {"pooling": "avg"}
            model = make(weights=None, include_top=top, input_shape=(side, side, 3), **extra, **options)
            fill(model, gain(name))
            inside = any(layer.__class__.__name__ in ["Rescaling", "Normalization"] for layer in model.layers)
            image = picture(side, 0.0, 255.0) if inside else picture(side, -1.0, 1.0)
            outputs = model.predict(np.stack([image, image[::-1, ::-1]]), verbose=0)
            change = np.abs(outputs[0] - outputs[1]).max() / np.abs(outputs).max()
            alive = (outputs[0] != 0).mean()
            print(name, options, top, "max", np.abs(outputs).max(), "change", change, "alive", alive, flush=True)
            kept = outputs[0] if top else outputs[0][:: max(1, outputs.shape[1] // 16)][:16]
            results.append({
                "architecture": name, **options, "top": top, "side": side, "weights": model.count_params(),
                "early": make is early_resnet50, "gain": gain(name), "range": [0, 255] if inside else [-1, 1],
                "largest": float(np.abs(outputs[0]).max()), "outputs": [float(value) for value in kept],
            })
    if only:
        # The others stay as they are.
        old = json.loads((HERE / "logits.json").read_text())
        results = [
            next((new for new in results if all(new.get(key) == one.get(key) for key in KEYS)), one) for one in old
        ]
    text = ",\n".join(json.dumps(result) for result in results)
    (HERE / "logits.json").write_text(f"[\n{text}\n]\n")


def files(folder, names):
    folder = pathlib.Path(folder)
    for name, make, options, _ in NETWORKS:
        if name not in names:
            continue
        for top in [True, False]:
            keras.backend.clear_session()
            extra = {} if top else {"pooling": "avg"}
            sides = {"input_shape": (SIDES.get(name, 224),) * 2 + (3,)}
            model = make(weights=None, include_top=top, **sides, **extra, **options)
            fill(model, gain(name))
            stem = name + "".join(f"_{value}" for value in options.values()) + ("" if top else "_notop")
            model.save_weights(folder / f"{stem}.h5")
            model.save_weights(folder / f"{stem}.weights.h5")
            inside = any(layer.__class__.__name__ in ["Rescaling", "Normalization"] for layer in model.layers)
            image = picture(model.input_shape[1], *((0.0, 255.0) if inside else (-1.0, 1.0)))
            np.save(folder / f"{stem}.input.npy", image)
            np.save(folder / f"{stem}.output.npy", model.predict(image[None], verbose=0))


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    HERE.mkdir(exist_ok=True)
    if what == "files":
        files(sys.argv[2], sys.argv[3:])
    if what in ["", "structure"]:
        structure()
    if what in ["", "logits"]:
        logits(sys.argv[2:])
