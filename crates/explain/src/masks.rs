//! Methods that hide parts of the picture and look at the score: masks, batched forward passes, and what becomes of the
//! scores.
//!
//! Masks depend on the seed and on their number only, so that all networks of a comparison are asked the same questions,
//! whatever the size of a chunk.

use innspect_dataset::{
    baseline::to_view,
    segments::{Segmentation, Segments},
};
use innspect_engine::Tensor;

use crate::{
    ExplainError, Masking,
    coalitions::{self, Coalitions},
    least_squares,
    monitor::{Chunk, Monitor, chunks},
    steps::{self, Sample},
    target,
};

/// Kernel width of LIME's weights, in units of the cosine distance (Ribeiro et al.'s own code).
const LIME_WIDTH: f64 = 0.25;
/// Ridge penalty of LIME's linear model (their code).
const LIME_PENALTY: f64 = 1.0;
/// Pictures that the network is thought to have seen, for the Laplace correction of probabilities (Zintgraf et al.'s
/// code).
const SEEN: f64 = 100_000.0;

/// Masks before which a map without its mean says nothing.
const FEW: usize = 8;

/// What came of a mask method on one sample.
pub(crate) struct Masked {
    /// `[1, 1, H, W]`.
    pub map: Tensor,
    /// The score of the baseline alone, for methods that share the difference out.
    pub reference: Option<f32>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// Carries a mask method out on one sample.
pub(crate) async fn explain(
    sample: &Sample<'_>,
    masking: &Masking,
    baseline: &str,
    monitor: &mut impl Monitor,
) -> Result<Masked, ExplainError> {
    let x = sample.subject.sample(sample.index);
    let base = sample.subject.baseline(&x, baseline, sample.seed).await?;
    let [_, height, width] = sample.subject.image_shape()?;
    let run = Masks { sample, x, base, height, width };
    match masking {
        Masking::Occlusion { window, stride } => run.occlusion(*window, *stride, monitor).await,
        Masking::PredictionDifference { window, stride, samples } => {
            run.prediction_difference(*window, *stride, *samples, monitor).await
        }
        Masking::Lime { segments, samples } => run.lime(segments, *samples, monitor).await,
        Masking::KernelShap { segments, samples } => run.kernel_shap(segments, *samples, monitor).await,
        Masking::Shapley { segments, samples } => run.shapley(segments, *samples, monitor).await,
        Masking::Rise { samples, cells, visible, centred } => {
            run.rise(*samples, *cells, *visible, *centred, monitor).await
        }
    }
}

struct Masks<'a> {
    sample: &'a Sample<'a>,
    x: Tensor,
    base: Tensor,
    height: usize,
    width: usize,
}

impl Masks<'_> {
    fn area(&self) -> usize {
        self.height * self.width
    }

    fn map(&self, values: Vec<f32>) -> Tensor {
        Tensor::from_vec(values, &[1, 1, self.height, self.width], self.sample.subject.network.device())
    }

    /// Scores of the picture under masks, `H · W` numbers each, with the baseline where they are 0.
    async fn scores(
        &self,
        masks: Vec<f32>,
        base: &Tensor,
        progress: (usize, usize),
        monitor: &mut impl Monitor,
    ) -> Result<(Vec<f32>, Tensor), ExplainError> {
        let count = masks.len() / self.area().max(1);
        let network = self.sample.subject.network;
        let masks = Tensor::from_vec(masks, &[count, 1, self.height, self.width], network.device());
        let (done, total) = progress;
        let mut chunk = Chunk { monitor, done, steps: count, total, part: (0, 1) };
        let variants = self.x.masked(base, &masks);
        Ok((target::score(network, &variants, self.sample.aim, &mut chunk).await?, masks))
    }

    fn chunk(&self) -> usize {
        self.sample.subject.chunk(1.0)
    }

    /// The score of the untouched picture and that of the baseline alone.
    async fn ends(&self, monitor: &mut impl Monitor) -> Result<(f32, f32), ExplainError> {
        let subject = self.sample.subject;
        let whole = target::known_score(subject, self.sample.index, self.sample.aim).await?;
        let mut beside = Chunk::beside(monitor, 0, 1);
        let none = target::score(subject.network, &self.base, self.sample.aim, &mut beside).await?;
        Ok((whole, none.first().copied().unwrap_or_default()))
    }

    /// 1 everywhere but in a window.
    fn hide(&self, [top, left, bottom, right]: [usize; 4], masks: &mut Vec<f32>) {
        let start = masks.len();
        masks.resize(start + self.area(), 1.0);
        for row in top..bottom {
            masks[start + row * self.width..][left..right].fill(0.0);
        }
    }

    async fn occlusion(
        &self,
        window: usize,
        stride: usize,
        monitor: &mut impl Monitor,
    ) -> Result<Masked, ExplainError> {
        let windows = coalitions::windows(self.height, self.width, window, stride);
        let whole = target::known_score(self.sample.subject, self.sample.index, self.sample.aim).await?;
        let mut cover = Cover::new(self.height, self.width);
        for (done, count) in chunks(windows.len(), self.chunk()) {
            let now = &windows[done..done + count];
            let mut masks = Vec::with_capacity(count * self.area());
            now.iter().for_each(|window| self.hide(*window, &mut masks));
            let (scores, _) = self.scores(masks, &self.base, (done, windows.len()), monitor).await?;
            now.iter().zip(&scores).for_each(|(window, score)| cover.add(*window, whole - score));
            self.sample.show(|| self.map(cover.mean()), done + count, windows.len(), monitor).await?;
        }
        Ok(Masked { map: self.map(cover.mean()), reference: None, notes: Vec::new() })
    }

    async fn prediction_difference(
        &self,
        window: usize,
        stride: usize,
        samples: usize,
        monitor: &mut impl Monitor,
    ) -> Result<Masked, ExplainError> {
        let others = steps::others(self.sample);
        if others.is_empty() {
            return Err(ExplainError::NotApplicable {
                reason: "Prediction Difference fills parts from other pictures; open some more.".into(),
            });
        }
        let mut order = coalitions::order(&mut fastrand::Rng::with_seed(self.sample.seed), others.len());
        order.truncate(samples);
        let windows = coalitions::windows(self.height, self.width, window, stride);
        let total = windows.len() * order.len();
        let classes = self.sample.subject.network.graph().classes() as f64;
        let whole = target::known_score(self.sample.subject, self.sample.index, self.sample.aim).await?;
        let mut sums = vec![0.0_f64; windows.len()];
        let evidence = |sums: &[f64], filled: usize| {
            let mut cover = Cover::new(self.height, self.width);
            for (window, sum) in windows.iter().zip(sums) {
                let without = sum / filled as f64;
                cover.add(*window, (log_odds(f64::from(whole), classes) - log_odds(without, classes)) as f32);
            }
            self.map(cover.mean())
        };
        for (turn, &other) in order.iter().enumerate() {
            for (first, count) in chunks(windows.len(), self.chunk()) {
                let mut masks = Vec::with_capacity(count * self.area());
                windows[first..first + count].iter().for_each(|window| self.hide(*window, &mut masks));
                let done = turn * windows.len() + first;
                let (scores, _) = self.scores(masks, &others[other], (done, total), monitor).await?;
                sums[first..].iter_mut().zip(&scores).for_each(|(sum, score)| *sum += f64::from(*score));
            }
            let done = (turn + 1) * windows.len();
            self.sample.show(|| evidence(&sums, turn + 1), done, total, monitor).await?;
        }
        let notes = vec![format!("Parts were filled from {} other pictures.", order.len())];
        Ok(Masked { map: evidence(&sums, order.len()), reference: None, notes })
    }

    /// The parts of the picture.
    async fn segments(&self, text: &str) -> Result<Segments, ExplainError> {
        let segmentation: Segmentation = text
            .parse()
            .map_err(|error| ExplainError::NotApplicable { reason: format!("The segments {text:?}: {error}") })?;
        let shape = self.sample.subject.image_shape()?;
        let view = to_view(&self.x.read().await?, shape, &self.sample.subject.setting.preprocessing);
        Ok(segmentation.cut(&view))
    }

    /// Scores of combinations of segments, the rest hidden. `each` sees the scores so far and may show a map.
    async fn combinations(
        &self,
        segments: &Segments,
        combinations: &Coalitions,
        so_far: impl Fn(&[f32]) -> Option<Vec<f32>>,
        monitor: &mut impl Monitor,
    ) -> Result<Vec<f32>, ExplainError> {
        let total = combinations.count();
        let mut scores = Vec::with_capacity(total);
        // A map on the way takes a regression, so it is made a few times only.
        let mut shown = 0;
        for (done, count) in chunks(total, self.chunk()) {
            let masks = (done..done + count)
                .map(|index| combinations.row(index))
                .flat_map(|visible| segments.labels.iter().map(|&label| f32::from(visible[label as usize])))
                .collect();
            scores.extend(self.scores(masks, &self.base, (done, total), monitor).await?.0);
            let done = done + count;
            if done >= 2 * shown.max(segments.count) && done < total && monitor.wants_map() {
                shown = done;
                if let Some(values) = so_far(&scores) {
                    self.sample.show(|| self.map(values), done, total, monitor).await?;
                }
            }
        }
        Ok(scores)
    }

    async fn lime(&self, segments: &str, samples: usize, monitor: &mut impl Monitor) -> Result<Masked, ExplainError> {
        let segments = self.segments(segments).await?;
        let combinations = coalitions::bernoulli(self.sample.seed, samples, segments.count, 0.5);
        let fit = |scores: &[f32]| {
            let used = (0..scores.len()).map(|index| combinations.row(index));
            let weights: Vec<f64> = used.clone().map(lime_weight).collect();
            let present: Vec<f64> = used.flatten().map(|&visible| f64::from(u8::from(visible))).collect();
            let scores: Vec<f64> = scores.iter().map(|score| f64::from(*score)).collect();
            let fit = least_squares::ridge(&present, segments.count, &scores, &weights, LIME_PENALTY).ok()?;
            Some(segments.labels.iter().map(|&label| fit.coefficients[label as usize] as f32).collect::<Vec<f32>>())
        };
        let scores = self.combinations(&segments, &combinations, fit, monitor).await?;
        let values = fit(&scores).ok_or_else(|| no_solution(samples, segments.count))?;
        let notes = vec![format!("{samples} combinations of {} segments were tried.", segments.count)];
        Ok(Masked { map: self.map(values), reference: None, notes })
    }

    async fn kernel_shap(
        &self,
        segments: &str,
        samples: usize,
        monitor: &mut impl Monitor,
    ) -> Result<Masked, ExplainError> {
        let segments = self.segments(segments).await?;
        let (drawn, weights) = coalitions::kernel(self.sample.seed, samples, segments.count);
        // All of them but none and all, each once.
        let exact = 1_u64.checked_shl(segments.count as u32).is_some_and(|all| drawn.count() as u64 == all - 2);
        let (whole, none) = self.ends(monitor).await?;
        let fit = |scores: &[f32]| {
            let scores: Vec<f64> = scores.iter().map(|score| f64::from(*score)).collect();
            let (present, weights) = (&drawn.present[..scores.len() * segments.count], &weights[..scores.len()]);
            let (none, whole) = (f64::from(none), f64::from(whole));
            let fit = least_squares::kernel_shap(present, segments.count, &scores, weights, none, whole).ok()?;
            Some((fit.coefficients, fit.underdetermined))
        };
        // All combinations come in the order of binary numbers, whose beginning says little.
        let so_far = |scores: &[f32]| if exact { None } else { Some(spread(&segments, &fit(scores)?.0)) };
        let scores = self.combinations(&segments, &drawn, so_far, monitor).await?;
        let (values, open) = fit(&scores).ok_or_else(|| no_solution(samples, segments.count))?;
        let mut notes = vec![if exact {
            format!(
                "All {} combinations of {} segments were tried: the shares are exact.",
                scores.len(),
                segments.count
            )
        } else {
            format!("{} combinations of {} segments were tried.", scores.len(), segments.count)
        }];
        if open {
            notes.push("They leave the shares partly open: take more samples or fewer segments.".into());
        }
        Ok(Masked { map: self.map(spread(&segments, &values)), reference: Some(none), notes })
    }

    async fn shapley(
        &self,
        segments: &str,
        samples: usize,
        monitor: &mut impl Monitor,
    ) -> Result<Masked, ExplainError> {
        let segments = self.segments(segments).await?;
        let count = segments.count;
        let (whole, none) = self.ends(monitor).await?;
        let orders: Vec<Vec<usize>> =
            (0..samples).map(|turn| coalitions::permutation(self.sample.seed, turn as u64, count)).collect();
        // The first and the last picture of every order are known, so each takes count - 1 passes.
        let each = count.saturating_sub(1);
        let total = each * orders.len();
        let mut shares = vec![0.0_f64; count];
        for (turn, order) in orders.iter().enumerate() {
            let prefixes = coalitions::prefixes(order);
            let mut scores = vec![f64::from(none)];
            for (first, number) in chunks(each, self.chunk()) {
                let masks = (first + 1..first + 1 + number)
                    .map(|size| prefixes.row(size))
                    .flat_map(|visible| segments.labels.iter().map(|&label| f32::from(visible[label as usize])))
                    .collect();
                let (passed, _) = self.scores(masks, &self.base, (turn * each + first, total), monitor).await?;
                scores.extend(passed.iter().map(|score| f64::from(*score)));
            }
            scores.push(f64::from(whole));
            shares.iter_mut().zip(coalitions::marginals(order, &scores)).for_each(|(share, own)| *share += own);
            let done = (turn + 1) as f64;
            let so_far = || self.map(spread(&segments, &shares.iter().map(|share| share / done).collect::<Vec<_>>()));
            self.sample.show(so_far, (turn + 1) * each, total, monitor).await?;
        }
        let orders = orders.len().max(1) as f64;
        shares.iter_mut().for_each(|share| *share /= orders);
        let notes = vec![format!("{orders} orders of {count} segments were tried.")];
        Ok(Masked { map: self.map(spread(&segments, &shares)), reference: Some(none), notes })
    }

    async fn rise(
        &self,
        samples: usize,
        cells: usize,
        visible: f32,
        centred: bool,
        monitor: &mut impl Monitor,
    ) -> Result<Masked, ExplainError> {
        let zeros = self.map(vec![0.0; self.area()]);
        let (mut weighted, mut shown, mut scored) = (zeros.clone(), zeros.clone(), 0.0);
        let finish = |weighted: &Tensor, shown: &Tensor, scored: f32, done: usize| {
            let mean = if centred { scored / done as f32 } else { 0.0 };
            weighted.sub(&shown.scale(mean)).scale(1.0 / (done as f32 * visible))
        };
        for (done, count) in chunks(samples, self.chunk()) {
            let share = f64::from(visible);
            let mask =
                |index| coalitions::rise_mask(self.sample.seed, index as u64, cells, share, self.height, self.width);
            let masks = (done..done + count).flat_map(mask).collect();
            let (scores, masks) = self.scores(masks, &self.base, (done, samples), monitor).await?;
            weighted = weighted.accumulate(&zeros, &masks, &scores, false);
            if centred {
                shown = shown.accumulate(&zeros, &masks, &vec![1.0; count], false);
            }
            scored += scores.iter().sum::<f32>();
            let done = done + count;
            // The mean of a few scores is nearly each of them: nothing would be left.
            if !centred || done >= FEW {
                self.sample.show(|| finish(&weighted, &shown, scored, done), done, samples, monitor).await?;
            }
        }
        Ok(Masked { map: finish(&weighted, &shown, scored, samples), reference: None, notes: Vec::new() })
    }
}

/// Values of windows, averaged over the windows on each pixel.
struct Cover {
    width: usize,
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl Cover {
    fn new(height: usize, width: usize) -> Self {
        Self { width, sums: vec![0.0; height * width], counts: vec![0; height * width] }
    }

    fn add(&mut self, [top, left, bottom, right]: [usize; 4], value: f32) {
        for row in top..bottom {
            let cells = row * self.width + left..row * self.width + right;
            self.sums[cells.clone()].iter_mut().for_each(|sum| *sum += f64::from(value));
            self.counts[cells].iter_mut().for_each(|count| *count += 1);
        }
    }

    fn mean(&self) -> Vec<f32> {
        self.sums.iter().zip(&self.counts).map(|(sum, count)| (sum / f64::from((*count).max(1))) as f32).collect()
    }
}

/// Each segment's value spread evenly over its pixels, so that the map adds up to the sum of the values.
fn spread(segments: &Segments, values: &[f64]) -> Vec<f32> {
    let sizes = segments.sizes();
    segments.labels.iter().map(|&label| (values[label as usize] / sizes[label as usize].max(1) as f64) as f32).collect()
}

/// LIME's weight of a combination: `sqrt(exp(-d² / width²))` with the cosine distance `d` to all segments.
fn lime_weight(visible: &[bool]) -> f64 {
    let shown = visible.iter().filter(|visible| **visible).count() as f64;
    let distance = 1.0 - (shown / visible.len().max(1) as f64).sqrt();
    (-distance * distance / (LIME_WIDTH * LIME_WIDTH)).exp().sqrt()
}

/// Base-2 log odds of a probability after Laplace's correction.
fn log_odds(probability: f64, classes: f64) -> f64 {
    let corrected = (probability * SEEN + 1.0) / (SEEN + classes);
    (corrected / (1.0 - corrected)).log2()
}

fn no_solution(samples: usize, segments: usize) -> ExplainError {
    ExplainError::NotApplicable {
        reason: format!("{samples} samples are too few for {segments} segments; take more samples or fewer segments."),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cover, lime_weight, log_odds};

    #[test]
    fn pixels_get_the_mean_of_the_windows_on_them() {
        let mut cover = Cover::new(1, 4);
        cover.add([0, 0, 1, 3], 3.0);
        cover.add([0, 1, 1, 4], 1.0);
        assert_eq!(cover.mean(), [3.0, 2.0, 2.0, 1.0]);
    }

    #[test]
    fn the_whole_picture_weighs_most() {
        assert_eq!(lime_weight(&[true; 4]), 1.0);
        // Distance 1 - 1/2, so exp(-(0.5)² / 0.0625) = exp(-4), and its root exp(-2).
        assert!((lime_weight(&[true, false, false, false]) - (-2.0_f64).exp()).abs() < 1e-12);
    }

    #[test]
    fn log_odds_stay_finite_at_the_ends() {
        assert!(log_odds(0.0, 10.0).is_finite() && log_odds(1.0, 10.0).is_finite());
        assert!(log_odds(0.5, 2.0).abs() < 1e-9);
    }
}
