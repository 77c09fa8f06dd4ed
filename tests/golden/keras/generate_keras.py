"""Small Keras networks with seeded weights, saved as .h5 and .keras, with an input and what Keras makes of it.

Run once in an environment of each requirements file; the script sees which Keras it has:

    python generate_keras.py

With a folder as argument, every network is written there in all four forms.

Writes NAME.k2.h5, NAME.k2.keras, NAME.k3.h5 and NAME.k3.keras (as far as MODELS asks for them), NAME.kN.input.npy
(N,H,W,C, or N,C,H,W for a channels-first network; one picture, two for the smallest) and NAME.kN.output.npy. Variants
of one file with other HDF5 features (chunks, gzip, shuffle, half precision, new-style groups, split attributes,
variable strings) are written by Keras 2's run with h5py. The random numbers are NumPy's, so both runs get the same.
"""

import os
import pathlib
import shutil
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")

import h5py
import keras
import numpy as np
from keras import layers

HERE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__)
HERE = HERE if HERE.is_dir() else HERE.parent
KERAS = int(keras.__version__.split(".")[0])
L = layers


def plain():
    return keras.Sequential([
        L.Input((16, 14, 3)),
        L.Conv2D(4, 3, activation="relu", name="stem"),
        L.MaxPooling2D(),
        L.Conv2D(6, 3, padding="same", use_bias=False, name="second"),
        L.Activation("relu"),
        L.Flatten(),
        L.Dense(8, activation="relu"),
        L.Dropout(0.5),
        L.Dense(5, activation="softmax", name="predictions"),
    ], name="plain")


def padding():
    image = L.Input((15, 18, 3), name="image")
    x = L.Conv2D(4, 3, strides=2, padding="same")(image)
    x = L.ReLU()(x)
    x = L.Conv2D(4, (2, 5), strides=(1, 2), padding="same")(x)
    x = L.MaxPooling2D(3, strides=2, padding="same")(x)
    x = L.Conv2D(6, 3, dilation_rate=2, padding="same", activation="relu")(x)
    x = L.AveragePooling2D(2, strides=1, padding="same")(x)
    x = L.ZeroPadding2D(((2, 1), (0, 3)))(x)
    x = L.Conv2D(6, 3, strides=2)(x)
    x = L.AveragePooling2D((2, 3), strides=(1, 2), padding="same")(x)
    x = L.Conv2D(8, 1, groups=2)(x)
    x = L.GlobalMaxPooling2D()(x)
    return keras.Model(image, L.Dense(4)(x), name="padding")


def residual():
    image = L.Input((12, 12, 3))
    x = L.Conv2D(6, 3, padding="same", use_bias=False)(image)
    x = L.BatchNormalization()(x)
    x = L.Activation("relu")(x)
    y = L.Conv2D(6, 3, padding="same")(x)
    y = L.BatchNormalization(scale=False, epsilon=1e-5)(y)
    x = L.ReLU()(L.add([x, y]))
    s = L.Conv2D(8, 1, strides=2)(x)
    y = L.BatchNormalization(center=False)(x)
    y = L.Conv2D(8, 3, strides=2, padding="same")(y)
    x = L.Activation("relu", name="last_block")(L.Add()([s, y]))
    x = L.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, L.Dense(5, activation="softmax")(x), name="residual")


def separable():
    image = L.Input((13, 12, 3))
    x = L.SeparableConv2D(6, 3, padding="same", depth_multiplier=2, activation="relu")(image)
    x = L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, name="depthwise")(x)
    x = L.BatchNormalization()(x)
    x = L.ReLU(6.0)(x)
    x = L.SeparableConv2D(5, 3, strides=2, use_bias=False)(x)
    x = L.DepthwiseConv2D(2, use_bias=False, activation="relu")(x)
    return keras.Model(image, L.Dense(3)(L.Flatten()(x)), name="separable")


def transposed():
    image = L.Input((5, 6, 2))
    x = L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu")(image)
    x = L.Conv2DTranspose(3, 2, strides=3)(x)
    x = L.Cropping2D(((2, 1), (3, 0)))(x)
    x = L.MaxPooling2D(3)(x)
    x = L.Conv2DTranspose(4, 4, strides=2)(x)
    x = L.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1, use_bias=False)(x)
    x = L.AveragePooling2D(4)(x)
    x = L.UpSampling2D((2, 3))(x)
    x = L.UpSampling2D(2, interpolation="bilinear")(x)
    return keras.Model(image, L.Dense(3)(L.GlobalAveragePooling2D()(L.Conv2D(4, 5)(x))), name="transposed")


def slopes():
    image = L.Input((5, 6, 4))
    slope = {"alpha": 0.15} if KERAS == 2 else {"negative_slope": 0.15}
    x = L.Conv2D(3, 2)(image)
    parts = [L.LeakyReLU(**slope), L.LeakyReLU(), L.PReLU(shared_axes=[1, 2]), L.PReLU(), L.ELU(0.7), L.Softmax()]
    x = L.Concatenate()([part(x) for part in parts])
    return keras.Model(image, L.Dense(4)(L.Flatten()(x)), name="slopes")


def rectifiers():
    image = L.Input((5, 6, 4))
    parts = [
        L.ReLU(max_value=0.6), L.ReLU(negative_slope=0.2), L.ReLU(max_value=0.5, negative_slope=0.1),
        L.ReLU(threshold=0.3), L.ReLU(max_value=1.0, threshold=0.2),
    ]
    if KERAS == 2:
        parts.append(L.ThresholdedReLU(0.4))
    x = L.Concatenate()([part(image) for part in parts])
    return keras.Model(image, L.Dense(4)(L.Flatten()(x)), name="rectifiers")


NAMES = ["relu", "elu", "selu", "softplus", "softsign", "tanh", "sigmoid", "exponential", "hard_sigmoid", "swish",
         "gelu", "mish", "linear", "softmax"]


def activations():
    image = L.Input((5, 5, 3))
    names = NAMES + (["relu6", "leaky_relu", "hard_silu", "log_softmax", "silu", "celu", "hard_tanh"] if KERAS == 3 else [])
    x = L.Conv2D(3, 2)(image)
    parts = [L.Conv2D(2, 1, activation=name, name=f"with_{name}")(x) for name in names[:2]]
    x = L.Concatenate()(parts + [L.Activation(name, name=f"only_{name}")(x) for name in names[2:]])
    return keras.Model(image, L.Dense(4)(L.Flatten()(x)), name="activations")


def merge():
    image = L.Input((8, 8, 3))
    a = L.Conv2D(4, 3, padding="same", name="a")(image)
    b = L.Conv2D(4, 1, name="b")(image)
    x = L.Concatenate(name="joined")([
        L.Add()([a, b, a]), L.Subtract()([a, b]), L.Multiply()([a, b]), L.Average()([a, b, b]),
        L.Maximum()([a, b]), L.Minimum()([a, b]),
    ])
    gate = L.GlobalAveragePooling2D()(x)
    gate = L.Reshape((1, 1, 24))(gate)
    gate = L.Conv2D(24, 1, activation="sigmoid")(gate)
    x = L.Multiply(name="gated")([x, gate])
    wide = L.GlobalAveragePooling2D(keepdims=True)(x)
    x = L.Multiply()([x, L.Dense(24, activation="sigmoid")(wide)])
    x = L.Concatenate(axis=1)([x, x])
    x = L.Concatenate(axis=2)([x, x])
    return keras.Model(image, L.Dense(4)(L.GlobalMaxPooling2D()(x)), name="merge")


def block(name, channels):
    return keras.Sequential([
        L.Conv2D(channels, 3, padding="same", name=f"{name}_conv"),
        L.BatchNormalization(name=f"{name}_norm"),
        L.ReLU(name=f"{name}_relu"),
    ], name=name)


def nested():
    inner_in = L.Input((10, 10, 4))
    inner = L.Conv2D(4, 3, padding="same", name="conv")(inner_in)
    inner = L.BatchNormalization(name="norm")(inner)
    inner = block("deepest", 4)(inner)
    inner = keras.Model(inner_in, L.Add(name="sum")([inner, inner_in]), name="inner")
    body = keras.Sequential([L.Input((10, 10, 3)), block("first", 4), inner, block("second", 5)], name="body")
    inner.get_layer("norm").trainable = False
    image = L.Input((10, 10, 3))
    x = L.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = body(x)
    frozen = block("frozen", 3)
    x = frozen(x)
    frozen.trainable = False
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(image, L.Dense(4)(x), name="nested")


def shared():
    image = L.Input((9, 9, 3))
    conv = L.Conv2D(3, 3, padding="same", activation="relu", name="twice")
    a = conv(image)
    b = conv(L.MaxPooling2D(3, strides=1, padding="same")(a))
    part_in = L.Input((9, 9, 3))
    part = keras.Model(part_in, L.BatchNormalization()(L.Conv2D(2, 3)(part_in)), name="part")
    x = L.Concatenate()([part(a), part(b)])
    return keras.Model(image, L.Dense(3)(L.Flatten()(x)), name="shared")


def channels_first(data_format="channels_first"):
    f = {"data_format": data_format}
    axis = 1 if data_format == "channels_first" else -1
    return keras.Sequential([
        L.Input((3, 10, 8) if axis == 1 else (10, 8, 3)),
        L.ZeroPadding2D(1, **f),
        L.Conv2D(4, 3, strides=2, padding="same", **f),
        L.BatchNormalization(axis=axis),
        L.ReLU(),
        L.DepthwiseConv2D(3, padding="same", **f),
        L.PReLU(shared_axes=[2, 3] if axis == 1 else [1, 2]),
        L.MaxPooling2D(2, **f),
        L.UpSampling2D(2, **f),
        L.Flatten(**f),
        L.Dense(4),
    ], name="channels_first")


def shapes():
    image = L.Input((12, 10))
    x = L.Reshape((12, 10, 1))(image)
    x = L.Conv2D(4, 3, activation="relu")(x)
    x = L.Permute((2, 1, 3))(x)
    x = L.Conv2D(4, 3, activation="relu")(x)
    x = L.Permute((3, 1, 2))(x)
    x = L.Reshape((8, -1, 2))(x)
    x = L.Conv2D(3, 2, activation="relu")(x)
    x = L.Reshape((-1, 3))(x)
    x = L.Dense(3, activation="tanh")(x)
    return keras.Model(image, L.Dense(4)(L.Flatten()(x)), name="shapes")


def preprocessing():
    image = L.Input((12, 14, 3))
    x = L.RandomFlip("horizontal")(image)
    x = L.RandomRotation(0.1)(x)
    x = L.RandomZoom(0.1)(x)
    x = L.RandomContrast(0.1)(x)
    x = L.Rescaling(1 / 255)(x)
    x = L.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.04, 0.05, 0.09])(x)
    x = L.CenterCrop(9, 11)(x)
    x = L.Resizing(8, 16)(x)
    x = L.GaussianNoise(0.1)(x)
    x = L.Conv2D(4, 3, activation="relu")(x)
    x = L.SpatialDropout2D(0.2)(x)
    x = L.GaussianDropout(0.2)(x)
    x = L.AlphaDropout(0.2)(x)
    return keras.Model(image, L.Dense(4)(L.GlobalAveragePooling2D()(x)), name="preprocessing")


def normalization():
    layer = L.Normalization()
    layer.adapt(np.random.default_rng(3).uniform(0, 255, (8, 6, 6, 3)).astype("float32"))
    image = L.Input((6, 6, 3))
    x = layer(image)
    x = L.Conv2D(4, 3)(x)
    x = L.LayerNormalization()(x)
    x = L.Activation("gelu")(x)
    x = L.LayerNormalization(epsilon=1e-6, scale=False)(x)
    return keras.Model(image, L.Dense(4)(L.Flatten()(x)), name="normalization")


def vector():
    return keras.Sequential([
        L.Input((64,)), L.Dense(12, activation="relu"), L.BatchNormalization(), L.Dense(4, activation="sigmoid"),
    ], name="vector")


def operators():
    image = L.Input((6, 6, 3))
    x = image / 127.5 - 1.0
    x = 2.0 * x + 0.5
    y = L.Conv2D(3, 3, padding="same")(x)
    x = x * y + y
    x = x - y
    x = x * (L.ReLU(6.0)(x + 3.0) * (1.0 / 6.0))
    return keras.Model(image, L.Dense(3)(L.GlobalAveragePooling2D()(x)), name="operators")


def outputs():
    image = L.Input((8, 8, 3))
    x = L.Conv2D(4, 3, activation="relu")(image)
    main = L.Dense(4, activation="softmax", name="main")(L.GlobalAveragePooling2D()(x))
    other = L.Dense(2, name="other")(L.Flatten()(x))
    return keras.Model(image, [main, other], name="outputs")


def compiled():
    model = keras.Sequential([
        L.Input((7, 7, 1)), L.Conv2D(3, 3, activation="relu"), L.Flatten(), L.Dense(3, activation="softmax"),
    ], name="compiled")
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(4)
    model.fit(rng.normal(size=(4, 7, 7, 1)), np.eye(3)[[0, 1, 2, 0]], verbose=0)
    return model


# Which files each network is saved as; with a folder as argument, all of them are written there.
ALL = "k2.h5 k2.keras k3.h5 k3.keras"
MODELS = {
    plain: ALL,
    padding: "k2.h5 k3.keras",
    residual: "k2.h5 k2.keras k3.keras",
    separable: "k2.h5 k3.keras",
    transposed: "k2.h5 k3.keras",
    slopes: "k2.h5 k3.keras",
    rectifiers: "k2.h5 k3.keras",
    activations: "k2.h5 k3.keras",
    merge: "k2.h5 k3.keras",
    nested: ALL,
    shared: ALL,
    channels_first: "k2.h5 k3.keras",
    shapes: "k2.h5 k3.keras",
    preprocessing: "k2.h5 k3.keras",
    normalization: "k2.h5 k3.h5 k3.keras",
    vector: "k2.h5 k3.keras",
    operators: "k2.h5 k3.h5 k3.keras",
    outputs: "k2.h5 k3.keras",
    compiled: "k2.h5 k3.keras",
}

# Keras stores archives as they are; most are packed here to keep the folder small, which zip allows too.
STORED = ("plain", "compiled")


def pack(path):
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def randomize(model, rng):
    """Weights that are not what initialisers make, so that a mix-up shows."""
    values = []
    for weight in model.weights:
        name = weight.name if KERAS == 2 else weight.path
        shape = tuple(weight.shape)
        if "normalization" == model.name and ("mean" in name or "variance" in name or "count" in name):
            values.append(weight.numpy())
        elif "variance" in name:
            values.append(rng.uniform(0.5, 1.5, shape))
        elif "gamma" in name:
            values.append(rng.uniform(0.5, 1.5, shape))
        elif len(shape) >= 2:
            values.append(rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])) * 1.5, shape))
        else:
            values.append(rng.normal(0, 0.3, shape))
    model.set_weights([np.asarray(value, "float32") for value in values])


def variants():
    """The same network in other HDF5 clothes."""
    source = HERE / "plain.k2.h5"

    def copy(name, libver, transform=lambda data: data, names=np.bytes_, split=False, **options):
        with h5py.File(source) as old, h5py.File(HERE / f"{name}.h5", "w", libver=libver) as new:
            new.attrs["model_config"] = old.attrs["model_config"]
            new.attrs["keras_version"] = "2.14.0"
            new.attrs["backend"] = np.bytes_("tensorflow")
            old, new = old["model_weights"], new.create_group("model_weights", track_order=libver == "latest")
            layer_names = [name.decode() if isinstance(name, bytes) else name for name in old.attrs["layer_names"]]

            def put(group, key, values):
                if names is str:
                    group.attrs.create(key, values, dtype=h5py.string_dtype())
                else:
                    group.attrs[key] = np.array(values, "S")

            if split:
                for index, part in enumerate(np.array_split(layer_names, 3)):
                    put(new, f"layer_names{index}", list(part))
            else:
                put(new, "layer_names", layer_names)
            for layer in layer_names:
                group = new.create_group(layer)
                weights = [name.decode() if isinstance(name, bytes) else name for name in old[layer].attrs["weight_names"]]
                if weights:
                    put(group, "weight_names", weights)
                else:
                    group.attrs["weight_names"] = np.zeros((0,), "f8")
                for weight in weights:
                    data = transform(old[layer][weight][()])
                    group.create_dataset(weight, data=data, **options)

    copy("plain.gzip", "earliest", chunks=True, compression="gzip", shuffle=True)
    copy("plain.chunked", "earliest", names=str, split=True, chunks=True)
    copy("plain.half", "earliest", transform=lambda data: data.astype("float16"))
    copy("plain.double", "latest", transform=lambda data: data.astype(">f8"), names=str)
    copy("plain.latest", "latest", split=True)


def weights_only():
    """Files that hold no network, which must be refused for what they are."""
    model = keras.Sequential([L.Input((4, 4, 1)), L.Flatten(), L.Dense(2)])
    if KERAS == 2:
        model.save_weights(HERE / "weights_only.k2.h5", save_format="h5")
        with h5py.File(HERE / "foreign.h5", "w") as file:
            file["temperature"] = np.arange(4.0)
        with h5py.File(HERE / "optimizer_only.h5", "w") as file:
            group = file.create_group("optimizer_weights")
            group.attrs["weight_names"] = np.array(["iteration:0"], "S")
            group["iteration:0"] = np.int64(3)
        image = L.Input((4, 4, 1))
        lambda_model = keras.Model(image, L.Dense(2)(L.Flatten()(L.Lambda(lambda x: x * 2, name="double")(image))))
        lambda_model.save(HERE / "lambda.k2.h5")
    else:
        model.save_weights(HERE / "weights_only.k3.weights.h5")


def main():
    for build, files in MODELS.items():
        keras.backend.clear_session()
        files = ALL if len(sys.argv) > 1 else files
        name, own = build.__name__, [file for file in files.split() if file.startswith(f"k{KERAS}")]
        if not own:
            continue
        rng = np.random.default_rng(sum(map(ord, name)))
        model = build()
        randomize(model, rng)
        shape = model.input_shape[1:]
        scale = 127.5 if name in ("preprocessing", "nested", "normalization", "operators") else 1.0
        count = 2 if np.prod(shape) < 300 else 1
        image = (rng.uniform(-1, 1, (count, *shape)) * scale + (scale if scale > 1 else 0)).astype("float32")
        if build is channels_first:
            # A processor convolves channels last only, so the answer is that of the same network in that layout.
            twin = channels_first("channels_last")
            twin.set_weights([w.transpose(1, 2, 0) if w.ndim == 3 else w for w in model.get_weights()])
            output = twin.predict(image.transpose(0, 2, 3, 1), verbose=0)
        else:
            output = model.predict(image, verbose=0)
            output = output[0] if isinstance(output, (list, tuple)) else output
        for file in own:
            model.save(HERE / f"{name}.{file}")
            if file.endswith(".keras") and name not in STORED:
                pack(HERE / f"{name}.{file}")
        np.save(HERE / f"{name}.k{KERAS}.input.npy", image)
        np.save(HERE / f"{name}.k{KERAS}.output.npy", np.asarray(output, "float32"))
    weights_only()
    if KERAS == 2:
        variants()
    if KERAS == 3:
        keras.backend.clear_session()
        keras.config.set_dtype_policy("bfloat16")
        model = plain()
        randomize(model, np.random.default_rng(sum(map(ord, "plain"))))
        model.save(HERE / "plain_bfloat16.k3.keras")
        pack(HERE / "plain_bfloat16.k3.keras")
    shutil.rmtree(HERE / "__pycache__", ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
