"""The small networks whose explanations are kept as golden numbers.

Each covers what one family of real classifiers needs from the engine. Every non-linear step is a module of its own,
because Captum and zennit attach their rules to modules and silently skip functional calls.
"""

import torch
from torch import nn
from zennit.layer import Sum


ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Sigmoid, nn.LeakyReLU, nn.ELU, nn.GELU)


class Add(nn.Module):
    """Residual sum: zennit's `Sum` for the references, so that the z rule applies, and one plain Add node in ONNX."""

    def __init__(self):
        super().__init__()
        self.sum = Sum(dim=-1)

    def forward(self, left, right):
        if torch.onnx.is_in_onnx_export():
            return left + right
        return self.sum(torch.stack((left, right), dim=-1))


class Product(nn.Module):
    """Gate of a squeeze-and-excitation block; a module only so that the ledger can see its operands."""

    def forward(self, features, gate):
        return features * gate


class Concat(nn.Module):
    """Channel concatenation; a module so that a CAM can be taken at its output."""

    def forward(self, *branches):
        return torch.cat(branches, dim=1)


class GlobalMean(nn.Module):
    """Global average pooling the way torchvision's MobileNetV2 writes it: ReduceMean in ONNX, not GlobalAveragePool."""

    def forward(self, features):
        return features.mean(dim=(2, 3))


def conv_norm(inputs, outputs, kernel, activation=None, **options):
    """Convolution without bias, BatchNorm, and an activation unless the block is linear."""
    layers = [
        nn.Conv2d(inputs, outputs, kernel, bias=False, **options),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class Plain(nn.Module):
    """VGG-like: biased convolutions, max pooling, a hidden dense layer. Not square, so that swapped axes show."""

    input_shape = (3, 20, 24)
    cam_layer = "relu3"

    def __init__(self):
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(3, 8, 3), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.conv3, self.relu3 = nn.Conv2d(12, 16, 3, padding=1), nn.ReLU()
        self.flatten = nn.Flatten()
        self.dense1, self.relu4 = nn.Linear(16 * 4 * 5, 32), nn.ReLU()
        self.dense2 = nn.Linear(32, 10)

    def forward(self, x):
        x = self.relu1(self.conv1(x))
        x = self.pool(self.relu2(self.conv2(x)))
        x = self.relu3(self.conv3(x))
        x = self.relu4(self.dense1(self.flatten(x)))
        return self.dense2(x)


class ResidualBlock(nn.Module):
    """Basic ResNet block; the shortcut is projected when the resolution or the width changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            conv_norm(inputs, outputs, 3, nn.ReLU, stride=stride, padding=1),
            conv_norm(outputs, outputs, 3, padding=1),
        )
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride=stride)
        self.add, self.relu = Add(), nn.ReLU()

    def forward(self, x):
        return self.relu(self.add(self.body(x), self.shortcut(x)))


class Residual(nn.Module):
    """ResNet-like; the exported file keeps its BatchNormalization nodes."""

    input_shape = (3, 24, 24)
    cam_layer = "block2.relu"

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(3, 12, 3, nn.ReLU, padding=1)
        self.block1 = ResidualBlock(12, 12, 1)
        self.block2 = ResidualBlock(12, 24, 2)
        self.pool, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.dense = nn.Linear(24, 8)

    def forward(self, x):
        x = self.block2(self.block1(self.stem(x)))
        return self.dense(self.flatten(self.pool(x)))


class Depthwise(nn.Module):
    """MobileNetV2-like: ReLU6, depthwise convolutions, a linear bottleneck that is added without an activation."""

    input_shape = (3, 24, 20)
    cam_layer = "add"

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(3, 12, 3, nn.ReLU6, stride=2, padding=1)
        self.separable = nn.Sequential(
            conv_norm(12, 12, 3, nn.ReLU6, padding=1, groups=12),
            conv_norm(12, 16, 1, nn.ReLU6),
        )
        self.bottleneck = nn.Sequential(
            conv_norm(16, 32, 1, nn.ReLU6),
            conv_norm(32, 32, 3, nn.ReLU6, padding=1, groups=32),
            conv_norm(32, 16, 1),
        )
        self.add = Add()
        self.pool = GlobalMean()
        self.dense = nn.Linear(16, 7)

    def forward(self, x):
        x = self.separable(self.stem(x))
        x = self.add(x, self.bottleneck(x))
        return self.dense(self.pool(x))


class Fire(nn.Module):
    """Squeeze, then two expanding branches side by side."""

    def __init__(self, inputs, squeeze, expand):
        super().__init__()
        self.squeeze, self.relu0 = nn.Conv2d(inputs, squeeze, 1), nn.ReLU()
        self.narrow, self.relu1 = nn.Conv2d(squeeze, expand, 1), nn.ReLU()
        self.wide, self.relu2 = nn.Conv2d(squeeze, expand, 3, padding=1), nn.ReLU()
        self.concat = Concat()

    def forward(self, x):
        x = self.relu0(self.squeeze(x))
        return self.concat(self.relu1(self.narrow(x)), self.relu2(self.wide(x)))


class ConcatNet(nn.Module):
    """SqueezeNet- and Inception-like; ends in a Softmax, its logits are what is explained.

    The sizes are odd, so that ceil_mode and the padded average pooling (zeros counted) differ from their defaults.
    """

    input_shape = (3, 25, 23)
    cam_layer = "join"

    def __init__(self):
        super().__init__()
        self.stem, self.relu = nn.Conv2d(3, 10, 3, padding=1), nn.ReLU()
        self.pool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.fire1 = Fire(10, 6, 8)
        self.pool2 = nn.AvgPool2d(2)
        self.fire2 = Fire(16, 8, 10)
        self.smooth = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=True)
        self.project, self.relu_project = nn.Conv2d(16, 8, 1), nn.ReLU()
        self.join = Concat()
        self.classify = nn.Conv2d(28, 6, 1)
        self.pool3, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.pool1(self.relu(self.stem(x)))
        x = self.pool2(self.fire1(x))
        pooled = self.relu_project(self.project(self.smooth(x)))
        x = self.classify(self.join(self.fire2(x), pooled))
        logits = self.flatten(self.pool3(x))
        return self.softmax(logits) if torch.onnx.is_in_onnx_export() else logits


class SqueezeExcite(nn.Module):
    """EfficientNet-like: SiLU (Sigmoid and Mul in ONNX) and a channel gate. One input channel, as in grey images."""

    input_shape = (1, 22, 22)
    cam_layer = "act2"

    def __init__(self):
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.SiLU()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.reduce, self.act_gate = nn.Conv2d(12, 4, 1), nn.SiLU()
        self.expand, self.gate = nn.Conv2d(4, 12, 1), nn.Sigmoid()
        self.product = Product()
        self.conv2, self.act2 = nn.Conv2d(12, 20, 3, padding=1), nn.SiLU()
        self.pool, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.dense = nn.Linear(20, 5)

    def forward(self, x):
        x = self.act1(self.conv1(x))
        gate = self.gate(self.expand(self.act_gate(self.reduce(self.squeeze(x)))))
        x = self.act2(self.conv2(self.product(x, gate)))
        return self.dense(self.flatten(self.pool(x)))


def separable(inputs, outputs, *more):
    """Depthwise convolution, pointwise convolution, BatchNorm; nothing in between, as in Xception."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        *more,
    )


class Separable(nn.Module):
    """Xception-like: separable convolutions, sums without an activation behind them, activations before layers."""

    input_shape = (3, 16, 16)
    samples = 2
    margin = 3e-5
    first_seed = 1653  # earlier ones lose up to 5e-4 in float32, at sums and depthwise outputs near zero
    cam_layer = "relu_last"
    # Where the input is zero, a max pooling far from it sees equal numbers that differ by rounding: no winner is right.
    ties_at_zero = True
    branches_before_relu = True

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(3, 8, 3, nn.ReLU, padding=1)
        self.body1 = nn.Sequential(separable(8, 12, nn.ReLU()), separable(12, 12), nn.MaxPool2d(3, 2, padding=1))
        self.shortcut1, self.add1 = conv_norm(8, 12, 1, stride=2), Add()
        self.body2 = nn.Sequential(nn.ReLU(), separable(12, 12, nn.ReLU()), separable(12, 12))
        self.add2 = Add()
        self.last, self.relu_last = separable(12, 20), nn.ReLU()
        self.pool, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.dense = nn.Linear(20, 8)

    def forward(self, x):
        x = self.stem(x)
        x = self.add1(self.body1(x), self.shortcut1(x))
        x = self.add2(self.body2(x), x)
        return self.dense(self.flatten(self.pool(self.relu_last(self.last(x)))))


class Inception(nn.Module):
    """Inception-like: four branches side by side, 1x7 and 7x1 kernels, average pooling that does not count padding."""

    input_shape = (3, 16, 16)
    samples = 2
    margin = 1e-4
    cam_layer = "join2"

    def __init__(self):
        super().__init__()
        self.stem, self.pool = conv_norm(3, 8, 3, nn.ReLU, padding=1), nn.MaxPool2d(2)
        self.narrow = conv_norm(8, 5, 1, nn.ReLU)
        self.wide = nn.Sequential(conv_norm(8, 4, 1, nn.ReLU), conv_norm(4, 6, 3, nn.ReLU, padding=1))
        self.long = nn.Sequential(
            conv_norm(8, 4, 1, nn.ReLU),
            conv_norm(4, 4, (1, 7), nn.ReLU, padding=(0, 3)),
            conv_norm(4, 6, (7, 1), nn.ReLU, padding=(3, 0)),
        )
        self.smooth, self.project = nn.AvgPool2d(3, 1, 1, count_include_pad=False), conv_norm(8, 5, 1, nn.ReLU)
        self.join = Concat()
        self.reduce = conv_norm(22, 10, 3, nn.ReLU, stride=2, padding=1)
        self.smooth2 = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
        self.join2 = Concat()
        self.mean, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.dense = nn.Linear(32, 8)

    def forward(self, x):
        x = self.pool(self.stem(x))
        x = self.join(self.narrow(x), self.wide(x), self.long(x), self.project(self.smooth(x)))
        x = self.join2(self.reduce(x), self.smooth2(x))
        return self.dense(self.flatten(self.mean(x)))


class Leaky(nn.Module):
    """Activations that let negative values through: LeakyReLU, ELU, GELU (written with Erf in ONNX)."""

    input_shape = (3, 16, 16)
    samples = 2
    margin = 1e-4
    cam_layer = "act3"

    def __init__(self):
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(3, 10, 3, padding=1), nn.LeakyReLU(0.1)
        self.conv2, self.act2 = nn.Conv2d(10, 14, 3, stride=2, padding=1), nn.ELU()
        self.conv3, self.act3 = nn.Conv2d(14, 18, 3, padding=1), nn.GELU()
        self.pool, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.dense = nn.Linear(18, 6)

    def forward(self, x):
        x = self.act2(self.conv2(self.act1(self.conv1(x))))
        return self.dense(self.flatten(self.pool(self.act3(self.conv3(x)))))


NETWORKS = {
    "plain": Plain,
    "residual": Residual,
    "depthwise": Depthwise,
    "concat": ConcatNet,
    "squeeze_excite": SqueezeExcite,
    "separable": Separable,
    "inception": Inception,
    "leaky": Leaky,
}


def initialise(model, name):
    """Random parameters that leave nothing trivial: no zero bias, no BatchNorm that is the identity."""
    # Spread and shift of the depthwise network are larger so that ReLU6 also saturates at 6.
    spread, shift = (2.4, 1.5) if name == "depthwise" else (1.0, 0.1)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0.0, 0.3)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.6 * spread, 1.4 * spread)
            nn.init.normal_(module.bias, shift, 0.3)
            nn.init.normal_(module.running_mean, 0.0, 0.3)
            nn.init.uniform_(module.running_var, 0.6, 1.8)
    return model.eval()
