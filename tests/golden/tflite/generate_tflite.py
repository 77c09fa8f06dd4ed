"""TensorFlow Lite files of small networks, with what TensorFlow Lite's interpreter makes of two pictures.

Run in an environment of requirements.txt:

    python generate_tflite.py

Writes NAME.float.tflite for all networks of networks.py and other forms of some (half precision, dynamic range, whole
integers), NAME.input.npy (N,H,W,C) and NAME.FORM.output.npy. `weights.output.npy` of an integer file is what Keras
makes of its dequantised weights in floats, which is how they are read here.
"""

import os
import pathlib
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import flatbuffers
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow_lite_support.metadata import metadata_schema_py_generated as metadata

import networks

HERE = pathlib.Path(__file__).parent

# Dynamic range leaves small weights as they are.
FORMS = {
    "plain": ["half", "int8", "uint8"],
    "residual": ["int8"],
    "mobile": ["half", "int8"],
    "squeeze_excite": ["int8"],
    "dense": ["dynamic"],
}


def convert(model, form):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if form != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "half":
        converter.target_spec.supported_types = [tf.float16]
    if form in ("int8", "uint8"):
        samples = networks.pictures(model, 60, 3)
        samples[:2] = networks.pictures(model)
        converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, form)
    return converter.convert()


def interpret(content, pictures):
    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for picture in pictures[:, None]:
        if source["dtype"] != np.float32:
            scale, zero = source["quantization"]
            limits = np.iinfo(source["dtype"])
            picture = np.clip(np.round(picture / scale + zero), limits.min, limits.max).astype(source["dtype"])
        interpreter.set_tensor(source["index"], picture)
        interpreter.invoke()
        result = interpreter.get_tensor(target["index"])
        if target["dtype"] != np.float32:
            scale, zero = target["quantization"]
            result = (result.astype(np.float32) - zero) * scale
        results.append(result[0])
    return np.stack(results).astype(np.float32)


def dequantised(model, content, pictures):
    """What Keras makes of the integer weights of a plain network, put into its layers in their order."""
    interpreter = tf.lite.Interpreter(model_content=content)
    kernels = {}
    for detail in interpreter.get_tensor_details():
        scales, zeros = detail["quantization_parameters"]["scales"], detail["quantization_parameters"]["zero_points"]
        try:
            data = interpreter.tensor(detail["index"])().astype(np.float64)
        except ValueError:
            continue
        if len(scales) == 0 or data.ndim not in (1, 2, 4):
            continue
        axis = detail["quantization_parameters"]["quantized_dimension"]
        shape = [-1 if at == axis and len(scales) > 1 else 1 for at in range(data.ndim)]
        kernels[detail["name"]] = (data - zeros.reshape(shape)) * scales.reshape(shape)
    for layer in model.layers:
        if not layer.weights:
            continue
        kernel, bias = layer.get_weights()
        moved = [value for value in kernels.values() if value.ndim == kernel.ndim]
        fits = lambda value: np.moveaxis(value, 0, -1) if value.ndim == 4 else value.T
        best = min((fits(value) for value in moved if fits(value).shape == kernel.shape), key=lambda v: np.abs(v - kernel).max())
        near = min((v for v in kernels.values() if v.shape == bias.shape), key=lambda v: np.abs(v - bias).max())
        assert np.abs(best - kernel).max() < 0.02 and np.abs(near - bias).max() < 0.02, layer.name
        layer.set_weights([best.astype(np.float32), near.astype(np.float32)])
    return model.predict(pictures, verbose=0)


def with_metadata(content, folder, mean, std, labels):
    """The file with a description of its input and its labels, as the metadata writer of TensorFlow Lite adds them."""
    normalization = metadata.NormalizationOptionsT()
    normalization.mean, normalization.std = mean, std
    unit = metadata.ProcessUnitT()
    unit.optionsType, unit.options = metadata.ProcessUnitOptions.NormalizationOptions, normalization
    source = metadata.TensorMetadataT()
    source.name, source.processUnits = "image", [unit]
    file = metadata.AssociatedFileT()
    file.name, file.type = "labels.txt", metadata.AssociatedFileType.TENSOR_AXIS_LABELS
    target = metadata.TensorMetadataT()
    target.name, target.associatedFiles = "probability", [file]
    graph = metadata.SubGraphMetadataT()
    graph.inputTensorMetadata, graph.outputTensorMetadata = [source], [target]
    description = metadata.ModelMetadataT()
    description.name, description.subgraphMetadata = "described", [graph]
    builder = flatbuffers.Builder(0)
    builder.Finish(description.Pack(builder), b"M001")

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(bytes(builder.Output()), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = b"TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = folder / "described.tflite"
    path.write_bytes(bytes(builder.Output()))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo("labels.txt"), "\n".join(labels) + "\n")


def changed(content, name, change):
    """Writes a file that is there to be refused."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    (HERE / f"bad_{name}.tflite").write_bytes(bytes(builder.Output()))


def bad_files(content):
    pooling = schema.BuiltinOperator.MAX_POOL_2D

    def code(model, builtin, custom=None):
        entry = next(code for code in model.operatorCodes if code.builtinCode == pooling)
        entry.builtinCode, entry.deprecatedBuiltinCode, entry.customCode = builtin, min(builtin, 127), custom
        if custom:
            for operator in model.subgraphs[0].operators:
                if model.operatorCodes[operator.opcodeIndex] is entry:
                    operator.builtinOptionsType, operator.builtinOptions = 0, None

    def kernel(model):
        return next(tensor for tensor in model.subgraphs[0].tensors if list(tensor.shape) == [4, 3, 3, 3])

    def convolution(model):
        return next(op for op in model.subgraphs[0].operators if isinstance(op.builtinOptions, schema.Conv2DOptionsT))

    changed(content, "custom", lambda model: code(model, schema.BuiltinOperator.CUSTOM, b"MyPooling"))
    changed(content, "unknown", lambda model: code(model, schema.BuiltinOperator.SCATTER_ND))
    changed(content, "type", lambda model: setattr(kernel(model), "type", schema.TensorType.INT4))
    changed(content, "shape", lambda model: setattr(kernel(model), "shape", [4, 3, 3, 5]))
    changed(content, "padding", lambda model: setattr(convolution(model).builtinOptions, "padding", 7))
    changed(content, "fused", lambda model: setattr(convolution(model).builtinOptions, "fusedActivationFunction", 5))
    changed(content, "version", lambda model: setattr(model, "version", 2))
    changed(content, "inputs", lambda model: setattr(model.subgraphs[0], "inputs", [0, 1]))


def main():
    for make in networks.NETWORKS:
        model = networks.build(make)
        name = model.name
        pictures = networks.pictures(model)
        np.save(HERE / f"{name}.input.npy", pictures)
        forms = ["float"] + FORMS.get(name, [])
        for form in forms:
            content = convert(model, form)
            (HERE / f"{name}.{form}.tflite").write_bytes(content)
            result = interpret(content, pictures)
            np.save(HERE / f"{name}.{form}.output.npy", result)
            if form == "float":
                expected = model.predict(pictures, verbose=0)
                assert np.abs(result - expected).max() < 1e-4, (name, np.abs(result - expected).max())
            if (name, form) == ("plain", "float"):
                bad_files(content)
                with_metadata(content, HERE, [127.5, 120.0, 110.0], [127.5, 64.0, 50.0],
                              ["tench", "goldfish", "white shark", "tiger shark", "hammerhead"])
            if (name, form) == ("plain", "int8"):
                result = dequantised(networks.build(make), content, pictures)
                np.save(HERE / "plain.weights.output.npy", result)
            print(name, form, len(content))


if __name__ == "__main__":
    sys.exit(main())
