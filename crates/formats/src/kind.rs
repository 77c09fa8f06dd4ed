//! Kinds of files, and what to say of them.

/// What a file seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// An ONNX network.
    Onnx,
    /// HDF5, the container of Keras networks.
    Hdf5,
    /// An archive of Keras.
    Keras,
    /// A zip that is none of the known kinds.
    Zip,
    /// A PyTorch checkpoint or TorchScript (zip).
    TorchZip,
    /// A NumPy archive (zip).
    Npz,
    /// A Python pickle, such as an old PyTorch checkpoint.
    Pickle,
    /// A TensorFlow Lite network.
    TfLite,
    /// The graph of a TensorFlow SavedModel, whose weights are in other files.
    SavedModel,
    /// A frozen graph of TensorFlow 1.
    FrozenGraph,
    /// A part of a TensorFlow checkpoint.
    TfCheckpoint,
    /// A graph of TensorFlow, Caffe or ONNX in text form.
    ProtobufText,
    /// A Core ML network.
    CoreMl,
    /// A PaddlePaddle network.
    Paddle,
    /// A Caffe network.
    Caffe,
    /// An OpenVINO network's description.
    OpenVino,
    /// An ExecuTorch program.
    ExecuTorch,
    /// MXNet weights.
    MxNet,
    /// An ncnn network's description.
    Ncnn,
    /// Weights in safetensors.
    Safetensors,
    /// GGUF weights.
    Gguf,
    /// The architecture of a Keras network in JSON or YAML.
    KerasConfig,
    /// The settings of a network of Hugging Face's transformers.
    HubConfig,
    /// A MATLAB file of any version.
    Matlab,
    /// A NumPy array.
    Npy,
    /// JSON.
    Json,
    /// PNG picture.
    Png,
    /// JPEG picture.
    Jpeg,
    /// WebP picture.
    WebP,
    /// GIF picture.
    Gif,
    /// BMP picture.
    Bmp,
    /// AVIF picture.
    Avif,
    /// HEIC picture.
    Heic,
    /// TIFF picture.
    Tiff,
    /// SVG drawing.
    Svg,
    /// PDF document.
    Pdf,
    /// A web page.
    Html,
    /// A Git LFS pointer.
    GitLfs,
    /// What a server says in place of a file.
    ServerError,
    /// A Jupyter notebook.
    Notebook,
    /// Python code.
    Python,
    /// XML.
    Xml,
    /// A table for data analysis: Parquet, Arrow or SQLite.
    Table,
    /// A video.
    Video,
    /// A medical picture.
    Dicom,
    /// A program.
    Program,
    /// Compressed with gzip.
    Gzip,
    /// An archive of another kind than zip: tar, RAR, 7z, xz, bzip2 or Zstandard.
    Archive,
    /// Plain text.
    Text,
    /// Bare numbers, told by the name of the file.
    Numbers,
    /// Nothing but zeros.
    Zeros,
    /// No bytes.
    Empty,
    /// None of these.
    Unknown,
}

impl FileKind {
    /// Words for people, to follow "this is".
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Onnx => "an ONNX network",
            Self::Hdf5 => "an HDF5 file",
            Self::Keras => "a Keras network",
            Self::Zip => "a zip archive",
            Self::TorchZip => "a PyTorch checkpoint",
            Self::Npz => "a NumPy archive",
            Self::Pickle => "a PyTorch pickle",
            Self::TfLite => "a TensorFlow Lite network",
            Self::SavedModel => "the graph of a TensorFlow SavedModel, whose weights are in other files",
            Self::FrozenGraph => "a frozen TensorFlow graph",
            Self::TfCheckpoint => "a part of a TensorFlow checkpoint, which holds weights without the network",
            Self::ProtobufText => "a network's description in text form",
            Self::CoreMl => "a Core ML network",
            Self::Paddle => "a PaddlePaddle network",
            Self::Caffe => "a Caffe network",
            Self::OpenVino => "an OpenVINO network's description",
            Self::ExecuTorch => "an ExecuTorch program",
            Self::MxNet => "an MXNet file of weights",
            Self::Ncnn => "an ncnn network's description",
            Self::Safetensors => "a safetensors file",
            Self::Gguf => "a GGUF file, which holds weights without the network",
            Self::KerasConfig => "the architecture of a Keras network, without its weights",
            Self::HubConfig => "a file with the settings of a Hugging Face network, without its weights",
            Self::Matlab => "a MATLAB file",
            Self::Npy => "a NumPy array",
            Self::Json => "a JSON file",
            Self::Png => "a PNG picture",
            Self::Jpeg => "a JPEG picture",
            Self::WebP => "a WebP picture",
            Self::Gif => "a GIF picture",
            Self::Bmp => "a BMP picture",
            Self::Avif => "an AVIF picture",
            Self::Heic => "a HEIC picture",
            Self::Tiff => "a TIFF picture",
            Self::Svg => "an SVG drawing",
            Self::Pdf => "a PDF document",
            Self::Html => "a web page, not the file itself",
            Self::GitLfs => "a Git LFS pointer, not the file itself",
            Self::ServerError => "an error message of a server, not the file itself",
            Self::Notebook => "a Jupyter notebook",
            Self::Python => "Python code",
            Self::Xml => "an XML file",
            Self::Table => "a table of data",
            Self::Video => "a video",
            Self::Dicom => "a DICOM picture",
            Self::Program => "a program",
            Self::Gzip => "a gzip archive",
            Self::Archive => "an archive of another kind than zip",
            Self::Text => "a text file",
            Self::Numbers => "a file of bare numbers, which another file describes",
            Self::Zeros => "a file of nothing but zeros",
            Self::Empty => "an empty file",
            Self::Unknown => "a file of unknown format",
        }
    }

    /// Why it is not what is wanted, to follow [`describe`](Self::describe); empty where that says it.
    pub(crate) fn objection(self) -> &'static str {
        match self {
            Self::Html
            | Self::GitLfs
            | Self::ServerError
            | Self::Empty
            | Self::Zeros
            | Self::SavedModel
            | Self::TfCheckpoint
            | Self::KerasConfig
            | Self::HubConfig
            | Self::Gguf
            | Self::Numbers => "",
            Self::FrozenGraph
            | Self::ProtobufText
            | Self::CoreMl
            | Self::Paddle
            | Self::Caffe
            | Self::OpenVino
            | Self::ExecuTorch
            | Self::MxNet
            | Self::Ncnn => ", which is not read",
            Self::Unknown => ", not a network in ONNX, Keras, TensorFlow or PyTorch format",
            _ => ", not a network",
        }
    }

    /// What to do with it where a network is wanted, as sentences; empty for networks that are read.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Onnx
            | Self::Hdf5
            | Self::Keras
            | Self::TfLite
            | Self::TorchZip
            | Self::Pickle
            | Self::Safetensors => "",
            Self::SavedModel => {
                "Convert its whole folder in Python: python -m tf2onnx.convert --saved-model folder --output model.onnx."
            }
            Self::FrozenGraph => {
                "Convert it in Python: python -m tf2onnx.convert --graphdef model.pb --inputs input:0 --outputs softmax:0 \
                 --output model.onnx, with the names of its own input and output."
            }
            Self::TfCheckpoint => {
                "Load the weights into the network in Python and save both: model.load_weights(path), then \
                 model.save(\"model.keras\")."
            }
            Self::ProtobufText => {
                "Load the binary form of the network with its weights: an .onnx, .keras, .h5 or .tflite file."
            }
            Self::Paddle => {
                "Convert it in Python: paddle2onnx --model_dir folder --model_filename model.pdmodel --params_filename \
                 model.pdiparams --save_file model.onnx."
            }
            Self::CoreMl | Self::Caffe | Self::OpenVino | Self::ExecuTorch | Self::MxNet | Self::Ncnn => {
                "Export the network to ONNX from the framework in which it was trained; this form is for running it only."
            }
            Self::KerasConfig => {
                "Build the network from it in Python, load its weights, and save both: model.save(\"model.keras\")."
            }
            Self::HubConfig => {
                "Export the network in Python: optimum-cli export onnx --model name --task image-classification folder."
            }
            Self::Matlab => {
                "Export the network in MATLAB: exportONNXNetwork(net, \"model.onnx\"); arrays alone do not say how they are \
                 connected."
            }
            Self::Gguf => {
                "It is the form of language models; load an image classifier in ONNX, Keras or TensorFlow Lite format."
            }
            Self::Zip => {
                "Load a zip with one network in it: an .onnx, .keras, .h5, .tflite, .pth or .safetensors file, or a \
                 model.json of TensorFlow.js with its shards."
            }
            Self::Gzip | Self::Archive => {
                "Unpack it first and load the .onnx, .keras, .h5, .tflite or .pth file in it, or pack its files as a zip."
            }
            Self::ServerError => "Download the file again; the address may be wrong, or one must be signed in there.",
            Self::Notebook | Self::Python => {
                "Code is never run here; run it in Python and save the network: model.save(\"model.keras\") in Keras, \
                 torch.onnx.export in PyTorch."
            }
            Self::Video => {
                "Load a single picture of it as PNG or JPEG, and as a network an ONNX, Keras or TensorFlow Lite file."
            }
            Self::Avif | Self::Heic | Self::Tiff | Self::Svg | Self::Dicom => {
                "Save it as PNG to load it as a picture; as a network an ONNX, Keras or TensorFlow Lite file is needed."
            }
            Self::Npz | Self::Npy => {
                "Load a network in ONNX, Keras or TensorFlow Lite format; arrays alone do not say how they are connected."
            }
            Self::Json => {
                "Load a network: of JSON files only the model.json of TensorFlow.js is one; a list of class names \
                 belongs under labels."
            }
            Self::Text => {
                "Load a network in ONNX, Keras or TensorFlow Lite format; a list of class names belongs under labels."
            }
            Self::Png | Self::Jpeg | Self::WebP | Self::Gif | Self::Bmp => {
                "Load it as a picture; as a network an ONNX, Keras or TensorFlow Lite file is needed."
            }
            Self::Html => "The link led to a page; use the download button there to get the file itself.",
            Self::GitLfs => "Get the file itself with git lfs pull, or with the download button of the web page.",
            Self::Numbers => {
                "Drop it together with the file that describes the network, such as model.json of TensorFlow.js or the \
                 .onnx file."
            }
            Self::Empty | Self::Zeros => "The download or the copy failed; get the file again.",
            Self::Pdf | Self::Xml | Self::Table | Self::Program => {
                "Load a network in ONNX, Keras or TensorFlow format (.onnx, .keras, .h5, .tflite, or model.json with its \
                 shards), or weights of PyTorch (.pth, .safetensors)."
            }
            Self::Unknown => {
                "Load a network in ONNX, Keras or TensorFlow format (.onnx, .keras, .h5, .tflite, or model.json with its \
                 shards), or weights of PyTorch (.pth, .safetensors); the download may have failed."
            }
        }
    }

    /// What it is by the file's name, where content cannot tell.
    pub(crate) fn named(self, name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match self {
            Self::Unknown | Self::Text if name.contains(".data-0000") => Self::TfCheckpoint,
            Self::Unknown | Self::Text if [".bin", ".data", ".pdiparams"].iter().any(|end| name.ends_with(end)) => {
                Self::Numbers
            }
            other => other,
        }
    }

    /// Whether this is a picture that can be decoded.
    #[must_use]
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::WebP | Self::Gif | Self::Bmp)
    }
}
