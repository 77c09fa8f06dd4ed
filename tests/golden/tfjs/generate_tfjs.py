"""TensorFlow.js files of small networks as its converter writes them.

Run in an environment of requirements.txt:

    python generate_tfjs.py

Writes layers/NAME.kN[.FORM]/ from the Keras files of ../keras, whose pictures and scores are the expected ones, and
graph/NAME[.FORM]/ from the networks of ../tflite/networks.py with output.npy, what TensorFlow makes of the pictures
../tflite/NAME.input.npy (graph/exact/input.npy has its own).
"""

import contextlib
import io
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


def main():
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
