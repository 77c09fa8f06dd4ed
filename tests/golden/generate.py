"""Write the golden networks and their reference attributions.

    python -m venv VENV && . VENV/bin/activate
    pip install torch==2.0.1 torchvision==0.15.2 'numpy<2' captum==0.8.0    # first, see requirements.txt
    pip install -r requirements.txt
    python tests/golden/generate.py [NETWORK...]     # all of them without an argument
    python tests/golden/check.py                     # the same numbers again, from the ONNX files and NumPy only

Everything is seeded and runs on one CPU thread. References are computed in float64 from float32 weights and inputs and
stored as float32, so that their own rounding is far below any tolerance. README.md has the definitions.
"""

import copy
import json
import math
import sys
import warnings
from pathlib import Path

import captum
import numpy as np
import onnx
import onnxruntime
import torch
import zennit
from captum.attr import Deconvolution, GuidedBackprop, InputXGradient, LayerGradCam, Saliency
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from zennit.composites import LayerMapComposite, SpecialFirstLayerMapComposite
from zennit.layer import Sum
from zennit.rules import AlphaBeta, Epsilon, Flat, Norm, Pass, ZPlus

from networks import NETWORKS, GlobalMean, Product, initialise

HERE = Path(__file__).resolve().parent
SAMPLES = 3
OPSET = 13
# Stabiliser of every division that has no epsilon of its own. zennit's default of 1e-6 would be visible.
STABILISER = 1e-9
TOLERANCE = 1e-4
# No pre-activation may lie closer to a kink, and no max-pool winner closer to the runner-up: a float32 engine would
# otherwise be free to land on the other side and be right.
MARGIN = 2e-5
# `residual` keeps its BatchNormalization nodes; `depthwise` is stored merged, as exporters write it by default.
STORED_MERGED = ("depthwise",)

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Sigmoid)
MEANS_AND_SUMS = (nn.AvgPool2d, nn.AdaptiveAvgPool2d, GlobalMean, Sum)


# ---- Networks ------------------------------------------------------------------------------------------------------


def record(model, x, types):
    """Inputs and outputs of all modules of the given types in one forward pass, and the model's output."""
    calls, handles = {}, []
    for name, module in model.named_modules():
        if isinstance(module, types):
            # The name is bound now, not when the hook runs.
            def keep(module, inputs, output, name=name):
                calls[name] = (module, inputs, output)

            handles.append(module.register_forward_hook(keep))
    with torch.no_grad():
        output = model(x)
    for handle in handles:
        handle.remove()
    return calls, output


def margin(model, x):
    """Distance of the nearest kink: of a pre-activation to 0 (or 6), of a max-pool winner to the second.

    A gate's Sigmoid counts too: the sign in the denominator of the epsilon rule makes its input's zero a jump.
    """
    calls, _ = record(model, x, (nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.MaxPool2d))
    nearest = math.inf
    for module, (value, *_), _output in calls.values():
        if isinstance(module, nn.MaxPool2d):
            size, stride = module.kernel_size, module.stride
            # Only windows that lie inside: a window cut off by ceil_mode is a subset of what is checked elsewhere.
            windows = value.unfold(2, size, stride).unfold(3, size, stride).flatten(4)
            best = windows.topk(2, dim=-1).values
            # A window of nothing but zeros has no winner to protect, see README on ties.
            gap = (best[..., 0] - best[..., 1])[best[..., 0] > 0]
            nearest = min(nearest, gap.min().item())
        else:
            nearest = min(nearest, value.abs().min().item())
            if isinstance(module, nn.ReLU6):
                nearest = min(nearest, (value - 6).abs().min().item())
    return nearest


def build(name):
    """The network and its input from the first seed that keeps clear of kinks, ties and a close choice of class."""
    for seed in range(10_000):
        torch.manual_seed(seed)
        model = initialise(NETWORKS[name](), name)
        if name in STORED_MERGED:
            model = fold_batch_norm(model)
        x = torch.randn(SAMPLES, *NETWORKS[name].input_shape)
        exact, exact_x = copy.deepcopy(model).double(), x.double()
        with torch.no_grad():
            best = exact(exact_x).topk(2, dim=1)
        clear = (best.values[:, 0] - best.values[:, 1]).min() > 0.1 and best.values[:, 0].min() > 0.3
        several = len(best.indices[:, 0].unique()) > 1
        if clear and several and margin(exact, exact_x) > MARGIN:
            return seed, model, x
    raise RuntimeError(f"no seed found for {name}")


def fold_batch_norm(model):
    """A copy in which every BatchNorm is merged into the convolution before it, as LRP asks."""
    model = copy.deepcopy(model)
    for sequence in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        for index in range(1, len(sequence)):
            if isinstance(sequence[index], nn.BatchNorm2d):
                sequence[index - 1] = fuse_conv_bn_eval(sequence[index - 1], sequence[index])
                sequence[index] = nn.Identity()
    return model


# ---- Gradient family (Captum) --------------------------------------------------------------------------------------


class DeconvRelu6Function(torch.autograd.Function):
    """max(g, 0), whatever the forward value was."""

    @staticmethod
    def forward(ctx, z):
        return z.clamp(0, 6)

    @staticmethod
    def backward(ctx, g):
        return g.clamp(min=0)


class GuidedRelu6Function(torch.autograd.Function):
    """max(g, 0) where the activation is not saturated: 0 < z < 6."""

    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z.clamp(0, 6)

    @staticmethod
    def backward(ctx, g):
        (z,) = ctx.saved_tensors
        return g.clamp(min=0) * ((z > 0) & (z < 6))


class Relu6With(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, z):
        return self.function.apply(z)


def relu6_backward(model, x, target, function):
    """Guided backpropagation and DeconvNet for ReLU6, which Captum leaves at the plain gradient."""
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU6):
                setattr(parent, name, Relu6With(function))
    x = x.clone().requires_grad_()
    return torch.autograd.grad(model(x).gather(1, target[:, None]).sum(), x)[0]


def gradient_family(name, model, x, target):
    """Rows (method, variant, attribution, library) of all methods that start from 1."""
    kinds = {type(module) for module in model.modules()}
    rows = [
        ("gradient", None, Saliency(model).attribute(x, target, abs=False), "captum"),
        ("input_t_gradient", None, InputXGradient(model).attribute(x, target), "captum"),
    ]
    guided = None
    if nn.ReLU6 in kinds:
        guided = relu6_backward(model, x, target, GuidedRelu6Function)
        rows.append(("deconvnet", None, relu6_backward(model, x, target, DeconvRelu6Function), "torch"))
        rows.append(("guided_backprop", None, guided, "torch"))
    elif nn.SiLU not in kinds:  # neither method is defined for SiLU
        guided = GuidedBackprop(model).attribute(x, target)
        rows.append(("deconvnet", None, Deconvolution(model).attribute(x, target), "captum"))
        rows.append(("guided_backprop", None, guided, "captum"))

    layer = model.get_submodule(model.cam_layer)
    cam = LayerGradCam(model, layer).attribute(x, target, relu_attributions=True)
    # Captum's GuidedGradCam enlarges by nearest neighbour; we follow the paper and use bilinear (pixel centres).
    upsampled = nn.functional.interpolate(cam, x.shape[2:], mode="bilinear", align_corners=False)
    rows.append(("grad_cam", "layer", cam, "captum"))
    rows.append(("grad_cam", None, upsampled, "captum"))
    if guided is not None:
        rows.append(
            ("guided_grad_cam", None, upsampled * guided, "captum" if nn.ReLU6 not in kinds else "captum, torch")
        )
    return [(method, variant, value.detach(), library) for method, variant, value, library in rows]


# ---- LRP (zennit) --------------------------------------------------------------------------------------------------


def composite(conv, dense, first=None):
    """One rule for convolutions, one for dense layers, the shared rules for all the rest."""
    layers = [
        (ACTIVATIONS, Pass()),
        (MEANS_AND_SUMS, Norm(stabilizer=STABILISER)),
        ((nn.Conv2d,), conv),
        ((nn.Linear,), dense),
    ]  # max pooling, concatenation, flatten and products are not named: they keep their gradient
    if first is None:
        return LayerMapComposite(layers)
    return SpecialFirstLayerMapComposite(layers, [((nn.Conv2d, nn.Linear), first)])


def everywhere(rule):
    return composite(rule, rule)


def alpha_beta(alpha, beta):
    return AlphaBeta(alpha=alpha, beta=beta, stabilizer=STABILISER)


# Method, variant, parameters, composite.
LRP = [
    ("lrp.z", None, {}, lambda: everywhere(Epsilon(STABILISER))),
    ("lrp.epsilon", "eps0.1", {"epsilon": 0.1}, lambda: everywhere(Epsilon(0.1))),
    ("lrp.epsilon", "eps1e-6", {"epsilon": 1e-6}, lambda: everywhere(Epsilon(1e-6))),
    ("lrp.z_plus", None, {}, lambda: everywhere(ZPlus(stabilizer=STABILISER, zero_params="bias"))),
    ("lrp.alpha_1_beta_0", None, {}, lambda: everywhere(alpha_beta(1.0, 0.0))),
    ("lrp.alpha_2_beta_1", None, {}, lambda: everywhere(alpha_beta(2.0, 1.0))),
    ("lrp.sequential_preset_a", None, {}, lambda: composite(alpha_beta(1.0, 0.0), Epsilon(0.1))),
    (
        "lrp.sequential_preset_a_flat",
        None,
        {},
        lambda: composite(alpha_beta(1.0, 0.0), Epsilon(0.1), first=Flat(stabilizer=STABILISER)),
    ),
]


def relevance(folded, x, target, rules, keep=()):
    """Relevance of the input, started with the explained logit itself.

    Also returns, for the modules in `keep`, their inputs, output and the relevance that arrived at the output.
    """
    x = x.clone().requires_grad_()
    calls = {}

    def watch(name):
        def hook(module, inputs, output):
            output.retain_grad()
            calls[name] = (module, inputs, output)

        return hook

    with rules.context(folded) as model:
        watched = [(name, module) for name, module in model.named_modules() if isinstance(module, keep)]
        handles = [module.register_forward_hook(watch(name)) for name, module in watched]
        logits = model(x)
        start = torch.zeros_like(logits).scatter(1, target[:, None], logits.detach().gather(1, target[:, None]))
        torch.autograd.backward([logits], [start], inputs=[x, *(output for _, _, output in calls.values())])
        for handle in handles:
            handle.remove()
    return x.grad, calls


def module_of(node_name):
    """PyTorch module behind an exported node: /block1/body/body.0/body.0.0/Conv is block1.body.0.0."""
    path = []
    for part in node_name.split("/")[1:-1]:
        if path and part.startswith(path[-1] + "."):
            path.pop()  # a Sequential repeats its own name in that of its children
        path.append(part)
    return ".".join(path)


def ledger(folded, x, target, node_of):
    """Where the logit goes under lrp.z: to the input, into biases, and lost (or made) at products."""
    attribution, calls = relevance(folded, x, target, LRP[0][3](), keep=(nn.Conv2d, nn.Linear, Product))
    shares, lost = {}, {}
    for name, (module, inputs, output) in calls.items():
        arrived, z = output.grad, output.detach()
        if isinstance(module, Product):
            # The gradient rule gives each factor R times the other one, which need not add up to R.
            features, gate = (value.detach() for value in inputs)
            lost[node_of[name]] = (arrived * (1 - gate - features)).flatten(1).sum(1)
        else:
            bias = module.bias.detach().reshape(1, -1, *[1] * (z.dim() - 2))
            sign = torch.where(z >= 0, 1.0, -1.0)
            shares[node_of[name]] = (arrived * bias / (z + STABILISER * sign)).flatten(1).sum(1)
    logit = folded(x).gather(1, target[:, None])[:, 0].detach()
    total = attribution.flatten(1).sum(1)
    remainder = logit - total - sum(shares.values()) - sum(lost.values())
    assert (remainder.abs() < 1e-6 * logit.abs()).all(), remainder

    def as_list(value):
        return [float(f"{entry:.9g}") for entry in value.tolist()]

    return {
        "logit": as_list(logit),
        "input": as_list(total),
        "bias": {name: as_list(value) for name, value in shares.items()},
        "product": {name: as_list(value) for name, value in lost.items()},
    }


# ---- Files ---------------------------------------------------------------------------------------------------------


def export(name, model, x, path):
    """Write the ONNX file and check it against the network."""
    outputs = ["probabilities" if name == "concat" else "logits"]
    torch.onnx.export(
        model,
        x,
        str(path),
        training=torch.onnx.TrainingMode.PRESERVE,  # with EVAL the exporter would merge BatchNorm
        opset_version=OPSET,
        do_constant_folding=False,
        input_names=["image"],
        output_names=outputs,
        dynamic_axes={"image": {0: "batch"}, outputs[0]: {0: "batch"}},
    )
    file = onnx.load(path)
    onnx.checker.check_model(file, full_check=True)
    for node in file.graph.node:
        node.doc_string = ""
    onnx.save(file, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = model(x).softmax(1) if name == "concat" else model(x)
    np.testing.assert_allclose(session.run(None, {"image": x.numpy()})[0], expected.numpy(), atol=1e-5)
    return file, outputs[0]


def locate(file, x, value):
    """Name of the ONNX tensor, and of its node, that holds the activation `value`."""
    tensors = {output: node.name for node in file.graph.node for output in node.output}
    probed = copy.deepcopy(file)
    del probed.graph.output[:]
    probed.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in tensors)
    session = onnxruntime.InferenceSession(probed.SerializeToString(), providers=["CPUExecutionProvider"])
    for (tensor, node), found in zip(tensors.items(), session.run(None, {"image": x.numpy()})):
        if found.shape == tuple(value.shape) and np.allclose(found, value.numpy(), atol=1e-4):
            return {"tensor": tensor, "node": node}
    raise RuntimeError("no ONNX tensor holds the CAM layer")


def rows_of(name, model, x, target):
    """All attributions as (method, variant, parameters, value, library), in the precision of `model` and `x`."""
    rows = [
        (method, variant, {}, value, library)
        for method, variant, value, library in gradient_family(name, model, x, target)
    ]
    folded = fold_batch_norm(model)
    for method, variant, parameters, rules in LRP:
        rows.append((method, variant, parameters, relevance(folded, x, target, rules())[0], "zennit"))
    return rows


def save(file, value):
    np.save(HERE / file, np.ascontiguousarray(value.to(torch.float32).numpy()))


def generate(name):
    seed, model, x = build(name)
    file, output = export(name, model, x, HERE / f"{name}.onnx")
    exact, exact_x = copy.deepcopy(model).double(), x.double()
    with torch.no_grad():
        logits = exact(exact_x)
    target = logits.argmax(1)
    save(f"{name}.input.npy", x)
    save(f"{name}.logits.npy", logits)

    cam_layer = exact.cam_layer
    calls, _ = record(exact, exact_x, type(exact.get_submodule(cam_layer)))
    layer = {"module": cam_layer, **locate(file, x, calls[cam_layer][2])}

    attributions = []
    pairs = zip(rows_of(name, exact, exact_x, target), rows_of(name, copy.deepcopy(model), x, target))
    for (method, variant, parameters, value, library), (*_, single, _) in pairs:
        assert value.isfinite().all() and (value.flatten(1).abs().amax(1) > 0).all(), (name, method)
        path = ".".join(filter(None, (name, method, variant, "npy")))
        save(path, value)
        # What float32 alone costs, with the same formulas: the tolerance leaves room for another summation order.
        error = ((single.double() - value).abs().max() / value.abs().max()).item()
        entry = {
            "file": path,
            "method": method,
            "parameters": parameters,
            "start": "logit" if method.startswith("lrp.") else "one",
            "library": library,
            "tolerance": TOLERANCE,
            "float32_error": float(f"{error:.1e}"),
        }
        if 20 * error > TOLERANCE:
            entry["tolerance"] = float(f"{20 * error:.0e}")
            entry["tolerance_reason"] = "20 times what float32 alone costs the reference"
        if "cam" in method:
            entry["layer"] = layer
            entry["resolution"] = "layer" if variant == "layer" else "input"
        attributions.append(entry)

    with torch.no_grad():
        gap = margin(exact, exact_x)
    node_of = {module_of(node.name): node.name for node in file.graph.node if node.op_type in ("Conv", "Gemm", "Mul")}
    operators = sorted({node.op_type for node in file.graph.node})
    return {
        "onnx": f"{name}.onnx",
        "seed": seed,
        "input": {"file": f"{name}.input.npy", "name": "image", "shape": [SAMPLES, *model.input_shape]},
        "output": {"name": output, "classes": logits.shape[1], "softmax": name == "concat"},
        "operators": operators,
        "logits": f"{name}.logits.npy",
        "argmax": target.tolist(),
        "kink_margin": float(f"{gap:.2g}") if math.isfinite(gap) else None,
        "attributions": attributions,
        "lrp_ledger": {
            "method": "lrp.z",
            "tolerance": 1e-4,
            **ledger(fold_batch_norm(exact), exact_x, target, node_of),
        },
    }


def main():
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="captum")  # it announces every hook it sets
    path = HERE / "expected.json"
    networks = json.loads(path.read_text())["networks"] if path.exists() else {}
    for name in sys.argv[1:] or NETWORKS:
        print(name, flush=True)
        networks[name] = generate(name)
    document = {
        "versions": {
            "torch": torch.__version__.split("+")[0],
            "captum": captum.__version__,
            "zennit": "0.5.1",
            "onnx": onnx.__version__,
            "numpy": np.__version__,
        },
        "tolerance": "max|result - reference| / max|reference| over the whole file",
        "stabiliser": STABILISER,
        "networks": {name: networks[name] for name in NETWORKS if name in networks},
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
