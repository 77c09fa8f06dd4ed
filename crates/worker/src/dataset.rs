//! Data sets that are open: their pictures, small ones, and which of a network's classes are theirs.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use bytes::Bytes;
use innspect_dataset::{Collection, Collector, Picture, decode, match_classes, thumbnail};
use innspect_engine::Pacer as _;
use innspect_files::Blob;
use innspect_protocol::{
    DatasetId, DatasetInfo, DatasetItem, DatasetSource, ImageId, Job, LabelOrigin, LeftOut, ModelId, Reply,
    SitePicture, Stage, UserError,
};

use crate::{
    failure::Failure,
    fetch, hash,
    pause::{BackgroundPacer, JobPacer},
    port::{self, Attachment},
    session::Session,
    user_file::UserFile,
};

/// Items told in one message.
const TOLD: usize = 4000;
/// Longest side that a small picture may have, in pixels.
const MAX_THUMBNAIL: u32 = 256;
/// Small pictures told in one message at most.
const TOLD_THUMBNAILS: usize = 8;
/// Files of the site's pictures that are kept, so that a scan by several networks fetches each once.
const KEPT: usize = 256;
/// Ids of ImageNet's classes in WordNet, in the order of the classes.
const WNIDS: &str = "./models/imagenet1k_wnids.json";

/// An open data set.
pub struct Dataset {
    pub info: DatasetInfo,
    pictures: Pictures,
}

enum Pictures {
    Collection(Collection),
    Site { pictures: Vec<SitePicture>, kept: RefCell<VecDeque<(u32, Bytes)>> },
}

impl Dataset {
    /// The name of an item.
    pub fn name(&self, item: u32) -> Option<&str> {
        match &self.pictures {
            Pictures::Collection(collection) => collection.items.get(item as usize).map(|item| item.name.as_str()),
            Pictures::Site { pictures, .. } => pictures.get(item as usize).map(|picture| picture.name.as_str()),
        }
    }

    /// An item, decoded.
    pub async fn picture(&self, job: Job, item: u32, session: &Session) -> Result<Picture, Failure> {
        match &self.pictures {
            Pictures::Collection(collection) => collection
                .picture(item as usize)
                .ok_or_else(missing_item)?
                .map_err(|error| Failure::new(error.what(), error.place(), error.advice())),
            Pictures::Site { pictures, kept } => {
                let picture = pictures.get(item as usize).ok_or_else(missing_item)?;
                let bytes = kept.borrow().iter().find(|(number, _)| *number == item).map(|(_, bytes)| bytes.clone());
                let bytes = match bytes {
                    Some(bytes) => bytes,
                    None => {
                        let bytes = Bytes::from(fetch::download(job, &picture.url, 0, &session.cancelled()).await?);
                        let mut kept = kept.borrow_mut();
                        if kept.len() == KEPT {
                            kept.pop_front();
                        }
                        kept.push_back((item, bytes.clone()));
                        bytes
                    }
                };
                Ok(decode(&bytes)?)
            }
        }
    }

    fn items(&self) -> Box<dyn Iterator<Item = DatasetItem> + '_> {
        match &self.pictures {
            Pictures::Collection(collection) => {
                Box::new(collection.items.iter().map(|item| DatasetItem { name: item.name.clone(), label: item.label }))
            }
            Pictures::Site { pictures, .. } => Box::new(
                pictures.iter().map(|picture| DatasetItem { name: picture.name.clone(), label: picture.label }),
            ),
        }
    }
}

impl Session {
    /// Opens a data set and tells what is in it. `files` travelled with the request, `fetched` was downloaded.
    pub async fn open_dataset(
        &self,
        job: Job,
        (id, name): (DatasetId, String),
        source: DatasetSource,
        files: Vec<Rc<UserFile>>,
        fetched: Option<Vec<u8>>,
    ) -> Result<(), Failure> {
        self.stage(job, Stage::Reading).await?;
        let mut pacer = JobPacer::new(job, Stage::Reading, self.cancelled());
        let given = match source {
            DatasetSource::Pictures { pictures, classes } => {
                let listed: String = pictures.iter().map(|picture| format!("{}\n", picture.url)).collect();
                let labels = if classes.is_empty() { LabelOrigin::None } else { LabelOrigin::Site };
                let info = DatasetInfo {
                    id,
                    name,
                    fingerprint: hash::of_bytes(listed.as_bytes()),
                    count: pictures.len() as u32,
                    classes,
                    labels,
                    left_out: Vec::new(),
                    notes: Vec::new(),
                };
                let pictures = Pictures::Site { pictures, kept: RefCell::default() };
                self.add_dataset(job, Dataset { info, pictures });
                return Ok(());
            }
            DatasetSource::Site { url, classes, .. } => {
                let bytes = fetched.ok_or_else(|| Failure::new("No file came with the request.", url.clone(), ""))?;
                (vec![(url, Blob::from(bytes))], classes)
            }
            DatasetSource::Files { paths } => {
                let files = paths.into_iter().zip(files.iter().map(UserFile::blob)).collect();
                (files, Vec::new())
            }
        };
        let (files, classes) = given;
        let mut collector = Collector::new(files, &classes);
        loop {
            let progress = collector.step();
            if progress.finished {
                break;
            }
            pacer.pace(progress.done as usize, progress.total as usize).await?;
        }
        let collection = collector.finish();
        if collection.items.is_empty() {
            let (place, advice) =
                collection.left_out.first().map_or((String::new(), String::new()), |(name, error)| {
                    (format!("{name}: {}", error.what()), error.advice())
                });
            let advice = if advice.is_empty() { "Choose a folder or a zip with pictures.".to_owned() } else { advice };
            return Err(Failure::new("There is no picture in it.", place, advice));
        }
        let left_out = collection.left_out.iter().map(|(name, error)| LeftOut {
            name: name.clone(),
            error: UserError { what: error.what(), place: error.place(), advice: error.advice() },
        });
        let info = DatasetInfo {
            id,
            name,
            fingerprint: hash::of_bytes(&collection.fingerprint()),
            count: collection.items.len() as u32,
            classes: collection.classes.clone(),
            labels: collection.labels.clone(),
            left_out: left_out.collect(),
            notes: collection.notes.iter().map(ToString::to_string).collect(),
        };
        self.add_dataset(job, Dataset { info, pictures: Pictures::Collection(collection) });
        Ok(())
    }

    fn add_dataset(&self, job: Job, dataset: Dataset) {
        let mut items = dataset.items();
        let mut first = 0;
        loop {
            let told: Vec<DatasetItem> = items.by_ref().take(TOLD).collect();
            if told.is_empty() {
                break;
            }
            let count = told.len() as u32;
            port::send(&Reply::DatasetItems { job, first, items: told });
            first += count;
        }
        drop(items);
        port::send(&Reply::DatasetReady { job, dataset: Box::new(dataset.info.clone()) });
        self.datasets().borrow_mut().insert(dataset.info.id.clone(), Rc::new(dataset));
    }

    /// An open data set.
    pub fn dataset(&self, id: &DatasetId) -> Result<Rc<Dataset>, Failure> {
        let dataset = self.datasets().borrow().get(id).cloned();
        dataset.ok_or_else(|| Failure::new("The data set is no longer open.", "", "Open it again."))
    }

    /// Finds the true classes of a data set among a network's classes.
    pub async fn match_classes(&self, job: Job, dataset: &DatasetId, model: &ModelId) -> Result<(), Failure> {
        let dataset = self.dataset(dataset)?;
        let (_, info) = self.network(model)?;
        // Ids are looked up where the set has some and the network has ImageNet's classes.
        let is_wnid = |name: &String| {
            name.strip_prefix('n').is_some_and(|rest| rest.bytes().take_while(u8::is_ascii_digit).count() == 8)
        };
        let mut wnids: Vec<String> = Vec::new();
        if info.classes == 1000 && dataset.info.classes.iter().any(is_wnid) {
            let bytes = fetch::download(job, WNIDS, 0, &self.cancelled()).await?;
            wnids = serde_json::from_slice(&bytes).unwrap_or_default();
        }
        let wnids: Vec<&str> = wnids.iter().map(String::as_str).collect();
        let matches = match_classes(&dataset.info.classes, &info.labels, &wnids);
        port::send(&Reply::ClassesMatched { job, matches });
        Ok(())
    }

    /// Loads an item as a picture to explain.
    pub async fn load_item(&self, job: Job, image: ImageId, dataset: &DatasetId, item: u32) -> Result<(), Failure> {
        self.stage(job, Stage::Reading).await?;
        let dataset = self.dataset(dataset)?;
        let picture = dataset.picture(job, item, self).await?;
        self.keep_image(job, image, dataset.name(item).unwrap_or_default().to_owned(), picture);
        Ok(())
    }

    /// Makes small pictures, between other work.
    pub async fn thumbnails(
        &self,
        job: Job,
        dataset: &DatasetId,
        items: Vec<u32>,
        side: u32,
        pacer: &mut BackgroundPacer,
    ) -> Result<(), Failure> {
        let dataset = self.dataset(dataset)?;
        let side = side.clamp(8, MAX_THUMBNAIL);
        let mut rest = items.len();
        for told in items.chunks(TOLD_THUMBNAILS) {
            let mut pixels = Vec::with_capacity(told.len() * (side * side * 4) as usize);
            for &item in told {
                pacer.give_way().await?;
                let tile = match dataset.picture(job, item, self).await {
                    Ok(picture) => tile(&picture, side),
                    Err(Failure::Cancelled) => return Err(Failure::Cancelled),
                    Err(_) => vec![0; (side * side * 4) as usize],
                };
                pixels.extend(tile);
            }
            rest -= told.len();
            let reply = Reply::Thumbnails { job, items: told.to_vec(), side, rest: rest as u32 };
            port::send_with(&reply, &[Attachment::Bytes(&pixels)]);
        }
        if items.is_empty() {
            port::send_with(&Reply::Thumbnails { job, items, side, rest: 0 }, &[Attachment::Bytes(&[])]);
        }
        Ok(())
    }
}

/// All open data sets.
pub type Datasets = RefCell<HashMap<DatasetId, Rc<Dataset>>>;

fn missing_item() -> Failure {
    Failure::new("The data set has no such picture.", "", "Open it again.")
}

/// A picture in the middle of a transparent square; a tiny one is enlarged by a whole factor, so that its pixels stay sharp.
fn tile(picture: &Picture, side: u32) -> Vec<u8> {
    let small = thumbnail(picture, side);
    let factor = (side / small.width.max(small.height).max(1)).max(1);
    let (left, top) = ((side - (small.width * factor).min(side)) / 2, (side - (small.height * factor).min(side)) / 2);
    let mut tile = vec![0; (side * side * 4) as usize];
    for row in 0..(small.height * factor).min(side) {
        for column in 0..(small.width * factor).min(side) {
            let from = ((row / factor * small.width + column / factor) * 4) as usize;
            let to = (((top + row) * side + left + column) * 4) as usize;
            if let (Some(place), Some(pixel)) = (tile.get_mut(to..to + 4), small.pixels.get(from..from + 4)) {
                place.copy_from_slice(pixel);
            }
        }
    }
    tile
}
