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
from importlib import metadata
from pathlib import Path

import captum
import numpy as np
import onnx
import onnxruntime
import torch
from captum.attr import Deconvolution, DeepLift, GuidedBackprop, InputXGradient, LayerGradCam, Saliency
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from zennit.composites import LayerMapComposite, SpecialFirstLayerMapComposite
from zennit.core import BasicHook, Stabilizer
from zennit.layer import Sum
from zennit.rules import AlphaBeta, ClampMod, Epsilon, Flat, Gamma, Norm, Pass, WSquare, ZBox, ZPlus

import methods
from deep_lift import deep_lift
from methods import Row
from networks import ACTIVATIONS, NETWORKS, GlobalMean, Product, initialise

HERE = Path(__file__).resolve().parent
OPSET = 13
# Stabiliser of every division that has no epsilon of its own. zennit's default of 1e-6 would be visible.
STABILISER = 1e-9
TOLERANCE = 1e-4
# Bounds of z^B.
LOW, HIGH = -3, 3
# Channel of the CAM layer that is explained as a target and asked for as a concept.
CHANNEL = 1
# No pre-activation may lie closer to a kink, and no max-pool winner closer to the runner-up: a float32 engine would
# otherwise be free to land on the other side and be right.
MARGIN = 2e-5
# On the way from zeros to the input there are many more points, so that less has to do.
PATH_MARGIN = 2e-6
# `residual` keeps its BatchNormalization nodes; `depthwise` is stored merged, as exporters write it by default.
STORED_MERGED = ("depthwise",)

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
    calls, _ = record(model, x, (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.Sigmoid, nn.MaxPool2d))
    nearest = math.inf
    for module, (value, *_), _output in calls.values():
        if isinstance(module, nn.MaxPool2d):
            size, stride = module.kernel_size, module.stride
            value = nn.functional.pad(value, [module.padding] * 4, value=-math.inf)
            # Only windows that lie inside: a window cut off by ceil_mode is a subset of what is checked elsewhere.
            windows = value.unfold(2, size, stride).unfold(3, size, stride).flatten(4)
            best = windows.topk(2, dim=-1).values
            # A window of nothing but zeros has no winner to protect, see README on ties.
            gap = (best[..., 0] - best[..., 1])[best[..., 0] != 0]
            nearest = min(nearest, gap.min().item())
        else:
            nearest = min(nearest, value.abs().min().item())
            if isinstance(module, nn.ReLU6):
                nearest = min(nearest, (value - 6).abs().min().item())
    return nearest


def smallest_denominator(folded, x):
    """Smallest output of a convolution, or a thirtieth of that of a sum, which LRP divides by.

    Near zero, float32 is free to make anything of the ratio. Relevance at a convolution is mostly in proportion to its
    output, so that the ratio stays small; at a sum it is not.
    """
    calls, _ = record(folded, x, (nn.Conv2d, Sum))
    # A convolution without bias is exactly zero where all it sees is.
    return min(
        output[output != 0].abs().min().item() / (30 if isinstance(module, Sum) else 1)
        for module, _, output in calls.values()
    )


def clear_steps(model, x):
    """A number of steps that keeps every point of every integration path clear of kinks, and how clear."""
    best = (-1.0, None)
    for steps in (methods.STEPS, *range(methods.STEPS - 1, 5, -1)):
        # The zeros themselves tie in max pooling; the left rule shares its other points with the right one.
        nearest = min(margin(model, methods.path(x, steps, rule)) for rule in ("midpoint", "right"))
        print(f"  {steps} steps: margin {nearest:.1e}")
        best = max(best, (nearest, steps))
        if nearest > PATH_MARGIN:
            break
    return best[1], best[0]


def samples(name):
    return getattr(NETWORKS[name], "samples", 3)


def build(name):
    """The network and its input from the first seed that keeps clear of kinks, ties and a close choice of class."""
    for seed in range(getattr(NETWORKS[name], "first_seed", 0), 10_000):
        torch.manual_seed(seed)
        model = initialise(NETWORKS[name](), name)
        if name in STORED_MERGED:
            model = fold_batch_norm(model)
        x = torch.randn(samples(name), *NETWORKS[name].input_shape)
        exact, exact_x = copy.deepcopy(model).double(), x.double()
        with torch.no_grad():
            best = exact(exact_x).topk(2, dim=1)
        clear = (best.values[:, 0] - best.values[:, 1]).min() > 0.1 and best.values[:, 0].min() > 0.3
        several = len(best.indices[:, 0].unique()) > 1
        if not (clear and several and margin(exact, exact_x) > MARGIN):
            continue
        wanted = getattr(NETWORKS[name], "margin", None)
        if wanted is None:
            return seed, model, x
        alive = methods.channel_gradient(exact, exact_x, model.cam_layer, CHANNEL).flatten(1).any(1).all()
        if alive and smallest_denominator(fold_batch_norm(exact), exact_x) > wanted:
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


class DeconvFunction(torch.autograd.Function):
    """max(g, 0), whatever the forward value was."""

    @staticmethod
    def forward(ctx, z, ceiling):
        return z.clamp(0, ceiling)

    @staticmethod
    def backward(ctx, g):
        return g.clamp(min=0), None


class GuidedFunction(torch.autograd.Function):
    """max(g, 0) where the activation is neither off nor, ReLU6, saturated."""

    @staticmethod
    def forward(ctx, z, ceiling):
        ctx.save_for_backward(z)
        ctx.ceiling = ceiling
        return z.clamp(0, ceiling)

    @staticmethod
    def backward(ctx, g):
        (z,) = ctx.saved_tensors
        return g.clamp(min=0) * ((z > 0) & (z < ctx.ceiling)), None


class ReluWith(nn.Module):
    def __init__(self, function, ceiling):
        super().__init__()
        self.function, self.ceiling = function, ceiling

    def forward(self, z):
        return self.function.apply(z, self.ceiling)


def relu_backward(model, x, target, function):
    """Guided backpropagation and DeconvNet where Captum cannot: it leaves ReLU6 at the plain gradient, and its hook on
    the input of a ReLU also changes what comes back to that tensor from elsewhere.
    """
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, (nn.ReLU, nn.ReLU6)):
                setattr(parent, name, ReluWith(function, 6 if isinstance(child, nn.ReLU6) else math.inf))
    x = x.clone().requires_grad_()
    return torch.autograd.grad(model(x).gather(1, target[:, None]).sum(), x)[0]


def gradient_family(model, x, target):
    """Rows of all methods that start from 1 and need one or two passes back."""
    kinds = {type(module) for module in model.modules()}
    rows = [
        ("gradient", None, Saliency(model).attribute(x, target, abs=False), "captum"),
        ("input_t_gradient", None, InputXGradient(model).attribute(x, target), "captum"),
    ]
    guided = None
    smooth = kinds & {nn.SiLU, nn.LeakyReLU, nn.ELU, nn.GELU}
    by_hand = nn.ReLU6 in kinds or getattr(model, "branches_before_relu", False)
    if by_hand:
        guided = relu_backward(model, x, target, GuidedFunction)
        rows.append(("deconvnet", None, relu_backward(model, x, target, DeconvFunction), "torch"))
        rows.append(("guided_backprop", None, guided, "torch"))
    elif not smooth:  # neither method is defined for them
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
            ("guided_grad_cam", None, upsampled * guided, "captum, torch" if by_hand else "captum")
        )
    return [Row(method, value.detach(), library, variant) for method, variant, value, library in rows]


# ---- LRP (zennit) --------------------------------------------------------------------------------------------------


def composite(conv, dense, first=None, means_and_sums=True):
    """One rule for convolutions, one for dense layers, the shared rules for all the rest."""
    layers = [
        (ACTIVATIONS, Pass()),
        *([(MEANS_AND_SUMS, Norm(stabilizer=STABILISER))] if means_and_sums else []),
        ((nn.Conv2d,), conv),
        ((nn.Linear,), dense),
    ]  # max pooling, concatenation, flatten and products are not named: they keep their gradient
    if first is None:
        return LayerMapComposite(layers)
    return SpecialFirstLayerMapComposite(layers, [((nn.Conv2d, nn.Linear), first)])


def everywhere(rule, **options):
    return composite(rule, rule, **options)


def alpha_beta(alpha, beta, bias=True):
    return AlphaBeta(alpha=alpha, beta=beta, stabilizer=STABILISER, zero_params=None if bias else "bias")


def w_square():
    return WSquare(stabilizer=STABILISER, zero_params="bias")


def flat():
    return Flat(stabilizer=STABILISER)


def z_box():
    return ZBox(float(LOW), float(HIGH), stabilizer=STABILISER)


def z_plus_fast():
    """x times the gradient through positive weights only; zennit has no rule that leaves the sign of x alone."""
    stabiliser = Stabilizer.ensure(STABILISER)
    return BasicHook(
        param_modifiers=[ClampMod(min=0.0, zero_params="bias")],
        gradient_mapper=lambda relevance, outputs: relevance / stabiliser(outputs[0]),
        reducer=lambda inputs, gradients: inputs[0] * gradients[0],
    )


def deep_taylor(first=None):
    """Only layers with a kernel have a rule; the activations pass, all the rest is the gradient."""
    return everywhere(alpha_beta(1.0, 0.0, bias=False), first=first, means_and_sums=False)


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
        lambda: composite(alpha_beta(1.0, 0.0), Epsilon(0.1), first=flat()),
    ),
    ("lrp.gamma", None, {"gamma": 0.25}, lambda: everywhere(Gamma(0.25, stabilizer=STABILISER))),
    ("lrp.w_square", None, {}, lambda: everywhere(w_square())),
    ("lrp.flat", None, {}, lambda: everywhere(flat())),
    ("lrp.alpha_1_beta_0_IB", None, {}, lambda: everywhere(alpha_beta(1.0, 0.0, bias=False))),
    ("lrp.alpha_2_beta_1_IB", None, {}, lambda: everywhere(alpha_beta(2.0, 1.0, bias=False))),
    ("lrp.z_plus_fast", None, {}, lambda: everywhere(z_plus_fast())),
    ("lrp.sequential_preset_b", None, {}, lambda: composite(alpha_beta(2.0, 1.0), Epsilon(0.1))),
    ("lrp.sequential_preset_b_flat", None, {}, lambda: composite(alpha_beta(2.0, 1.0), Epsilon(0.1), first=flat())),
    ("lrp.epsilon_plus", None, {}, lambda: composite(ZPlus(stabilizer=STABILISER), Epsilon(1e-6))),
    ("lrp.epsilon_plus_flat", None, {}, lambda: composite(ZPlus(stabilizer=STABILISER), Epsilon(1e-6), first=flat())),
    (
        "lrp.epsilon_gamma_box",
        None,
        {"low": LOW, "high": HIGH},
        lambda: composite(Gamma(0.25, stabilizer=STABILISER), Epsilon(1e-6), first=z_box()),
    ),
    ("lrp.epsilon_alpha2_beta1", None, {}, lambda: composite(alpha_beta(2.0, 1.0), Epsilon(1e-6))),
    ("lrp.epsilon_alpha2_beta1_flat", None, {}, lambda: composite(alpha_beta(2.0, 1.0), Epsilon(1e-6), first=flat())),
    (
        "lrp.epsilon",
        "box",
        {"epsilon": 0.1, "input_rule": f"box:{LOW},{HIGH}"},
        lambda: everywhere(Epsilon(0.1), first=z_box()),
    ),
    (
        "lrp.epsilon",
        "w_square",
        {"epsilon": 0.1, "input_rule": "w_square"},
        lambda: everywhere(Epsilon(0.1), first=w_square()),
    ),
    ("deep_taylor", None, {}, deep_taylor),
    ("deep_taylor.bounded", None, {"low": LOW, "high": HIGH}, lambda: deep_taylor(first=z_box())),
]


class OnlyChannels(torch.autograd.Function):
    """The value itself; of the relevance only that of the given channels."""

    @staticmethod
    def forward(ctx, value, channels):
        ctx.channels = channels
        return value.view_as(value)

    @staticmethod
    def backward(ctx, g):
        kept = torch.zeros_like(g)
        kept[:, ctx.channels] = g[:, ctx.channels]
        return kept, None


def relevance(folded, x, target, rules, keep=(), concept=None):
    """Relevance of the input, started with the explained logit itself (positive wherever the seed was accepted).

    Also returns, for the modules in `keep`, their inputs, output and the relevance that arrived at the output.
    `concept` is a module and the channels of its output that relevance may pass.
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
        if concept:
            layer, channels = concept
            mask = lambda _module, _inputs, output: OnlyChannels.apply(output, channels)  # noqa: E731
            handles.append(model.get_submodule(layer).register_forward_hook(mask))
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
        elif module.bias is not None:
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


class Apart(nn.Module):
    def forward(self, value):
        return value.clone()


def captum_deep_lift(folded, x, target):
    """DeepLIFT rescale by Captum, or None where it has no rule for a module or a wrong one.

    Its hooks miss a max pooling that stands directly behind an activation, so that a copy is put between the two. In
    overlapping windows it keeps one contribution per cell instead of their sum.
    """
    model = copy.deepcopy(folded)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, (nn.ReLU6, nn.SiLU, nn.GELU, nn.Sigmoid, Product)):
                return None
            if isinstance(child, nn.MaxPool2d):
                if child.kernel_size > child.stride:
                    return None
                setattr(parent, name, nn.Sequential(Apart(), child))
    return DeepLift(model).attribute(x, torch.zeros_like(x), target=target).detach()


def deep_lift_rows(folded, x, target):
    """Rescale, and RevealCancel, which Captum does not have."""
    value, library = deep_lift(folded, x, target, reveal=False), "torch"
    captum_value = captum_deep_lift(folded, x, target)
    if captum_value is not None:
        error = methods.deviation(value, captum_value)
        if x.dtype == torch.float64:
            print(f"  deep_lift.rescale: {error:.1e}")
            assert error < 1e-9
        value, library = captum_value, "captum"
    baseline = {"baseline": "zero"}
    yield Row("deep_lift.rescale", value, library, parameters=baseline)
    revealed = deep_lift(folded, x, target, reveal=True)
    yield Row("deep_lift.reveal_cancel", revealed, "torch", parameters={**baseline, "layers": "all"})


def target_rows(model, x, target, layer, steps):
    """Other numbers than the logit, explained by the gradient and by integrated gradients."""
    with torch.no_grad():
        contrast = methods.contrast(model(x), target)
    extra = {"target": {"kind": "contrast"}}
    yield Row("gradient", methods.gradient(model, x, contrast), "torch", "contrast", extra=extra)
    parameters = {"steps": steps, "baseline": "zero", "rule": "midpoint"}
    value = methods.integrated_gradients(model, x, contrast, steps)
    yield Row("integrated_gradients", value, "torch", "contrast", parameters, extra=extra)
    value = methods.gradient(model, x, methods.probability(target))
    yield Row("gradient", value, "torch", "probability", extra={"target": {"kind": "probability"}})
    value = methods.channel_gradient(model, x, layer["module"], CHANNEL)
    neuron = {"kind": "neuron", "layer": layer["node"], "neuron": {"channel": CHANNEL, "position": None}}
    yield Row("gradient", value, "torch", "neuron", extra={"target": neuron})


def concept_row(folded, x, target, layer):
    """Relevance that passes through one channel of the CAM layer."""
    rules = everywhere(Epsilon(0.1))
    value = relevance(folded, x, target, rules, concept=(layer["module"], [CHANNEL]))[0]
    if x.dtype == torch.float64:
        # All channels one by one add up to what passes without a condition.
        channels = len(folded_output(folded, x, layer["module"])[0])
        parts = [relevance(folded, x, target, rules, concept=(layer["module"], [k]))[0] for k in range(channels)]
        error = methods.deviation(sum(parts), relevance(folded, x, target, rules)[0])
        print(f"  concepts of all channels: {error:.1e}")
        assert error < 1e-9
    concept = {"layer": layer["node"], "channels": [CHANNEL]}
    return Row("lrp.epsilon", value, "zennit", "concept", {"epsilon": 0.1}, "logit", {"concept": concept})


def folded_output(folded, x, layer):
    return record(folded, x, type(folded.get_submodule(layer)))[0][layer][2]


def rows_of(model, x, target, layer, steps):
    """All attributions, in the precision of `model` and `x`. `layer` is the CAM layer as in expected.json."""
    rows = gradient_family(model, x, target)
    folded = fold_batch_norm(model)
    for method, variant, parameters, rules in LRP:
        start = "relu_logit" if method.startswith("deep_taylor") else "logit"
        rows.append(Row(method, relevance(folded, x, target, rules())[0], "zennit", variant, parameters, start))
    logit = methods.class_logit(target)
    baseline = {"baseline": "zero"}

    for rule in methods.QUADRATURE:
        if rule == "left" and getattr(model, "ties_at_zero", False):
            continue
        value = methods.integrated_gradients(model, x, logit, steps, rule)
        parameters = {"steps": steps, **baseline, "rule": rule}
        rows.append(Row("integrated_gradients", value, "torch, captum", rule, parameters))
    rows += deep_lift_rows(folded, x, target)
    rows += methods.cams(model, x, target, model.cam_layer)
    value = methods.occlusion(model, x, logit)
    parameters = {"window": methods.WINDOW, "stride": methods.STRIDE, **baseline}
    rows.append(Row("occlusion", value, "torch, captum", None, parameters, "none"))
    parameters = {"segments": f"grid:{methods.GRID}", "samples": 2**methods.GRID**2 - 2, **baseline}
    rows.append(Row("kernel_shap", methods.shapley_map(model, x, logit), "torch", None, parameters, "none"))
    rows += target_rows(model, x, target, layer, steps)
    rows.append(concept_row(folded, x, target, layer))
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

    steps, path_margin = clear_steps(exact, exact_x)
    for check, error in methods.cross_check(exact, exact_x, target, steps).items():
        print(f"  {check}: {error:.1e}")
        assert error < (1e-9 if "kernel_shap" in check else 1e-6), check  # Captum rounds step sizes and scores to float32

    attributions = []
    rows = rows_of(exact, exact_x, target, layer, steps)
    singles = rows_of(copy.deepcopy(model), x, target, layer, steps)
    for row, single in zip(rows, singles):
        value, method = row.value, row.method
        assert value.isfinite().all() and (value.flatten(1).abs().amax(1) > 0).all(), (name, method)
        path = ".".join(filter(None, (name, method, row.variant, "npy")))
        save(path, value)
        # What float32 alone costs, with the same formulas: the tolerance leaves room for another summation order.
        error = methods.deviation(single.value.double(), value)
        entry = {
            "file": path,
            "method": method,
            "parameters": row.parameters,
            "start": row.start,
            "library": row.library,
            "tolerance": TOLERANCE,
            "float32_error": float(f"{error:.1e}"),
        }
        if 20 * error > TOLERANCE:
            entry["tolerance"] = float(f"{20 * error:.0e}")
            entry["tolerance_reason"] = "20 times what float32 alone costs the reference"
        if "cam" in method:
            entry["layer"] = layer
            entry["resolution"] = "layer" if "layer" in (row.variant or "").split(".") else "input"
        if method == "integrated_gradients":
            entry["kink_margin"] = float(f"{path_margin:.2g}")
        attributions.append({**entry, **row.extra})

    with torch.no_grad():
        gap = margin(exact, exact_x)
    node_of = {module_of(node.name): node.name for node in file.graph.node if node.op_type in ("Conv", "Gemm", "Mul")}
    operators = sorted({node.op_type for node in file.graph.node})
    return {
        "onnx": f"{name}.onnx",
        "seed": seed,
        "input": {"file": f"{name}.input.npy", "name": "image", "shape": [len(x), *model.input_shape]},
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
    written = json.loads(path.read_text()) if path.exists() else {"networks": {}, "versions": {}}
    networks, versions = written["networks"], written["versions"]
    for name in sys.argv[1:] or NETWORKS:
        print(name, flush=True)
        networks[name] = generate(name)
    order = {name: place for place, name in enumerate(NETWORKS)}
    document = {
        "versions": {
            **versions,
            "torch": torch.__version__.split("+")[0],
            "captum": captum.__version__,
            "zennit": metadata.version("zennit"),
            "grad-cam": metadata.version("grad-cam"),
            "onnx": onnx.__version__,
            "numpy": np.__version__,
        },
        "tolerance": "max|result - reference| / max|reference| over the whole file",
        "stabiliser": STABILISER,
        # Those that other scripts made come last.
        "networks": dict(sorted(networks.items(), key=lambda entry: order.get(entry[0], len(order)))),
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
