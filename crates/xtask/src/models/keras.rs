//! `cargo xtask models --keras vgg16,resnet50,xception`: networks of keras.applications beside the built-in ones, for a
//! private deployment. They are too large for the project's own site, and are fetched from where Keras fetches them.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use innspect_formats::{ModelFiles, read_model};
use innspect_graph::guess_preprocessing;
use innspect_protocol::CatalogModel;

use super::{catalog::LABELS, packages::sha256};
use crate::command::{capture, run};

/// Where the files are.
const SERVER: &str = "https://storage.googleapis.com/";

/// One network of keras.applications.
struct Application {
    /// Id, for the option and for the catalogue.
    id: &'static str,
    name: &'static str,
    /// File on the server.
    path: &'static str,
    /// MD5 or SHA-256 that Keras checks; none where Keras checks nothing.
    sum: Option<&'static str>,
    licence: &'static str,
    description: &'static str,
}

const APACHE: &str = "Apache-2.0";

/// The table of the files with Keras' own sums (Keras 2.14, `keras/src/applications`).
const APPLICATIONS: [Application; 16] = [
    Application {
        id: "vgg16",
        name: "VGG16",
        path: "tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        sum: Some("64373286793e3c8b2b4e3219cbf3544b"),
        licence: "CC-BY-4.0",
        description: "VGG16 (2014): 138 million weights in thirteen 3x3 convolutions and three dense layers.",
    },
    Application {
        id: "vgg19",
        name: "VGG19",
        path: "tensorflow/keras-applications/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5",
        sum: Some("cbe5617147190e668d6c5d5026f83318"),
        licence: "CC-BY-4.0",
        description: "VGG19 (2014): 144 million weights in sixteen 3x3 convolutions and three dense layers.",
    },
    Application {
        id: "resnet50",
        name: "ResNet50",
        path: "tensorflow/keras-applications/resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        sum: Some("2cb95161c43110f7111970584f804107"),
        licence: "MIT",
        description: "ResNet50 (2015): 26 million weights; each block adds to what it reads.",
    },
    Application {
        id: "resnet101",
        name: "ResNet101",
        path: "tensorflow/keras-applications/resnet/resnet101_weights_tf_dim_ordering_tf_kernels.h5",
        sum: Some("f1aeb4b969a6efcfb50fad2f0c20cfc5"),
        licence: "MIT",
        description: "ResNet101 (2015): 45 million weights; ResNet50 with a longer third stage.",
    },
    Application {
        id: "resnet50v2",
        name: "ResNet50V2",
        path: "tensorflow/keras-applications/resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels.h5",
        sum: Some("3ef43a0b657b3be2300d5770ece849e0"),
        licence: "MIT",
        description: "ResNet50V2 (2016): normalisation and ReLU stand before the convolutions of a block.",
    },
    Application {
        id: "xception",
        name: "Xception",
        path: "tensorflow/keras-applications/xception/xception_weights_tf_dim_ordering_tf_kernels.h5",
        sum: Some("0a58e3b7378bc2990ea3b43d5981f1f6"),
        licence: APACHE,
        description: "Xception (2016): 23 million weights in depthwise separable convolutions.",
    },
    Application {
        id: "inceptionv3",
        name: "InceptionV3",
        path: "tensorflow/keras-applications/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
        sum: Some("9a0d58056eeedaa3f26cb7ebd46da564"),
        licence: APACHE,
        description: "InceptionV3 (2015): 24 million weights; blocks of parallel convolutions of several sizes.",
    },
    Application {
        id: "inceptionresnetv2",
        name: "InceptionResNetV2",
        path: "tensorflow/keras-applications/inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
        sum: Some("e693bd0210a403b3192acc6073ad2e96"),
        licence: APACHE,
        description: "InceptionResNetV2 (2016): 56 million weights; Inception blocks that add to what they read.",
    },
    Application {
        id: "mobilenet",
        name: "MobileNet",
        path: "tensorflow/keras-applications/mobilenet/mobilenet_1_0_224_tf.h5",
        sum: None,
        licence: APACHE,
        description: "MobileNet (2017): 4 million weights in depthwise separable convolutions.",
    },
    Application {
        id: "mobilenetv2",
        name: "MobileNetV2",
        path: "tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        sum: None,
        licence: APACHE,
        description: "MobileNetV2 (2018): 3.5 million weights in inverted residual blocks.",
    },
    Application {
        id: "densenet121",
        name: "DenseNet121",
        path: "tensorflow/keras-applications/densenet/densenet121_weights_tf_dim_ordering_tf_kernels.h5",
        sum: Some("9d60b8095a5708f2dcce2bca79d332c7"),
        licence: "BSD-3-Clause",
        description: "DenseNet121 (2016): 8 million weights; each layer reads all those before it in its block.",
    },
    Application {
        id: "nasnetmobile",
        name: "NASNetMobile",
        path: "tensorflow/keras-applications/nasnet/NASNet-mobile.h5",
        sum: Some("020fb642bf7360b370c678b08e0adf61"),
        licence: APACHE,
        description: "NASNetMobile (2017): 5 million weights in cells that a search found.",
    },
    Application {
        id: "efficientnetb0",
        name: "EfficientNetB0",
        path: "keras-applications/efficientnetb0.h5",
        sum: Some("902e53a9f72be733fc0bcb005b3ebbac"),
        licence: APACHE,
        description: "EfficientNetB0 (2019): 5 million weights in inverted residual blocks with squeeze and excitation.",
    },
    Application {
        id: "efficientnetb3",
        name: "EfficientNetB3",
        path: "keras-applications/efficientnetb3.h5",
        sum: Some("ffd1fdc53d0ce67064dc6a9c7960ede0"),
        licence: APACHE,
        description: "EfficientNetB3 (2019): 12 million weights, pictures of 300 pixels.",
    },
    Application {
        id: "efficientnetv2b0",
        name: "EfficientNetV2B0",
        path: "tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b0.h5",
        sum: Some("21ecbf6da12460d5c40bb2f29ceb2188"),
        licence: APACHE,
        description: "EfficientNetV2B0 (2021): 7 million weights, its first blocks with whole convolutions.",
    },
    Application {
        id: "convnexttiny",
        name: "ConvNeXtTiny",
        path: "tensorflow/keras-applications/convnext/convnext_tiny.h5",
        sum: Some("8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff"),
        licence: APACHE,
        description: "ConvNeXtTiny (2022): 29 million weights; a convolutional network built like a transformer.",
    },
];

impl Application {
    fn file(&self) -> String {
        format!("{}.h5", self.id)
    }

    /// Fetches its file unless it is there.
    fn fetch(&self, folder: &Path) -> Result<()> {
        let target = folder.join(self.file());
        if target.is_file() {
            return Ok(());
        }
        let url = format!("{SERVER}{}", self.path);
        println!("  fetching {} from {url}", self.name);
        // Fetched beside and renamed, so that an interrupted run is not taken for a complete one.
        let partial = folder.join(format!("{}.partial", self.file()));
        let mut curl = Command::new("curl");
        curl.args(["--fail", "--location", "--show-error", "--silent", "--retry", "3", "--output"])
            .arg(&partial)
            .arg(&url);
        run(&mut curl).with_context(|| format!("{url} cannot be fetched; this step needs curl and the internet"))?;
        self.check(&partial)?;
        fs::rename(&partial, &target).with_context(|| format!("cannot make {}", target.display()))
    }

    fn check(&self, file: &Path) -> Result<()> {
        let Some(sum) = self.sum else { return Ok(()) };
        let program = if sum.len() == 64 { "sha256sum" } else { "md5sum" };
        let output = capture(Command::new(program).arg(file))?;
        let found = output.split_whitespace().next().unwrap_or_default();
        ensure!(found == sum, "{} has the sum {found}, not {sum}: it is another file than Keras'", file.display());
        Ok(())
    }

    /// Its entry in the catalogue; the file says the size of pictures, the architecture how they are prepared.
    fn entry(&self, file: &Path) -> Result<CatalogModel> {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let (length, sum) = (bytes.len() as u64, sha256(&bytes));
        let imported = read_model(&ModelFiles::new(self.file(), bytes))
            .with_context(|| format!("{} does not hold {}", file.display(), self.name))?;
        let graph = imported.graph;
        let input = graph.image_shape().with_context(|| format!("{} does not read pictures", self.name))?;
        Ok(CatalogModel {
            id: self.id.to_owned(),
            name: self.name.to_owned(),
            file: self.file(),
            bytes: length,
            sha256: sum,
            input,
            preprocessing: graph.preprocessing.clone().unwrap_or_else(|| guess_preprocessing(&graph).0),
            labels: LABELS.to_owned(),
            description: self.description.to_owned(),
            licence: self.licence.to_owned(),
            source: format!("{SERVER}{}", self.path),
            dataset: None,
            accuracy: None,
        })
    }
}

/// Fetches networks by their ids, separated by commas.
pub fn fetch(folder: &Path, ids: &str) -> Result<()> {
    let mut wanted = Vec::new();
    for id in ids.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        let Some(application) = APPLICATIONS.iter().find(|application| application.id == id) else {
            let known: Vec<&str> = APPLICATIONS.iter().map(|application| application.id).collect();
            bail!("there is no network {id:?}; there are {}", known.join(", "));
        };
        wanted.push(application);
    }
    ensure!(!wanted.is_empty(), "no network is named");
    wanted.into_iter().try_for_each(|application| application.fetch(folder))
}

/// The entries of the networks that lie in the folder.
pub fn catalog(folder: &Path) -> Result<Vec<CatalogModel>> {
    let there = |application: &&Application| folder.join(application.file()).is_file();
    let entry = |application: &Application| application.entry(&folder.join(application.file()));
    APPLICATIONS.iter().filter(there).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_unknown_ones_are_refused() {
        let mut ids: Vec<&str> = APPLICATIONS.iter().map(|application| application.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), APPLICATIONS.len());
        let error = fetch(Path::new("nowhere"), "vgg16,resnet5").unwrap_err().to_string();
        assert!(error.contains("\"resnet5\"") && error.contains("resnet50v2"), "{error}");
        assert!(fetch(Path::new("nowhere"), " , ").is_err());
    }

    #[test]
    fn another_file_is_refused() {
        let folder = std::env::temp_dir().join(format!("innspect-keras-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("vgg16.h5.partial");
        fs::write(&file, "abc").unwrap();
        let error = APPLICATIONS[0].check(&file).unwrap_err().to_string();
        // echo -n abc | md5sum
        assert!(error.contains("900150983cd24fb0d6963f7d28e17f72"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn fetched_networks_are_kept_out_of_the_repository() {
        let ignored = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.gitignore");
        let text = fs::read_to_string(ignored).unwrap();
        assert!(text.lines().any(|line| line == "/models/*.h5"), "{text}");
    }
}
