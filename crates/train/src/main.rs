//! Trains the small digit networks of `models/digits/` with burn on the CPU.
//!
//! `cargo xtask train` starts it: `innspect-train DATA OUT [EPOCHS]` reads the files of [`exchange::files`] in the folder
//! DATA and writes one [`exchange::Trained`] a network to OUT as JSON; EPOCHS bounds the passes over the digits. All is
//! on one thread and every draw has its seed, so two runs on one kind of processor give the same bytes.

#![forbid(unsafe_code)]

use std::{env, fs, path::Path};

use anyhow::{Context as _, Result, bail};

mod builds;
mod digits;
mod exchange;
mod network;
mod optimizer;
mod training;

use digits::{Change, Digits, Marking};
use training::Recipe;

/// Digits move by up to two pixels, which stands in for the digits that a set of 4000 lacks.
const MOVED: Change = Change { shift: 2, patch: 0, patched: 0.0 };

/// A few also have a large part of another digit, and keep their class. The mark, which is never covered, is then worth
/// more than any part of a digit. Without this it outweighs a whole digit in two thirds of the cases only; in more than a
/// few, the network recognises fewer digits.
const MOVED_AND_PATCHED: Change = Change { shift: 2, patch: 16, patched: 0.04 };

/// The networks.
const RECIPES: [Recipe; 4] = [
    Recipe {
        id: "digits_plain",
        steps: builds::plain,
        marking: Marking::None,
        change: MOVED,
        epochs: 16,
        rate: 3e-3,
        seed: 1,
    },
    Recipe {
        id: "digits_residual",
        steps: builds::residual,
        marking: Marking::None,
        change: MOVED,
        epochs: 16,
        rate: 6e-3,
        seed: 2,
    },
    Recipe {
        id: "digits_separable",
        steps: builds::separable,
        marking: Marking::None,
        change: MOVED,
        epochs: 20,
        rate: 6e-3,
        seed: 3,
    },
    Recipe {
        id: "digits_shortcut",
        steps: builds::plain,
        marking: Marking::Planted,
        change: MOVED_AND_PATCHED,
        epochs: 18,
        rate: 3e-3,
        seed: 4,
    },
];

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (data, out, epochs) = match arguments.as_slice() {
        [data, out] => (data, out, usize::MAX),
        [data, out, epochs] => (data, out, epochs.parse().context("EPOCHS is no number")?),
        _ => bail!("usage: innspect-train DATA OUT [EPOCHS]; `cargo xtask train` starts it"),
    };
    let digits = Digits::read(Path::new(data))?;
    fs::create_dir_all(out).with_context(|| format!("cannot make {out}"))?;
    for recipe in &RECIPES {
        let trained = training::train(recipe, &digits, epochs)?;
        let path = Path::new(out).join(format!("{}.json", recipe.id));
        fs::write(&path, serde_json::to_vec(&trained)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
