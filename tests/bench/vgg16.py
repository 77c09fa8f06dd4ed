"""Writes VGG16 with random weights as keras.applications stores it: HDF5 of weights alone, 553 MB.

python3 vgg16.py FILE; needs h5py (Debian: python3-h5py). Kernels are drawn as He et al. (2015) do, so that activations
keep their size from layer to layer.
"""

import sys

import h5py
import numpy as np

BLOCKS = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]


def layers():
    """Names and kernel shapes in the order of the file; layers without weights have none."""
    yield "input_1", None
    channels = 3
    for block, (filters, count) in enumerate(BLOCKS, 1):
        for conv in range(1, count + 1):
            yield f"block{block}_conv{conv}", (3, 3, channels, filters)
            channels = filters
        yield f"block{block}_pool", None
    yield "flatten", None
    for name, inputs, outputs in [("fc1", 7 * 7 * 512, 4096), ("fc2", 4096, 4096), ("predictions", 4096, 1000)]:
        yield name, (inputs, outputs)


def main(path):
    random = np.random.default_rng(16)
    with h5py.File(path, "w") as file:
        names = []
        for name, shape in layers():
            names.append(name)
            group = file.create_group(name)
            weights = [] if shape is None else [f"{name}/kernel:0", f"{name}/bias:0"]
            group.attrs["weight_names"] = np.array([weight.encode() for weight in weights], dtype="S32")
            if shape is None:
                continue
            deviation = np.float32(np.sqrt(2 / np.prod(shape[:-1])))
            group[weights[0]] = random.standard_normal(shape, dtype=np.float32) * deviation
            group[weights[1]] = random.standard_normal(shape[-1:], dtype=np.float32) * np.float32(0.05)
        file.attrs["layer_names"] = np.array([name.encode() for name in names])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"


if __name__ == "__main__":
    main(sys.argv[1])
