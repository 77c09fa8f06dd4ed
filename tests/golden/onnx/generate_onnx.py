"""Write small ONNX networks as today's exporters and quantisers write them, with what onnxruntime answers.

    python -m venv venv && venv/bin/pip install torch==2.9.1 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2
    venv/bin/python tests/golden/onnx/generate_onnx.py

Each network has NAME.onnx, NAME.input.npy (float32, `[samples, 3, 16, 16]` if not said otherwise) and NAME.output.npy;
cases.json lists them. Weights are random with fixed seeds. onnxruntime runs with its optimisations off.

Of a quantised network, NAME.output.npy is what its float network gives: quantised weights as they are, activations
clamped to the range of their type but not rounded. The float network is made here from the nodes' definitions and run
by onnxruntime. NAME.rounded.npy is what onnxruntime makes of the network itself.
"""

import json
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from torch import nn

warnings.filterwarnings("ignore")
HERE = Path(__file__).resolve().parent
IMAGE = (3, 16, 16)
CASES = {}


def pictures(name, samples=2, shape=IMAGE):
    return np.random.default_rng(zlib.crc32(name.encode())).uniform(-1, 1, (samples, *shape)).astype(np.float32)


def session(model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    data = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def run(model, pictures):
    """All outputs for each picture by itself, so that a fixed batch of 1 is no trouble."""
    running = session(model)
    info = running.get_inputs()[0]
    dtype = {"tensor(float16)": np.float16, "tensor(uint8)": np.uint8}.get(info.type, np.float32)
    answers = [running.run(None, {info.name: picture[None].astype(dtype)}) for picture in pictures]
    return [np.concatenate([np.asarray(answer[index]) for answer in answers]) for index in range(len(answers[0]))]


def save(name, model, x=None, tolerance=1e-5, output=0, expected=None, **more):
    """Write a network and its answers."""
    assert name not in CASES, name
    x = pictures(name) if x is None else x
    if expected is None:
        expected = run(model, x)[output]
    if isinstance(model, onnx.ModelProto):
        del model.metadata_props[:]
        for node in model.graph.node:
            del node.metadata_props[:]
            node.doc_string = ""
        for function in model.functions:
            for node in function.node:
                del node.metadata_props[:]
                node.doc_string = ""
        del model.graph.value_info[:]
        (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    expected = expected.astype(np.float32)
    assert np.isfinite(expected).all() and expected.std() > 1e-4, name
    np.save(HERE / f"{name}.input.npy", x)
    np.save(HERE / f"{name}.output.npy", expected)
    CASES[name] = {"name": name, "tolerance": tolerance, **more}
    print(f"{name}: {(HERE / f'{name}.onnx').stat().st_size} bytes, {expected.shape}")


# ---------------------------------------------------------------------------------------------------- from PyTorch


class Attention(nn.Module):
    def __init__(self, width, heads, fused):
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.fused = heads, fused

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            x = F.scaled_dot_product_attention(q, k, v)
        else:
            weights = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1)
            x = weights.softmax(dim=-1) @ v
        return self.out(x.transpose(1, 2).reshape(b, n, c))


class Block(nn.Module):
    def __init__(self, width, heads, fused):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width, eps=1e-6)
        self.attention = Attention(width, heads, fused)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        x = x + self.attention(self.first(x))
        return x + self.mlp(self.second(x))


class ViT(nn.Module):
    """A vision transformer as in timm: class token, learned positions, blocks, head on the class token."""

    def __init__(self, fused=False, width=16, heads=2, patch=4, classes=7):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 1 + (IMAGE[1] // patch) ** 2, width) * 0.5)
        self.blocks = nn.Sequential(Block(width, heads, fused), Block(width, heads, fused))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


class TorchvisionViT(nn.Module):
    """A vision transformer as in torchvision, with the attention of PyTorch itself."""

    def __init__(self, width=16, heads=2, patch=4, classes=7):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 1 + (IMAGE[1] // patch) ** 2, width) * 0.5)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, width))
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        n, _, h, w = x.shape
        x = self.patches(x).reshape(n, -1, (h // 4) * (w // 4)).permute(0, 2, 1)
        x = torch.cat([self.token.expand(n, -1, -1), x], dim=1) + self.position
        y = self.norms[0](x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.mlp(self.norms[1](x))
        return self.head(self.norms[2](x)[:, 0])


class LayerNorm2d(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.rand(width))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(F.gelu(self.up(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, width=12, classes=7):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 4, 4), LayerNorm2d(width))
        self.stages = nn.Sequential(
            ConvNeXtBlock(width), LayerNorm2d(width), nn.Conv2d(width, 2 * width, 2, 2), ConvNeXtBlock(2 * width)
        )
        self.norm, self.head = nn.LayerNorm(2 * width), nn.Linear(2 * width, classes)

    def forward(self, x):
        return self.head(self.norm(self.stages(self.stem(x)).mean([-2, -1])))


class SwinBlock(nn.Module):
    """Attention in windows of 4 × 4 cells, shifted by 2 with a mask, and with a bias for relative positions."""

    def __init__(self, width, heads, size, shift):
        super().__init__()
        self.heads, self.shift = heads, shift
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.bias = nn.Parameter(torch.randn(49, heads))
        at = torch.stack(torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")).flatten(1)
        relative = (at[:, :, None] - at[:, None, :]).permute(1, 2, 0) + 3
        self.register_buffer("index", (relative[..., 0] * 7 + relative[..., 1]).flatten())
        if shift:
            image = torch.zeros(1, size, size, 1)
            for count, (rows, columns) in enumerate(
                [(r, c) for r in (slice(0, -4), slice(-4, -2), slice(-2, None)) for c in (slice(0, -4), slice(-4, -2), slice(-2, None))]
            ):
                image[:, rows, columns] = count
            windows = self.windows(image).squeeze(-1)
            mask = windows[:, None] - windows[:, :, None]
            self.register_buffer("mask", torch.where(mask != 0, -100.0, 0.0))

    @staticmethod
    def windows(x):
        b, h, w, c = x.shape
        return x.view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)

    def forward(self, x):
        b, h, w, c = x.shape
        y = self.first(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = self.windows(y)
        q, k, v = self.qkv(y).reshape(-1, 16, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5
        weights = weights + self.bias[self.index].view(16, 16, -1).permute(2, 0, 1).unsqueeze(0)
        if self.shift:
            count = self.mask.shape[0]
            weights = weights.view(-1, count, self.heads, 16, 16) + self.mask[None, :, None]
            weights = weights.view(-1, self.heads, 16, 16)
        y = self.out((weights.softmax(-1) @ v).transpose(1, 2).reshape(-1, 16, c))
        y = y.view(b, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp(self.second(x))


class Swin(nn.Module):
    def __init__(self, width=8, classes=7):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 2, 2)
        self.blocks = nn.Sequential(SwinBlock(width, 2, 8, 0), SwinBlock(width, 2, 8, 2))
        self.merge_norm, self.merge = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width, bias=False)
        self.norm, self.head = nn.LayerNorm(2 * width), nn.Linear(2 * width, classes)

    def forward(self, x):
        x = self.blocks(self.patches(x).permute(0, 2, 3, 1))
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        x = self.norm(self.merge(self.merge_norm(x)))
        return self.head(x.mean([1, 2]))


class Mixer(nn.Module):
    def __init__(self, width=12, classes=7):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.tokens = nn.Sequential(nn.Linear(16, 24), nn.GELU(approximate="tanh"), nn.Linear(24, 16))
        self.channels = nn.Sequential(nn.Linear(width, 24), nn.SiLU(), nn.Linear(24, width))
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norms[1](x))
        return self.head(self.norms[2](x).mean(1))


class EinsumAttention(nn.Module):
    def __init__(self, width=12, classes=7):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.q, self.k, self.v = (nn.Parameter(torch.randn(2, width, width // 2) * 0.4) for _ in range(3))
        self.out = nn.Parameter(torch.randn(2, width // 2, classes) * 0.5)

    def forward(self, x):
        x = torch.einsum("bchw->bhwc", self.patches(x)).flatten(1, 2)
        q = torch.einsum("bnc,hcd->bhnd", x, self.q)
        k = torch.einsum("bnc,hcd->bhnd", x, self.k)
        v = torch.einsum("bnc,hcd->bhnd", x, self.v)
        weights = torch.einsum("bhid,bhjd->bhij", q, k).softmax(-1)
        y = torch.einsum("bhij,bhjd->bihd", weights, v)
        return torch.einsum("bnhd,hdc->bc", y, self.out)


class GroupNormCnn(nn.Module):
    def __init__(self, classes=7):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.GroupNorm(4, 8), nn.SiLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.GroupNorm(1, 8),
            nn.Mish(), nn.InstanceNorm2d(8, affine=True), nn.Hardswish(), nn.PixelUnshuffle(2), nn.Conv2d(32, 8, 1),
            nn.PixelShuffle(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )
        self.head = nn.Linear(2, classes)

    def forward(self, x):
        return self.head(F.normalize(self.body(x), dim=1))


class Auxiliary(nn.Module):
    """Two outputs of scores as in Inception while training, and one of features."""

    def __init__(self):
        super().__init__()
        self.stem, self.rest = nn.Conv2d(3, 6, 3, 2), nn.Conv2d(6, 8, 3)
        self.main, self.side = nn.Linear(8, 7), nn.Linear(6, 7)

    def forward(self, x):
        x = F.relu(self.stem(x))
        y = F.relu(self.rest(x))
        return y, self.main(y.mean((2, 3))), self.side(x.mean((2, 3)))


def trained(make, *arguments, **more):
    """A module with random weights, normalisations that are not plain, in evaluation mode."""
    torch.manual_seed(zlib.crc32(make.__name__.encode()))
    module = make(*arguments, **more)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, (nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d, nn.BatchNorm2d)):
                part.weight.uniform_(0.5, 1.5)
                part.bias.uniform_(-0.5, 0.5)
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.uniform_(-0.5, 0.5)
                part.running_var.uniform_(0.5, 1.5)
    return module.eval()


def script(module, opset, names=("scores",)):
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/m.onnx"
        torch.onnx.export(
            module, torch.zeros(1, *IMAGE), file, opset_version=opset, dynamo=False, input_names=["image"],
            output_names=list(names), dynamic_axes={name: {0: "batch"} for name in ("image", *names)},
        )
        return onnx.load(file)


def dynamo(module, opset, optimize=True, dynamic=False):
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    example = torch.zeros(2 if dynamic else 1, *IMAGE)
    program = torch.onnx.export(
        module, (example,), dynamo=True, opset_version=opset, input_names=["image"], output_names=["scores"],
        optimize=optimize, dynamic_shapes=shapes, verbose=False,
    )
    return program.model_proto


def from_torch():
    save("vit_script_opset14", script(trained(ViT), 14))
    save("vit_script_opset17", script(trained(ViT, fused=True), 17))
    save("vit_dynamo_opset18", dynamo(trained(ViT, fused=True), 18))
    save("vit_dynamo_dynamic", dynamo(trained(ViT), 20, dynamic=True))
    save("vit_dynamo_opset23", dynamo(trained(ViT, fused=True), 23))
    save("vit_torchvision_script", script(trained(TorchvisionViT), 17))
    save("vit_torchvision_dynamo", dynamo(trained(TorchvisionViT), 20))
    save("vit_dynamo_functions", dynamo(trained(ViT, fused=True), 18, optimize=False))
    save("convnext_script", script(trained(ConvNeXt), 17))
    save("convnext_dynamo", dynamo(trained(ConvNeXt), 21))
    save("swin_script", script(trained(Swin), 17))
    save("swin_dynamo", dynamo(trained(Swin), 18))
    save("mixer_script", script(trained(Mixer), 13))
    save("mixer_dynamo", dynamo(trained(Mixer), 20))
    save("einsum_script", script(trained(EinsumAttention), 13))
    save("einsum_dynamo", dynamo(trained(EinsumAttention), 18))
    save("groupnorm_script", script(trained(GroupNormCnn), 17))
    save("groupnorm_dynamo", dynamo(trained(GroupNormCnn), 21))
    outputs = ("features", "scores", "auxiliary")
    save("auxiliary", script(trained(Auxiliary), 17, outputs), output=1, warnings=1)


# ---------------------------------------------------------------------------------------------------- quantised


class ResidualCnn(nn.Module):
    """What quantisers have operators for: sums, products, joins, pools, several activations."""

    def __init__(self, classes=7):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8), nn.ReLU6())
        self.pointwise = nn.Conv2d(8, 8, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.leaky = nn.LeakyReLU(0.1)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(16 * 2 * 2, 12), nn.ReLU(), nn.Linear(12, classes))

    def forward(self, x):
        x = self.stem(x)
        y = x + self.pointwise(self.depthwise(x))
        y = self.leaky(y * self.gate(y))
        x = torch.cat([F.max_pool2d(x, 2), F.avg_pool2d(y, 2)], 1)
        return self.head(F.pad(x, (0, 0, 0, 0))[:, :, ::2, ::2]).softmax(-1)


class Pictures(CalibrationDataReader):
    """Random pictures to choose the ranges by; a little less than what is asked later, so that some values are cut."""

    def __init__(self, model):
        self.name = model.graph.input[0].name
        self.left = iter(pictures("calibration", 24))

    def get_next(self):
        picture = next(self.left, None)
        return None if picture is None else {self.name: picture[None] * np.float32(0.9)}


def static(model, **options):
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/float.onnx")
        quantize_static(f"{folder}/float.onnx", f"{folder}/q.onnx", Pictures(model), **options)
        return onnx.load(f"{folder}/q.onnx")


def dynamic(model, **options):
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/float.onnx")
        quantize_dynamic(f"{folder}/float.onnx", f"{folder}/q.onnx", **options)
        return onnx.load(f"{folder}/q.onnx")


LIMITS = {
    np.dtype(np.uint8): (0, 255), np.dtype(np.int8): (-128, 127),
    np.dtype(np.uint16): (0, 65535), np.dtype(np.int16): (-32768, 32767), np.dtype(np.int32): (-(2**31), 2**31 - 1),
}


class Meaning:
    """The float network of a quantised one, written from the definitions of the operators."""

    def __init__(self, model):
        self.model, self.nodes, self.fresh = model, [], 0
        self.known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                self.known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)

    def network(self):
        for node in self.model.graph.node:
            self.visit(node)
        result = onnx.ModelProto()
        result.CopyFrom(self.model)
        del result.graph.node[:], result.graph.initializer[:], result.graph.value_info[:]
        result.graph.node.extend(self.nodes)
        result.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in self.known.items())
        return result

    def name(self, value):
        self.fresh += 1
        self.known[f"made_{self.fresh}"] = value
        return f"made_{self.fresh}"

    def add(self, op, inputs, outputs, **attributes):
        self.nodes.append(helper.make_node(op, inputs, outputs, **attributes))

    def axis_of(self, values, axis, shape):
        """Scales or zero points against a tensor: for all, along an axis, or in blocks along it."""
        values = np.asarray(values)
        if values.ndim == len(shape) and values.size > 1:
            times = -(-shape[axis] // values.shape[axis])
            return np.repeat(values, times, axis)[tuple(slice(0, size) for size in shape)]
        if values.size == 1:
            return values.reshape(())
        return values.reshape([-1 if at == axis % len(shape) else 1 for at in range(len(shape))])

    def dequantised(self, name, scale, zero, axis):
        value, scale = self.known[name], self.known[scale]
        zero = self.known[zero] if zero else np.zeros_like(scale)
        value, zero = value.astype(np.float64), zero.astype(np.float64)
        return ((value - self.axis_of(zero, axis, value.shape)) * self.axis_of(scale, axis, value.shape)).astype(np.float32)

    def operand(self, inputs, at, axis=0):
        name, scale, zero = inputs[at:at + 3]
        return self.name(self.dequantised(name, scale, zero, axis)) if name in self.known else name

    def clamp(self, value, scale, zero, output):
        scale = np.float64(self.known[scale].reshape(-1)[0])
        zero = self.known[zero] if zero else np.uint8(0)
        (low, high), at = LIMITS[zero.dtype], np.float64(zero.reshape(-1)[0])
        low, high = (self.name(np.float32((limit - at) * scale)) for limit in (low, high))
        self.add("Clip", [value, low, high], [output])

    def visit(self, node):
        op, i, o = node.op_type, [*node.input, "", ""], list(node.output)
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        middle = f"{o[0]}/float"
        if op == "QuantizeLinear" and i[0] in self.known:
            scale, zero = self.known[i[1]], self.known[i[2]]
            value = np.rint(self.known[i[0]] / scale) + zero
            self.known[o[0]] = np.clip(value, *LIMITS[zero.dtype]).astype(zero.dtype)
        elif op == "QuantizeLinear":
            self.clamp(i[0], i[1], i[2], o[0])
        elif op == "DequantizeLinear" and i[0] in self.known:
            self.known[o[0]] = self.dequantised(*i[:3], attributes.get("axis", 1))
        elif op == "DequantizeLinear":
            self.add("Identity", [i[0]], o)
        elif op == "DynamicQuantizeLinear":
            self.add("Identity", [i[0]], o[:1])
            self.known[o[1]], self.known[o[2]] = np.float32(1), np.uint8(0)
        elif op in ("MatMulInteger", "ConvInteger"):
            assert i[2] == "" or self.known[i[2]] == 0
            self.known[f"{o[0]}/one"] = np.ones_like(self.known[i[3]], np.float32)
            axis = 0 if op == "ConvInteger" else 1
            weight = self.name(self.dequantised(i[1], f"{o[0]}/one", i[3], axis))
            self.add(op.removesuffix("Integer"), [i[0], weight], o, **attributes)
        elif op == "QLinearConv":
            bias = [self.name(self.known[i[8]].astype(np.float32) * self.known[i[1]] * self.known[i[4]])] if i[8] else []
            self.add("Conv", [i[0], self.operand(i, 3), *bias], [middle], **attributes)
            self.clamp(middle, i[6], i[7], o[0])
        elif op == "QGemm":
            scale = self.known[i[1]] * self.known[i[4]] * np.float32(attributes.get("alpha", 1))
            bias = [self.name(self.known[i[6]].astype(np.float32) * scale)] if i[6] else []
            weight = self.operand(i, 3, 0 if attributes.get("transB") else 1)
            self.add("Gemm", [i[0], weight, *bias], [middle], **attributes)
            self.clamp(middle, i[7], i[8], o[0])
        elif op in ("QLinearMatMul", "QLinearAdd", "QLinearMul"):
            self.add(op.removeprefix("QLinear"), [self.operand(i, 0, -1), self.operand(i, 3, -1)], [middle])
            self.clamp(middle, i[6], i[7], o[0])
        elif op == "QLinearConcat":
            self.add("Concat", [self.operand(i, at) for at in range(2, len(node.input), 3)], [middle], **attributes)
            self.clamp(middle, i[0], i[1], o[0])
        elif op.startswith("QLinear"):
            kept = {k: v for k, v in attributes.items() if k not in ("channels_last", "opset")}
            self.add(op.removeprefix("QLinear"), [i[0]], [middle], **kept)
            self.clamp(middle, i[3], i[4], o[0])
        elif op == "Cast" and "quantized" in i[0]:
            self.add("Identity", [i[0]], o)
        elif op == "Pad" and len(node.input) > 2 and i[2] in self.known and self.known[i[2]].dtype.kind in "iu":
            self.add("Pad", [i[0], i[1], self.name(np.float32(0))], o, **attributes)
        elif op != "Constant":
            self.nodes.append(node)


def save_quantised(name, model, rounded=0.1, **more):
    x = pictures(name)
    clamped, answer = run(Meaning(model).network(), x)[0], run(model, x)[0]
    difference = np.abs(clamped - answer).max() / np.abs(clamped).max()
    assert difference < rounded, f"{name}: {difference}"
    save(name, model, x, expected=clamped, warnings=1, rounded=rounded, **more)
    np.save(HERE / f"{name}.rounded.npy", answer)
    print(f"  of the rounded answer it is {difference:.2%} away")


def quantised():
    float_model = script(trained(ResidualCnn), 17)
    u8, s8, u16 = QuantType.QUInt8, QuantType.QInt8, QuantType.QUInt16
    qdq, operators = QuantFormat.QDQ, QuantFormat.QOperator
    save_quantised("qdq_uint8", static(float_model, quant_format=qdq, activation_type=u8, weight_type=s8, per_channel=True))
    save_quantised("qdq_int8", static(float_model, quant_format=qdq, activation_type=s8, weight_type=s8))
    save_quantised(
        "qdq_uint16",
        static(
            float_model, quant_format=qdq, activation_type=u16, weight_type=s8,
            extra_options={"UseQDQContribOps": True},
        ),
        rounded=0.01,
    )
    save_quantised("qlinear_uint8", static(float_model, quant_format=operators, activation_type=u8, weight_type=u8))
    save_quantised(
        "qlinear_per_channel",
        static(float_model, quant_format=operators, activation_type=s8, weight_type=s8, per_channel=True),
    )
    vit = script(trained(ViT, fused=True), 17)
    # The class token is repeated by a node and quantised behind it: a constant, which the reader rounds and this does not.
    save_quantised(
        "qdq_vit", static(vit, quant_format=qdq, activation_type=u8, weight_type=s8), rounded=0.2, tolerance=5e-3
    )
    mixer = script(trained(Mixer), 17)
    save_quantised(
        "qlinear_mixer", static(mixer, quant_format=operators, activation_type=u8, weight_type=s8, per_channel=True)
    )
    save_quantised("dynamic_mixer", dynamic(mixer, weight_type=QuantType.QInt8))
    save_quantised("dynamic_cnn", dynamic(float_model, weight_type=QuantType.QUInt8, per_channel=True))


# ---------------------------------------------------------------------------------------------------- number formats


class PlainCnn(nn.Module):
    def __init__(self, classes=7):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, classes),
        )

    def forward(self, x):
        return self.body(x)


def widened(model):
    """A network of half precision with the same weights in single precision."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for tensor in result.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for value in [*result.graph.input, *result.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in result.graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
    del result.graph.value_info[:]
    return result


def number_formats():
    from onnxruntime.transformers.float16 import convert_float_to_float16

    cnn = script(trained(PlainCnn), 17)
    for name, keep in (("half", False), ("half_inside", True)):
        model = convert_float_to_float16(cnn, keep_io_types=keep)
        save(name, model, expected=run(widened(model), pictures(name))[0])

    # Weights as bfloat16 behind a cast, and as integers of 4 bits with scales along an axis and in blocks.
    nodes = Nodes("bfloat16_weights", 21)
    kernel = nodes.weight(6, 3, 3, 3)
    bits = (kernel.view(np.uint32) >> 16).astype(np.uint16)
    nodes.tensors.append(helper.make_tensor("kernel", TensorProto.BFLOAT16, kernel.shape, bits.tobytes(), raw=True))
    x = nodes.node("Conv", "image", nodes.node("Cast", "kernel", to=TensorProto.FLOAT))
    nodes.save(nodes.node("GlobalAveragePool", nodes.node("Relu", x)))

    nodes = Nodes("int4_weights", 21)
    random = nodes.random
    def packed(name, kind, shape, low, high):
        values = random.integers(low, high + 1, shape)
        nodes.tensors.append(helper.make_tensor(name, kind, shape, values.flatten()))
    packed("kernel", TensorProto.INT4, (5, 3, 3, 3), -8, 7)
    scales = random.uniform(0.01, 0.1, 5)
    x = nodes.node("Conv", "image", nodes.node("DequantizeLinear", "kernel", nodes.const(scales), axis=0))
    x = nodes.node("Flatten", nodes.node("GlobalMaxPool", nodes.node("Relu", x)))
    packed("matrix", TensorProto.UINT4, (5, 9), 0, 15)
    packed("zero", TensorProto.UINT4, (5, 3), 0, 15)
    scales = nodes.const(random.uniform(0.01, 0.1, (5, 3)))
    matrix = nodes.node("DequantizeLinear", "matrix", scales, "zero", axis=1, block_size=4)
    nodes.save(nodes.node("MatMul", x, matrix))

    # Pixels as unsigned bytes, which only the file's own scale makes numbers.
    nodes = Nodes("uint8_pixels", 13, kind=TensorProto.UINT8)
    x = nodes.node("DequantizeLinear", "image", nodes.const(1 / 64), nodes.const(128, np.uint8))
    x = nodes.node("Conv", x, nodes.const(nodes.weight(6, 3, 3, 3)))
    picture = random.integers(0, 256, (2, *IMAGE)).astype(np.float32)
    nodes.save(nodes.node("GlobalAveragePool", nodes.node("Relu", x)), x=picture)

    save_external("external", cnn)
    save("opset13", script(trained(PlainCnn), 13))
    for opset in (21, 23, 25):
        save(f"opset{opset}", onnx.version_converter.convert_version(cnn, opset))


def save_external(name, model):
    x = pictures(name)
    expected = run(model, x)[0]
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    (HERE / f"{name}.onnx.data").unlink(missing_ok=True)
    onnx.save_model(
        copy, str(HERE / f"{name}.onnx"), save_as_external_data=True, location=f"{name}.onnx.data", size_threshold=64,
    )
    save(name, str(HERE / f"{name}.onnx"), x, expected=expected, beside=[f"{name}.onnx.data"])


# ---------------------------------------------------------------------------------------------------- by hand


class Nodes:
    """A network under construction: `node` gives the name of the tensor it adds."""

    def __init__(self, name, opset, kind=TensorProto.FLOAT):
        self.name, self.opset, self.kind = name, opset, kind
        self.random = np.random.default_rng(zlib.crc32(name.encode()))
        self.nodes, self.tensors, self.count, self.functions = [], [], 0, []

    def weight(self, *shape):
        return self.random.normal(0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape).astype(np.float32)

    def const(self, value, dtype=np.float32):
        self.count += 1
        self.tensors.append(numpy_helper.from_array(np.asarray(value, dtype), f"constant_{self.count}"))
        return f"constant_{self.count}"

    def ints(self, *values):
        return self.const(values, np.int64)

    def node(self, op, *inputs, outputs=1, domain="", **attributes):
        self.count += 1
        names = [f"{op.lower()}_{self.count}_{index}" for index in range(outputs)]
        node = helper.make_node(op, list(inputs), names, name=f"{op}_{self.count}", domain=domain, **attributes)
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def model(self, output):
        self.nodes.append(helper.make_node("Flatten", [output], ["scores"], name="flatten"))
        graph = helper.make_graph(
            self.nodes, self.name, [helper.make_tensor_value_info("image", self.kind, ["batch", *IMAGE])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)], self.tensors,
        )
        domains = {node.domain for node in self.nodes if node.domain} | {f.domain for f in self.functions}
        sets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(domain, 1) for domain in sorted(domains))]
        return helper.make_model(graph, opset_imports=sets, functions=self.functions, ir_version=10)

    def save(self, output, x=None, **more):
        save(self.name, self.model(output), x, **more)

    def tokens(self, width=12):
        """Patches of 4 × 4 pixels as [batch, 16, width]."""
        x = self.node("Conv", "image", self.const(self.weight(width, 3, 4, 4)), strides=[4, 4])
        x = self.node("Reshape", x, self.ints(0, width, 16))
        return self.node("Transpose", x, perm=[0, 2, 1])


def by_hand():
    nodes = Nodes("normalisations", 24)
    x = nodes.tokens()
    x = nodes.node("RMSNormalization", x, nodes.const(nodes.weight(12) + 1), epsilon=1e-3)
    x = nodes.node("LayerNormalization", x, nodes.const(nodes.weight(16, 12)), nodes.const(nodes.weight(16, 12)), axis=1)
    x = nodes.node("Swish", x, alpha=1.5)
    x = nodes.node("LpNormalization", x, axis=-1, p=2)
    x = nodes.node("Add", x, nodes.node("LpNormalization", x, axis=1, p=1))
    nodes.save(nodes.node("MeanVarianceNormalization", x, axes=[1]))

    nodes = Nodes("attention_operator", 24)
    x = nodes.tokens()
    q, k, v = (nodes.node("MatMul", x, nodes.const(nodes.weight(12, 12))) for _ in range(3))
    heads = {"q_num_heads": 3, "kv_num_heads": 3}
    causal = nodes.node("Attention", q, k, v, is_causal=1, softcap=2.0, **heads)
    mask = np.where(nodes.random.random((16, 16)) < 0.7, 0.0, -np.inf)
    mask[:, 0] = 0
    masked = nodes.node("Attention", causal, k, v, nodes.const(mask), scale=0.4, **heads)
    allowed = nodes.const(np.tril(np.ones((1, 1, 16, 16))), bool)
    x = nodes.node("Attention", masked, k, v, allowed, **heads)
    nodes.save(nodes.node("ReduceMean", x, nodes.ints(1), keepdims=0))

    nodes = Nodes("masks", 20)
    x = nodes.tokens()
    scores = nodes.node("MatMul", x, nodes.node("Transpose", x, perm=[0, 2, 1]))
    ones = nodes.node("ConstantOfShape", nodes.ints(16, 16), value=numpy_helper.from_array(np.ones(1, np.float32)))
    upper = nodes.node("Cast", nodes.node("Trilu", ones, nodes.const(1, np.int64)), to=TensorProto.BOOL)
    scores = nodes.node("Where", upper, nodes.const(-np.inf), scores)
    weights = nodes.node("Softmax", scores)
    weights = nodes.node("Where", nodes.node("IsNaN", weights), nodes.const(0), weights)
    x = nodes.node("MatMul", weights, x)
    chosen = nodes.const(nodes.random.random((1, 16, 1)) < 0.5, bool)
    x = nodes.node("Where", chosen, x, nodes.node("Neg", x))
    x = nodes.node("Where", chosen, nodes.const(nodes.weight(12)), x)
    nodes.save(nodes.node("Add", nodes.node("Tile", x, nodes.ints(1, 2, 1)), nodes.const(nodes.weight(32, 12))))

    nodes = Nodes("reductions", 18)
    x = nodes.tokens()
    parts = [nodes.node(op, x, nodes.ints(1), keepdims=0) for op in ("ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceMax")]
    parts.append(nodes.node("ReduceLogSum", nodes.node("Sigmoid", x), nodes.ints(1), keepdims=0))
    parts.append(nodes.node("ReduceSum", nodes.node("Shrink", x, lambd=0.3, bias=0.3), nodes.ints(-2), keepdims=0))
    a, b, c = nodes.node("Split", x, nodes.ints(3, 5, 4), axis=2, outputs=3)
    parts += [nodes.node("ReduceMean", nodes.node("Reciprocal", nodes.node("Exp", y)), nodes.ints(1), keepdims=0) for y in (c, a, b)]
    parts.append(nodes.node("ReduceMean", nodes.node("Min", x, nodes.node("Neg", x), nodes.const(0.1)), nodes.ints(1), keepdims=0))
    nodes.save(nodes.node("Concat", *parts, axis=1))

    # Each way that an equation can go.
    nodes = Nodes("equations", 18)
    x = nodes.tokens()
    y = nodes.node("Reshape", x, nodes.ints(0, 16, 3, 4))
    head = nodes.const(nodes.weight(3, 4, 5))
    outer = nodes.const(nodes.weight(2, 3))
    parts = [
        nodes.node("Einsum", y, head, equation="bnhd,hdc->bhnc"),
        nodes.node("Einsum", head, y, equation="hdc,bnhd->bcn"),
        nodes.node("Einsum", y, y, equation="bnhd, bnhe -> bhde"),
        nodes.node("Einsum", y, y, equation="bnhd,bnhd->bnh"),
        nodes.node("Einsum", y, y, equation="bnhd,bmhd->bmd"),
        nodes.node("Einsum", y, outer, equation="bnhd,kh->bkhn"),
        nodes.node("Einsum", y, equation="bnhd->bdn"),
        nodes.node("Einsum", nodes.node("Einsum", x, nodes.const(nodes.weight(12, 5)), equation="zac,cd"), equation="adz->zad"),
        nodes.node("MatMul", nodes.node("Transpose", y, perm=[0, 2, 1, 3]), head),
        nodes.node("MatMul", nodes.const(nodes.weight(3, 2, 16)), nodes.node("Transpose", y, perm=[0, 2, 1, 3])),
    ]
    flat = [nodes.node("ReduceMean", nodes.node("Flatten", part), nodes.ints(1)) for part in parts]
    flat += [nodes.node("Slice", nodes.node("Flatten", part), nodes.ints(0), nodes.ints(7), nodes.ints(1)) for part in parts]
    nodes.save(nodes.node("Concat", *flat, axis=1))

    # What exporters compute from constants alone, such as the masks of shifted windows.
    nodes = Nodes("constants", 18)
    x = nodes.tokens()
    rows = nodes.node("ScatterND", nodes.const(nodes.weight(16, 12)), nodes.ints([3], [0], [-1]), nodes.const(nodes.weight(3, 12)))
    cells = nodes.node("ScatterND", rows, nodes.ints([[2, 5], [7, -2]]), nodes.const([[4.0, -3.0]]))
    x = nodes.node("Add", x, cells)
    product = nodes.node("MatMul", nodes.const(nodes.weight(2, 1, 16, 5)), nodes.const(nodes.weight(3, 5, 12)))
    x = nodes.node("Mul", x, nodes.node("ReduceSum", product, nodes.ints(0, 1), keepdims=0))
    angles = nodes.const(nodes.weight(12))
    x = nodes.node("Add", x, nodes.node("Mul", nodes.node("Sin", angles), nodes.node("Cos", angles)))
    nodes.save(nodes.node("Mul", x, nodes.node("CastLike", nodes.const(3, np.int64), x)))

    contributed()
    functions()


def contributed():
    """Operators that onnxruntime's optimiser joins others to."""
    own = {"domain": "com.microsoft"}
    nodes = Nodes("contributed", 17)
    x = nodes.node("FusedConv", "image", nodes.const(nodes.weight(12, 3, 4, 4)), nodes.const(nodes.weight(12)), strides=[4, 4], activation="LeakyRelu", activation_params=[0.2], **own)
    x = nodes.node("Transpose", nodes.node("Reshape", x, nodes.ints(0, 12, 16)), perm=[0, 2, 1])
    def vector(offset=0.0):
        return nodes.const(nodes.weight(12) + offset)
    y = nodes.node("Attention", x, nodes.const(nodes.weight(12, 36)), nodes.const(nodes.weight(36)), num_heads=3, **own)
    x, _, _, total = nodes.node("SkipLayerNormalization", x, y, vector(1), vector(), vector(), epsilon=1e-4, outputs=4, **own)
    y = nodes.node("BiasGelu", nodes.node("MatMul", x, nodes.const(nodes.weight(12, 12))), vector(), **own)
    y = nodes.node("FastGelu", y, vector(), **own)
    y = nodes.node("QuickGelu", y, alpha=1.3, **own)
    x = nodes.node("SkipSimplifiedLayerNormalization", y, total, vector(1), epsilon=1e-4, **own)
    q, k, v = (nodes.node("MatMul", x, nodes.const(nodes.weight(12, 12))) for _ in range(3))
    x = nodes.node("MultiHeadAttention", q, k, v, nodes.const(nodes.weight(36)), num_heads=2, **own)
    x = nodes.node("SimplifiedLayerNormalization", x, vector(1), axis=-1, epsilon=1e-4)
    scores = nodes.node("FusedMatMul", x, x, transB=1, alpha=0.3, **own)
    x = nodes.node("FusedMatMul", scores, x, transA=1, **own)
    x = nodes.node("FusedMatMul", x, nodes.const(nodes.weight(10, 12)), transB=1, alpha=0.5, **own)
    packed = nodes.const(nodes.random.integers(0, 256, (6, 1, 8)), np.uint8)
    scales = nodes.const(nodes.random.uniform(0.01, 0.1, 6))
    zeros = nodes.const(nodes.random.integers(0, 16, 6), np.uint8)
    x = nodes.node("MatMulNBits", x, packed, scales, zeros, K=10, N=6, bits=4, block_size=16, **own)
    x = nodes.node("ReduceMean", x, axes=[1], keepdims=0)
    nodes.save(nodes.node("FusedGemm", x, nodes.const(nodes.weight(6, 7)), nodes.const(nodes.weight(7)), activation="Tanh", **own))


def optimized(model):
    """What onnxruntime makes of a network, as its users save it."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = f"{folder}/optimized.onnx"
        options.log_severity_level = 3
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(f"{folder}/optimized.onnx")


def by_optimisers():
    from onnxruntime.transformers import optimizer

    vit = script(trained(ViT, fused=True), 17)
    save("optimized_vit", optimized(vit))
    save("optimized_cnn", optimized(script(trained(ResidualCnn), 17)))
    save("optimized_mixer", optimized(script(trained(Mixer), 17)))
    # The same network as dynamic_mixer, whose float network this is compared with.
    mixer = dynamic(script(trained(Mixer), 17), weight_type=QuantType.QInt8)
    x = pictures("optimized_dynamic")
    save("optimized_dynamic", optimized(mixer), x, expected=run(Meaning(mixer).network(), x)[0], warnings=1)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(vit, f"{folder}/vit.onnx")
        model = optimizer.optimize_model(f"{folder}/vit.onnx", model_type="vit", num_heads=2, hidden_size=16).model
    save("optimized_transformer", model)


def functions():
    """Operators that the file defines, nested, with hyper-parameters, defaults and branches."""
    nodes = Nodes("functions", 18)
    node = helper.make_node
    own = "network.functions"
    sets = [helper.make_opsetid("", 18), helper.make_opsetid(own, 1)]
    slope = node("LeakyRelu", ["x"], ["y"], name="leaky")
    def given(name, by):
        return onnx.AttributeProto(name=name, type=onnx.AttributeProto.FLOAT, ref_attr_name=by)

    slope.attribute.append(given("alpha", "slope"))
    leaky = helper.make_function(own, "Slope", ["x"], ["y"], [slope], sets, ["slope"])
    branch = lambda op, name: helper.make_graph([node(op, ["x"], [name])], name, [], [helper.make_tensor_value_info(name, 1, None)])
    flag = node("Constant", [], ["four"], value_int=4)
    test = node("Equal", ["rank", "four"], ["flag"])
    rank = [node("Shape", ["x"], ["shape"]), node("Size", ["shape"], ["rank"])]
    either = node("If", ["flag"], ["z"], then_branch=branch("Tanh", "yes"), else_branch=branch("Exp", "no"))
    curve = helper.make_function(own, "Curve", ["x"], ["z"], [*rank, flag, test, either], sets)
    inner = [
        node("Conv", ["x", "w", "b"], ["t"], name="conv"),
        node("Slope", ["t"], ["u"], domain=own, slope=0.3),
        node("Slope", ["t"], ["v"], domain=own),
        node("Add", ["u", "v"], ["s"]),
        node("Curve", ["s"], ["y"], domain=own),
    ]
    inner[2].attribute.append(given("slope", "outer"))
    layer = helper.make_function(
        own, "Layer", ["x", "w", "b"], ["y", "t"], inner, sets, [], [helper.make_attribute("outer", 0.5)]
    )
    nodes.functions = [layer, leaky, curve]
    first = nodes.node("Layer", "image", nodes.const(nodes.weight(5, 3, 3, 3)), outputs=2, domain=own)
    second = nodes.node("Layer", first[0], nodes.const(nodes.weight(4, 5, 3, 3)), nodes.const(nodes.weight(4)), outputs=2, domain=own, outer=0.1)
    pooled = [nodes.node("GlobalAveragePool", x) for x in (*second, *first)]
    nodes.save(nodes.node("Concat", *pooled, axis=1))


def main():
    from_torch()
    quantised()
    number_formats()
    by_hand()
    by_optimisers()
    (HERE / "cases.json").write_text(json.dumps({"cases": list(CASES.values())}, indent=1) + "\n")


if __name__ == "__main__":
    main()
