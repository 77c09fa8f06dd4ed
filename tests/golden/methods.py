"""References of the methods that are neither one gradient nor LRP: integrated gradients, the CAM family, occlusion,
Shapley values, and the other numbers that can be explained (contrast, probability, a channel).

Everything runs in the precision of the model and the input it is given.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from captum.attr import IntegratedGradients, Occlusion
from pytorch_grad_cam import EigenCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM

STEPS = 16
WINDOW, STRIDE = 8, 4
GRID = 3


@dataclass
class Row:
    """One reference: `extra` are further keys of its entry in expected.json."""

    method: str
    value: torch.Tensor
    library: str
    variant: str | None = None
    parameters: dict = field(default_factory=dict)
    start: str = "one"
    extra: dict = field(default_factory=dict)


# ---- What is explained: one number per sample, from the logits -------------------------------------------------------


def class_logit(target):
    return lambda logits: logits.gather(1, target[:, None])[:, 0]


def contrast(logits, target):
    """The logit minus that of the strongest other class, which is chosen once, at the unchanged input."""
    other = logits.detach().scatter(1, target[:, None], -math.inf).argmax(1)
    return lambda logits: (logits.gather(1, target[:, None]) - logits.gather(1, other[:, None]))[:, 0]


def probability(target):
    return lambda logits: logits.softmax(1).gather(1, target[:, None])[:, 0]


def gradient(model, x, score):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(score(model(x)).sum(), x)[0]


def activation_and_gradient(model, x, layer, score):
    """Output of a module and the gradient of the score with respect to it."""
    kept = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    logits = model(x.clone().requires_grad_())
    handle.remove()
    return kept[0].detach(), torch.autograd.grad(score(logits).sum(), kept[0])[0]


def channel_gradient(model, x, layer, channel):
    """Gradient of the sum over one channel of a module's output."""
    kept = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    x = x.clone().requires_grad_()
    model(x)
    handle.remove()
    return torch.autograd.grad(kept[0][:, channel].sum(), x)[0]


# ---- Integrated gradients ----------------------------------------------------------------------------------------------

QUADRATURE = {"left": 0.0, "midpoint": 0.5, "right": 1.0}


def path(x, steps, rule):
    """Points between zeros and the input, as one batch, step after step."""
    return torch.cat([x * ((step + QUADRATURE[rule]) / steps) for step in range(steps)])


def integrated_gradients(model, x, score, steps=STEPS, rule="midpoint"):
    """Mean gradient along the straight path from zeros, times the input."""
    total = torch.zeros_like(x)
    for point in path(x, steps, rule).split(len(x)):
        total += gradient(model, point, score)
    return x * total / steps


def captum_integrated_gradients(model, x, target, steps=STEPS, rule="midpoint"):
    method = {"left": "riemann_left", "midpoint": "riemann_middle", "right": "riemann_right"}[rule]
    return IntegratedGradients(model).attribute(x, target=target, n_steps=steps, method=method)


# ---- CAM family (pytorch-grad-cam) -------------------------------------------------------------------------------------

CAMS = {
    "grad_cam_plus_plus": GradCAMPlusPlus,
    "layer_cam": LayerCAM,
    "hires_cam": HiResCAM,
    "x_grad_cam": XGradCAM,
    "eigen_cam": EigenCAM,
}
SIGNED_CAMS = ("hires_cam", "x_grad_cam")


def enlarge(cam, x):
    return torch.nn.functional.interpolate(cam, x.shape[2:], mode="bilinear", align_corners=False)


def cams(model, x, target, layer):
    """Maps before the library's normalisation to 0..1, at the layer's resolution and enlarged."""
    activation, slope = activation_and_gradient(model, x, layer, class_logit(target))
    for method, kind in CAMS.items():
        cam = kind(model, [model.get_submodule(layer)])
        cam.activations_and_grads.release()  # the numbers are passed in
        image = cam.get_cam_image(x, None, None, activation.numpy(), slope.numpy(), False)
        image = torch.from_numpy(image).to(x.dtype)[:, None]
        if method == "eigen_cam":
            # The sign of a principal component is arbitrary; ours agrees with the mean activation.
            agreement = (image * activation.mean(1, keepdim=True)).flatten(1).sum(1)
            spread = image.flatten(1).norm(dim=1) * activation.mean(1).flatten(1).norm(dim=1)
            assert (agreement.abs() > 1e-3 * spread).all(), agreement / spread
            image = image * torch.where(agreement < 0, -1.0, 1.0).to(x.dtype)[:, None, None, None]
        signs = {None: image if method == "eigen_cam" else image.clamp(min=0)}
        if method in SIGNED_CAMS:
            signs["signed"] = image
        for sign, map_ in signs.items():
            parameters = {"signed": "yes"} if sign else {}
            start = "none" if method == "eigen_cam" else "one"
            for resolution in ("layer", None):
                value = map_ if resolution else enlarge(map_, x)
                variant = ".".join(filter(None, (sign, resolution))) or None
                yield Row(method, value, "pytorch-grad-cam", variant, parameters, start)


# ---- Occlusion ---------------------------------------------------------------------------------------------------------


def window_starts(length, window, stride):
    """Every `stride` cells; a last window ends at the border if the regular ones leave a rest."""
    starts = list(range(0, length - window + 1, stride))
    if starts[-1] + window < length:
        starts.append(length - window)
    return starts


def occlusion(model, x, score, window=WINDOW, stride=STRIDE):
    """Fall of the score when a window is set to zero; each pixel the mean over the windows that cover it."""
    total = torch.zeros(len(x), 1, *x.shape[2:], dtype=x.dtype)
    count = torch.zeros_like(total)
    with torch.no_grad():
        whole = score(model(x))
        for top in window_starts(x.shape[2], window, stride):
            for left in window_starts(x.shape[3], window, stride):
                place = (..., slice(top, top + window), slice(left, left + window))
                covered = x.clone()
                covered[place] = 0
                total[place] += (whole - score(model(covered)))[:, None, None, None]
                count[place] += 1
    return total / count


def captum_occlusion(model, x, target, window=WINDOW, stride=STRIDE):
    """The same from Captum; None where windows do not fit evenly, as Captum cuts the last ones off."""
    if any((length - window) % stride for length in x.shape[2:]):
        return None
    channels = x.shape[1]
    shape, strides = (channels, window, window), (channels, stride, stride)
    return Occlusion(model).attribute(x, shape, strides, target=target)[:, :1]


# ---- Shapley values ------------------------------------------------------------------------------------------------------


def cells(height, width, grid=GRID):
    """Number of the cell that each pixel lies in."""
    rows, columns = (
        torch.tensor([sum(position >= (cell + 1) * length // grid for cell in range(grid)) for position in range(length)])
        for length in (height, width)
    )
    return rows[:, None] * grid + columns[None, :]


def coalition_scores(model, x, score, segments):
    """Score of every subset of the cells, the others being zero: one row per subset, bit i for cell i."""
    number = int(segments.max()) + 1
    rows = []
    with torch.no_grad():
        for subset in range(2**number):
            keep = ((subset >> segments) & 1).to(x.dtype)
            rows.append(score(model(x * keep)))
    return torch.stack(rows)


def shapley(scores):
    """Exact values from the scores of all subsets."""
    number = int(math.log2(len(scores)))
    values = torch.zeros(number, *scores.shape[1:], dtype=scores.dtype)
    for cell in range(number):
        for subset in range(2**number):
            if subset >> cell & 1:
                continue
            size = subset.bit_count()
            weight = math.factorial(size) * math.factorial(number - size - 1) / math.factorial(number)
            values[cell] += weight * (scores[subset | 1 << cell] - scores[subset])
    return values


def kernel_shap(scores):
    """The same by the weighted least squares of KernelSHAP over all proper subsets, the sum being held fixed."""
    number = int(math.log2(len(scores)))
    subsets = [subset for subset in range(1, 2**number - 1)]
    bits = np.array([[subset >> cell & 1 for cell in range(number)] for subset in subsets], dtype=np.float64)
    sizes = bits.sum(1)
    weights = np.array([(number - 1) / (math.comb(number, int(size)) * size * (number - size)) for size in sizes])
    scores = scores.double().numpy()
    # The last value is what the others leave of the whole.
    design, whole = bits[:, :-1] - bits[:, -1:], scores[-1] - scores[0]
    wanted = scores[subsets] - scores[0] - bits[:, -1:] * whole
    root = np.sqrt(weights)[:, None]
    first = np.linalg.lstsq(design * root, wanted * root, rcond=None)[0]
    return torch.from_numpy(np.vstack((first, whole - first.sum(0))))


def shapley_map(model, x, score):
    """Each cell's value, spread evenly over its pixels."""
    segments = cells(*x.shape[2:])
    values = shapley(coalition_scores(model, x, score, segments))
    sizes = torch.bincount(segments.flatten()).to(x.dtype)
    return (values / sizes[:, None]).T[:, segments][:, None]


# ---- Everything for one network ----------------------------------------------------------------------------------------


def deviation(value, reference):
    return ((value - reference).abs().max() / reference.abs().max()).item()


def cross_check(model, x, target, steps):
    """Deviations of the code above from Captum and from other formulas, in float64."""
    score = class_logit(target)
    found = {}
    for rule in QUADRATURE:
        ours = integrated_gradients(model, x, score, steps, rule)
        found[f"integrated_gradients {rule}"] = deviation(ours, captum_integrated_gradients(model, x, target, steps, rule))
    captum = captum_occlusion(model, x, target)
    if captum is not None:
        found["occlusion"] = deviation(occlusion(model, x, score), captum)
    scores = coalition_scores(model, x, score, cells(*x.shape[2:]))
    found["kernel_shap"] = deviation(kernel_shap(scores), shapley(scores))
    map_ = shapley_map(model, x, score)
    found["kernel_shap sum"] = deviation(map_.flatten(1).sum(1), scores[-1] - scores[0])
    return found

