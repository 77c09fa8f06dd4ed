//! Files that are no networks, or networks of other frameworks.

use crate::{Case, case};

/// A text with what follows it filled up.
fn padded(start: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.resize(length, 0);
    bytes
}

/// A field of a protocol buffer with bytes in it.
fn field(number: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mut value in [number << 3 | 2, payload.len() as u64] {
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }
    [bytes, payload.to_vec()].concat()
}

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        // What a download gives in place of the file.
        case("an empty file", "model.onnx", vec![]),
        case(
            "a web page saved as HDF5",
            "model.h5",
            b"<!DOCTYPE html>\n<html lang=\"en\"><head><title>Sign in</title>".to_vec(),
        ),
        case(
            "a web page saved as TensorFlow Lite",
            "model.tflite",
            b"\n\n<html><head><title>Google Drive - Virus scan warning</title>".to_vec(),
        ),
        case(
            "a Git LFS pointer",
            "resnet50.onnx",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 102442450\n".to_vec(),
        ),
        case(
            "an error of a storage server",
            "model.onnx",
            b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code><Message>Access denied.</Message></Error>"
                .to_vec(),
        ),
        case("an error of a model hub", "model.safetensors", b"Entry not found".to_vec()),
        case("an error of an interface", "model.onnx", b"{\"error\":\"Repository not found\"}".to_vec()),
        case("only zeros, as a failed copy leaves", "model.onnx", vec![0; 4096]),
        case("a shard without model.json", "group1-shard1of1.bin", b"\xcd\xcc\x4c\xbd".repeat(50)),
        // Pictures, documents, code and data.
        case("a JPEG picture", "dog.jpg", padded(b"\xff\xd8\xff\xe0\0\x10JFIF\0", 400)),
        case("a PNG picture named as a network", "model.onnx", padded(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 400)),
        case("a HEIC picture of a phone", "IMG_0001.HEIC", padded(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 400)),
        case("a video", "clip.mp4", padded(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", 400)),
        case("a medical picture", "scan.dcm", [vec![0; 128], b"DICM\x02\0\0\0UL".to_vec()].concat()),
        case("an SVG drawing", "net.svg", b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\">".to_vec()),
        case("a PDF document", "paper.pdf", b"%PDF-1.7\n%\xe2\xe3".to_vec()),
        case("a table of numbers", "results.csv", b"epoch,loss,accuracy\n1,0.52,0.81\n2,0.41,0.86\n".to_vec()),
        case("a Parquet table", "train.parquet", padded(b"PAR1\x15\x04", 100)),
        case(
            "a notebook",
            "train.ipynb",
            b"{\n \"cells\": [\n  {\n   \"cell_type\": \"markdown\", \"source\": []}], \"nbformat\": 4}".to_vec(),
        ),
        case("a training script", "train.py", b"import torch\nfrom torchvision import models\nmodel = models.resnet18()\n".to_vec()),
        case("a program", "model.exe", padded(b"MZ\x90\0\x03\0\0\0", 400)),
        case("a list of class names", "labels.txt", b"tench\ngoldfish\ngreat white shark\n".to_vec()),
        case("a list of class names in JSON", "imagenet.json", b"[\"tench\", \"goldfish\"]".to_vec()),
        case("a NumPy array", "weights.npy", padded(b"\x93NUMPY\x01\0\x76\0{'descr': '<f4'", 200)),
        case("a language model", "llama.gguf", padded(b"GGUF\x03\0\0\0", 200)),
        case("an archive in gzip", "model.tar.gz", padded(b"\x1f\x8b\x08\0", 200)),
        case("an archive in 7z", "model.7z", padded(b"7z\xbc\xaf\x27\x1c\0\x04", 200)),
        case("an archive in tar", "model.tar", [padded(b"model/saved_model.pb", 257), b"ustar\x0000".to_vec()].concat()),
        // Networks of other frameworks or in other forms.
        case(
            "the description of a Keras network alone",
            "model.json",
            b"{\"class_name\": \"Functional\", \"config\": {\"name\": \"net\"}, \"keras_version\": \"2.14.0\"}".to_vec(),
        ),
        case("the same in YAML", "model.yaml", b"backend: tensorflow\nclass_name: Sequential\nconfig:\n  layers: []\n".to_vec()),
        case(
            "the settings of a Hugging Face network",
            "config.json",
            b"{\n  \"architectures\": [\n    \"ViTForImageClassification\"\n  ],\n  \"model_type\": \"vit\"\n}".to_vec(),
        ),
        case(
            "a TensorFlow SavedModel without its folder",
            "saved_model.pb",
            [b"\x08\x01".to_vec(), field(2, &field(1, b"\x12\x05serve"))].concat(),
        ),
        case(
            "a frozen graph",
            "frozen_inference_graph.pb",
            [field(1, &[field(1, b"input"), field(2, b"Placeholder")].concat()), field(4, b"\x08\x16")].concat(),
        ),
        case(
            "a frozen graph in text form",
            "graph.pbtxt",
            b"node {\n  name: \"input\"\n  op: \"Placeholder\"\n}\n".to_vec(),
        ),
        case("an ONNX network in text form", "model.txt", b"ir_version: 8\nproducer_name: \"pytorch\"\ngraph {\n".to_vec()),
        case(
            "the index of a TensorFlow checkpoint",
            "model.ckpt.index",
            [vec![0, 5, 3, 0x73, 0x61], vec![0; 60], b"\x57\xfb\x80\x8b\x24\x75\x47\xdb".to_vec()].concat(),
        ),
        case("the list of TensorFlow checkpoints", "checkpoint", b"model_checkpoint_path: \"cp-0010.ckpt\"\n".to_vec()),
        case("the data of a TensorFlow checkpoint", "model.ckpt.data-00000-of-00001", vec![0xbd; 500]),
        case(
            "a Core ML network",
            "Model.mlmodel",
            [b"\x08\x05".to_vec(), field(2, &field(1, b"image")), field(403, b"layer")].concat(),
        ),
        case(
            "a PaddlePaddle network",
            "inference.pdmodel",
            [field(1, b"\x08\0\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), field(4, b"\x08\0")].concat(),
        ),
        case("a Caffe network", "net.caffemodel", [field(1, b"CaffeNet"), field(100, &field(1, b"data"))].concat()),
        case(
            "a Caffe network's description",
            "deploy.prototxt",
            b"name: \"AlexNet\"\nlayer {\n  name: \"data\"\n  type: \"Input\"\n".to_vec(),
        ),
        case("an OpenVINO network", "model.xml", b"<?xml version=\"1.0\"?>\n<net name=\"torch_jit\" version=\"11\">".to_vec()),
        case("an ExecuTorch program", "model.pte", padded(b"\x30\0\0\0ET12", 200)),
        case("an ncnn network", "model.param", b"7767517\n75 83\nInput data 0 1 data 0=227\n".to_vec()),
        case("MXNet weights", "resnet-0000.params", padded(b"\x12\x01\0\0\0\0\0\0", 200)),
        case("a MATLAB file", "net.mat", padded(b"MATLAB 5.0 MAT-file, Platform: GLNXA64", 200)),
    ];
    let mut newer = padded(b"MATLAB 7.3 MAT-file, Platform: GLNXA64", 512);
    newer.extend(crate::bytes("keras/foreign.h5"));
    cases.push(case("a MATLAB file that is HDF5 inside", "net.mat", newer));
    cases
}
