"""Write the references of one real model at full size: SqueezeNet 1.1, as the project ships it, and one photo.

    python tests/golden/real_model.py     # same environment as generate.py, and after it; adds to expected.json

The network is built again in PyTorch from the ONNX file. Maps are stored reduced (`reduced` in expected.json): summed
over the channels, then averaged over each cell of a grid, whose rows and columns are cut as those of `segments`.
"""

import copy
import json

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from PIL import Image
from torch import nn

import methods
from captum.attr import InputXGradient, LayerGradCam, Saliency
from generate import HERE, TOLERANCE, everywhere, relevance, save
from networks import Concat
from zennit.rules import Epsilon

NAME = "squeezenet1_1"
MODEL = f"../../models/{NAME}.onnx"
PHOTO = "../../models/photos/german_shepherd.jpg"
CAM_LAYER = "fire9/concat"
STEPS = 8
REDUCED_GRID = 28


def module_of(node, constants):
    options = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    if node.op_type == "Conv":
        weight, bias = (constants[name] for name in node.input[1:])
        assert options["pads"][:2] == options["pads"][2:]
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:], options["strides"], options["pads"][:2])
        conv.weight.data, conv.bias.data = torch.tensor(weight), torch.tensor(bias)
        return conv
    if node.op_type == "MaxPool":
        assert "pads" not in options
        return nn.MaxPool2d(options["kernel_shape"], options["strides"], ceil_mode=bool(options["ceil_mode"]))
    return {"Relu": nn.ReLU, "Concat": Concat, "GlobalAveragePool": lambda: nn.AdaptiveAvgPool2d(1)}[node.op_type]()


class FromOnnx(nn.Module):
    """The nodes of the file one after the other, each a module of its own; ends at the logits."""

    def __init__(self, graph):
        super().__init__()
        constants = {tensor.name: numpy_helper.to_array(tensor).astype(np.float32) for tensor in graph.initializer}
        self.image, self.steps, self.layers = graph.input[0].name, [], nn.ModuleDict()
        for node in graph.node:
            if node.op_type == "Cast":  # of a weight stored as float16
                constants[node.output[0]] = constants[node.input[0]]
            elif node.op_type not in ("Flatten", "Softmax"):
                name = node.name.replace("/", "_")
                self.layers[name] = module_of(node, constants)
                inputs = [tensor for tensor in node.input if tensor not in constants]
                self.steps.append((name, inputs, node.output[0]))

    def forward(self, x):
        values = {self.image: x}
        for name, inputs, output in self.steps:
            values[output] = self.layers[name](*(values[tensor] for tensor in inputs))
        return values[output].flatten(1)


def photo():
    """The middle square of the photo by nearest neighbour, blue first, the mean of each channel taken off."""
    pixels = np.asarray(Image.open(HERE / PHOTO).convert("RGB"))
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    places = (np.arange(227) * side + side // 2) // 227
    square = pixels[top + places][:, left + places, ::-1].astype(np.float32)
    return torch.from_numpy((square - np.float32([103.939, 116.779, 123.68])).transpose(2, 0, 1)[None].copy())


def reduce(map_):
    segments = methods.cells(*map_.shape[2:], REDUCED_GRID).flatten()
    total = torch.zeros(len(map_), REDUCED_GRID**2, dtype=map_.dtype).index_add(1, segments, map_.sum(1).flatten(1))
    return (total / torch.bincount(segments)).reshape(len(map_), 1, REDUCED_GRID, REDUCED_GRID)


def rows_of(model, x, target):
    """Method, variant, parameters, whole map, library."""
    gradient = Saliency(model).attribute(x, target, abs=False)
    yield "gradient", None, {}, gradient, "captum"
    yield "input_t_gradient", None, {}, InputXGradient(model).attribute(x, target).detach(), "captum"
    yield "lrp.epsilon", "eps0.1", {"epsilon": 0.1}, relevance(model, x, target, everywhere(Epsilon(0.1)))[0], "zennit"
    value = methods.integrated_gradients(model, x, methods.class_logit(target), STEPS)
    parameters = {"steps": STEPS, "baseline": "zero", "rule": "midpoint"}
    yield "integrated_gradients", "midpoint", parameters, value, "torch"
    layer = model.layers[CAM_LAYER.replace("/", "_")]
    cam = LayerGradCam(model, layer).attribute(x, target, relu_attributions=True).detach()
    yield "grad_cam", "layer", {}, cam, "captum"
    yield "grad_cam", None, {}, methods.enlarge(cam, x), "captum"


def main():
    torch.set_num_threads(1)
    file = onnx.load(HERE / MODEL)
    model, x = FromOnnx(file.graph).eval(), photo()
    exact, exact_x = copy.deepcopy(model).double(), x.double()
    with torch.no_grad():
        logits = exact(exact_x)
    target = logits.argmax(1)
    save(f"{NAME}.input.npy", x)
    save(f"{NAME}.logits.npy", logits)
    entries = []
    pairs = zip(rows_of(exact, exact_x, target), rows_of(model, x, target))
    for (method, variant, parameters, value, library), (*_, single, _) in pairs:
        extra = {}
        if variant != "layer":
            value, single = reduce(value), reduce(single)
            extra["reduced"] = {"channels": "sum", "grid": REDUCED_GRID}
        if method == "grad_cam":
            extra["layer"] = {"module": CAM_LAYER, "tensor": CAM_LAYER, "node": CAM_LAYER}
            extra["resolution"] = variant or "input"
        path = ".".join(filter(None, (NAME, method, variant, "npy")))
        save(path, value)
        error = methods.deviation(single.double(), value)
        print(f"{error:.1e} {path}", flush=True)
        entries.append(
            {
                "file": path,
                "method": method,
                "parameters": parameters,
                "start": "logit" if method.startswith("lrp.") else "one",
                "library": library,
                "tolerance": max(TOLERANCE, float(f"{20 * error:.0e}")),
                "float32_error": float(f"{error:.1e}"),
                **extra,
            }
        )
        if entries[-1]["tolerance"] > TOLERANCE:
            entries[-1]["tolerance_reason"] = "20 times what float32 alone costs the reference"
    path = HERE / "expected.json"
    document = json.loads(path.read_text())
    document["networks"][NAME] = {
        "onnx": MODEL,
        "input": {"file": f"{NAME}.input.npy", "name": file.graph.input[0].name, "shape": list(x.shape)},
        "output": {"name": file.graph.output[0].name, "classes": logits.shape[1], "softmax": True},
        "operators": sorted({node.op_type for node in file.graph.node}),
        "logits": f"{NAME}.logits.npy",
        "argmax": target.tolist(),
        "kink_margin": None,
        "attributions": entries,
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
