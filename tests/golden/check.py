"""Compute the golden numbers a second time, from the ONNX files alone, with NumPy and the formulas of README.md.

    python tests/golden/check.py [NETWORK...]

It shares no code with generate.py, Captum or zennit, and walks the ONNX nodes backwards as the engine does, so it shows
both that the references mean what we say and that the files hold all that is needed. Exit status 1 if a number differs.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent
LIMIT = 1e-6  # of max|reference|; the files are rounded to float32
STABILISER = 1e-9


# ---- Linear maps: forward and vector-Jacobian product, the weights being arguments ----------------------------------


class Conv:
    def __init__(self, strides, pads, group, dilations=(1, 1)):
        assert tuple(dilations) == (1, 1)
        self.strides, self.pads, self.group = strides, pads, group

    def windows(self, x, kernel):
        """A view (n, channel, row, column, kernel row, kernel column) of the padded input, and that input."""
        top, left, bottom, right = self.pads
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
        view = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))
        return view[:, :, :: self.strides[0], :: self.strides[1]], x

    def forward(self, x, w):
        n, channels, *_ = x.shape
        view, _ = self.windows(x, w.shape[2:])
        view = view.reshape(n, self.group, channels // self.group, *view.shape[2:])
        kernels = w.reshape(self.group, -1, *w.shape[1:])
        z = np.einsum("ngcyxij,gocij->ngoyx", view, kernels, optimize=True)
        return z.reshape(n, w.shape[0], *z.shape[3:])

    def vjp(self, cotangent, w, shape):
        n, channels, height, width = shape
        kernels = w.reshape(self.group, -1, *w.shape[1:])
        grouped = cotangent.reshape(n, self.group, -1, *cotangent.shape[2:])
        parts = np.einsum("ngoyx,gocij->ngcyxij", grouped, kernels, optimize=True)
        top, left, bottom, right = self.pads
        padded = np.zeros((n, channels, height + top + bottom, width + left + right))
        rows, columns = cotangent.shape[2:]
        for i in range(w.shape[2]):
            for j in range(w.shape[3]):
                ys = slice(i, i + self.strides[0] * rows, self.strides[0])
                xs = slice(j, j + self.strides[1] * columns, self.strides[1])
                padded[:, :, ys, xs] += parts[..., i, j].reshape(n, channels, rows, columns)
        return padded[:, :, top : top + height, left : left + width]


class Dense:
    def forward(self, x, w):
        return x @ w.T

    def vjp(self, cotangent, w, shape):
        return cotangent @ w


# ---- Reading the file ------------------------------------------------------------------------------------------------


class Node:
    def __init__(self, op, name, inputs, output, attributes):
        self.op, self.name, self.inputs, self.output, self.attributes = op, name, inputs, output, attributes


def load(path):
    """Nodes, constants, input name and logit name; BatchNorm merged, SiLU recognised, the final Softmax left off."""
    graph = onnx.load(path).graph
    constants = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in graph.initializer}
    nodes, output = [], graph.output[0].name
    for proto in graph.node:
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in proto.attribute}
        if proto.op_type == "Constant":
            constants[proto.output[0]] = numpy_helper.to_array(attributes["value"]).astype(np.float64)
        elif proto.op_type == "Identity":
            constants[proto.output[0]] = constants[proto.input[0]]  # the exporter shares equal parameters this way
        elif proto.op_type == "Softmax" and proto.output[0] == output:
            output = proto.input[0]
        else:
            nodes.append(Node(proto.op_type, proto.name, list(proto.input), proto.output[0], attributes))
    return merge_batch_norm(fuse_silu(nodes), constants), constants, graph.input[0].name, output


def fuse_silu(nodes):
    """x * Sigmoid(x) is one activation, not a gate; otherwise LRP would use the product rule on it."""
    made_by = {node.output: node for node in nodes}
    fused = set()
    for node in nodes:
        if node.op == "Mul":
            gate = made_by.get(node.inputs[1])
            if gate and gate.op == "Sigmoid" and gate.inputs[0] == node.inputs[0]:
                node.op, node.inputs = "Silu", gate.inputs
                fused.add(gate.output)
    return [node for node in nodes if node.output not in fused]


def merge_batch_norm(nodes, constants):
    made_by = {node.output: node for node in nodes}
    kept = []
    for node in nodes:
        if node.op != "BatchNormalization":
            kept.append(node)
            continue
        gamma, beta, mean, variance = (constants[name] for name in node.inputs[1:])
        scale = gamma / np.sqrt(variance + node.attributes["epsilon"])
        conv = made_by[node.inputs[0]]
        weight, *bias = (constants[name] for name in conv.inputs[1:])
        weight_name, bias_name = f"{conv.name}.weight", f"{conv.name}.bias"
        constants[weight_name] = weight * scale[:, None, None, None]
        constants[bias_name] = beta + ((bias[0] if bias else 0.0) - mean) * scale
        conv.inputs, conv.output = [conv.inputs[0], weight_name, bias_name], node.output
    return kept


# ---- Forward ---------------------------------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def pool_windows(x, attributes):
    """Windows of a max pooling, cells beyond the image being -inf, and the padded width of a row."""
    (kh, kw), (sh, sw) = attributes["kernel_shape"], attributes["strides"]
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    if attributes.get("ceil_mode", 0):
        bottom += -(x.shape[2] + top + bottom - kh) % sh
        right += -(x.shape[3] + left + right - kw) % sw
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=-np.inf)
    view = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw]
    return view, x.shape, (top, left)


def kernel_of(node, constants, channels):
    """The linear map of a convolution, dense or averaging node with its weight and bias (None where it has none)."""
    attributes = node.attributes
    if node.op == "Gemm":
        assert attributes.get("transB") == 1
        return Dense(), constants[node.inputs[1]], constants[node.inputs[2]]
    if node.op == "AveragePool":
        assert not any(attributes.get("pads", ())) and not attributes.get("ceil_mode", 0)
        size = attributes["kernel_shape"]
        weight = np.full((channels, 1, *size), 1 / np.prod(size))
        return Conv(attributes["strides"], (0, 0, 0, 0), channels), weight, None
    conv = Conv(attributes["strides"], attributes["pads"], attributes["group"], attributes["dilations"])
    bias = constants[node.inputs[2]] if len(node.inputs) > 2 else None
    return conv, constants[node.inputs[1]], bias


def add_bias(z, bias):
    return z if bias is None else z + bias.reshape(1, -1, *[1] * (z.ndim - 2))


def forward(nodes, constants, values):
    """Fill in the value of every tensor."""
    for node in nodes:
        x, *rest = (values.get(name, constants.get(name)) for name in node.inputs)
        op, attributes = node.op, node.attributes
        if op in ("Conv", "Gemm", "AveragePool"):
            kernel, weight, bias = kernel_of(node, constants, x.shape[1])
            y = add_bias(kernel.forward(x, weight), bias)
        elif op == "Relu":
            y = np.maximum(x, 0)
        elif op == "Clip":
            assert [float(bound) for bound in rest] == [0, 6]
            y = np.clip(x, 0, 6)
        elif op == "Sigmoid":
            y = sigmoid(x)
        elif op == "Silu":
            y = x * sigmoid(x)
        elif op == "MaxPool":
            y = pool_windows(x, attributes)[0].max(axis=(4, 5))
        elif op == "GlobalAveragePool":
            y = x.mean(axis=(2, 3), keepdims=True)
        elif op == "ReduceMean":
            y = x.mean(axis=tuple(attributes["axes"]), keepdims=bool(attributes["keepdims"]))
        elif op == "Flatten":
            y = x.reshape(len(x), -1)
        elif op == "Add":
            y = x + rest[0]
        elif op == "Mul":
            y = x * rest[0]
        elif op == "Concat":
            y = np.concatenate((x, *rest), axis=attributes["axis"])
        elif op == "Pad":
            before, after = np.split(rest[0].astype(int), 2)
            y = np.pad(x, list(zip(before, after)))
        else:
            raise NotImplementedError(op)
        values[node.output] = y


# ---- Rules of the kernel layers: relevance of the inputs from that of the outputs ------------------------------------


def stabilise(z, epsilon=STABILISER):
    return z + epsilon * np.where(z >= 0, 1.0, -1.0)


def epsilon_rule(epsilon):
    def rule(kernel, x, w, bias, r):
        z = add_bias(kernel.forward(x, w), bias)
        return x * kernel.vjp(r / stabilise(z, epsilon), w, x.shape)

    return rule


def gradient_rule(kernel, x, w, bias, r):
    return kernel.vjp(r, w, x.shape)


def flat_rule(kernel, x, w, bias, r):
    ones = np.ones_like(w)
    return kernel.vjp(r / kernel.forward(np.ones_like(x), ones), ones, x.shape)


def alpha_beta_rule(alpha, beta, with_bias=True):
    def part(kernel, x, pairs, bias, r):
        z = sum(kernel.forward(factor, w) for factor, w in pairs)
        cotangent = r / stabilise(add_bias(z, bias))
        return sum(factor * kernel.vjp(cotangent, w, x.shape) for factor, w in pairs)

    def rule(kernel, x, w, bias, r):
        x_pos, x_neg, w_pos, w_neg = np.maximum(x, 0), np.minimum(x, 0), np.maximum(w, 0), np.minimum(w, 0)
        b_pos, b_neg = (np.maximum(bias, 0), np.minimum(bias, 0)) if with_bias else (None, None)
        relevance = alpha * part(kernel, x, [(x_pos, w_pos), (x_neg, w_neg)], b_pos, r)
        if beta:
            relevance -= beta * part(kernel, x, [(x_pos, w_neg), (x_neg, w_pos)], b_neg, r)
        return relevance

    return rule


# ---- Backward --------------------------------------------------------------------------------------------------------


def activation_backward(op, z, g, mode):
    if mode == "pass":
        return g
    if mode == "deconvnet":
        return np.maximum(g, 0)
    if op == "Relu":
        slope = z > 0
    elif op == "Clip":
        slope = (z > 0) & (z < 6)
    elif op == "Sigmoid":
        slope = sigmoid(z) * (1 - sigmoid(z))
    else:
        slope = sigmoid(z) * (1 + z * (1 - sigmoid(z)))
    return (np.maximum(g, 0) if mode == "guided_backprop" else g) * slope


def max_pool_backward(x, g, attributes):
    """Everything to the winner; of equals the first one, row by row."""
    view, padded_shape, (top, left) = pool_windows(x, attributes)
    winner = view.reshape(*view.shape[:4], -1).argmax(axis=-1)
    (_, kw), (sh, sw) = attributes["kernel_shape"], attributes["strides"]
    n, c, y, x_ = np.indices(winner.shape)
    padded = np.zeros(padded_shape)
    np.add.at(padded, (n, c, y * sh + winner // kw, x_ * sw + winner % kw), g)
    return padded[:, :, top : top + x.shape[2], left : left + x.shape[3]]


def backward(nodes, constants, values, output, start, activation="gradient", linear="gradient", kernel_rule=None):
    """Cotangent (or relevance) of every tensor. `kernel_rule(node, is_first)` gives the rule of a Conv or Gemm."""
    cotangents = {output: start}
    first = next(node for node in nodes if node.op in ("Conv", "Gemm"))

    def send(name, value):
        cotangents[name] = cotangents[name] + value if name in cotangents else value

    for node in reversed(nodes):
        g, op, attributes = cotangents[node.output], node.op, node.attributes
        x, *rest = (values.get(name, constants.get(name)) for name in node.inputs)
        source = node.inputs[0]
        if op in ("Conv", "Gemm"):
            rule = kernel_rule(node, node is first) if kernel_rule else gradient_rule
            send(source, rule(*_kernel_call(node, constants, x), g))
        elif op in ("Relu", "Clip", "Sigmoid", "Silu"):
            send(source, activation_backward(op, x, g, activation))
        elif op in ("AveragePool", "GlobalAveragePool", "ReduceMean"):
            if linear == "z":
                g = g / stabilise(values[node.output])
            if op == "AveragePool":
                kernel, weight, _ = kernel_of(node, constants, x.shape[1])
                g = kernel.vjp(g, weight, x.shape)
            else:
                area = x.shape[2] * x.shape[3]
                g = np.broadcast_to(g.reshape(*x.shape[:2], 1, 1) / area, x.shape)
            send(source, x * g if linear == "z" else g)
        elif op == "Add":
            for name, value in zip(node.inputs, (x, *rest)):
                send(name, value * g / stabilise(values[node.output]) if linear == "z" else g)
        elif op == "Mul":
            send(node.inputs[0], g * rest[0])
            send(node.inputs[1], (g * x).sum(axis=(2, 3), keepdims=True))
        elif op == "MaxPool":
            send(source, max_pool_backward(x, g, attributes))
        elif op == "Flatten":
            send(source, g.reshape(x.shape))
        elif op == "Concat":
            edges = np.cumsum([part.shape[1] for part in (x, *rest)])[:-1]
            for name, part in zip(node.inputs, np.split(g, edges, axis=attributes["axis"])):
                send(name, part)
        elif op == "Pad":
            before = np.split(rest[0].astype(int), 2)[0]
            send(source, g[tuple(slice(start, start + size) for start, size in zip(before, x.shape))])
        else:
            raise NotImplementedError(op)
    return cotangents


def _kernel_call(node, constants, x):
    kernel, weight, bias = kernel_of(node, constants, x.shape[1])
    return kernel, x, weight, bias


# ---- Methods ---------------------------------------------------------------------------------------------------------


def grad_cam(activation, gradient):
    return np.maximum((gradient.mean(axis=(2, 3), keepdims=True) * activation).sum(axis=1, keepdims=True), 0)


def bilinear(image, size):
    """Enlarge with pixel centres aligned (align_corners=False), the border repeated."""
    for axis, length in ((2, size[0]), (3, size[1])):
        old = image.shape[axis]
        position = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0, None)
        low = np.minimum(position.astype(int), old - 1)
        high = np.minimum(low + 1, old - 1)
        weight = (position - low).reshape([-1 if dimension == axis else 1 for dimension in range(4)])
        image = np.take(image, low, axis) * (1 - weight) + np.take(image, high, axis) * weight
    return image


def lrp_rule(method, parameters):
    preset_conv = alpha_beta_rule(1.0, 0.0)
    table = {
        "lrp.z": lambda node, first: epsilon_rule(STABILISER),
        "lrp.epsilon": lambda node, first: epsilon_rule(parameters["epsilon"]),
        "lrp.z_plus": lambda node, first: alpha_beta_rule(1.0, 0.0, with_bias=False),
        "lrp.alpha_1_beta_0": lambda node, first: alpha_beta_rule(1.0, 0.0),
        "lrp.alpha_2_beta_1": lambda node, first: alpha_beta_rule(2.0, 1.0),
        "lrp.sequential_preset_a": lambda node, first: preset_conv if node.op == "Conv" else epsilon_rule(0.1),
        "lrp.sequential_preset_a_flat": lambda node, first: (
            flat_rule if first else preset_conv if node.op == "Conv" else epsilon_rule(0.1)
        ),
    }
    return table[method]


class Network:
    def __init__(self, entry):
        self.nodes, self.constants, self.image, self.logits = load(HERE / entry["onnx"])
        self.x = np.load(HERE / entry["input"]["file"]).astype(np.float64)
        self.values = {self.image: self.x}
        forward(self.nodes, self.constants, self.values)
        self.target = self.values[self.logits].argmax(axis=1)
        self.one = np.eye(entry["output"]["classes"])[self.target]
        self.logit_start = self.one * self.values[self.logits]

    def back(self, start, **options):
        return backward(self.nodes, self.constants, self.values, self.logits, start, **options)

    def lrp(self, method, parameters):
        rule = lrp_rule(method, parameters)
        return self.back(self.logit_start, activation="pass", linear="z", kernel_rule=rule)

    def attribution(self, row):
        method = row["method"]
        if method.startswith("lrp."):
            return self.lrp(method, row["parameters"])[self.image]
        if method in ("deconvnet", "guided_backprop"):
            return self.back(self.one, activation=method)[self.image]
        cotangents = self.back(self.one)
        if method == "gradient":
            return cotangents[self.image]
        if method == "input_t_gradient":
            return self.x * cotangents[self.image]
        tensor = row["layer"]["tensor"]
        cam = grad_cam(self.values[tensor], cotangents[tensor])
        if row["resolution"] == "layer":
            return cam
        cam = bilinear(cam, self.x.shape[2:])
        if method == "grad_cam":
            return cam
        return cam * self.back(self.one, activation="guided_backprop")[self.image]

    def ledger(self):
        """The input's share, and by node name the shares of biases and those lost at products."""
        relevance = self.lrp("lrp.z", {})

        def total(value):
            return value.reshape(len(value), -1).sum(axis=1)

        biases, products = {}, {}
        for node in self.nodes:
            r, y = relevance[node.output], self.values[node.output]
            if node.op in ("Conv", "Gemm"):
                bias = self.constants[node.inputs[2]].reshape(1, -1, *[1] * (y.ndim - 2))
                biases[node.name] = total(r * bias / stabilise(y))
            elif node.op == "Mul":
                left, right = (self.values[name] for name in node.inputs)
                products[node.name] = total(r * (1 - left - right))
        return total(relevance[self.image]), biases, products


def main():
    expected = json.loads((HERE / "expected.json").read_text())
    failed = False
    for name in sys.argv[1:] or expected["networks"]:
        entry = expected["networks"][name]
        network = Network(entry)
        assert network.target.tolist() == entry["argmax"], name
        for row in [{"file": entry["logits"]}, *entry["attributions"]]:
            reference = np.load(HERE / row["file"]).astype(np.float64)
            result = network.attribution(row) if "method" in row else network.values[network.logits]
            error = np.abs(result - reference).max() / np.abs(reference).max()
            failed |= not error < LIMIT
            print(f"{'ok  ' if error < LIMIT else 'FAIL'} {error:.1e} {row['file']}")
        book = entry["lrp_ledger"]
        total, biases, products = network.ledger()
        assert biases.keys() == book["bias"].keys() and products.keys() == book["product"].keys(), name
        shares = {**biases, **products}
        pairs = [(total, book["input"]), (total + sum(shares.values()), book["logit"])]
        pairs += [(shares[node], wanted) for node, wanted in {**book["bias"], **book["product"]}.items()]
        error = max(np.abs(np.subtract(found, wanted)).max() for found, wanted in pairs)
        failed |= not error < LIMIT
        print(f"{'ok  ' if error < LIMIT else 'FAIL'} {error:.1e} {name} ledger")
    sys.exit(failed)


if __name__ == "__main__":
    main()
