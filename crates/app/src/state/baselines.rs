//! What baselines look like for one network and one picture.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use innspect_protocol::{ImageId, ModelId};

use crate::web::canvas::Pixels;

/// A network, its configuration and a picture.
pub type Subject = (ModelId, u32, ImageId);

/// The pictures.
#[derive(Clone, Debug, Default)]
pub struct Baselines {
    /// What they are of.
    pub subject: Option<Subject>,
    /// The baselines that were asked for.
    pub asked: HashSet<String>,
    /// Those that came.
    pub shown: HashMap<String, Arc<Pixels>>,
}
