//! Scans: what networks say of many pictures, and small maps of why. They run in the background, behind whatever else the
//! page asks for.

use std::{collections::HashMap, rc::Rc};

use innspect_dataset::{Picture, prepare};
use innspect_engine::{Network, Tensor};
use innspect_explain::{Setting, Subject, batch, explain, read_logits};
use innspect_protocol::{BrokenItem, DatasetId, ExplainSpec, Job, ModelInfo, Reply, ScanPart, UserError};

use crate::{
    dataset::Dataset,
    failure::Failure,
    pause::BackgroundPacer,
    port::{self, Attachment},
    render::Summed,
    session::Session,
};

/// Bytes that the decoded pictures of one round may take.
const ROUND_BYTES: usize = 64 << 20;

/// A network in a scan.
struct Taker {
    part: ScanPart,
    network: Rc<Network>,
    info: Rc<ModelInfo>,
    /// How many of its items are behind.
    next: usize,
}

/// Pictures that are decoded and wait for networks: their number, and what came of it.
type Round = HashMap<u32, Result<Picture, UserError>>;

impl Session {
    /// Predicts many pictures.
    pub async fn scan(
        &self,
        job: Job,
        dataset: &DatasetId,
        parts: Vec<ScanPart>,
        pacer: &mut BackgroundPacer,
    ) -> Result<(), Failure> {
        let dataset = self.dataset(dataset)?;
        let (mut takers, order) = self.takers(parts)?;
        let total: usize = takers.iter().map(|taker| taker.part.items.len()).sum();
        let begun = port::now();
        let (mut done, mut forward) = (0, 0.0);
        let mut order = order.into_iter().peekable();
        // A round holds as many pictures as the largest batch takes, so that every network's batches are full.
        let most = takers.iter().map(|taker| batch::size(&taker.network)).max().unwrap_or(1);
        while order.peek().is_some() {
            let (mut round, mut bytes) = (Round::new(), 0);
            while round.len() < most && bytes < ROUND_BYTES {
                let Some(item) = order.next() else { break };
                pacer.report(done, total).await?;
                let picture = self.scanned_picture(job, &dataset, item).await?;
                bytes += picture.as_ref().map_or(0, |picture| picture.rgb().len());
                round.insert(item, picture);
            }
            for taker in &mut takers {
                let items = taker.take(&round);
                done += items.len();
                forward += self.scan_round(job, taker, items, &round, pacer).await?;
                pacer.report(done, total).await?;
            }
        }
        port::send(&Reply::ScanDone { job, forward, total: pacer.worked(begun) });
        Ok(())
    }

    /// The networks of a scan, and all their pictures in order.
    fn takers(&self, parts: Vec<ScanPart>) -> Result<(Vec<Taker>, Vec<u32>), Failure> {
        let mut order: Vec<u32> = parts.iter().flat_map(|part| part.items.iter().copied()).collect();
        // Each picture where it comes first, so that the page may put those in sight in front.
        let mut seen = std::collections::HashSet::new();
        order.retain(|item| seen.insert(*item));
        let places: HashMap<u32, usize> = order.iter().enumerate().map(|(place, item)| (*item, place)).collect();
        let mut takers = Vec::new();
        for mut part in parts {
            let (network, info) = self.network(&part.model)?;
            part.items.sort_by_key(|item| places.get(item));
            part.items.dedup();
            takers.push(Taker { part, network, info, next: 0 });
        }
        Ok((takers, order))
    }

    /// A picture of a scan; one that cannot be read is no end of it.
    async fn scanned_picture(
        &self,
        job: Job,
        dataset: &Dataset,
        item: u32,
    ) -> Result<Result<Picture, UserError>, Failure> {
        match dataset.picture(job, item, self).await {
            Ok(picture) => Ok(Ok(picture)),
            Err(Failure::Error(error)) => Ok(Err(error)),
            Err(failure) => Err(failure),
        }
    }

    /// Runs the pictures of a round through one network; milliseconds of forward passes.
    async fn scan_round(
        &self,
        job: Job,
        taker: &Taker,
        items: Vec<u32>,
        round: &Round,
        pacer: &mut BackgroundPacer,
    ) -> Result<f64, Failure> {
        let mut forward = 0.0;
        let [channels, height, width] = taker.info.input;
        for items in items.chunks(batch::size(&taker.network)) {
            let (mut good, mut broken, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
            for &item in items {
                pacer.give_way().await?;
                let prepared = match round.get(&item) {
                    Some(Ok(picture)) => prepare(picture, &taker.info.preprocessing).map_err(|error| UserError {
                        what: error.what(),
                        place: error.place(),
                        advice: error.advice(),
                    }),
                    Some(Err(error)) => Err(error.clone()),
                    None => continue,
                };
                match prepared {
                    Ok(prepared) => {
                        good.push(item);
                        numbers.extend(prepared.tensor);
                    }
                    Err(error) => broken.push(BrokenItem { item, error }),
                }
            }
            let mut said = batch::Said::default();
            if !good.is_empty() {
                let input = Tensor::from_vec(numbers, &[good.len(), channels, height, width], taker.network.device());
                let (begun, others) = (port::now(), pacer.gave());
                said = batch::run(&taker.network, &input, taker.part.layer.as_deref(), pacer).await?;
                forward += port::now() - begun - (pacer.gave() - others);
            }
            let model = taker.part.model.clone();
            let reply = Reply::Scanned { job, model, items: good, activations: said.activations, broken };
            port::send_with(&reply, &[Attachment::Floats(&said.logits), Attachment::Floats(&said.features)]);
        }
        Ok(forward)
    }

    /// Explains many pictures by one method.
    pub async fn map_items(
        &self,
        job: Job,
        dataset: &DatasetId,
        parts: Vec<ScanPart>,
        spec: &ExplainSpec,
        side: u32,
        pacer: &mut BackgroundPacer,
    ) -> Result<(), Failure> {
        let dataset = self.dataset(dataset)?;
        let (mut takers, order) = self.takers(parts)?;
        let side = side.clamp(1, 64);
        let total: usize = takers.iter().map(|taker| taker.part.items.len()).sum();
        let begun = port::now();
        let (mut done, mut forward) = (0, 0.0);
        for item in order {
            let round = Round::from([(item, self.scanned_picture(job, &dataset, item).await?)]);
            for taker in &mut takers {
                if taker.take(&round).is_empty() {
                    continue;
                }
                pacer.report(done, total).await?;
                done += 1;
                let Some(Ok(picture)) = round.get(&item) else { continue };
                let Ok(prepared) = prepare(picture, &taker.info.preprocessing) else { continue };
                let [channels, height, width] = taker.info.input;
                let input = Tensor::from_vec(prepared.tensor, &[1, channels, height, width], taker.network.device());
                let (start, others) = (port::now(), pacer.gave());
                let tape = taker.network.forward(&input, pacer).await?;
                let logits = read_logits(&taker.network, &tape).await?;
                forward += port::now() - start - (pacer.gave() - others);
                let setting = Setting::new(taker.info.preprocessing.clone());
                let subject = Subject { network: &taker.network, tape: &tape, logits: &logits, setting: &setting };
                let outcome = explain(subject, spec, false, pacer).await?;
                let class = outcome.classes.first().copied().unwrap_or_default() as u32;
                let summed = Summed::of(&outcome).await?;
                let map = batch::shrink(&summed.map, [height, width], side as usize);
                let reply = Reply::Mapped { job, model: taker.part.model.clone(), item, class, side };
                port::send_with(&reply, &[Attachment::Floats(&map)]);
            }
        }
        port::send(&Reply::ScanDone { job, forward, total: pacer.worked(begun) });
        Ok(())
    }
}

impl Taker {
    /// Its next items, as far as they are in this round.
    fn take(&mut self, round: &Round) -> Vec<u32> {
        let rest = self.part.items.iter().skip(self.next);
        let items: Vec<u32> = rest.copied().take_while(|item| round.contains_key(item)).collect();
        self.next += items.len();
        items
    }
}
