//! AdamW (Loshchilov and Hutter 2019, algorithm 2) over all weights of a network.
//!
//! burn's optimizers want a network whose weights are fields of a type; here they are a list, because the steps are data.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use burn::tensor::{Gradients, Tensor};

use crate::network::Network;

const BETA: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

/// The optimizer and its moments.
pub struct AdamW {
    /// Share of a weight that is taken away at a step, over the rate.
    decay: f32,
    steps: i32,
    /// Moving means of the gradient and of its square, by weight.
    moments: BTreeMap<String, [Tensor<1>; 2]>,
}

impl AdamW {
    /// Starts without moments.
    pub fn new(decay: f32) -> Self {
        Self { decay, steps: 0, moments: BTreeMap::new() }
    }

    /// Changes all weights by one step at this rate.
    ///
    /// # Errors
    /// A weight has no gradient.
    pub fn step(&mut self, network: &mut Network, gradients: &Gradients, rate: f32) -> Result<()> {
        self.steps += 1;
        let corrections = BETA.map(|beta| 1.0 - beta.powi(self.steps));
        let mut changed = Vec::new();
        for (name, weight) in network.weights() {
            let gradient = weight.grad(gradients).with_context(|| format!("{name} has no gradient"))?;
            let square = gradient.clone() * gradient.clone();
            let [first, second] = match self.moments.remove(name) {
                Some([first, second]) => {
                    [first * BETA[0] + gradient * (1.0 - BETA[0]), second * BETA[1] + square * (1.0 - BETA[1])]
                }
                None => [gradient * (1.0 - BETA[0]), square * (1.0 - BETA[1])],
            };
            self.moments.insert(name.to_owned(), [first.clone(), second.clone()]);
            let direction = (first / corrections[0]) / ((second / corrections[1]).sqrt() + EPSILON);
            let values = weight.clone().inner();
            // Decay is for kernels; a bias or a factor of a normalisation has a scale of its own.
            let kept = if name.ends_with(".bias") { 1.0 } else { 1.0 - rate * self.decay };
            changed.push((name.to_owned(), values * kept - direction * rate));
        }
        for (name, values) in changed {
            network.replace(&name, values);
        }
        Ok(())
    }
}
