"""Makes small data sets in every format that is read, and says what NumPy and Pillow see in them.

Made with numpy 1.26.4 and Pillow 13.0.0: python tests/golden/datasets/make.py

Each set is one or more files here; `expected.json` has, for each set, its files, its classes and its items in order with
name, class and pixels (rows, top first, red, green, blue) as hexadecimal digits.
"""

import gzip
import io
import json
import pathlib
import struct
import zipfile

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(5)
expected = {}


def rgb(array):
    """One picture [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] of bytes as [H, W, 3]; transparent parts over white."""
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[..., None]
    if array.shape[-1] == 1:
        array = np.repeat(array, 3, -1)
    if array.shape[-1] == 4:
        opacity = array[..., 3:].astype(np.int64)
        array = (array[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255
    assert array.shape[-1] == 3
    return array.astype(np.uint8)


def to_bytes(values, black, white):
    """Values as brightness: the nearest of 256 steps."""
    scaled = (values.astype(np.float64) - black) / (white - black) * 255
    return np.clip(np.floor(scaled + 0.5), 0, 255).astype(np.uint8)


def item(name, picture, label=None):
    picture = rgb(picture)
    return {"name": name, "class": label, "size": [picture.shape[1], picture.shape[0]], "rgb": picture.tobytes().hex()}


def case(name, files, classes, items, **more):
    expected[name] = {"files": files, "classes": classes, "items": items, **more}


def save(name, content):
    (HERE / name).write_bytes(content)


def noise(*shape):
    return random.integers(0, 256, shape, dtype=np.uint8)


def encoded(array, form):
    out = io.BytesIO()
    Image.fromarray(array).save(out, form)
    return out.getvalue()


def archive(name, entries, compression):
    """A zip archive whose entries all have the same date, so that it is the same every time."""
    with zipfile.ZipFile(HERE / name, "w", compression) as file:
        for path, content in entries:
            file.writestr(zipfile.ZipInfo(path), content, compression)


def folders():
    pictures = {path: noise(4, 5, 3) for path in ("cat/10.png", "cat/2.png", "dog/1.bmp", "dog/pale.png")}
    pictures["dog/pale.png"] = noise(3, 3, 4)
    html = b"<!doctype html><title>404</title>"
    entries = [(f"animals/train/{path}", encoded(array, path[-3:].upper())) for path, array in pictures.items()]
    entries += [("animals/train/", b""), ("__MACOSX/animals/._1.png", b"\0\5"), ("animals/.DS_Store", b"\0")]
    entries += [("animals/train/cat/page.jpg", html), ("animals/read.me", b"Pictures of animals.\n")]
    entries += [("animals/train/dog/broken.png", encoded(noise(9, 9, 3), "PNG")[:60])]
    items = [item(path, pictures[path], path[:3]) for path in ("cat/2.png", "cat/10.png", "dog/1.bmp")]
    items += [{"name": "dog/broken.png", "class": "dog"}, item("dog/pale.png", pictures["dog/pale.png"], "dog")]
    left_out = ["animals/animals/read.me", "animals/animals/train/cat/page.jpg"]
    for name, compression in [("animals.zip", zipfile.ZIP_DEFLATED), ("stored.zip", zipfile.ZIP_STORED)]:
        archive(name, entries, compression)
        paths = [path.replace("animals/", name[:-3].rstrip(".") + "/", 1) for path in left_out]
        case(name[:-4], [name], ["cat", "dog"], items, labels="folders", left_out=paths)


def lists():
    pictures = [noise(3, 4, 3) for _ in range(4)]
    files = [(f"set/images/img_{i}.png", encoded(array, "PNG")) for i, array in enumerate(pictures)]
    text = '\ufeff"Image Id";"Width";"Label"\r\n"img_0.png";"4";"tabby; cat"\r\nimages/img_1;4;dog\r\n'
    text += '"img_9.png";"4";"dog"\r\n"img_3.PNG";"4";"tabby; cat"\r\n'
    archive("list.zip", [*files, ("set/labels.csv", text.encode())], zipfile.ZIP_DEFLATED)
    labels = ["tabby; cat", "dog", None, "tabby; cat"]
    items = [item(f"img_{i}.png", array, label) for i, (array, label) in enumerate(zip(pictures, labels))]
    case("list", ["list.zip"], ["dog", "tabby; cat"], items, labels="list/set/labels.csv")
    rows = "".join(f"images/img_{i}.png {10 - i}\n" for i in range(4))
    archive("numbers.zip", [*files, ("val.txt", rows.encode())], zipfile.ZIP_DEFLATED)
    items = [item(f"img_{i}.png", array, str(10 - i)) for i, array in enumerate(pictures)]
    case("numbers", ["numbers.zip"], ["7", "8", "9", "10"], items, labels="numbers/val.txt")


def idx():
    pictures, labels = noise(5, 4, 3), np.array([3, 0, 3, 1, 2], np.uint8)
    first = struct.pack(">4B3I", 0, 0, 8, 3, *pictures.shape) + pictures.tobytes()
    second = struct.pack(">4B1I", 0, 0, 8, 1, len(labels)) + labels.tobytes()
    name = "t10k-images-idx3-ubyte"
    save(name, first)
    save("t10k-labels-idx1-ubyte", second)
    items = [item(f"{name}/{i}", p, str(l)) for i, (p, l) in enumerate(zip(pictures, labels))]
    case("idx", [name, "t10k-labels-idx1-ubyte"], ["0", "1", "2", "3"], items, labels="array")
    save(name + ".gz", gzip.compress(first, mtime=0))
    save("t10k-labels-idx1-ubyte.gz", gzip.compress(second, mtime=0))
    case("idx_gz", [name + ".gz", "t10k-labels-idx1-ubyte.gz"], ["0", "1", "2", "3"], items, labels="array")


def cifar():
    names = "airplane automobile bird cat deer dog frog horse ship truck".split()
    pictures, labels = noise(2, 3, 32, 32), [6, 9]
    save("data_batch_1.bin", b"".join(bytes([l]) + p.tobytes() for p, l in zip(pictures, labels)))
    save("batches.meta.txt", ("\n".join(names) + "\n\n").encode())
    items = [item(f"data_batch_1.bin/{i}", p.transpose(1, 2, 0), names[l]) for i, (p, l) in enumerate(zip(pictures, labels))]
    case("cifar10", ["data_batch_1.bin", "batches.meta.txt"], names, items, labels="array")
    save("test.bin", bytes([19, 99]) + pictures[1].tobytes())
    names = [f"fine {i}" for i in range(100)]
    save("fine_label_names.txt", "\n".join(names).encode())
    items = [item("test.bin/0", pictures[1].transpose(1, 2, 0), "fine 99")]
    case("cifar100", ["test.bin", "fine_label_names.txt"], names, items, labels="array")


def npz():
    train, test = noise(3, 6, 5), noise(2, 6, 5)
    numbers = np.array([4, -1, 2]), np.array([2, 4])
    np.savez_compressed(HERE / "keras.npz", x_train=train, y_train=numbers[0], x_test=test, y_test=numbers[1])
    items = [item(f"x_test/{i}", p, str(l)) for i, (p, l) in enumerate(zip(test, numbers[1]))]
    items += [item(f"x_train/{i}", p, str(l) if l >= 0 else None) for i, (p, l) in enumerate(zip(train, numbers[0]))]
    case("keras", ["keras.npz"], ["2", "4"], items, labels="array")
    # Floats from 0 to 1, channels first, one-hot labels; stored.
    values = random.random((3, 3, 5, 4)).astype(np.float32)
    values.flat[:2] = 0, 1
    np.savez(HERE / "floats.npz", images=values, labels=np.eye(4)[[3, 1, 1]])
    pictures = to_bytes(values, 0, 1).transpose(0, 2, 3, 1)
    items = [item(f"{i}", p, l) for i, (p, l) in enumerate(zip(pictures, "311"))]
    case("floats", ["floats.npz"], ["1", "3"], items, labels="array", scale=[0, 1])
    # Without telling names; Fortran order; labels of one column.
    pictures = noise(4, 5, 6, 3)
    np.savez(HERE / "bare.npz", np.asfortranarray(pictures), np.asfortranarray(np.array([[1.0], [0], [1], [7]])))
    items = [item(f"{i}", p, l) for i, (p, l) in enumerate(zip(pictures, "1017"))]
    case("bare", ["bare.npz"], ["0", "1", "7"], items, labels="array")


def npy():
    base = random.random((2, 5, 4, 1))
    base.flat[:2] = 0, 1
    kinds = {
        "half_big": ((base * 255).astype(">f2"), (0, 255)),
        "double_fortran": (np.asfortranarray(base), (0, 1)),
        "signed": ((base * 2 - 1).astype("<f4"), (-1, 1)),
        "int64": (np.round(base * 255).astype("<i8"), (0, 255)),
        "int16_big": (np.round(base * 255).astype(">i2"), (0, 255)),
        "uint16": (np.round(base * 65535).astype("<u2"), (0, 65535)),
        "bool": (base > 0.5, (0, 1)),
        "rgba": (noise(2, 5, 4, 4), (0, 255)),
        "one": (noise(7, 9, 3), (0, 255)),
        "planes": (noise(2, 1, 5, 7), (0, 255)),
    }
    for name, (array, (black, white)) in kinds.items():
        np.save(HERE / f"{name}.npy", array)
        pictures = to_bytes(array, black, white)
        pictures = pictures[None] if name == "one" else pictures.transpose(0, 2, 3, 1) if name == "planes" else pictures
        items = [item(f"{i}", p) for i, p in enumerate(pictures)]
        case(name, [f"{name}.npy"], [], items, labels=None)


if __name__ == "__main__":
    for make in (folders, lists, idx, cifar, npz, npy):
        make()
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
