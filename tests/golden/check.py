"""Compute the golden numbers a second time, from the ONNX files alone, with NumPy and the formulas of README.md.

    python tests/golden/check.py [NETWORK...]

It shares no code with generate.py, Captum or zennit, and walks the ONNX nodes backwards as the engine does, so it shows
both that the references mean what we say and that the files hold all that is needed. Exit status 1 if a number differs.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent
# Of max|reference|; the files are rounded to float32. Where float32 costs more than ten times that, a tenth of its cost:
# constants that the exporter rounds, such as the square root of two in a GELU, cost as much.
LIMIT = 1e-6
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
        elif proto.op_type == "Cast" and proto.input[0] in constants:
            constants[proto.output[0]] = constants[proto.input[0]]  # weights stored as float16
        elif proto.op_type == "Identity":
            constants[proto.output[0]] = constants[proto.input[0]]  # the exporter shares equal parameters this way
        elif proto.op_type == "Softmax" and proto.output[0] == output:
            output = proto.input[0]
        else:
            nodes.append(Node(proto.op_type, proto.name, list(proto.input), proto.output[0], attributes))
    return merge_batch_norm(fuse_gelu(fuse_silu(nodes)), constants), constants, graph.input[0].name, output


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


def fuse_gelu(nodes):
    """x/sqrt(2), Erf, + 1, * x, * 0.5 is one activation; its last node keeps its name and output."""
    users = {name: node for node in nodes for name in node.inputs if node.op in ("Erf", "Add", "Mul")}
    fused = []
    for node in nodes:
        if node.op == "Div" and node.output in users and users[node.output].op == "Erf":
            chain = [node]
            while len(chain) < 5:
                chain.append(users[chain[-1].output])
            assert [link.op for link in chain[1:]] == ["Erf", "Add", "Mul", "Mul"]
            chain[-1].op, chain[-1].inputs = "Gelu", [node.inputs[0]]
            fused += chain[:-1]
    return [node for node in nodes if node not in fused]


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


def normal_distribution(z):
    return 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))


# Value and derivative of the activations that are neither ReLU nor ReLU6.
SMOOTH = {
    "Sigmoid": lambda z, _: (sigmoid(z), sigmoid(z) * (1 - sigmoid(z))),
    "Silu": lambda z, _: (z * sigmoid(z), sigmoid(z) * (1 + z * (1 - sigmoid(z)))),
    "LeakyRelu": lambda z, options: (np.where(z > 0, 1, options["alpha"]) * z, np.where(z > 0, 1, options["alpha"])),
    "Elu": lambda z, options: (
        np.where(z > 0, z, options["alpha"] * np.expm1(np.minimum(z, 0))),
        np.where(z > 0, 1, options["alpha"] * np.exp(np.minimum(z, 0))),
    ),
    "Gelu": lambda z, _: (
        z * normal_distribution(z),
        normal_distribution(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    ),
}


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
        return Dense(), constants[node.inputs[1]], constants[node.inputs[2]] if len(node.inputs) > 2 else None
    if node.op == "AveragePool":
        # Sums over the windows; what they are divided by, `window_sizes` knows.
        assert not attributes.get("ceil_mode", 0) and not attributes.get("count_include_pad", 0)
        conv = Conv(attributes["strides"], attributes.get("pads", (0, 0, 0, 0)), channels)
        return conv, np.ones((channels, 1, *attributes["kernel_shape"])), None
    group, dilations = attributes.get("group", 1), attributes.get("dilations", (1, 1))
    conv = Conv(attributes["strides"], attributes["pads"], group, dilations)
    bias = constants[node.inputs[2]] if len(node.inputs) > 2 else None
    return conv, constants[node.inputs[1]], bias


def window_sizes(kernel, weight, x):
    """How many cells of the image each window of an average pooling holds; padding does not count."""
    return kernel.forward(np.ones_like(x), weight)


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
            if op == "AveragePool":
                y = y / window_sizes(kernel, weight, x)
        elif op in SMOOTH:
            y = SMOOTH[op](x, attributes)[0]
        elif op == "Relu":
            y = np.maximum(x, 0)
        elif op == "Clip":
            assert [float(bound) for bound in rest] == [0, 6]
            y = np.clip(x, 0, 6)
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


def w_square_rule(kernel, x, w, bias, r):
    squares = w * w
    return kernel.vjp(r / stabilise(kernel.forward(np.ones_like(x), squares)), squares, x.shape)


def z_plus_fast_rule(kernel, x, w, bias, r):
    positive = np.maximum(w, 0)
    return x * kernel.vjp(r / stabilise(kernel.forward(x, positive)), positive, x.shape)


def box_rule(low, high):
    def rule(kernel, x, w, bias, r):
        w_pos, w_neg = np.maximum(w, 0), np.minimum(w, 0)
        terms = [(1, x, w), (-1, np.full_like(x, low), w_pos), (-1, np.full_like(x, high), w_neg)]
        cotangent = r / stabilise(sum(sign * kernel.forward(value, part) for sign, value, part in terms))
        return sum(sign * value * kernel.vjp(cotangent, part, x.shape) for sign, value, part in terms)

    return rule


def gamma_rule(gamma):
    """Positive outputs favour the positive part of the weights, for positive inputs; negative outputs the mirror."""

    def rule(kernel, x, w, bias, r):
        z = add_bias(kernel.forward(x, w), bias)
        relevance = 0
        for chosen, side in ((z > 0, np.maximum), (z < 0, np.minimum)):
            same, other = w + gamma * side(w, 0), w + gamma * (w - side(w, 0))
            shifted = None if bias is None else bias + gamma * side(bias, 0)
            terms = [(np.maximum(x, 0), same), (np.minimum(x, 0), other)]
            denominator = add_bias(sum(kernel.forward(value, part) for value, part in terms), shifted)
            cotangent = np.where(chosen, r / stabilise(denominator), 0)
            relevance = relevance + sum(value * kernel.vjp(cotangent, part, x.shape) for value, part in terms)
        return relevance

    return rule


def alpha_beta_rule(alpha, beta, with_bias=True, whole_bias=False):
    def part(kernel, x, pairs, bias, r):
        z = sum(kernel.forward(factor, w) for factor, w in pairs)
        cotangent = r / stabilise(add_bias(z, bias))
        return sum(factor * kernel.vjp(cotangent, w, x.shape) for factor, w in pairs)

    def rule(kernel, x, w, bias, r):
        x_pos, x_neg, w_pos, w_neg = np.maximum(x, 0), np.minimum(x, 0), np.maximum(w, 0), np.minimum(w, 0)
        b_pos, b_neg = None, None
        if bias is not None and with_bias:
            b_pos, b_neg = (bias, bias) if whole_bias else (np.maximum(bias, 0), np.minimum(bias, 0))
        relevance = alpha * part(kernel, x, [(x_pos, w_pos), (x_neg, w_neg)], b_pos, r)
        if beta:
            relevance -= beta * part(kernel, x, [(x_pos, w_neg), (x_neg, w_pos)], b_neg, r)
        return relevance

    return rule


# ---- Backward --------------------------------------------------------------------------------------------------------


def activation_backward(op, z, g, mode, attributes):
    if mode == "pass":
        return g
    if mode == "deconvnet":
        return np.maximum(g, 0)
    if op == "Relu":
        slope = z > 0
    elif op == "Clip":
        slope = (z > 0) & (z < 6)
    else:
        slope = SMOOTH[op](z, attributes)[1]
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


def backward(
    nodes, constants, values, output, start, activation="gradient", linear="gradient", kernel_rule=None, concept=None
):
    """Cotangent (or relevance) of every tensor. `kernel_rule(node, is_first)` gives the rule of a Conv or Gemm.

    At the node that `concept` names only its channels may pass.
    """
    cotangents = {output: start}
    first = next(node for node in nodes if node.op in ("Conv", "Gemm"))

    def send(name, value):
        cotangents[name] = cotangents[name] + value if name in cotangents else value

    for node in reversed(nodes):
        if node.output not in cotangents:
            continue  # it comes after what is explained
        g, op, attributes = cotangents[node.output], node.op, node.attributes
        if concept and node.name == concept["layer"]:
            g = g * np.isin(np.arange(g.shape[1]), concept["channels"])[:, None, None]
        x, *rest = (values.get(name, constants.get(name)) for name in node.inputs)
        source = node.inputs[0]
        if op in ("Conv", "Gemm"):
            rule = kernel_rule(node, node is first) if kernel_rule else gradient_rule
            send(source, rule(*_kernel_call(node, constants, x), g))
        elif op in ("Relu", "Clip", *SMOOTH):
            send(source, activation_backward(op, x, g, activation, attributes))
        elif op in ("AveragePool", "GlobalAveragePool", "ReduceMean"):
            if linear == "z":
                g = g / stabilise(values[node.output])
            if op == "AveragePool":
                kernel, weight, _ = kernel_of(node, constants, x.shape[1])
                g = kernel.vjp(g / window_sizes(kernel, weight, x), weight, x.shape)
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


def cam(method, a, g, signed):
    """`a` is the activation of the layer, `g` the gradient there."""

    def space(value):
        return value.sum(axis=(2, 3), keepdims=True)

    if method == "eigen_cam":
        flat = a.reshape(*a.shape[:2], -1)
        centred = flat - flat.mean(axis=2, keepdims=True)
        _, vectors = np.linalg.eigh(centred @ centred.transpose(0, 2, 1))  # the largest eigenvalue comes last
        image = (vectors[:, :, -1:] * centred).sum(axis=1)
        agreement = (image * flat.mean(axis=1)).sum(axis=1, keepdims=True)
        return (image * np.where(agreement < 0, -1, 1)).reshape(len(a), 1, *a.shape[2:])
    if method in ("grad_cam", "guided_grad_cam"):
        weight = g.mean(axis=(2, 3), keepdims=True)
    elif method == "grad_cam_plus_plus":
        weight = space(np.maximum(g, 0) * g**2 / (2 * g**2 + space(a) * g**3 + 1e-6))
    elif method == "x_grad_cam":
        weight = space(g * a / (space(a) + 1e-7))
    else:
        weight = {"layer_cam": np.maximum(g, 0), "hires_cam": g}[method]
    image = (weight * a).sum(axis=1, keepdims=True)
    return image if signed else np.maximum(image, 0)


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
    """The rule of a node, given whether it is the first layer with a kernel."""
    compat = parameters.get("compat") == "innvestigate"
    one, two = (alpha_beta_rule(alpha, alpha - 1.0, whole_bias=compat) for alpha in (1.0, 2.0))
    positive = alpha_beta_rule(1.0, 0.0, with_bias=False)
    box = box_rule(parameters["low"], parameters["high"]) if "low" in parameters else None

    # Rules of convolutions, of dense layers, and of the first layer if it has its own.
    table = {
        "lrp.z": (epsilon_rule(STABILISER),) * 2,
        "lrp.epsilon": (epsilon_rule(parameters.get("epsilon")),) * 2,
        "lrp.gamma": (gamma_rule(parameters.get("gamma")),) * 2,
        "lrp.w_square": (w_square_rule,) * 2,
        "lrp.flat": (flat_rule,) * 2,
        "lrp.z_plus": (positive,) * 2,
        "lrp.z_plus_fast": (z_plus_fast_rule,) * 2,
        "lrp.alpha_1_beta_0": (one,) * 2,
        "lrp.alpha_2_beta_1": (two,) * 2,
        "lrp.alpha_1_beta_0_IB": (positive,) * 2,
        "lrp.alpha_2_beta_1_IB": (alpha_beta_rule(2.0, 1.0, with_bias=False),) * 2,
        "lrp.sequential_preset_a": (one, epsilon_rule(0.1)),
        "lrp.sequential_preset_a_flat": (one, epsilon_rule(0.1), flat_rule),
        "lrp.sequential_preset_b": (two, epsilon_rule(0.1)),
        "lrp.sequential_preset_b_flat": (two, epsilon_rule(0.1), flat_rule),
        "lrp.epsilon_plus": (one, epsilon_rule(1e-6)),
        "lrp.epsilon_plus_flat": (one, epsilon_rule(1e-6), flat_rule),
        "lrp.epsilon_gamma_box": (gamma_rule(0.25), epsilon_rule(1e-6), box),
        "lrp.epsilon_alpha2_beta1": (two, epsilon_rule(1e-6)),
        "lrp.epsilon_alpha2_beta1_flat": (two, epsilon_rule(1e-6), flat_rule),
        "deep_taylor": (positive,) * 2,
        "deep_taylor.bounded": (positive, positive, box),
    }
    conv, dense, *first = table[method]
    if "input_rule" in parameters:
        name, _, bounds = parameters["input_rule"].partition(":")
        first = [{"box": lambda: box_rule(*map(float, bounds.split(","))), "w_square": lambda: w_square_rule}[name]()]
    return lambda node, is_first: first[0] if is_first and first else conv if node.op == "Conv" else dense


def windows(length, window, stride):
    starts = list(range(0, length - window + 1, stride))
    return [slice(start, start + window) for start in sorted({*starts, length - window})]


class NotChecked(Exception):
    """A method that is not computed a second time."""


class Network:
    def __init__(self, entry):
        self.nodes, self.constants, self.image, self.logits = load(HERE / entry["onnx"])
        self.x = np.load(HERE / entry["input"]["file"]).astype(np.float64)
        self.values = self.run(self.x)
        self.target = self.values[self.logits].argmax(axis=1)
        self.one = np.eye(entry["output"]["classes"])[self.target]
        self.logit_start = self.one * self.values[self.logits]

    def run(self, x):
        values = {self.image: x}
        forward(self.nodes, self.constants, values)
        return values

    def back(self, start, values=None, output=None, **options):
        values = self.values if values is None else values
        return backward(self.nodes, self.constants, values, output or self.logits, start, **options)

    def lrp(self, method, parameters, concept=None):
        rule = lrp_rule(method, parameters)
        taylor = method.startswith("deep_taylor")
        start = np.maximum(self.logit_start, 0) if taylor else self.logit_start
        linear = "gradient" if taylor else "z"
        return self.back(start, activation="pass", linear=linear, kernel_rule=rule, concept=concept)

    def start(self, target):
        """Cotangent of the logits for what is explained, and the tensor it belongs to."""
        kind = target.get("kind", "logit")
        logits = self.values[self.logits]
        if kind == "contrast":
            other = np.where(self.one > 0, -np.inf, logits).argmax(axis=1)
            return self.one - np.eye(logits.shape[1])[other], self.logits
        if kind == "probability":
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            chosen = (p * self.one).sum(axis=1, keepdims=True)
            return chosen * (self.one - p), self.logits
        if kind == "neuron":
            tensor = next(node.output for node in self.nodes if node.name == target["layer"])
            start = np.zeros_like(self.values[tensor])
            start[:, target["neuron"]["channel"]] = 1
            return start, tensor
        return self.one, self.logits

    def integrated_gradients(self, parameters, start):
        compat = parameters.get("compat") == "innvestigate"
        steps = parameters["steps"]
        shift = {"left": 0, "midpoint": 0.5, "right": 1}["left" if compat else parameters["rule"]]
        total = 0
        for step in range(steps):
            values = self.run(self.x * ((step + shift) / steps))
            total = total + self.back(start, values)[self.image]
        return self.x * total / steps

    def fall(self, keep):
        """Logit of the explained class minus what is left of it where `keep` is 1 and the rest zero."""
        logits = self.run(self.x * keep)[self.logits]
        return ((self.values[self.logits] - logits) * self.one).sum(axis=1)

    def occlusion(self, window, stride):
        height, width = self.x.shape[2:]
        total, count = np.zeros((len(self.x), 1, height, width)), np.zeros((height, width))
        for rows in windows(height, window, stride):
            for columns in windows(width, window, stride):
                keep = np.ones((height, width))
                keep[rows, columns] = 0
                total[:, :, rows, columns] += self.fall(keep)[:, None, None, None]
                count[rows, columns] += 1
        return total / count

    def shapley(self, grid):
        """By the definition over orders of arrival, grouped: each subset weighs by the orders that lead through it."""
        height, width = self.x.shape[2:]
        cells = [
            (slice(r * height // grid, (r + 1) * height // grid), slice(c * width // grid, (c + 1) * width // grid))
            for r in range(grid)
            for c in range(grid)
        ]
        scores = {}
        for subset in range(2 ** len(cells)):
            keep = np.zeros((height, width))
            for bit, cell in enumerate(cells):
                keep[cell] = subset >> bit & 1
            scores[subset] = -self.fall(keep)
        result = np.zeros((len(self.x), 1, height, width))
        for bit, cell in enumerate(cells):
            for subset, score in scores.items():
                if not subset >> bit & 1:
                    size = bin(subset).count("1")
                    weight = 1 / (len(cells) * math.comb(len(cells) - 1, size))
                    result[:, :, cell[0], cell[1]] += (weight * (scores[subset | 1 << bit] - score))[:, None, None, None]
            result[:, :, cell[0], cell[1]] /= result[0, 0, cell[0], cell[1]].size
        return result

    def attribution(self, row):
        method, parameters = row["method"], row["parameters"]
        if method.startswith("deep_lift"):
            raise NotChecked
        if method.startswith(("lrp.", "deep_taylor")):
            return self.lrp(method, parameters, row.get("concept"))[self.image]
        if method == "occlusion":
            return self.occlusion(parameters["window"], parameters["stride"])
        if method == "kernel_shap":
            return self.shapley(int(parameters["segments"].partition(":")[2]))
        if method in ("deconvnet", "guided_backprop"):
            start = self.logit_start if parameters.get("compat") == "innvestigate" else self.one
            return self.back(start, activation=method)[self.image]
        start, output = self.start(row.get("target", {}))
        if method == "integrated_gradients":
            return self.integrated_gradients(parameters, start)
        cotangents = self.back(start, output=output)
        if method == "gradient":
            return cotangents[self.image]
        if method == "input_t_gradient":
            return self.x * cotangents[self.image]
        tensor = row["layer"]["tensor"]
        image = cam(method, self.values[tensor], cotangents[tensor], parameters.get("signed") == "yes")
        if row["resolution"] == "layer":
            return image
        image = bilinear(image, self.x.shape[2:])
        if method != "guided_grad_cam":
            return image
        return image * self.back(self.one, activation="guided_backprop")[self.image]

    def ledger(self):
        """The input's share, and by node name the shares of biases and those lost at products."""
        relevance = self.lrp("lrp.z", {})

        def total(value):
            return value.reshape(len(value), -1).sum(axis=1)

        biases, products = {}, {}
        for node in self.nodes:
            r, y = relevance[node.output], self.values[node.output]
            if node.op in ("Conv", "Gemm"):
                if len(node.inputs) < 3:
                    continue
                bias = self.constants[node.inputs[2]].reshape(1, -1, *[1] * (y.ndim - 2))
                biases[node.name] = total(r * bias / stabilise(y))
            elif node.op == "Mul":
                left, right = (self.values[name] for name in node.inputs)
                products[node.name] = total(r * (1 - left - right))
        return total(relevance[self.image]), biases, products


def reduce(map_, reduced):
    """Sum over the channels, then the mean over each cell of a grid, if the file holds only that."""
    if not reduced:
        return map_
    map_ = map_.sum(axis=1, keepdims=True)
    (height, width), grid = map_.shape[2:], reduced["grid"]
    rows, columns = (
        [slice(cell * length // grid, (cell + 1) * length // grid) for cell in range(grid)] for length in (height, width)
    )
    return np.stack([np.stack([map_[:, :, r, c].mean(axis=(2, 3)) for c in columns], -1) for r in rows], -2)


def main():
    expected = json.loads((HERE / "expected.json").read_text())
    failed = False
    for name in sys.argv[1:] or expected["networks"]:
        entry = expected["networks"][name]
        network = Network(entry)
        assert network.target.tolist() == entry["argmax"], name
        for row in [{"file": entry["logits"]}, *entry["attributions"]]:
            reference = np.load(HERE / row["file"]).astype(np.float64)
            try:
                result = network.attribution(row) if "method" in row else network.values[network.logits]
            except NotChecked:
                continue
            result = reduce(result, row.get("reduced"))
            error = np.abs(result - reference).max() / np.abs(reference).max()
            limit = max(LIMIT, row.get("float32_error", 0) / 10)
            failed |= not error < limit
            print(f"{'ok  ' if error < limit else 'FAIL'} {error:.1e} {row['file']}")
        book = entry.get("lrp_ledger")
        if book is None:
            continue
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
