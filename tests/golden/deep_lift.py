"""DeepLIFT by hand, in PyTorch: Rescale also where Captum has no rule, and RevealCancel.

The input and the reference go through the network as one batch, input first. Every module that is not linear is
replaced by one whose backward pass returns multipliers for the first half and nothing for the second, so that plain
autograd carries the multipliers through all the rest.
"""

import copy

import torch
from torch import nn
from torch.autograd import Function
from torch.nn import functional

from networks import ACTIVATIONS, Product

# Differences below this are none: the multiplier is the limit, which is the derivative.
NO_DIFFERENCE = 1e-10


def derivative(function, z):
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        return torch.autograd.grad(function(z).sum(), z)[0]


def for_input_only(multiplier):
    return torch.cat((multiplier, torch.zeros_like(multiplier)))


class SecantFunction(Function):
    """(f(z) - f(z0)) / (z - z0)."""

    @staticmethod
    def forward(ctx, z, function):
        y = function(z)
        ctx.save_for_backward(z, y)
        ctx.function = function
        return y

    @staticmethod
    def backward(ctx, g):
        (z, z0), (y, y0), (g, _) = (value.chunk(2) for value in (*ctx.saved_tensors, g))
        close = (z - z0).abs() < NO_DIFFERENCE
        secant = (y - y0) / torch.where(close, 1.0, z - z0)
        return for_input_only(g * torch.where(close, derivative(ctx.function, z), secant)), None


class RevealFunction(Function):
    """Both parts of the output difference, each by the average of the two orders in which the parts can come."""

    @staticmethod
    def forward(ctx, z, positive, negative, function):
        ctx.save_for_backward(z, positive, negative)
        ctx.function = function
        return function(z)

    @staticmethod
    def backward(ctx, g):
        z, positive, negative = ctx.saved_tensors
        (z, z0), (g, _), f = z.chunk(2), g.chunk(2), ctx.function
        rise = (f(z0 + positive) - f(z0) + f(z) - f(z0 + negative)) / 2
        fall = (f(z0 + negative) - f(z0) + f(z) - f(z0 + positive)) / 2

        def ratio(change, part):
            return torch.where(part == 0, 0.0, change / torch.where(part == 0, 1.0, part))

        return torch.zeros_like(torch.cat((z, z0))), g * ratio(rise, positive), g * ratio(fall, negative), None


class MaxPoolFunction(Function):
    """SHAP's rule: what the larger of the two outputs gains goes to the input's winner, the rest to the reference's."""

    @staticmethod
    def forward(ctx, z, options):
        # A constant reference ties everywhere; rounding must not choose the winner, the first cell does.
        grid = 2.0**40 if z.dtype == torch.float64 else 1.0
        comparable = (z * grid).round() / grid if z.dtype == torch.float64 else z
        _, winner = functional.max_pool2d(comparable, **options, return_indices=True)
        y = z.flatten(2).gather(2, winner.flatten(2)).reshape(winner.shape)
        ctx.save_for_backward(z, y, winner)
        return y

    @staticmethod
    def backward(ctx, g):
        (z, z0), (y, y0), (winner, winner0), (g, _) = (value.chunk(2) for value in (*ctx.saved_tensors, g))

        def spread(value, place):
            return torch.zeros_like(z).flatten(2).scatter_add(2, place.flatten(2), value.flatten(2)).reshape(z.shape)

        larger = torch.maximum(y, y0)
        contribution = spread(g * (larger - y0), winner) + spread(g * (y - larger), winner0)
        close = (z - z0).abs() < NO_DIFFERENCE
        return for_input_only(
            torch.where(close, spread(g, winner), contribution / torch.where(close, 1.0, z - z0))
        ), None


class ProductFunction(Function):
    """a b - a0 b0 = (a - a0)(b + b0)/2 + (b - b0)(a + a0)/2, the average of the two orders."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, g):
        (a, a0), (b, b0), (g, _) = (value.chunk(2) for value in (*ctx.saved_tensors, g))

        def multiplier(other, shape):
            return for_input_only((g * other / 2).sum_to_size(shape))

        return multiplier(b + b0, a.shape), multiplier(a + a0, b.shape)


class Activation(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, z):
        parts = getattr(z, "parts", None)  # set by the kernel layer whose output this is
        if parts is None:
            return SecantFunction.apply(z, self.function)
        return RevealFunction.apply(z, *parts, self.function)


class KernelLayer(nn.Module):
    """Convolution or dense layer that also tells the positive and the negative part of its output's difference."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def linear(self, x, weight):
        if isinstance(self.layer, nn.Linear):
            return functional.linear(x, weight)
        layer = self.layer
        return functional.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)

    def forward(self, x):
        z = self.layer(x)
        now, reference = x.chunk(2)
        difference = now - reference.detach()
        # A difference of zero belongs half to either sign: it adds nothing, but its multiplier is the mean of both.
        up = (torch.sign(difference.detach()) + 1) / 2
        rises, falls = difference * up, difference * (1 - up)
        weight = self.layer.weight.detach()
        raising, lowering = weight.clamp(min=0), weight.clamp(max=0)
        z.parts = (
            self.linear(rises, raising) + self.linear(falls, lowering),
            self.linear(rises, lowering) + self.linear(falls, raising),
        )
        return z


class MaxPool(nn.Module):
    def __init__(self, pool):
        super().__init__()
        self.options = {name: getattr(pool, name) for name in ("kernel_size", "stride", "padding", "ceil_mode")}

    def forward(self, z):
        return MaxPoolFunction.apply(z, self.options)


class AverageProduct(nn.Module):
    def forward(self, a, b):
        return ProductFunction.apply(a, b)


def replace(model, reveal):
    for name, child in list(model.named_children()):
        if isinstance(child, ACTIVATIONS):
            setattr(model, name, Activation(child))
        elif isinstance(child, nn.MaxPool2d):
            setattr(model, name, MaxPool(child))
        elif isinstance(child, Product):
            setattr(model, name, AverageProduct())
        elif reveal and isinstance(child, (nn.Conv2d, nn.Linear)):
            setattr(model, name, KernelLayer(child))
        else:
            replace(child, reveal)


def deep_lift(folded, x, target, reveal):
    """Attribution against a reference of zeros. BatchNorm must be merged: an activation has to follow its layer."""
    model = copy.deepcopy(folded)
    replace(model, reveal)
    both = torch.cat((x, torch.zeros_like(x))).requires_grad_()
    logits = model(both)
    score, reference = (half.gather(1, target[:, None])[:, 0] for half in logits.chunk(2))
    multiplier = torch.autograd.grad(score.sum(), both)[0].chunk(2)[0]
    attribution = multiplier * x
    if x.dtype == torch.float64:
        remainder = attribution.flatten(1).sum(1) - (score - reference)
        assert (remainder.abs() < 1e-9 * (score - reference).abs().clamp(min=1)).all(), remainder
    return attribution.detach()
