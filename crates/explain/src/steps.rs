//! Methods that average a reverse pass over many variants of the input: noise and paths.
//!
//! Variants run in chunks sized by a memory budget; their results are added up on the device.

use innspect_engine::{Assigned, Composite, Copies, EngineError, Tensor};

use crate::{
    ExplainError, NoiseScale, NoiseSummary, Outcome, Start, Subject, Times, coalitions,
    monitor::{Chunk, Monitor, chunks},
    plan::{Quadrature, Reversal},
    reverse::{self, Way},
    target::{self, Aim},
};

/// A forward pass with its tape and a reverse pass hold about this many times the values of one.
const FORWARD_AND_BACK: f64 = 2.5;

/// One sample of the subject under a method of many steps.
pub(crate) struct Sample<'a> {
    pub subject: Subject<'a>,
    /// Which sample.
    pub index: usize,
    pub aim: Aim,
    pub seed: u64,
    /// What the outcome will be, for maps on the way; its attribution is replaced.
    pub draft: Outcome,
}

impl Sample<'_> {
    /// Shows a map on the way, where the outcome is of one sample.
    pub async fn show(
        &self,
        map: impl FnOnce() -> Tensor,
        done: usize,
        total: usize,
        monitor: &mut impl Monitor,
    ) -> Result<(), EngineError> {
        if self.subject.tape.batch() > 1 || done == total || !monitor.wants_map() {
            return Ok(());
        }
        monitor.show(&Outcome { attribution: map(), ..self.draft.clone() }, done, total).await
    }

    fn zeros(&self, x: &Tensor) -> Tensor {
        Tensor::full(0.0, &x.dims(), self.subject.network.device())
    }
}

/// SmoothGrad, SmoothGrad-squared and VarGrad of a reverse pass.
pub(crate) async fn noise(
    sample: &Sample<'_>,
    reversal: &Reversal,
    rules: &[Assigned],
    samples: usize,
    scale: NoiseScale,
    summary: NoiseSummary,
    monitor: &mut impl Monitor,
) -> Result<Tensor, ExplainError> {
    let subject = sample.subject;
    let network = subject.network;
    let x = subject.sample(sample.index);
    let sigma = match scale {
        NoiseScale::Absolute(sigma) => sigma,
        NoiseScale::OfRange(fraction) => {
            let values = x.read().await?;
            let low = values.iter().copied().fold(f32::INFINITY, f32::min);
            let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            fraction * (high - low).max(0.0)
        }
    };
    let way = Way::new(network, rules, reversal);
    let zeros = sample.zeros(&x);
    // Sums are over differences to the clean map, so that no noise gives exactly that map, and a variance of exactly 0.
    let clean = if summary == NoiseSummary::MeanSquare {
        zeros.clone()
    } else {
        let mut pacer = Chunk::beside(&mut *monitor, 0, samples);
        let tape = network.forward(&x, &mut pacer).await?;
        way.attribute(&tape, None, &[sample.aim], &mut pacer).await?.map
    };
    let (mut total, mut squares) = (zeros.clone(), zeros.clone());
    let finish = |total: &Tensor, squares: &Tensor, done: usize| {
        let share = 1.0 / done as f32;
        match summary {
            NoiseSummary::Mean => clean.add(&total.scale(share)),
            NoiseSummary::MeanSquare => squares.scale(share),
            NoiseSummary::Variance => {
                let mean = total.scale(share);
                squares.scale(share).sub(&mean.mul(&mean)).rectified()
            }
        }
    };
    for (done, count) in chunks(samples, subject.chunk(FORWARD_AND_BACK)) {
        let copies = Copies { seed: sample.seed as u32, first: done as u32, count };
        let mut chunk = Chunk { monitor: &mut *monitor, done, steps: count, total: samples, part: (0, 2) };
        let tape = network.forward(&x.with_noise(sigma, copies), &mut chunk).await?;
        chunk.part = (1, 2);
        let map = way.attribute(&tape, None, &vec![sample.aim; count], &mut chunk).await?.map;
        let ones = vec![1.0; count];
        if summary != NoiseSummary::MeanSquare {
            total = total.accumulate(&clean, &map, &ones, false);
        }
        if summary != NoiseSummary::Mean {
            squares = squares.accumulate(&clean, &map, &ones, true);
        }
        let done = done + count;
        // One copy has no variance.
        if summary != NoiseSummary::Variance || done >= 4 {
            sample.show(|| finish(&total, &squares, done), done, samples, monitor).await?;
        }
    }
    Ok(finish(&total, &squares, samples))
}

/// Integrated Gradients; also the score of the baseline.
pub(crate) async fn path(
    sample: &Sample<'_>,
    steps: usize,
    quadrature: Quadrature,
    baseline: &str,
    monitor: &mut impl Monitor,
) -> Result<(Tensor, f32), ExplainError> {
    let subject = sample.subject;
    let x = subject.sample(sample.index);
    let start = subject.baseline(&x, baseline, sample.seed).await?;
    let points = quadrature.points(steps);
    let mut beside = Chunk::beside(&mut *monitor, 0, points.len());
    let at_start = target::score(subject.network, &start, sample.aim, &mut beside).await?;
    let difference = x.sub(&start);
    let rules = reverse::resolve(subject, &Composite::gradient());
    let way = Way::new(subject.network, &rules, &plain_gradient());
    let zeros = sample.zeros(&x);
    let (mut total, mut weight) = (zeros.clone(), 0.0);
    for (done, count) in chunks(points.len(), subject.chunk(FORWARD_AND_BACK)) {
        let (at, weights): (Vec<f32>, Vec<f32>) = points[done..done + count].iter().copied().unzip();
        let mut chunk = Chunk { monitor: &mut *monitor, done, steps: count, total: points.len(), part: (0, 2) };
        let tape = subject.network.forward(&start.path_points(&x, &at), &mut chunk).await?;
        chunk.part = (1, 2);
        let gradient = way.attribute(&tape, None, &vec![sample.aim; count], &mut chunk).await?.map;
        total = total.accumulate(&zeros, &gradient, &weights, false);
        weight += weights.iter().sum::<f32>();
        let so_far = || total.mul(&difference).scale(1.0 / weight.max(f32::MIN_POSITIVE));
        sample.show(so_far, done + count, points.len(), monitor).await?;
    }
    Ok((total.mul(&difference), at_start.first().copied().unwrap_or_default()))
}

/// Expected Gradients over other pictures; also the mean score of those that were drawn.
pub(crate) async fn expected_path(
    sample: &Sample<'_>,
    samples: usize,
    monitor: &mut impl Monitor,
) -> Result<(Tensor, f32), ExplainError> {
    let subject = sample.subject;
    let x = subject.sample(sample.index);
    let others = others(sample);
    if others.is_empty() {
        return Err(ExplainError::NotApplicable {
            reason: "Expected Gradients starts its paths at other pictures; open some more.".into(),
        });
    }
    let rules = reverse::resolve(subject, &Composite::gradient());
    let way = Way::new(subject.network, &rules, &plain_gradient());
    let zeros = sample.zeros(&x);
    // Pictures take turns in a random order, and each gets its points at once.
    let mut rng = fastrand::Rng::with_seed(sample.seed);
    let order = coalitions::order(&mut rng, others.len());
    let used = others.len().min(samples);
    let (mut total, mut done, mut reference) = (zeros.clone(), 0, 0.0);
    for (turn, &picture) in order.iter().take(used).enumerate() {
        let own = samples / used + usize::from(turn < samples % used);
        let start = &others[picture];
        let mut gradients = zeros.clone();
        for (_, count) in chunks(own, subject.chunk(FORWARD_AND_BACK)) {
            let at: Vec<f32> = (0..count).map(|_| rng.f32()).collect();
            let mut chunk = Chunk { monitor: &mut *monitor, done, steps: count, total: samples, part: (0, 2) };
            let tape = subject.network.forward(&start.path_points(&x, &at), &mut chunk).await?;
            chunk.part = (1, 2);
            let gradient = way.attribute(&tape, None, &vec![sample.aim; count], &mut chunk).await?.map;
            gradients = gradients.accumulate(&zeros, &gradient, &vec![1.0; count], false);
            done += count;
        }
        total = total.add(&gradients.mul(&x.sub(start)));
        let mut beside = Chunk::beside(&mut *monitor, done, samples);
        let score = target::score(subject.network, start, sample.aim, &mut beside).await?;
        reference += own as f32 * score.first().copied().unwrap_or_default();
        sample.show(|| total.scale(1.0 / done as f32), done, samples, monitor).await?;
    }
    Ok((total.scale(1.0 / samples as f32), reference / samples as f32))
}

/// The other pictures of a sample: what the setting holds, else the rest of the batch.
pub(crate) fn others(sample: &Sample<'_>) -> Vec<Tensor> {
    let subject = sample.subject;
    if !subject.setting.pictures.is_empty() {
        return subject.setting.pictures.iter().map(|(_, picture)| picture.clone()).collect();
    }
    (0..subject.tape.batch()).filter(|&index| index != sample.index).map(|index| subject.sample(index)).collect()
}

/// The plain gradient of the target.
pub(crate) fn plain_gradient() -> Reversal {
    Reversal { composite: Composite::gradient(), start: Start::One, times: Times::One, baseline: None }
}
