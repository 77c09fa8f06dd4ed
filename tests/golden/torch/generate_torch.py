"""Makes the files beside it: what torchvision's classifiers give with weights that a formula makes, and small files in
all containers of PyTorch weights.

    python -m pip install -r requirements.txt
    python generate_torch.py

`thin.json.gz` has, for each network of torchvision with every width divided by eight, the names and shapes of its
tensors and its logits in float64: all depths, strides and names of the network, and few enough multiplications for every
run of the tests. `full.json.gz` has one of each kind with its widths as they are. The numbers in the tensors are made
from their names by `fill`, which the test repeats bit by bit, so that they need not be stored.
"""

import argparse
import functools
import gzip
import io
import json
import pathlib
import sys
import zipfile

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision import models

HERE = pathlib.Path(__file__).parent
MASK = (1 << 64) - 1


def fnv(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniform(name, count):
    """Numbers in -1..1 with 24 bits: splitmix64 of the name's hash and the index."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv(name)) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)


def fill(name, shape, gain=1):
    """The numbers of a tensor, float32. The kernels' variance is `gain` times that of He et al. 2015."""
    values = uniform(name, int(np.prod(shape, dtype=np.int64)))
    kind = name.rsplit(".", 1)[-1]
    if kind == "running_var" or kind == "layer_scale" or (kind == "weight" and len(shape) == 1):
        values = np.float32(1) + values * np.float32(0.25)
    elif kind == "weight":
        fan_in = int(np.prod(shape[1:], dtype=np.int64))
        values = values * np.float32(np.sqrt(6.0 * gain / fan_in))
    else:
        values = values * np.float32(0.125)
    return values.reshape(shape)


def load(model, gain=1):
    state = model.state_dict()
    for name, tensor in state.items():
        if not name.endswith("num_batches_tracked"):
            tensor.copy_(torch.from_numpy(fill(name, tuple(tensor.shape), gain).astype(np.float64)))
    return model


def thin(model, divisor):
    """Divides all widths by `divisor`, but for the channels of the picture and the classes."""

    def narrow(size):
        return max(1, size // divisor)

    for name, module in list(model.named_modules()):
        for child, layer in list(module.named_children()):
            if isinstance(layer, nn.Conv2d):
                inner = layer.in_channels if layer.in_channels == 3 else narrow(layer.in_channels)
                outer = layer.out_channels if layer.out_channels == 1000 else narrow(layer.out_channels)
                groups = layer.groups
                if groups == layer.in_channels:
                    groups = inner
                elif groups > 1 and (inner % groups or outer % groups):
                    groups = narrow(groups)
                new = nn.Conv2d(
                    inner, outer, layer.kernel_size, layer.stride, layer.padding, groups=groups,
                    bias=layer.bias is not None,
                )
            elif isinstance(layer, nn.BatchNorm2d):
                new = nn.BatchNorm2d(narrow(layer.num_features), eps=layer.eps)
            elif isinstance(layer, nn.LayerNorm):
                new = type(layer)(narrow(layer.normalized_shape[0]), eps=layer.eps)
            elif isinstance(layer, nn.Linear):
                outer = layer.out_features if layer.out_features == 1000 else narrow(layer.out_features)
                new = nn.Linear(narrow(layer.in_features), outer)
            else:
                continue
            setattr(module, child, new)
        if hasattr(module, "layer_scale"):
            module.layer_scale = nn.Parameter(torch.ones(narrow(module.layer_scale.shape[0]), 1, 1))
    return model


# Name, arguments, side of the picture. The sides are about the least that each takes.
NETWORKS = [
    ("alexnet", {}, 63),
    *[(f"vgg{n}{norm}", {}, 32) for n in (11, 13, 16, 19) for norm in ("", "_bn")],
    *[(f"resnet{n}", {}, 33) for n in (18, 34, 50, 101, 152)],
    *[(name, {}, 33) for name in ("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d")],
    *[(name, {}, 33) for name in ("wide_resnet50_2", "wide_resnet101_2")],
    *[(f"densenet{n}", {}, 33) for n in (121, 161, 169, 201)],
    ("squeezenet1_0", {}, 43), ("squeezenet1_1", {}, 43),
    ("mobilenet_v2", {}, 33), ("mobilenet_v3_large", {}, 33), ("mobilenet_v3_small", {}, 33),
    ("googlenet", {"transform_input": True, "init_weights": False}, 33),
    ("inception_v3", {"transform_input": True, "init_weights": False}, 75),
    *[(f"efficientnet_b{n}", {}, 33) for n in range(8)],
    *[(f"efficientnet_v2_{size}", {}, 33) for size in "sml"],
    *[(f"shufflenet_v2_x{width}", {}, 33) for width in ("0_5", "1_0", "1_5", "2_0")],
    *[(f"mnasnet{width}", {}, 33) for width in ("0_5", "0_75", "1_0", "1_3")],
    *[(f"regnet_{kind}", {}, 33) for kind in ("y_400mf", "y_8gf", "x_400mf", "x_3_2gf")],
    *[(f"convnext_{size}", {}, 32) for size in ("tiny", "small", "base")],
]


def describe(name, arguments, side, divisor):
    model = getattr(models, name)(weights=None, **arguments).eval()
    if divisor > 1:
        model = thin(model, divisor).eval()
    picture = torch.from_numpy(uniform("input", 3 * side * side).reshape(1, 3, side, side)).double()
    # A network that forgets its picture proves nothing, and one that is chaotic cannot be compared: gates dampen with
    # small kernels and saturate with large ones.
    for gain in (1, 1.5, 2, 1.25, 3, 4, 0.75, 0.875):
        load(model.double(), gain)
        with torch.no_grad():
            logits = model(picture)[0]
            spread = float((logits - model(-picture)[0]).abs().max() / logits.abs().max())
            error = float((logits - model.float()(picture.float())[0].double()).abs().max() / logits.abs().max())
        if spread > 0.03 and error < 5e-6:
            break
    assert torch.isfinite(logits).all() and spread > 0.03 and error < 5e-6, (name, spread, error)
    tensors = [
        [key, list(tensor.shape)]
        for key, tensor in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    ]
    print(f"{name} / {divisor}: {sum(int(np.prod(s)) for _, s in tensors)} weights, gain {gain}, spread {spread:.2f}, {error:.0e}", file=sys.stderr)
    return {"name": name, "side": side, "gain": gain, "tensors": tensors, "logits": [float(f"{x:.7g}") for x in logits.tolist()]}


# Halves of the others' stages stay whole numbers.
DIVISORS = {"shufflenet_v2_x1_0": 2, "shufflenet_v2_x2_0": 2}


# One of each family and kind of block has its full width too.
FULL = (
    "alexnet vgg11_bn resnet18 resnet50 resnext50_32x4d wide_resnet50_2 densenet121 squeezenet1_0 squeezenet1_1 "
    "mobilenet_v2 mobilenet_v3_large mobilenet_v3_small googlenet inception_v3 efficientnet_b0 efficientnet_v2_s "
    "shufflenet_v2_x1_0 mnasnet1_0 regnet_y_400mf regnet_x_400mf convnext_tiny"
).split()


def networks(kind):
    chosen = [network for network in NETWORKS if kind == "thin" or network[0] in FULL]
    result = [describe(*network, DIVISORS.get(network[0], 8) if kind == "thin" else 1) for network in chosen]
    text = json.dumps(result, separators=(",", ":"))
    with open(HERE / f"{kind}.json.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())


def tiny_resnet(classes=5):
    model = models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=classes)
    return load(thin(model, 32).eval().double()).float()


def vgg_like(classes=4):
    model = models.vgg11(num_classes=1000)
    model.classifier = nn.Sequential(nn.Linear(512 * 49, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, classes * 16))
    model = thin(model, 16)
    return load(model.eval().double()).float()


def containers():
    from safetensors.torch import save_file

    model = tiny_resnet()
    state = model.state_dict()
    picture = torch.from_numpy(uniform("input", 3 * 33 * 33).reshape(1, 3, 33, 33))
    with torch.no_grad():
        np.save(HERE / "tiny.output.npy", model.double()(picture.double())[0].numpy())
        model.float()

    def save(value, name, **arguments):
        torch.save(value, HERE / name, **arguments)

    old = {"_use_new_zipfile_serialization": False}
    save(state, "zip.pth")
    save(state, "legacy.pth", **old)
    save({key: value.half() if value.is_floating_point() else value for key, value in state.items()}, "half.pth")
    save({key: value.bfloat16() if value.is_floating_point() else value for key, value in state.items()}, "bfloat16.pth")
    save({key: value.double() if value.is_floating_point() else value for key, value in state.items()}, "double.pth")
    save(nn.DataParallel(model).state_dict(), "parallel.pth")
    save({"model." + key: value for key, value in state.items()}, "legacy_prefix.pth", **old)
    # What a training script leaves: the weights beside an optimizer, settings and numbers.
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    settings = argparse.Namespace(lr=0.1, output=pathlib.PurePosixPath("runs/1"), size=torch.Size([3, 33]))
    for name, key, arguments in [("nested.pth", "model", {}), ("nested_legacy.pth", "state_dict", old)]:
        save(
            {"epoch": 3, "best": np.float64(0.5), key: state, "optimizer": optimizer.state_dict(), "args": settings,
             "device": torch.device("cpu"), "transform": functools.partial(int, base=2)},
            name, **arguments,
        )
    # All tensors look at one storage, the kernels channels last, one of them at every other element.
    flat = torch.zeros(sum(2 * value.numel() for value in state.values() if value.is_floating_point()))
    views, at = {}, 0
    for index, (key, value) in enumerate(state.items()):
        if not value.is_floating_point():
            continue
        count = value.numel()
        if value.dim() == 4:
            out, channels, height, width = value.shape
            view = flat[at : at + count].view(out, height, width, channels).permute(0, 3, 1, 2)
        elif index % 2:
            view = flat[at : at + 2 * count : 2].view(value.shape)
        else:
            view = flat[at : at + count].view(value.shape)
        view.copy_(value)
        views[key], at = view, at + 2 * count
    save(views, "views.pth")
    save_file({key: value.contiguous() for key, value in state.items()}, HERE / "plain.safetensors", {"format": "pt"})
    save_file(
        {key: value.bfloat16() if value.is_floating_point() else value for key, value in state.items()},
        HERE / "bfloat16.safetensors",
    )
    # What is refused.
    save(model, "whole.pth")
    save(model, "whole_legacy.pth", **old)
    save({"model": model, "epoch": 1}, "whole_nested.pth")
    torch.jit.save(torch.jit.trace(model, picture), str(HERE / "script.pt"))
    save(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2)).state_dict(), "own.pth")
    save({**state, "extra.weight": torch.zeros(2), "extra.bias": torch.zeros(2)}, "extra.pth")
    save({key: value for key, value in state.items() if key != "layer2.0.bn1.bias"}, "missing.pth")
    save(optimizer.state_dict(), "optimizer.pth")
    grey = {**state, "conv1.weight": state["conv1.weight"].sum(1, keepdim=True)}
    save(grey, "grey.pth")
    small = {**state, "conv1.weight": state["conv1.weight"][:, :, :3, :3].contiguous()}
    save(small, "small_kernel.pth")
    # Packed entries, as some tools make of the archive.
    packed = io.BytesIO()
    with zipfile.ZipFile(HERE / "zip.pth") as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            info = zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, source.read(entry))
    (HERE / "packed.pth").write_bytes(packed.getvalue())

    vgg = vgg_like()
    picture = torch.from_numpy(uniform("input", 3 * 32 * 32).reshape(1, 3, 32, 32))
    with torch.no_grad():
        np.save(HERE / "vgg.output.npy", vgg.double()(picture.double())[0].numpy())
    torch.save({key: value.half() for key, value in vgg.state_dict().items()}, HERE / "vgg.pt")


if __name__ == "__main__":
    print(torch.__version__, torchvision.__version__, file=sys.stderr)
    torch.manual_seed(0)
    wanted = sys.argv[1:] or ["thin", "full", "containers"]
    for kind in ("thin", "full"):
        if kind in wanted:
            networks(kind)
    if "containers" in wanted:
        containers()
