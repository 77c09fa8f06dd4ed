"""Write tiny ONNX networks around one operator each, with what onnxruntime answers: for importer and forward pass.

    python tests/golden/ops/generate_ops.py          # same environment as ../generate.py

Each case has NAME.onnx, NAME.input.npy (float32, batch of 2) and NAME.output.npy; cases.json lists them. onnxruntime
runs with its optimisations off, so that the answer is that of the nodes as written. ONNX's own reference evaluator or
PyTorch gives a second opinion; the script stops where the two differ.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = Path(__file__).resolve().parent
IMAGE = (2, 3, 7, 6)  # odd and even, so that SAME_UPPER, SAME_LOWER and ceil_mode differ
CASES = {}


class Case:
    """A network under construction: every method returns the name of the tensor it adds."""

    def __init__(self, name, opset=13, shape=IMAGE, layout="NCHW", low=-3.0, high=3.0):
        assert name not in CASES, name
        CASES[name] = self
        self.name, self.opset, self.shape, self.layout = name, opset, shape, layout
        # The seed depends on the name alone: a new case does not disturb the others.
        self.random = np.random.default_rng(zlib.crc32(name.encode()))
        self.x = self.random.uniform(low, high, shape).astype(np.float32)
        self.nodes, self.initializers, self.count = [], [], 0

    def fresh(self, stem):
        self.count += 1
        return f"{stem}_{self.count}"

    def const(self, value, dtype=np.float32):
        """An initializer with the given values."""
        name = self.fresh("constant")
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ints(self, *values):
        return self.const(values, np.int64)

    def weight(self, *shape):
        return self.const(self.random.normal(0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape))

    def node(self, op, *inputs, outputs=1, **attributes):
        names = [self.fresh(op.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=f"{op}_{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def write(self):
        # The last output of the last node is the network's: every case ends in a node with one output.
        self.nodes[-1].output[0] = "output"
        shape = ["batch", *self.shape[1:]]
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
            self.initializers,
        )
        imports = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=imports, producer_name="innspect-golden")
        model.ir_version = max(4, helper.find_min_ir_version_for(imports))
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        output = session.run(None, {"image": self.x})[0]
        assert output.dtype == np.float32 and np.isfinite(output).all() and len(output) == len(self.x), self.name
        shape = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", *output.shape[1:]])
        model.graph.output[0].CopyFrom(shape)
        onnx.checker.check_model(model, full_check=True)
        self.second_opinion(model, output)
        onnx.save(model, HERE / f"{self.name}.onnx")
        np.save(HERE / f"{self.name}.input.npy", self.x)
        np.save(HERE / f"{self.name}.output.npy", output)
        return {
            "name": self.name,
            "opset": self.opset,
            "onnx": f"{self.name}.onnx",
            "input": f"{self.name}.input.npy",
            "output": f"{self.name}.output.npy",
            "layout": self.layout,
            "operators": sorted({node.op_type for node in self.nodes}),
        }

    def second_opinion(self, model, output):
        if self.name in BY_HAND:
            constants = [torch.tensor(numpy_helper.to_array(tensor)) for tensor in self.initializers]
            other = BY_HAND[self.name](torch.tensor(self.x), *constants).numpy()
        else:
            other = ReferenceEvaluator(model).run(None, {"image": self.x})[0]
        assert other.shape == output.shape, (self.name, other.shape, output.shape)
        assert np.abs(other - output).max() <= 1e-5 * np.abs(output).max(), self.name


def bilinear_asymmetric(x, *_):
    """Twice the size, pixel i of the result at i/2 of the image, the border repeated."""
    for axis in (2, 3):
        length = x.shape[axis]
        low = torch.arange(2 * length) // 2
        high = (low + 1).clamp(max=length - 1)
        weight = (torch.arange(2 * length) % 2 / 2).reshape([-1 if dimension == axis else 1 for dimension in range(4)])
        x = x.index_select(axis, low) * (1 - weight) + x.index_select(axis, high) * weight
    return x


def nhwc_network(x, w, b, shift, dense, bias):
    x = F.pad(x.permute(0, 3, 1, 2), (0, 1, 1, 1))
    x = F.max_pool2d(F.conv2d(x, w, b, stride=2).relu(), 2, 1)
    return ((x.mean((2, 3)) + shift) @ dense + bias).softmax(1)


def dequantised(weight, scale, zero, axis):
    shape = [-1 if dimension == axis else 1 for dimension in range(weight.dim())]
    return (weight.float() - zero.float().reshape(shape)) * scale.reshape(shape)


def twice(x, *_):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


# ONNX's evaluator (1.16.2) lacks these cases or has them wrong, mostly auto_pad with strides and old operator versions;
# PyTorch with the padding worked out by hand gives the second opinion instead. Arguments: image, then the constants.
BY_HAND = {
    "conv_same_upper": lambda x, w, b: F.conv2d(F.pad(x, (0, 1, 1, 1)), w, b, stride=2),
    "conv_same_lower": lambda x, w, b: F.conv2d(F.pad(x, (1, 0, 1, 1)), w, b, stride=2),
    "conv_valid": lambda x, w, b: F.conv2d(x, w, b, stride=2),
    # With an output_shape the surplus is cut off at the beginning first, unless auto_pad is SAME_UPPER.
    "conv_transpose_output_shape": lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2)[:, :, 1:, 1:],
    "conv_transpose_groups": lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, groups=2),
    "batch_normalization_opset7": lambda x, w, b, m, v: F.batch_norm(x, m, v, w, b, eps=1e-3),
    "batch_normalization_opset9": lambda x, w, b, m, v: F.batch_norm(x, m, v, w, b, eps=1e-3),
    "conv_batch_normalization_relu": lambda x, k, w, b, m, v: F.batch_norm(
        F.conv2d(x, k, padding=1), m, v, w, b
    ).relu(),
    "lrn": lambda x: F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0),
    "lrn_parameters": lambda x: F.local_response_norm(x, 3, alpha=0.2, beta=0.6, k=1.5),
    "softmax_opset11": lambda x: x.flatten(1).softmax(1).reshape(x.shape),
    "max_pool_same_lower": lambda x: F.max_pool2d(F.pad(x, (0, 0, 1, 0), value=-torch.inf), 2),
    "shape_arithmetic_resize": twice,
    "resize_nearest_opset11": twice,
    "resize_opset10_nearest": twice,
    "resize_opset10_linear": bilinear_asymmetric,
    "upsample_opset9_linear": bilinear_asymmetric,
    "resize_linear_opset11": lambda x, *_: F.interpolate(x, (7, 9), mode="bilinear"),
    "dequantize_per_channel": lambda x, q, s, z, b: F.conv2d(x, dequantised(q, s, z, 0), b),
    "dequantize_per_channel_last_axis": lambda x, q, s: x.flatten(1) @ dequantised(q, s, torch.zeros(4), 1),
    "dequantize_per_tensor": lambda x, q, s, z: F.conv2d(x, dequantised(q, s, z, 0)),
    "nhwc_network": nhwc_network,
}


# ---- Convolution, dense, normalisation -------------------------------------------------------------------------------


def convolutions():
    def conv(name, shape=(4, 3, 3, 3), bias=True, image=IMAGE, opset=13, **attributes):
        case = Case(name, opset, image)
        inputs = [case.weight(*shape), *([case.weight(shape[0])] if bias else [])]
        case.node("Conv", "image", *inputs, **attributes)

    conv("conv")
    conv("conv_opset1", opset=7)
    conv("conv_no_bias", bias=False, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    conv("conv_pointwise_stride", shape=(5, 3, 1, 1), strides=[2, 2])
    conv("conv_rectangular", shape=(4, 3, 2, 5), strides=[2, 1], pads=[0, 2, 0, 2])
    conv("conv_dilation", dilations=[2, 1], pads=[2, 1, 2, 1])
    conv("conv_asymmetric_pads", pads=[0, 1, 2, 3])
    conv("conv_groups", shape=(6, 2, 3, 3), image=(2, 4, 7, 6), group=2, pads=[1, 1, 1, 1])
    conv("conv_depthwise", shape=(3, 1, 3, 3), group=3, pads=[1, 1, 1, 1], strides=[2, 2])
    conv("conv_depthwise_multiplier", shape=(6, 1, 3, 3), group=3, pads=[1, 1, 1, 1])
    conv("conv_same_upper", auto_pad="SAME_UPPER", strides=[2, 2])
    conv("conv_same_upper_even_kernel", shape=(4, 3, 2, 4), auto_pad="SAME_UPPER")
    conv("conv_same_lower", auto_pad="SAME_LOWER", strides=[2, 2])
    conv("conv_same_lower_even_kernel", shape=(4, 3, 2, 4), auto_pad="SAME_LOWER")
    conv("conv_valid", auto_pad="VALID", strides=[2, 2])

    def transposed(name, shape=(3, 4, 3, 3), image=IMAGE, bias=True, **attributes):
        case = Case(name, 13, image)
        channels = shape[1] * attributes.get("group", 1)
        case.node(
            "ConvTranspose", "image", case.weight(*shape), *([case.weight(channels)] if bias else []), **attributes
        )

    transposed("conv_transpose")
    transposed("conv_transpose_stride_pads", strides=[2, 2], pads=[1, 0, 1, 2], bias=False)
    transposed("conv_transpose_output_padding", strides=[2, 3], pads=[1, 1, 1, 1], output_padding=[1, 2])
    transposed("conv_transpose_output_shape", strides=[2, 2], output_shape=[14, 12])
    transposed("conv_transpose_output_shape_same_upper", strides=[2, 2], output_shape=[14, 12], auto_pad="SAME_UPPER")
    transposed("conv_transpose_same_upper", strides=[2, 2], auto_pad="SAME_UPPER")
    transposed("conv_transpose_same_lower", strides=[2, 2], auto_pad="SAME_LOWER")
    transposed("conv_transpose_groups", shape=(4, 3, 3, 3), image=(2, 4, 5, 4), group=2, strides=[2, 2])
    transposed("conv_transpose_dilation", dilations=[2, 2], pads=[1, 1, 1, 1])


def dense():
    features = int(np.prod(IMAGE[1:]))

    def gemm(name, weight, bias=None, transpose_input=False, opset=13, **attributes):
        case = Case(name, opset)
        x = case.node("Flatten", "image", axis=1)
        if transpose_input:
            x = case.node("Transpose", x, perm=[1, 0])
        case.node("Gemm", x, case.weight(*weight), *([case.weight(*bias)] if bias is not None else []), **attributes)

    gemm("gemm", (features, 5), (5,))
    gemm("gemm_trans_b", (5, features), (5,), transB=1)
    gemm("gemm_trans_a", (features, 5), (5,), transpose_input=True, transA=1)
    gemm("gemm_trans_a_b", (5, features), (1, 5), transpose_input=True, transA=1, transB=1)
    gemm("gemm_alpha_beta", (5, features), (5,), transB=1, alpha=0.5, beta=-2.0)
    gemm("gemm_scalar_bias", (5, features), (), transB=1)
    gemm("gemm_no_bias", (5, features), transB=1)
    gemm("gemm_opset7", (features, 5), (5,), opset=7)

    case = Case("matmul_add")
    x = case.node("MatMul", case.node("Flatten", "image"), case.weight(features, 5))
    case.node("Add", x, case.weight(5))
    case = Case("matmul_last_axis")  # a dense layer applied to every row of the image
    case.node("MatMul", "image", case.weight(6, 4))


def normalisation():
    def statistics(case):
        channels = IMAGE[1]
        return [
            case.const(case.random.uniform(0.5, 1.5, channels)),
            case.const(case.random.normal(0, 0.5, channels)),
            case.const(case.random.normal(0, 0.5, channels)),
            case.const(case.random.uniform(0.5, 1.5, channels)),
        ]

    for opset in (7, 9, 14, 15):
        case = Case(f"batch_normalization_opset{opset}", opset)
        case.node("BatchNormalization", "image", *statistics(case), epsilon=1e-3)
    case = Case("conv_batch_normalization_relu")
    x = case.node("Conv", "image", case.weight(3, 3, 3, 3), pads=[1, 1, 1, 1])
    case.node("Relu", case.node("BatchNormalization", x, *statistics(case)))
    case = Case("instance_normalization")
    case.node("InstanceNormalization", "image", *statistics(case)[:2], epsilon=1e-3)
    case = Case("layer_normalization", 17)
    case.node("LayerNormalization", "image", case.weight(6), case.weight(6), axis=-1)
    case = Case("lrn", shape=(2, 7, 4, 5))
    case.node("LRN", "image", size=5)
    case = Case("lrn_parameters", shape=(2, 7, 4, 5))
    case.node("LRN", "image", size=3, alpha=0.2, beta=0.6, bias=1.5)


# ---- Activations -----------------------------------------------------------------------------------------------------


def activations():
    def unary(name, op, opset=13, low=-3.0, high=3.0, **attributes):
        Case(name, opset, low=low, high=high).node(op, "image", **attributes)

    unary("relu", "Relu")
    unary("leaky_relu", "LeakyRelu")
    unary("leaky_relu_alpha", "LeakyRelu", alpha=0.2)
    unary("elu", "Elu")
    unary("elu_alpha", "Elu", alpha=0.5)
    unary("selu", "Selu")
    unary("celu", "Celu", alpha=0.7)
    unary("thresholded_relu", "ThresholdedRelu", alpha=0.8)
    unary("sigmoid", "Sigmoid", low=-9, high=9)
    unary("hard_sigmoid", "HardSigmoid", low=-4, high=4)
    unary("hard_sigmoid_sixth", "HardSigmoid", low=-4, high=4, alpha=1 / 6, beta=0.5)
    unary("hard_swish", "HardSwish", 14, low=-5, high=5)
    unary("tanh", "Tanh")
    unary("softplus", "Softplus", low=-9, high=9)
    unary("softsign", "Softsign")
    unary("gelu", "Gelu", 20)
    unary("gelu_tanh", "Gelu", 20, approximate="tanh")
    unary("erf", "Erf")
    unary("mish", "Mish", 18)
    unary("identity", "Identity")
    unary("clip_attributes", "Clip", 10, low=-9, high=9, min=0.0, max=6.0)
    unary("clip_attribute_min", "Clip", 10, min=-1.0)
    unary("softmax_last_axis", "Softmax", axis=-1)
    unary("softmax_channels", "Softmax", axis=1)
    # Before opset 13 the axis splits the tensor into a matrix: everything from the channels on is one row.
    unary("softmax_opset11", "Softmax", 11, axis=1)
    unary("log_softmax", "LogSoftmax", axis=1)

    case = Case("softmax_logits")
    x = case.node("Gemm", case.node("Flatten", "image"), case.weight(126, 5), case.weight(5))
    case.node("Softmax", x)
    case = Case("clip_inputs", low=-9, high=9)
    case.node("Clip", "image", case.const(0.0), case.const(6.0))
    case = Case("clip_input_max_only")
    case.node("Clip", "image", "", case.const(1.0))
    case = Case("prelu_channels")
    case.node("PRelu", "image", case.weight(3, 1, 1))
    case = Case("prelu_scalar")
    case.node("PRelu", "image", case.const([0.3]))
    case = Case("dropout")
    case.node("Dropout", "image", case.const(0.4))
    case = Case("dropout_attribute", 10)
    case.node("Dropout", "image", ratio=0.4)

    # Activations that exporters write as several nodes.
    case = Case("silu_decomposed")
    case.node("Mul", "image", case.node("Sigmoid", "image"))
    case = Case("hard_swish_decomposed", low=-5, high=5)
    x = case.node("Clip", case.node("Add", "image", case.const(3.0)), case.const(0.0), case.const(6.0))
    case.node("Div", case.node("Mul", "image", x), case.const(6.0))
    case = Case("gelu_decomposed")
    x = case.node("Erf", case.node("Div", "image", case.const(np.sqrt(2.0))))
    x = case.node("Mul", "image", case.node("Add", x, case.const(1.0)))
    case.node("Mul", x, case.const(0.5))
    case = Case("mish_decomposed")
    case.node("Mul", "image", case.node("Tanh", case.node("Softplus", "image")))


# ---- Pooling and reduction -------------------------------------------------------------------------------------------


def pooling():
    def pool(name, op, opset=13, **attributes):
        Case(name, opset).node(op, "image", **attributes)

    pool("max_pool", "MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    pool("max_pool_stride_one", "MaxPool", kernel_shape=[3, 2])
    pool("max_pool_pads", "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    pool("max_pool_asymmetric_pads", "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 1, 2, 0])
    pool("max_pool_ceil_mode", "MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    pool("max_pool_dilations", "MaxPool", kernel_shape=[2, 3], dilations=[2, 2])
    pool("max_pool_same_upper", "MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    pool("max_pool_same_lower", "MaxPool", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER")
    pool("average_pool", "AveragePool", kernel_shape=[2, 3], strides=[2, 1])
    pool("average_pool_pads_excluded", "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    pool(
        "average_pool_pads_included",
        "AveragePool",
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[0, 1, 1, 2],
        count_include_pad=1,
    )
    pool("average_pool_ceil_mode", "AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    pool(
        "average_pool_ceil_mode_pads",
        "AveragePool",
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[0, 1, 0, 1],
        ceil_mode=1,
    )
    pool(
        "average_pool_ceil_mode_pads_included",
        "AveragePool",
        19,
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[1, 1, 1, 0],
        ceil_mode=1,
        count_include_pad=1,
    )
    pool("average_pool_same_upper", "AveragePool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    pool("average_pool_same_lower", "AveragePool", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER")
    pool("global_average_pool", "GlobalAveragePool")
    pool("global_max_pool", "GlobalMaxPool")

    for op in ("ReduceMean", "ReduceSum", "ReduceMax"):
        stem = {"ReduceMean": "reduce_mean", "ReduceSum": "reduce_sum", "ReduceMax": "reduce_max"}[op]
        pool(f"{stem}_attribute", op, 11, axes=[2, 3], keepdims=0)
        pool(f"{stem}_attribute_keepdims", op, 11, axes=[-1])
        case = Case(f"{stem}_input", 13 if op == "ReduceSum" else 18)
        case.node(op, "image", case.ints(-2, -1), keepdims=0)
        case = Case(f"{stem}_input_channels", 13 if op == "ReduceSum" else 18)
        case.node(op, "image", case.ints(1), keepdims=1)


# ---- Arithmetic ------------------------------------------------------------------------------------------------------


def arithmetic():
    channels = (3, 1, 1)

    def binary(name, op, shape, reverse=False, low=-3.0, high=3.0, values=None):
        case = Case(name, low=low, high=high)
        other = case.const(case.random.uniform(0.5, 2.0, shape) if values is None else values)
        case.node(op, *((other, "image") if reverse else ("image", other)))

    for op in ("Add", "Sub", "Mul", "Div"):
        binary(f"{op.lower()}_channels", op, channels)
        binary(f"{op.lower()}_scalar", op, ())
    binary("add_last_axis", "Add", (6,))
    binary("mul_full", "Mul", (1, 3, 7, 6))
    binary("sub_from_constant", "Sub", channels, reverse=True)
    binary("div_constant_by", "Div", (1, 3, 1, 1), reverse=True, low=0.5)
    binary("pow_square", "Pow", (), values=2.0)
    binary("pow_channels", "Pow", channels, low=0.2)
    binary("max_scalar", "Max", (), values=0.5)
    binary("min_channels", "Min", channels)
    for op in ("Sqrt", "Log", "Reciprocal"):
        Case(op.lower(), low=0.2).node(op, "image")
    for op in ("Exp", "Neg", "Abs"):
        Case(op.lower()).node(op, "image")

    case = Case("add_two_branches")
    x = case.node("Conv", "image", case.weight(3, 3, 3, 3), pads=[1, 1, 1, 1])
    case.node("Add", x, "image")
    case = Case("mul_channel_gate")  # the gate of squeeze and excitation: one factor is N,C,1,1
    x = case.node("Sigmoid", case.node("GlobalAveragePool", "image"))
    case.node("Mul", x, "image")
    case = Case("preprocessing")  # scale and standardise inside the model, as many exported networks do
    x = case.node("Div", "image", case.const(255.0))
    x = case.node("Sub", x, case.const(np.reshape([0.485, 0.456, 0.406], (1, 3, 1, 1))))
    x = case.node("Div", x, case.const(np.reshape([0.229, 0.224, 0.225], (1, 3, 1, 1))))
    case.node("Conv", x, case.weight(4, 3, 3, 3))


# ---- Shape -----------------------------------------------------------------------------------------------------------


def shapes():
    for axis, name in ((1, "channels"), (-1, "last_axis")):
        case = Case(f"concat_{name}")
        case.node("Concat", "image", case.node("Relu", "image"), "image", axis=axis)

    case = Case("split_attribute", 11)
    first, second = case.node("Split", "image", outputs=2, axis=2, split=[2, 5])
    case.node("Concat", second, first, axis=2)
    case = Case("split_equal_attribute", 11)
    parts = case.node("Split", "image", outputs=3, axis=1)
    case.node("Concat", *reversed(parts), axis=1)
    case = Case("split_input")
    first, second = case.node("Split", "image", case.ints(1, 2), outputs=2, axis=1)
    case.node("Mul", first, second)
    case = Case("split_equal", 13)
    first, second = case.node("Split", "image", outputs=2, axis=-1)
    case.node("Sub", first, second)
    case = Case("split_num_outputs", 18)  # 7 rows in 3 parts: 3, 3, 1
    parts = case.node("Split", "image", outputs=3, axis=2, num_outputs=3)
    case.node("Concat", *reversed(parts), axis=2)

    far = np.iinfo(np.int64).max
    case = Case("slice_attributes", 9)
    case.node("Slice", "image", axes=[2, 3], starts=[1, -4], ends=[6, far])
    case = Case("slice_attributes_no_axes", 9)
    case.node("Slice", "image", starts=[0, 1], ends=[far, 3])
    case = Case("slice_inputs")
    case.node("Slice", "image", case.ints(1, 0), case.ints(-1, 1000), case.ints(2, 3))
    case = Case("slice_steps")
    case.node("Slice", "image", case.ints(0, 1), case.ints(far, far), case.ints(-2, -1), case.ints(2, 3))
    case = Case("slice_channel_shift", shape=(2, 4, 5, 5))  # YOLO's focus: every second pixel into the channels
    parts = []
    for top in (0, 1):
        rows = case.node("Slice", "image", case.ints(top), case.ints(far), case.ints(2), case.ints(2))
        parts.append(case.node("Slice", rows, case.ints(0), case.ints(4), case.ints(3), case.ints(1)))
    parts[1] = case.node("Pad", parts[1], case.ints(0, 0, 0, 0, 0, 0, 1, 0))
    case.node("Concat", *parts, axis=1)
    case = Case("gather_channels")  # RGB to BGR
    case.node("Gather", "image", case.ints(2, 1, 0), axis=1)

    pads = (0, 0, 1, 0, 0, 0, 2, 3)
    case = Case("pad_attributes", 10)
    case.node("Pad", "image", pads=pads, value=0.5)
    case = Case("pad_constant")
    case.node("Pad", "image", case.ints(*pads))
    case = Case("pad_constant_value")
    case.node("Pad", "image", case.ints(*pads), case.const(-1.5), mode="constant")
    case = Case("pad_reflect")
    case.node("Pad", "image", case.ints(*pads), mode="reflect")
    case = Case("pad_edge")
    case.node("Pad", "image", case.ints(*pads), mode="edge")
    case = Case("pad_axes", 18)
    case.node("Pad", "image", case.ints(1, 2, 0, 1), "", case.ints(2, -1))
    case = Case("pad_conv")  # ZeroPadding2D before an unpadded convolution, as Keras writes it
    x = case.node("Pad", "image", case.ints(0, 0, 1, 1, 0, 0, 1, 1))
    case.node("Conv", x, case.weight(4, 3, 3, 3), case.weight(4), strides=[2, 2])

    case = Case("flatten")
    case.node("Flatten", "image")
    case = Case("flatten_negative_axis")
    case.node("Flatten", "image", axis=-3)
    for name, target in (
        ("reshape_zero", (0, 0, -1)),
        ("reshape_batch_inferred", (-1, 126)),
        ("reshape_regroup", (0, 7, 3, 6)),
        ("reshape_add_axis", (0, 3, 1, 7, 6)),
    ):
        case = Case(name)
        case.node("Reshape", "image", case.ints(*target))
    case = Case("squeeze_attribute", 11)
    case.node("Squeeze", case.node("GlobalAveragePool", "image"), axes=[2, 3])
    case = Case("squeeze_input")
    case.node("Squeeze", case.node("GlobalAveragePool", "image"), case.ints(-1, -2))
    case = Case("unsqueeze_attribute", 11)
    case.node("Unsqueeze", case.node("Flatten", "image"), axes=[1, 3])
    case = Case("unsqueeze_input")
    case.node("Unsqueeze", case.node("Flatten", "image"), case.ints(-1, 1))
    case = Case("transpose")
    case.node("Transpose", "image", perm=[0, 2, 3, 1])
    case = Case("channel_shuffle", shape=(2, 6, 4, 5))  # ShuffleNet
    x = case.node("Reshape", "image", case.ints(0, 2, 3, 4, 5))
    x = case.node("Transpose", x, perm=[0, 2, 1, 3, 4])
    case.node("Reshape", x, case.ints(0, 6, 4, 5))

    case = Case("shape_gather_concat_reshape")  # PyTorch's x.view(x.size(0), -1)
    size = case.node("Gather", case.node("Shape", "image"), case.const(0, np.int64), axis=0)
    size = case.node("Unsqueeze", size, case.ints(0))
    case.node("Reshape", "image", case.node("Concat", size, case.ints(-1), axis=0))
    case = Case("shape_slice_concat_reshape")  # TensorFlow's way to keep the batch
    size = case.node("Slice", case.node("Shape", "image"), case.ints(0), case.ints(1), case.ints(0))
    case.node("Reshape", "image", case.node("Concat", size, case.ints(3), case.ints(42), axis=0))
    case = Case("shape_arithmetic_resize", 11)  # upsampling by a factor, as older exporters write it
    size = case.node("Cast", case.node("Shape", "image"), to=TensorProto.FLOAT)
    size = case.node("Mul", size, case.const([1.0, 1.0, 2.0, 2.0]))
    size = case.node("Cast", case.node("Floor", size), to=TensorProto.INT64)
    floor = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    case.node("Resize", "image", case.const([]), case.const([]), size, mode="nearest", **floor)


# ---- Resize ----------------------------------------------------------------------------------------------------------


def resizing():
    def resize(name, *, scales=None, sizes=None, opset=13, image=(2, 3, 4, 5), **attributes):
        case = Case(name, opset, image)
        # Absent inputs are written as empty names since opset 13, as empty tensors before.
        absent = "" if opset >= 13 else case.const([])
        if sizes is None:
            case.node("Resize", "image", absent, case.const(scales), **attributes)
        else:
            case.node("Resize", "image", absent, absent, case.ints(*sizes), **attributes)

    up, uneven = (1, 1, 2, 2), (1, 1, 1.5, 2.7)  # 5 columns become 13, which is not 2.7 times 5
    resize("resize_nearest", scales=up, mode="nearest")
    resize(
        "resize_nearest_asymmetric_floor",
        scales=up,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    resize(
        "resize_nearest_uneven",
        scales=uneven,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    resize("resize_nearest_sizes", sizes=(2, 3, 7, 9), mode="nearest")
    resize(
        "resize_nearest_opset11",
        scales=up,
        opset=11,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    resize("resize_nearest_down", scales=(1, 1, 0.5, 0.6), mode="nearest", image=(2, 3, 6, 7))
    for mode in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        resize(f"resize_linear_{mode}", scales=up, mode="linear", coordinate_transformation_mode=mode)
    resize("resize_linear_uneven", scales=uneven, mode="linear")
    resize("resize_linear_sizes", sizes=(2, 3, 7, 9), mode="linear")
    resize(
        "resize_linear_sizes_align_corners",
        sizes=(2, 3, 7, 9),
        mode="linear",
        coordinate_transformation_mode="align_corners",
    )
    resize("resize_linear_down", scales=(1, 1, 0.5, 0.6), mode="linear", image=(2, 3, 6, 7))
    resize("resize_linear_opset11", sizes=(2, 3, 7, 9), opset=11, mode="linear")
    for mode in ("nearest", "linear"):
        case = Case(f"resize_opset10_{mode}", 10, (2, 3, 4, 5))
        case.node("Resize", "image", case.const(up), mode=mode)
        case = Case(f"upsample_opset9_{mode}", 9, (2, 3, 4, 5))
        case.node("Upsample", "image", case.const(up), mode=mode)
    case = Case("resize_axes", 18, (2, 3, 4, 5))
    case.node("Resize", "image", "", "", case.ints(8, 10), mode="linear", axes=[2, 3])


# ---- How weights and whole networks are written ----------------------------------------------------------------------


def storage():
    def quantise(values, scale, zero, dtype):
        info = np.iinfo(dtype)
        return np.clip(np.round(values / scale) + zero, info.min, info.max)

    case = Case("dequantize_per_channel")
    values = case.random.normal(0, 0.3, (4, 3, 3, 3))
    scale = np.abs(values).max(axis=(1, 2, 3)) / 127
    quantised = case.const(quantise(values, scale[:, None, None, None], 0, np.int8), np.int8)
    weight = case.node("DequantizeLinear", quantised, case.const(scale), case.const([0] * 4, np.int8), axis=0)
    case.node("Conv", "image", weight, case.weight(4))

    case = Case("dequantize_per_channel_last_axis")  # dense weights lie as inputs x outputs
    values = case.random.normal(0, 0.3, (126, 4))
    scale = np.abs(values).max(axis=0) / 127
    quantised = case.const(quantise(values, scale, 0, np.int8), np.int8)
    weight = case.node("DequantizeLinear", quantised, case.const(scale), axis=1)
    case.node("MatMul", case.node("Flatten", "image"), weight)

    case = Case("dequantize_per_tensor")
    values = case.random.normal(0.1, 0.3, (4, 3, 3, 3))
    quantised = case.const(quantise(values, 0.01, 120, np.uint8), np.uint8)
    weight = case.node("DequantizeLinear", quantised, case.const(0.01), case.const(120, np.uint8))
    case.node("Conv", "image", weight)

    case = Case("weights_float16_cast")
    half = case.const(case.random.normal(0, 0.3, (4, 3, 3, 3)), np.float16)
    case.node("Conv", "image", case.node("Cast", half, to=TensorProto.FLOAT))

    case = Case("weights_float_data")  # values in the typed field instead of raw bytes
    values = case.random.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32)
    case.initializers.append(helper.make_tensor("weight", TensorProto.FLOAT, values.shape, values.ravel().tolist()))
    case.node("Conv", "image", "weight")

    case = Case("weights_constant_node")
    values = case.random.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32)
    weight = case.node("Constant", value=numpy_helper.from_array(values))
    bias = case.node("Constant", value_floats=[0.1, -0.2, 0.3, -0.4])
    x = case.node("Conv", "image", weight, bias)
    case.node("Reshape", x, case.node("Constant", value_ints=[0, -1]))

    case = Case("weights_identity")  # PyTorch shares equal parameters through Identity
    weight = case.weight(3, 3, 3, 3)
    x = case.node("Conv", "image", weight, pads=[1, 1, 1, 1])
    case.node("Conv", x, case.node("Identity", weight), pads=[1, 1, 1, 1])

    case = Case("weights_transposed")  # a dense kernel stored as outputs x inputs, turned at run time
    weight = case.node("Transpose", case.weight(5, 126), perm=[1, 0])
    case.node("MatMul", case.node("Flatten", "image"), weight)

    case = Case("nhwc_network", shape=(2, 7, 6, 3), layout="NHWC")
    x = case.node("Transpose", "image", perm=[0, 3, 1, 2])
    x = case.node(
        "Relu", case.node("Conv", x, case.weight(4, 3, 3, 3), case.weight(4), auto_pad="SAME_UPPER", strides=[2, 2])
    )
    x = case.node("MaxPool", x, kernel_shape=[2, 2], strides=[1, 1])
    x = case.node("Transpose", x, perm=[0, 2, 3, 1])
    x = case.node("Add", x, case.weight(4))
    x = case.node("ReduceMean", x, axes=[1, 2], keepdims=0)
    x = case.node("Add", case.node("MatMul", x, case.weight(4, 5)), case.weight(5))
    case.node("Softmax", x)

    case = Case("nhwc_flatten_dense", shape=(2, 7, 6, 3), layout="NHWC")  # the flatten order is that of NHWC
    x = case.node("Transpose", "image", perm=[0, 3, 1, 2])
    x = case.node("Relu", case.node("Conv", x, case.weight(4, 3, 3, 3)))
    x = case.node("Transpose", x, perm=[0, 2, 3, 1])
    x = case.node("Reshape", x, case.ints(-1, 80))
    case.node("MatMul", x, case.weight(80, 5))


def main():
    torch.set_num_threads(1)
    for group in (convolutions, dense, normalisation, activations, pooling, arithmetic, shapes, resizing, storage):
        group()
    document = {
        "tolerance": 1e-5,
        "tolerance_definition": "max|result - output| / max|output|",
        "versions": {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
        "cases": [case.write() for case in CASES.values()],
    }
    (HERE / "cases.json").write_text(json.dumps(document, indent=1) + "\n")
    print(len(CASES), "cases")


if __name__ == "__main__":
    main()
