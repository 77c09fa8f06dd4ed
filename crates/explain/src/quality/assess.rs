//! Carrying a check out.

use innspect_dataset::baseline::{Baseline, blur};
use innspect_engine::{EngineError, Pacer, Tensor};
use innspect_protocol::{Assessment, Check, Curve, ExplainSpec, Randomised};

use super::{measures, randomise, road};
use crate::{
    ExplainError, Monitor, Setting, Subject,
    coalitions::stream,
    explain,
    monitor::chunks,
    read_logits,
    target::{self, Aim},
};

/// Points of the deletion and insertion curves: 28 steps of 224 · 8 pixels at 224 × 224 (Petsiuk et al.'s own code).
const CURVE_STEPS: usize = 28;
/// The blur that insertion starts from, in pixels (their code).
const INSERTION_SIGMA: f32 = 5.0;
/// Shares of ROAD.
const ROAD_SHARES: [f32; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// Largest change of a pixel for max-sensitivity, as a share of the range of the input.
const RADIUS: f32 = 0.02;
/// Noisy pictures for max-sensitivity (Captum's default).
const NOISY: u32 = 10;
/// Maps with two random last layers more alike than this make a method insensitive to the layers above (our threshold).
const INSENSITIVE: f64 = 0.9;

/// A check's result on one map.
pub type Assessed = Result<Assessment, ExplainError>;

/// Measures a quality of the map of sample 0. `map` is that map summed over channels, `[H, W]`; `spec` says how it was
/// made, for the checks that make it anew.
///
/// # Errors
/// [`ExplainError`]; [`EngineError::Cancelled`] inside it if the monitor stops the work.
pub async fn assess(
    subject: Subject<'_>,
    spec: &ExplainSpec,
    map: &[f32],
    check: Check,
    monitor: &mut impl Monitor,
) -> Assessed {
    let classes = target::explained_classes(subject, spec.class)?;
    let class = classes.first().copied().unwrap_or_default();
    let checked = Checked { subject, spec, map, class, shape: subject.image_shape()? };
    match check {
        Check::Deletion => checked.deletion(monitor).await,
        Check::Road => checked.road(monitor).await,
        Check::MaxSensitivity => checked.max_sensitivity(monitor).await,
        Check::Randomisation => checked.randomisation(monitor).await,
        Check::ClassSensitivity => checked.class_sensitivity(monitor).await,
    }
}

struct Checked<'a> {
    subject: Subject<'a>,
    spec: &'a ExplainSpec,
    map: &'a [f32],
    class: usize,
    shape: [usize; 3],
}

/// The pacer of one step of several.
struct Part<'a, M> {
    monitor: &'a mut M,
    done: usize,
    total: usize,
}

const FINENESS: usize = 100;

impl<M: Monitor> Pacer for Part<'_, M> {
    async fn pace(&mut self, done: usize, total: usize) -> Result<(), EngineError> {
        let inside = FINENESS * done / total.max(1);
        self.monitor.pace(self.done * FINENESS + inside, self.total * FINENESS).await
    }
}

impl<M: Monitor> Monitor for Part<'_, M> {
    fn wants_map(&mut self) -> bool {
        false
    }

    async fn show(&mut self, _so_far: &crate::Outcome, _done: usize, _total: usize) -> Result<(), EngineError> {
        Ok(())
    }
}

impl Checked<'_> {
    /// Pixels from the most to the least relevant; equal ones in the order of the picture.
    fn order(&self) -> Vec<usize> {
        let key = |pixel: usize| if self.map[pixel].is_nan() { f32::NEG_INFINITY } else { self.map[pixel] };
        let mut order: Vec<usize> = (0..self.map.len()).collect();
        order.sort_by(|&a, &b| key(b).total_cmp(&key(a)).then(a.cmp(&b)));
        order
    }

    fn input(&self) -> Tensor {
        self.subject.sample(0)
    }

    /// The class's probability for each of many pictures.
    async fn probabilities(
        &self,
        pictures: &[Vec<f32>],
        progress: (usize, usize),
        monitor: &mut impl Monitor,
    ) -> Result<Vec<f32>, ExplainError> {
        let network = self.subject.network;
        let [channels, height, width] = self.shape;
        let mut all = Vec::with_capacity(pictures.len());
        for (first, count) in chunks(pictures.len(), self.subject.chunk(1.0)) {
            let batch = Tensor::from_vec(
                pictures[first..first + count].concat(),
                &[count, channels, height, width],
                network.device(),
            );
            let mut part = Part { monitor: &mut *monitor, done: progress.0 + first, total: progress.1 };
            all.extend(target::score(network, &batch, Aim::Score(self.class), &mut part).await?);
        }
        Ok(all)
    }

    async fn deletion(&self, monitor: &mut impl Monitor) -> Assessed {
        let x = self.input().read().await?;
        let [channels, height, width] = self.shape;
        let area = height * width;
        let not_applicable = |error: innspect_dataset::baseline::BaselineError| ExplainError::NotApplicable {
            reason: error.to_string(),
        };
        let black =
            Baseline::Black.make(&x, self.shape, &self.subject.setting.preprocessing, 0).map_err(not_applicable)?;
        let blurred = blur(&x, self.shape, INSERTION_SIGMA);
        let order = self.order();
        let shares: Vec<f32> = (0..=CURVE_STEPS).map(|step| step as f32 / CURVE_STEPS as f32).collect();
        let total = 2 * shares.len();
        let mut curves = Vec::new();
        for (turn, (from, to)) in [(&x, &black), (&blurred, &x)].into_iter().enumerate() {
            let pictures: Vec<Vec<f32>> = shares
                .iter()
                .map(|share| {
                    let mut picture = from.clone();
                    for &pixel in &order[..(share * area as f32).round() as usize] {
                        for channel in 0..channels {
                            picture[channel * area + pixel] = to[channel * area + pixel];
                        }
                    }
                    picture
                })
                .collect();
            let scores = self.probabilities(&pictures, (turn * shares.len(), total), monitor).await?;
            curves.push(curve(shares.clone(), scores));
        }
        let insertion = curves.pop().unwrap_or_else(|| curve(Vec::new(), Vec::new()));
        let deletion = curves.pop().unwrap_or_else(|| curve(Vec::new(), Vec::new()));
        Ok(Assessment::Deletion { deletion, insertion })
    }

    async fn road(&self, monitor: &mut impl Monitor) -> Assessed {
        let x = self.input().read().await?;
        let order = self.order();
        let (area, total) = (order.len(), 2 * ROAD_SHARES.len());
        let mut curves = Vec::new();
        for turn in 0..2 {
            let mut scores = Vec::new();
            for (index, share) in ROAD_SHARES.iter().enumerate() {
                let count = (share * area as f32).round() as usize;
                let gone = if turn == 0 { &order[..count] } else { &order[area - count..] };
                let mut removed = vec![false; area];
                gone.iter().for_each(|&pixel| removed[pixel] = true);
                let filled = road::impute(&x, self.shape, &removed, road::NOISE, self.spec.seed);
                let done = turn * ROAD_SHARES.len() + index;
                scores.extend(self.probabilities(&[filled], (done, total), monitor).await?);
            }
            curves.push(curve(ROAD_SHARES.to_vec(), scores));
        }
        let least = curves.pop().unwrap_or_else(|| curve(Vec::new(), Vec::new()));
        let most = curves.pop().unwrap_or_else(|| curve(Vec::new(), Vec::new()));
        let differences = least.scores.iter().zip(&most.scores).map(|(least, most)| (least - most) / 2.0);
        let score = differences.sum::<f32>() / ROAD_SHARES.len() as f32;
        Ok(Assessment::Road { most, least, score })
    }

    /// The map of another input or network, summed over channels.
    async fn map_of(
        &self,
        network: &innspect_engine::Network,
        input: &Tensor,
        (done, total): (usize, usize),
        monitor: &mut impl Monitor,
    ) -> Result<Vec<f32>, ExplainError> {
        // Each map takes a forward pass and what its method takes.
        let mut part = Part { monitor, done: 2 * done, total: 2 * total };
        let tape = network.forward(input, &mut part).await?;
        part.done += 1;
        let logits = read_logits(network, &tape).await?;
        let setting: &Setting = self.subject.setting;
        let subject = Subject { network, tape: &tape, logits: &logits, setting };
        // The class stays the one that was explained.
        let spec = ExplainSpec { class: Some(self.class), ..self.spec.clone() };
        let outcome = Box::pin(explain(subject, &spec, false, &mut part)).await?;
        Ok(outcome.attribution.sum_dim(1).read().await?)
    }

    async fn max_sensitivity(&self, monitor: &mut impl Monitor) -> Assessed {
        let x = self.input().read().await?;
        let dims = self.input().dims();
        let low = x.iter().copied().fold(f32::INFINITY, f32::min);
        let high = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let reach = RADIUS * (high - low).max(0.0);
        let mut rng = stream(self.spec.seed, 0);
        let mut largest = 0.0_f64;
        for done in 0..NOISY as usize {
            let moved = x.iter().map(|value| value + reach * (2.0 * rng.f32() - 1.0)).collect();
            let input = Tensor::from_vec(moved, &dims, self.subject.network.device());
            let map = self.map_of(self.subject.network, &input, (done, NOISY as usize), monitor).await?;
            largest = largest.max(measures::relative_change(self.map, &map));
        }
        if !largest.is_finite() {
            return Err(ExplainError::NotApplicable {
                reason: "The map is empty, so there is nothing to compare changes with.".into(),
            });
        }
        Ok(Assessment::MaxSensitivity { value: largest as f32, radius: RADIUS, samples: NOISY })
    }

    async fn randomisation(&self, monitor: &mut impl Monitor) -> Assessed {
        let network = self.subject.network;
        let graph = network.graph();
        let stages = randomise::stages(graph);
        let [_, height, width] = self.shape;
        let absolute = |map: &[f32]| map.iter().map(|value| value.abs()).collect::<Vec<f32>>();
        let original = absolute(self.map);
        let (mut steps, mut layers) = (Vec::new(), Vec::new());
        for (done, stage) in stages.iter().enumerate() {
            layers.extend_from_slice(stage);
            let changed = randomise::randomised(network, &layers, self.spec.seed)?;
            let map = absolute(&self.map_of(&changed, &self.input(), (done, stages.len()), monitor).await?);
            steps.push(Randomised {
                layer: stage.last().map(|&id| graph.node(id).name.clone()).unwrap_or_default(),
                rank_correlation: measures::spearman(&original, &map) as f32,
                structural_similarity: measures::structural_similarity(&original, &map, height, width) as f32,
            });
        }
        Ok(Assessment::Randomisation { steps })
    }

    /// The map of the class as the network is, against that with another last layer: the top of the network is drawn
    /// anew twice, and the two maps are compared.
    async fn class_sensitivity(&self, monitor: &mut impl Monitor) -> Assessed {
        let network = self.subject.network;
        let top = randomise::last_layer(network.graph());
        let mut maps = Vec::new();
        for done in 0..2 {
            let changed = randomise::randomised(network, &top, self.spec.seed.wrapping_add(1 + done as u64))?;
            maps.push(self.map_of(&changed, &self.input(), (done, 2), monitor).await?);
        }
        // Up to the sign, which a decomposition takes from the score.
        let similarity = measures::cosine(&maps[0], &maps[1]).abs();
        Ok(Assessment::ClassSensitivity { similarity: similarity as f32, insensitive: similarity > INSENSITIVE })
    }
}

fn curve(shares: Vec<f32>, scores: Vec<f32>) -> Curve {
    let area = measures::area(&shares, &scores) as f32;
    Curve { shares, scores, area }
}
