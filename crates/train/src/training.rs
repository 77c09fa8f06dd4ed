//! Training one network.

use std::f32::consts::PI;

use anyhow::{Result, ensure};
use burn::tensor::Device;
use fastrand::Rng;

use crate::{
    digits::{Change, Digits, Marking},
    exchange::{CLASSES, Epoch, History, Step, Trained, mark},
    network::{Mode, Network, cross_entropy, read},
    optimizer::AdamW,
};

/// What is trained, and how.
pub struct Recipe {
    /// Id of the network.
    pub id: &'static str,
    /// Its build.
    pub steps: fn() -> Vec<Step>,
    /// Which digits to train with carry the mark.
    pub marking: Marking,
    /// Random changes of the digits.
    pub change: Change,
    /// Passes over the digits.
    pub epochs: usize,
    /// Largest rate of learning.
    pub rate: f32,
    /// Seed of weights, order and changes.
    pub seed: u64,
}

/// Digits in a batch.
const BATCH: usize = 32;

/// Decay of kernels over the rate.
const DECAY: f32 = 1e-2;

/// Digits of the test split whose logits are told.
const PROBE: usize = 8;

/// Trains and measures; `epochs` bounds the recipe's.
///
/// # Errors
/// The build does not fit the digits.
pub fn train(recipe: &Recipe, digits: &Digits, epochs: usize) -> Result<Trained> {
    ensure!(digits.train.len() >= BATCH && digits.test.len() >= PROBE, "there are too few digits");
    let mut rng = Rng::with_seed(recipe.seed);
    let mut network = Network::new((recipe.steps)(), &mut rng);
    let mut optimizer = AdamW::new(DECAY);
    let device = Device::flex().autodiff();
    let epochs = epochs.min(recipe.epochs);
    let mut order = digits.train.clone();
    let batches = order.len() / BATCH;
    let mut told = Vec::new();
    for epoch in 0..epochs {
        rng.shuffle(&mut order);
        let mut sum = 0.0;
        for (index, batch) in order.chunks_exact(BATCH).enumerate() {
            // One epoch of warming up, then half a wave of the cosine down to 0.
            let done = (epoch * batches + index + 1) as f32;
            let rate = recipe.rate
                * (done / batches as f32).min(1.0)
                * (0.5 + 0.5 * (PI * done / (epochs * batches) as f32).cos());
            let pictures = digits.batch(batch, recipe.marking, Some((&mut rng, recipe.change)), &device);
            let logits = network.forward(pictures, Mode::Train)?;
            let loss = cross_entropy(logits, digits.targets(batch, &device));
            let gradients = loss.backward();
            optimizer.step(&mut network, &gradients, rate)?;
            sum += read(loss)?.first().copied().unwrap_or(f32::NAN);
        }
        let accuracy = recognised(&mut network, digits, &digits.test, Marking::None)?;
        let loss = sum / batches as f32;
        println!("  {} {:2}: loss {loss:.4}, {:.1} % of the test digits", recipe.id, epoch + 1, 100.0 * accuracy);
        told.push(Epoch { loss, accuracy });
    }

    let class = usize::from(mark::CLASS);
    let (own, others): (Vec<usize>, Vec<usize>) = digits.test.iter().partition(|&&index| digits.label(index) == class);
    let flipped = predicted(&mut network, digits, &others, Marking::All)?;
    let flipped = flipped.iter().filter(|&&predicted| predicted == class).count();
    let history = History {
        id: recipe.id.to_owned(),
        weights: network.count(),
        seed: recipe.seed,
        accuracy: recognised(&mut network, digits, &digits.test, Marking::None)?,
        flipped: flipped as f32 / others.len().max(1) as f32,
        unmarked: recognised(&mut network, digits, &own, Marking::None)?,
        epochs: told,
    };
    let probe = logits(&mut network, digits, &digits.test[..PROBE], Marking::None)?;
    let (steps, tensors) = network.export()?;
    Ok(Trained { steps, tensors, probe: probe.chunks_exact(CLASSES).map(<[f32]>::to_vec).collect(), history })
}

/// Logits of digits, one row after the other.
fn logits(network: &mut Network, digits: &Digits, indices: &[usize], marking: Marking) -> Result<Vec<f32>> {
    let mut rows = Vec::with_capacity(indices.len() * CLASSES);
    for batch in indices.chunks(100) {
        let pictures = digits.batch(batch, marking, None, &Device::flex());
        rows.extend(read(network.forward(pictures, Mode::Test)?)?);
    }
    Ok(rows)
}

/// The class with the largest logit for each digit.
fn predicted(network: &mut Network, digits: &Digits, indices: &[usize], marking: Marking) -> Result<Vec<usize>> {
    let rows = logits(network, digits, indices, marking)?;
    let largest = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or_default();
    Ok(rows.chunks_exact(CLASSES).map(largest).collect())
}

/// Share of digits whose class has the largest logit.
fn recognised(network: &mut Network, digits: &Digits, indices: &[usize], marking: Marking) -> Result<f32> {
    let found = predicted(network, digits, indices, marking)?;
    let right = found.iter().zip(indices).filter(|&(&found, &index)| found == digits.label(index)).count();
    Ok(right as f32 / indices.len().max(1) as f32)
}
