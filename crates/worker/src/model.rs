//! A loaded network and what people are told of it.

use std::rc::Rc;

use innspect_engine::{Device, Network, Pacer};
use innspect_explain::{default_layer, layer_infos};
use innspect_formats::{FormatError, Imported, not_finite};
use innspect_graph::{
    ChannelOrder, FinalActivation, Preprocessing, passes::split_dense, preprocessing::guess_preprocessing,
};
use innspect_protocol::{ModelId, ModelInfo, ScoreKind};

use crate::failure::Failure;

/// Elements that WebGPU binds at once on every device: 128 MiB.
const BINDING: usize = 1 << 25;

/// A network on the device.
pub struct Model {
    /// The network.
    pub network: Rc<Network>,
    /// What people are told; holds the preprocessing and the class names in use.
    pub info: Rc<ModelInfo>,
    /// Counts changes of the preprocessing, so that a kept forward pass is known to be stale.
    pub revision: u32,
}

/// What is known of a network beside its file.
pub struct Known {
    /// Id.
    pub id: ModelId,
    /// Name for people.
    pub name: String,
    /// Preprocessing from the catalogue.
    pub preprocessing: Option<Preprocessing>,
    /// Lists of class names, from the catalogue or given along; the first that has one for each class counts.
    pub labels: Vec<Vec<String>>,
}

impl Model {
    /// Puts an imported network on the device.
    pub async fn load(
        imported: Imported,
        sha256: String,
        known: Known,
        device: &Device,
        pacer: &mut impl Pacer,
    ) -> Result<Self, Failure> {
        let mut graph = imported.graph;
        let Some(input @ [channels, height, width]) = graph.image_shape() else {
            return Err(Failure::new(
                format!("The network reads {}, not a picture.", graph.value(graph.input).shape),
                format!("input {:?}", graph.value(graph.input).name),
                "Export an image classifier whose input is [batch, channels, height, width].",
            ));
        };
        if channels != 1 && channels != 3 {
            return Err(Failure::new(
                format!("The network reads pictures with {channels} channels; 1 (grey) and 3 (colour) are supported."),
                format!("input {:?}", graph.value(graph.input).name),
                "Export a network that reads grey or colour pictures.",
            ));
        }
        let (preprocessing, preprocessing_origin) = match (known.preprocessing, &graph.preprocessing) {
            (Some(known), _) => (known, "From the catalogue of built-in networks.".to_owned()),
            (None, Some(stated)) => (stated.clone(), "Stated in the file.".to_owned()),
            (None, None) => guess_preprocessing(&graph),
        };
        let preprocessing = Preprocessing { size: [height, width], ..preprocessing };
        let classes = graph.classes();
        let given = known.labels.into_iter().find(|labels| labels.len() == classes);
        let labels = given.or_else(|| graph.labels.clone()).unwrap_or_default();
        let layers = layer_infos(&graph);
        let default_layer = default_layer(&graph).map(|id| graph.node(id).name.clone());
        if device.is_gpu() {
            graph = split_dense(graph, BINDING).map_err(FormatError::from)?;
        }
        let mut info = ModelInfo {
            id: known.id,
            name: known.name,
            format: imported.format,
            sha256,
            input,
            classes: graph.classes(),
            scores: match graph.final_activation {
                FinalActivation::Sigmoid => ScoreKind::Sigmoid,
                _ => ScoreKind::Softmax,
            },
            params: graph.param_count(),
            bytes: 4 * graph.param_count() as u64,
            layers,
            default_layer,
            labels: complete(labels, graph.classes()),
            preprocessing,
            preprocessing_origin,
            warnings: imported.warnings,
        };
        let network = Network::load_paced(Rc::new(graph), device, pacer).await?;
        info.warnings.extend(network.not_finite().iter().map(|name| not_finite(name)));
        Ok(Self { network: Rc::new(network), info: Rc::new(info), revision: 0 })
    }

    /// Refuses ways of preparing pictures that do not fit the network.
    pub fn check_preprocessing(&self, preprocessing: &Preprocessing) -> Result<(), Failure> {
        let [channels, height, width] = self.info.input;
        if preprocessing.size != [height, width] {
            let [rows, columns] = preprocessing.size;
            return Err(Failure::new(
                format!("The network reads {width}×{height} pixels; {columns}×{rows} does not fit it."),
                self.info.name.clone(),
                "The size is fixed by the file; export the network anew for another one.",
            ));
        }
        let given = if preprocessing.channels == ChannelOrder::Grey { 1 } else { 3 };
        if given != channels {
            return Err(Failure::new(
                format!("The network reads {channels} channels; these settings give {given}."),
                self.info.name.clone(),
                "Choose a channel order with as many channels as the network reads.",
            ));
        }
        Ok(())
    }

    /// Changes how pictures are prepared, to a way that fits.
    pub fn set_preprocessing(&mut self, preprocessing: Preprocessing) {
        let info = Rc::make_mut(&mut self.info);
        info.preprocessing = preprocessing;
        info.preprocessing_origin = "Set by you.".into();
        self.revision += 1;
    }

    /// Changes the names of the classes.
    pub fn set_labels(&mut self, labels: Vec<String>) -> Result<(), Failure> {
        if labels.len() != self.info.classes {
            return Err(Failure::new(
                format!("The file has {} names; the network has {} classes.", labels.len(), self.info.classes),
                self.info.name.clone(),
                "Use a file with one name for each class, in the network's order.",
            ));
        }
        Rc::make_mut(&mut self.info).labels = labels;
        Ok(())
    }
}

/// A name for every class, also where the file has none or too few.
fn complete(mut labels: Vec<String>, classes: usize) -> Vec<String> {
    labels.truncate(classes);
    labels.extend((labels.len()..classes).map(|class| format!("class {class}")));
    labels
}
