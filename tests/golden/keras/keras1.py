"""Networks as Keras 1.2 saved them, written by Keras 2.14: run in the environment of requirements-keras2.txt.

Keras 1 does not run any more. Its description of a network differs in the names of classes and settings, its files in
the names of weights; the weights themselves are the same where TensorFlow was below. So a network of Keras 2 is saved,
and then its description and names are put into the words of Keras 1. Writes keras1*.k2.h5 with input and output.
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py
import keras
import numpy as np
from keras import layers as L

from generate_keras import randomize

HERE = pathlib.Path(__file__).parent

CLASSES = {"Conv2D": "Convolution2D", "SeparableConv2D": "SeparableConvolution2D", "Functional": "Model"}
MERGES = {"Add": "sum", "Multiply": "mul", "Concatenate": "concat", "Average": "ave", "Maximum": "max"}
WEIGHTS = {"kernel": "W", "bias": "b", "moving_mean": "running_mean", "moving_variance": "running_std", "alpha": "alphas"}


def branches():
    image = L.Input((15, 14, 3), name="image")
    x = L.ZeroPadding2D(((1, 2), (0, 1)))(image)
    x = L.Conv2D(4, (3, 2), strides=(2, 1), padding="same", use_bias=False)(x)
    x = L.Activation("relu")(L.BatchNormalization()(x))
    a = L.Conv2D(4, 3, dilation_rate=2, padding="same", activation="relu")(x)
    b = L.SeparableConv2D(4, 3, padding="same", depth_multiplier=2, activation="tanh")(x)
    c = L.LeakyReLU(0.2)(L.Conv2D(4, 1)(x))
    x = L.Concatenate()([L.Add()([a, x]), L.Multiply()([b, c]), L.Average()([a, b]), L.Maximum()([a, c])])
    x = L.MaxPooling2D(3, strides=2, padding="same")(x)
    x = L.AveragePooling2D(2, strides=1, padding="same")(x)
    x = L.PReLU()(L.ZeroPadding2D(1)(x))
    inner = keras.Sequential([L.Conv2D(6, 2, input_shape=x.shape[1:]), L.BatchNormalization()])
    x = L.GlobalAveragePooling2D()(inner(x))
    return keras.Model(image, L.Dense(4, activation="softmax")(L.Dropout(0.5)(x)), name="keras1")


def row():
    return keras.Sequential([
        L.Conv2D(4, 3, activation="relu", input_shape=(12, 11, 1)),
        L.MaxPooling2D(),
        L.UpSampling2D((2, 1)),
        L.Cropping2D(((1, 0), (0, 1))),
        L.Flatten(),
        L.Dense(8, activation="relu"),
        L.Dense(5, activation="softmax"),
    ], name="keras1_row")


def settings(kind, old):
    """The settings of a layer in the words of Keras 1."""
    new = {key: old[key] for key in ["name", "trainable", "batch_input_shape", "activation"] if key in old}
    two = {"dim_ordering": "tf"}
    if kind == "Conv2D":
        rows, columns = old["kernel_size"]
        new |= {"nb_filter": old["filters"], "nb_row": rows, "nb_col": columns, "subsample": old["strides"],
                "border_mode": old["padding"], "bias": old["use_bias"], "init": "glorot_uniform", **two}
        if list(old["dilation_rate"]) != [1, 1]:
            return "AtrousConvolution2D", new | {"atrous_rate": old["dilation_rate"]}
    elif kind == "SeparableConv2D":
        rows, columns = old["kernel_size"]
        new |= {"nb_filter": old["filters"], "nb_row": rows, "nb_col": columns, "subsample": old["strides"],
                "border_mode": old["padding"], "bias": old["use_bias"], "depth_multiplier": old["depth_multiplier"], **two}
    elif kind == "Dense":
        new |= {"output_dim": old["units"], "bias": old["use_bias"], "input_dim": None}
    elif kind == "BatchNormalization":
        [axis] = old["axis"]
        new |= {"mode": 0, "axis": -1, "epsilon": old["epsilon"], "momentum": 0.99}
    elif kind in ("MaxPooling2D", "AveragePooling2D"):
        new |= {"pool_size": old["pool_size"], "strides": old["strides"], "border_mode": old["padding"], **two}
    elif kind == "GlobalAveragePooling2D":
        new |= two
    elif kind == "ZeroPadding2D":
        (top, bottom), (left, right) = old["padding"]
        new |= {"padding": [top, left] if top == bottom and left == right else [top, bottom, left, right], **two}
    elif kind == "Cropping2D":
        new |= {"cropping": old["cropping"], **two}
    elif kind == "UpSampling2D":
        new |= {"size": old["size"], **two}
    elif kind == "Dropout":
        new |= {"p": old["rate"]}
    elif kind == "LeakyReLU":
        new |= {"alpha": float(old["alpha"])}
    elif kind == "InputLayer":
        new |= {"input_dtype": "float32", "sparse": False}
    elif kind in MERGES:
        new |= {"mode": MERGES[kind], "mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "output_shape": None,
                "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw", "arguments": {}}
        return "Merge", new
    return CLASSES.get(kind, kind), new


def translate(layer):
    kind, old = layer["class_name"], layer["config"]
    if kind == "Sequential":
        # A bare list, without the layer for the input.
        inner = [translate(one) for one in old["layers"] if one["class_name"] != "InputLayer"]
        inner[0]["config"]["batch_input_shape"] = old["layers"][0]["config"]["batch_input_shape"]
        new = {"class_name": "Sequential", "config": inner}
    elif kind == "Functional":
        new = {"class_name": "Model", "config": {**old, "layers": [translate(one) for one in old["layers"]]}}
    else:
        kind, config = settings(kind, old)
        new = {"class_name": kind, "config": config}
    if "name" in layer:
        new["name"] = layer["name"]
    if "inbound_nodes" in layer:
        new["inbound_nodes"] = [[reference[:3] for reference in node] for node in layer["inbound_nodes"]]
    return new


def convert(path):
    with h5py.File(path, "r+") as file:
        description = translate(json.loads(file.attrs["model_config"]))
        file.attrs["model_config"] = np.bytes_(json.dumps(description))
        del file.attrs["keras_version"], file.attrs["backend"]
        top = file["model_weights"]
        del top.attrs["backend"], top.attrs["keras_version"]
        top.attrs["keras_version"] = np.bytes_("1.2.2")
        if "top_level_model_weights" in top:
            del top["top_level_model_weights"]
        for layer in top.values():
            names = []
            for name in layer.attrs["weight_names"]:
                name = name.decode() if isinstance(name, bytes) else name
                owner, role = name.split(":")[0].split("/")[-2:]
                new = f"{owner}_{WEIGHTS.get(role, role)}:0"
                data = layer[name][()]
                layer.create_dataset(new, data=data)
                names.append(new)
            for group in [key for key in layer if isinstance(layer[key], h5py.Group)]:
                del layer[group]
            if names:
                layer.attrs["weight_names"] = np.array(names, "S")


def main():
    for build, name in [(branches, "keras1"), (row, "keras1_row")]:
        keras.backend.clear_session()
        model = build()
        rng = np.random.default_rng(sum(map(ord, name)))
        randomize(model, rng)
        image = rng.uniform(-1, 1, (1, *model.input_shape[1:])).astype("float32")
        np.save(HERE / f"{name}.k2.input.npy", image)
        np.save(HERE / f"{name}.k2.output.npy", model.predict(image, verbose=0).astype("float32"))
        model.save(HERE / f"{name}.k2.h5", include_optimizer=False)
        convert(HERE / f"{name}.k2.h5")


if __name__ == "__main__":
    main()
