//! A loaded network and what people are told of it.

use std::{rc::Rc, sync::Arc};

use innspect_engine::{Device, Network};
use innspect_explain::{default_layer, layer_infos};
use innspect_formats::Imported;
use innspect_graph::{ChannelOrder, Preprocessing, preprocessing::guess_preprocessing};
use innspect_protocol::{ModelId, ModelInfo};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

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
    /// Class names from the catalogue.
    pub labels: Option<Vec<String>>,
}

/// SHA-256 of bytes, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Model {
    /// Puts an imported network on the device.
    pub fn load(imported: Imported, sha256: String, known: Known, device: &Device) -> Result<Self, Failure> {
        let graph = imported.graph;
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
        let labels = known.labels.or_else(|| graph.labels.clone()).unwrap_or_default();
        let info = ModelInfo {
            id: known.id,
            name: known.name,
            format: imported.format,
            sha256,
            input,
            classes: graph.classes(),
            params: graph.param_count(),
            bytes: 4 * graph.param_count() as u64,
            layers: layer_infos(&graph),
            default_layer: default_layer(&graph).map(|id| graph.node(id).name.clone()),
            labels: complete(labels, graph.classes()),
            preprocessing,
            preprocessing_origin,
            warnings: imported.warnings,
        };
        let network = Network::load(Arc::new(graph), device)?;
        Ok(Self { network: Rc::new(network), info: Rc::new(info), revision: 0 })
    }

    /// Changes how pictures are prepared.
    pub fn set_preprocessing(&mut self, preprocessing: Preprocessing) -> Result<(), Failure> {
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
        let info = Rc::make_mut(&mut self.info);
        info.preprocessing = preprocessing;
        info.preprocessing_origin = "Set by you.".into();
        self.revision += 1;
        Ok(())
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
