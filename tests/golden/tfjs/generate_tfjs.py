"""TensorFlow.js files of small networks as its converter writes them.

Run in an environment of requirements.txt:

    python generate_tfjs.py

With `operations` as argument only graph/operations is written, which is a graph as TensorFlow itself writes it, since
the converter's optimiser leaves some operations to no network. Writes layers/NAME.kN[.FORM]/ from the Keras files of ../keras, whose pictures and scores are the expected ones, and
graph/NAME[.FORM]/ from the networks of ../tflite/networks.py with output.npy, what TensorFlow makes of the pictures
../tflite/NAME.input.npy (graph/exact/input.npy has its own).
"""

import base64
import contextlib
import io
import json
import os
import pathlib
import shutil
import sys
import tempfile
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# The converter imports these for other kinds of models.
for name in ["jax", "jax.experimental", "jax.experimental.jax2tf", "tensorflow_decision_forests"]:
    sys.modules[name] = types.ModuleType(name)
sys.modules["jax.experimental"].jax2tf = sys.modules["jax.experimental.jax2tf"]

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tflite"))

import networks
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflowjs.converters import converter

# Keras's files, the form and what else the converter is told.
LAYERS = [
    ("plain.k2.h5", "", []),
    ("plain.k2.h5", "uint8", ["--quantize_uint8=*"]),
    ("plain.k2.h5", "uint16", ["--quantize_uint16=*"]),
    ("plain.k2.h5", "float16", ["--quantize_float16=*"]),
    ("nested.k2.h5", "", []),
    ("residual.k2.h5", "shards", ["--weight_shard_size_bytes=3000"]),
    ("separable.k2.h5", "", []),
    ("activations.k2.h5", "", []),
    ("plain.k3.keras", "", []),
    ("nested.k3.keras", "", []),
    ("nested.k3.h5", "h5", []),
    ("separable.k3.keras", "", []),
    ("shared.k3.h5", "", []),
]

# Forms of graph models beside the plain one.
GRAPHS = {
    "residual": [("shards", ["--weight_shard_size_bytes=2000"])],
    "mobile": [("uint8", ["--quantize_uint8=*"]), ("float16", ["--quantize_float16=*"])],
}


def convert(source, target, arguments):
    shutil.rmtree(target, ignore_errors=True)
    with contextlib.redirect_stdout(io.StringIO()):
        converter.convert([*arguments, str(source), str(target)])


def operations():
    """A graph of operations that the optimiser usually replaces, written without it."""
    rng = np.random.default_rng(5)
    array = lambda *shape: rng.normal(0, 0.4, shape).astype(np.float32)
    graph = tf.Graph()
    with graph.as_default():
        image = tf.compat.v1.placeholder(tf.float32, [None, 12, 11, 3], name="image")
        raw = tf.raw_ops
        x = raw.Conv2D(input=image, filter=array(3, 3, 3, 4), strides=[1, 1, 1, 1], padding="EXPLICIT",
                       explicit_paddings=[0, 0, 1, 0, 0, 2, 0, 0], name="conv")
        x = raw.BiasAdd(value=x, bias=array(4), name="bias")
        x = raw.FusedBatchNormV3(x=x, scale=array(4), offset=array(4), mean=array(4), variance=np.abs(array(4)) + 0.5,
                                 epsilon=0.01, is_training=False, name="norm").y
        x = raw.LeakyRelu(features=x, alpha=0.3, name="leaky")
        x = raw.DepthwiseConv2dNative(input=x, filter=array(3, 3, 4, 2), strides=[1, 2, 2, 1], padding="SAME", name="depthwise")
        x = raw.Elu(features=x, name="elu")

        def fused(x, name, width, functions, arguments, **attributes):
            values = [tf.convert_to_tensor(value) for value in [array(1, 1, x.shape[-1], width), *arguments]]
            given = {"fused_ops": functions, "strides": [1, 1, 1, 1], "padding": "VALID", **attributes}
            kinds = {
                "fused_ops": lambda v: {"list": {"s": [text.encode() for text in v]}},
                "strides": lambda v: {"list": {"i": v}},
                "padding": lambda v: {"s": v.encode()},
                "epsilon": lambda v: {"f": v},
                "leakyrelu_alpha": lambda v: {"f": v},
            }
            attrs = {key: value_of(kinds[key](value)) for key, value in given.items()}
            attrs["T"] = tf.compat.v1.AttrValue(type=tf.float32.as_datatype_enum)
            attrs["num_args"] = tf.compat.v1.AttrValue(i=len(arguments))
            attrs["TArgs"] = value_of({"list": {"type": [tf.float32.as_datatype_enum] * len(arguments)}})
            attrs["num_host_args"] = tf.compat.v1.AttrValue(i=0)
            return graph.create_op("_FusedConv2D", [x, *values], [tf.float32], name=name, attrs=attrs).outputs[0]

        x = fused(x, "fused_leaky", 8, ["BiasAdd", "LeakyRelu"], [array(8)], leakyrelu_alpha=0.15)
        statistics = [array(8), array(8), array(8), np.abs(array(8)) + 0.5]
        x = fused(x, "fused_norm", 8, ["FusedBatchNorm", "Relu6"], statistics, epsilon=0.02)
        x = fused(x, "fused_elu", 8, ["BiasAdd", "Elu"], [array(8)])
        x = raw.SpaceToDepth(input=x, block_size=2, name="deep")
        x = raw.DepthToSpace(input=x, block_size=2, name="wide")
        # An ellipsis, a new axis, a dropped one, steps backwards.
        x = x[:, tf.newaxis, ..., ::-1][:, 0, 1:, ..., 2:]
        a, b, c = tf.split(x, [1, -1, 2], axis=3)
        x = tf.concat([c, a, b], axis=-1)
        x = raw.MirrorPad(input=x, paddings=[[0, 0], [1, 1], [0, 1], [0, 0]], mode="SYMMETRIC", name="edge")
        rows = tf.unstack(x[:, :3], axis=1)
        x = tf.stack([rows[2], rows[0], tf.add_n(rows), tf.nn.softsign(rows[1])], axis=1)
        x = raw.AvgPool(value=x, ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="SAME")
        x = tf.compat.v1.image.resize_nearest_neighbor(x, [8, 9], half_pixel_centers=True)
        x = tf.compat.v1.image.resize_nearest_neighbor(x, [6, 6], align_corners=True)
        x = tf.slice(x, [0, 1, 0, 2], [-1, 4, -1, 3])
        x = raw.Mean(input=x, axis=[1, -2], keep_dims=True)
        x = tf.reshape(x, [tf.shape(x)[0], -1])
        x = tf.matmul(x, array(5, 3), transpose_b=True) + array(5)
        tf.nn.softmax(x, name="scores")
    pictures = np.random.default_rng(6).normal(0, 1, (2, 12, 11, 3)).astype(np.float32)
    with tf.compat.v1.Session(graph=graph) as session:
        scores = session.run("scores:0", {"image:0": pictures})
    target = HERE / "graph" / "operations"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    np.save(target / "input.npy", pictures)
    np.save(target / "output.npy", scores)
    description = json_format.MessageToDict(graph.as_graph_def())
    weights, shard = [], b""
    for node in graph.as_graph_def().node:
        if node.op == "Const":
            value = tf.make_ndarray(node.attr["value"].tensor)
            kind = {"float32": "float32", "int32": "int32"}[value.dtype.name]
            weights.append({"name": node.name, "shape": list(value.shape), "dtype": kind})
            shard += value.tobytes()
    for node in description["node"]:
        if node["op"] == "Const":
            node["attr"]["value"]["tensor"] = {"dtype": node["attr"]["dtype"]["type"]}
    model = {"format": "graph-model", "modelTopology": description,
             "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": weights}]}
    (target / "model.json").write_text(json.dumps(model))
    (target / "group1-shard1of1.bin").write_bytes(shard)


def value_of(dictionary):
    return json_format.ParseDict(encoded(dictionary), tf.compat.v1.AttrValue())


def encoded(value):
    """Bytes as the JSON form of a protocol buffer has them."""
    if isinstance(value, dict):
        return {key: encoded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [encoded(inner) for inner in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def main():
    operations()
    if sys.argv[1:] == ["operations"]:
        return
    for file, form, arguments in LAYERS:
        name = ".".join(file.split(".")[:2] + [form] * bool(form))
        source = "keras_keras" if file.endswith(".keras") else "keras"
        formats = [f"--input_format={source}", "--output_format=tfjs_layers_model"]
        with tempfile.TemporaryDirectory() as folder:
            # The converter unpacks an archive beside it.
            shutil.copy(HERE.parent / "keras" / file, folder)
            convert(pathlib.Path(folder) / file, HERE / "layers" / name, [*formats, *arguments])
    networks.GROUPS = 1
    for make in [*networks.NETWORKS, networks.exact]:
        model = networks.build(make)
        pictures = networks.pictures(model)
        with tempfile.TemporaryDirectory() as folder:
            model.export(folder) if hasattr(model, "export") else model.save(folder)
            for form, arguments in [("", []), *GRAPHS.get(model.name, [])]:
                target = HERE / "graph" / ".".join([model.name] + [form] * bool(form))
                formats = ["--input_format=tf_saved_model", "--output_format=tfjs_graph_model"]
                convert(folder, target, [*formats, *arguments])
                np.save(target / "output.npy", model.predict(pictures, verbose=0).astype(np.float32))
                if model.name == "exact":
                    np.save(target / "input.npy", pictures)


if __name__ == "__main__":
    sys.exit(main())
