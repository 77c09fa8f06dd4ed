"""Small Keras 2 networks with seeded weights for the TensorFlow Lite and TensorFlow.js files."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers as L

# TensorFlow.js does not convert convolutions in groups.
GROUPS = 2


def image(*shape):
    return L.Input(shape, name="image")


def conv_norm(x, width, kernel, activation=None, **settings):
    x = L.Conv2D(width, kernel, use_bias=False, padding="same", **settings)(x)
    x = L.BatchNormalization()(x)
    return L.Activation(activation)(x) if activation else x


def plain():
    inputs = image(16, 14, 3)
    x = L.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="stem")(inputs)
    x = L.MaxPooling2D(3, strides=2, padding="same")(x)
    x = L.Conv2D(6, (2, 3), activation="relu", name="second")(x)
    x = L.AveragePooling2D(2, strides=1, padding="same")(x)
    x = L.Flatten()(x)
    x = L.Dense(8, activation="relu", name="dense")(x)
    return inputs, L.Dense(5, activation="softmax", name="predictions")(x)


def residual():
    inputs = image(13, 12, 3)
    x = conv_norm(inputs, 6, 3, "relu", strides=2)
    shortcut = x
    x = conv_norm(x, 6, 3, "relu")
    x = conv_norm(x, 6, 3)
    x = L.ReLU()(L.Add()([x, shortcut]))
    shortcut = conv_norm(x, 8, 1, strides=2)
    x = conv_norm(x, 8, 3, "relu", strides=2)
    x = conv_norm(x, 8, 3)
    x = L.ReLU()(L.Add()([x, shortcut]))
    x = L.GlobalAveragePooling2D()(x)
    return inputs, L.Dense(4, name="logits")(x)


def mobile():
    inputs = image(17, 16, 3)
    x = L.ZeroPadding2D(((0, 1), (0, 1)))(inputs)
    x = L.Conv2D(4, 3, strides=2, use_bias=False)(x)
    x = L.ReLU(6.0)(L.BatchNormalization()(x))
    x = L.DepthwiseConv2D(3, padding="same", use_bias=False, depth_multiplier=2)(x)
    x = L.ReLU(6.0)(L.BatchNormalization()(x))
    x = conv_norm(x, 6, 1)
    y = L.ReLU(6.0)(conv_norm(x, 12, 1))
    y = L.DepthwiseConv2D(3, strides=2, padding="same")(y)
    y = L.ReLU(6.0)(y)
    x = conv_norm(y, 8, 1)
    x = L.GlobalAveragePooling2D(keepdims=True)(x)
    x = L.Conv2D(5, 1, padding="same")(x)
    x = L.Reshape((5,))(x)
    return inputs, L.Softmax()(x)


def hard_sigmoid(x):
    return tf.nn.relu6(x + 3.0) * (1.0 / 6.0)


def squeeze_excite():
    inputs = image(14, 14, 3)
    x = conv_norm(inputs * (1 / 127.5) - 1.0, 8, 3, strides=2)
    x = x * hard_sigmoid(x)
    gate = L.GlobalAveragePooling2D(keepdims=True)(x)
    gate = L.Conv2D(4, 1, activation="relu")(gate)
    gate = hard_sigmoid(L.Conv2D(8, 1)(gate))
    x = L.Multiply()([x, gate])
    x = L.Conv2D(8, 5, padding="same", groups=GROUPS)(x)
    x = tf.nn.silu(x)
    gate = tf.reduce_mean(x, [1, 2])
    gate = L.Dense(8, activation="sigmoid")(gate)
    x = x * L.Reshape((1, 1, 8))(gate)
    x = L.GlobalMaxPooling2D()(x)
    return inputs, L.Dense(4)(x)


def concat():
    inputs = image(15, 15, 3)
    x = L.Conv2D(4, 3, activation="relu", dilation_rate=2, padding="same")(inputs)
    a = L.Conv2D(3, (1, 7), padding="same", activation="relu")(x)
    a = L.Conv2D(3, (7, 1), padding="same", activation="relu")(a)
    b = L.AveragePooling2D(3, strides=1, padding="same")(x)
    b = L.Conv2D(2, 1, activation="relu")(b)
    c = L.MaxPooling2D(3, strides=1, padding="same")(x)
    x = L.Concatenate()([a, b, c])
    x = L.AveragePooling2D(3, strides=2)(x)
    x = L.Conv2D(6, 3, dilation_rate=(2, 2), activation="relu")(x)
    x = L.GlobalAveragePooling2D()(x)
    return inputs, L.Dense(5, activation="sigmoid")(x)


def dense():
    inputs = image(8, 8, 1)
    x = L.Flatten()(inputs)
    x = L.Dense(24, activation="relu")(x)
    x = L.Dropout(0.3)(x)
    x = L.Dense(10, activation="tanh")(x)
    return inputs, L.Dense(10, activation="softmax")(x)


def activations():
    inputs = image(10, 9, 3)
    x = L.Conv2D(6, 3, padding="same")(inputs)
    x = L.LeakyReLU(0.1)(x)
    x = L.Conv2D(6, 3, padding="same", activation="elu")(x)
    x = L.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal")(x)
    x = L.Conv2D(6, 1, activation="swish")(x)
    x = L.Conv2D(6, 3, activation="tanh")(x)
    x = L.Conv2D(6, 1, activation="softplus")(x)
    x = tf.nn.gelu(x, approximate=True)
    x = tf.clip_by_value(x, -1.0, 1.0) + tf.exp(-tf.abs(x))
    x = tf.sqrt(tf.square(x) + 0.5) - tf.math.rsqrt(tf.math.squared_difference(x, 1.0) + 0.7)
    x = tf.math.log(tf.maximum(x, 0.3) / 1.7) * tf.minimum(x, 2.5)
    x = tf.math.pow(tf.nn.relu(x) + 0.1, 1.5)
    x = 1.0 / (x + 2.0) + (3.0 - x) - x
    x = tf.nn.log_softmax(x)
    x = L.GlobalAveragePooling2D()(x)
    x = L.Dense(5)(x)
    return inputs, tf.nn.log_softmax(x)


def shapes():
    inputs = image(12, 10, 3)
    x = L.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    up = L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu")(x)
    up = L.Conv2DTranspose(3, 2, strides=3)(up[:, 1:9, 2:-4, :])
    x = L.UpSampling2D(2)(x)
    x = L.UpSampling2D((2, 1), interpolation="bilinear")(x)
    x = tf.compat.v1.image.resize_bilinear(x, (13, 17), align_corners=True)
    x = tf.compat.v1.image.resize_nearest_neighbor(x, (9, 23))
    x = tf.image.resize(x, (11, 14))
    x = tf.pad(x, [[0, 0], [1, 0], [2, 1], [0, 0]], mode="REFLECT")
    x = tf.pad(x, [[0, 0], [1, 0], [0, 1], [0, 0]], constant_values=0.25)
    x = x[:, ::2, 1::3, :]
    # Shuffled channels, as in ShuffleNet.
    height, width = x.shape[1], x.shape[2]
    x = tf.reshape(x, [-1, height, width, 2, 2])
    x = tf.transpose(x, [0, 1, 2, 4, 3])
    x = tf.reshape(x, [-1, height, width, 4])
    a, b = tf.split(x, 2, axis=3)
    c, d = tf.split(x, [1, 3], axis=-1)
    x = tf.concat([a, d, b * 0.5, c], axis=3)
    x = tf.concat([tf.reduce_max(x, [1, 2]), tf.reduce_sum(x, [1, 2]) * 0.02], axis=-1)
    y = tf.reduce_mean(up, axis=[1, 2], keepdims=True)
    y = tf.squeeze(y, [1, 2])
    y = tf.expand_dims(y, 1)[:, 0]
    x = tf.concat([x, y], axis=1)
    x = tf.stack([x, x * 2.0], axis=1)
    x = tf.reshape(x, [tf.shape(x)[0], x.shape[1] * x.shape[2]])
    return inputs, L.Dense(4)(x)


def dilation():
    inputs = image(14, 13, 3)
    # The form that TensorFlow 1 gave dilated convolutions.
    kernel = tf.constant(np.random.default_rng(7).normal(0, 0.3, (3, 3, 3, 4)).astype(np.float32))
    deep = tf.constant(np.random.default_rng(8).normal(0, 0.3, (3, 3, 4, 1)).astype(np.float32))
    x = tf.space_to_batch_nd(inputs, [2, 2], [[2, 2], [2, 3]])
    x = tf.nn.conv2d(x, kernel, 1, "VALID")
    x = tf.batch_to_space(tf.tanh(x + 0.1), [2, 2], [[0, 0], [0, 1]])
    x = tf.space_to_batch_nd(x, [3, 3], [[3, 4], [3, 5]])
    x = tf.nn.depthwise_conv2d(x, deep, [1, 1, 1, 1], "VALID")
    x = tf.batch_to_space(tf.nn.relu(x), [3, 3], [[0, 1], [0, 2]])
    x = L.GlobalAveragePooling2D()(x)
    return inputs, L.Dense(4)(x)


def attention():
    inputs = image(8, 8, 3)
    x = L.Conv2D(8, 2, strides=2)(inputs)
    x = L.Reshape((16, 8))(x)
    y = L.LayerNormalization(epsilon=1e-6)(x)
    q, k, v = (L.Dense(8)(y) for _ in range(3))
    heads = lambda t: tf.transpose(tf.reshape(t, [-1, 16, 2, 4]), [0, 2, 1, 3])
    scores = tf.matmul(heads(q), heads(k), transpose_b=True) * 0.5
    y = tf.matmul(tf.nn.softmax(scores), heads(v))
    y = tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [-1, 16, 8])
    x = x + L.Dense(8)(y)
    y = tf.nn.gelu(L.Dense(12)(L.LayerNormalization(epsilon=1e-6)(x)), approximate=True)
    x = x + L.Dense(8)(y)
    x = L.GlobalAveragePooling1D()(x)
    return inputs, L.Dense(4, activation="softmax")(x)


def exact():
    """Operators that TensorFlow Lite does not have."""
    inputs = image(9, 9, 3)
    x = L.Conv2D(6, 3, padding="same", activation=tf.nn.gelu)(inputs)
    x = L.Conv2D(6, 3, activation="selu")(x)
    x = tf.math.softplus(x)
    x = tf.nn.local_response_normalization(x, 2, 1.0, 0.1, 0.75)
    x = L.GlobalAveragePooling2D()(x)
    return inputs, L.Dense(4)(x)


NETWORKS = [plain, residual, mobile, squeeze_excite, concat, dense, activations, shapes, dilation, attention]


def build(make):
    """The network of a function, with weights from a seed that depends on its name."""
    tf.keras.backend.clear_session()
    seed = sum(make.__name__.encode())
    tf.keras.utils.set_random_seed(seed)
    inputs, outputs = make()
    model = tf.keras.Model(inputs, outputs, name=make.__name__)
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shape = tuple(weight.shape)
        if "variance" in weight.name:
            value = rng.uniform(0.5, 2.0, shape)
        elif "gamma" in weight.name:
            value = rng.uniform(0.6, 1.4, shape)
        elif len(shape) == 1:
            value = rng.normal(0, 0.2, shape)
        else:
            value = rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        weight.assign(value.astype(np.float32))
    return model


def pictures(model, count=2, seed=11):
    """Pictures of normal pixels, or of 0..255 where the network scales them itself."""
    rng = np.random.default_rng(seed)
    shape = (count, *model.input_shape[1:])
    if model.name == "squeeze_excite":
        return rng.uniform(0, 255, shape).astype(np.float32)
    return rng.normal(0, 1, shape).astype(np.float32)
