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


def main():
    from_torch()
    (HERE / "cases.json").write_text(json.dumps({"cases": list(CASES.values())}, indent=1) + "\n")


if __name__ == "__main__":
    main()
