//! `innspect evaluate`.

use innspect_engine::Unpaced;
use innspect_explain::{Subject, explain, quality};
use innspect_protocol::{Assessment, Check, SumCheck};
use serde::Serialize;

use crate::{args::EvaluateOptions, failure::Failure, output::outln, question};

#[derive(Serialize)]
struct Evaluation {
    method: String,
    class: usize,
    target: String,
    /// Gini index of the absolute values, 0 to 1.
    sparseness: f64,
    /// Entropy of the absolute values over that of an even map, 0 to 1.
    complexity: f64,
    /// Whether the map adds up to what it should.
    sum: Option<SumCheck>,
    checks: Vec<Assessment>,
}

/// Explains the first sample, measures and prints.
pub fn run(options: &EvaluateOptions) -> Result<(), Failure> {
    let checks = checks(&options.check)?;
    let asked = question::ask(&options.question)?;
    let pass = &asked.pass;
    if asked.batch.names.len() != 1 {
        return Err(Failure::new(
            format!("There are {} inputs, and one is evaluated at a time", asked.batch.names.len()),
            "",
            "Give a picture, or an array with one sample.",
        ));
    }
    let subject = Subject { network: &asked.network, tape: &pass.tape, logits: &pass.logits, setting: &asked.setting };
    let mut evaluations = Vec::new();
    for spec in &asked.specs {
        let outcome = pollster::block_on(explain(subject, spec, false, &mut Unpaced))?;
        let map = pollster::block_on(outcome.attribution.sum_dim(1).read())?;
        let total = map.iter().map(|&value| f64::from(value)).sum();
        let mut results = Vec::new();
        for &check in &checks {
            results.push(pollster::block_on(quality::assess(subject, spec, &map, check, &mut Unpaced))?);
        }
        evaluations.push(Evaluation {
            method: spec.method.clone(),
            class: outcome.classes[0],
            target: outcome.targets[0].clone(),
            sparseness: quality::measures::gini(&map),
            complexity: quality::measures::complexity(&map),
            sum: outcome.balance.as_ref().map(|balance| balance.check(0, total)),
            checks: results,
        });
        if !options.json {
            evaluations.iter().next_back().into_iter().for_each(print);
        }
    }
    if options.json {
        outln!("{}", serde_json::to_string_pretty(&evaluations)?);
    }
    Ok(())
}

fn checks(names: &[String]) -> Result<Vec<Check>, Failure> {
    if names.is_empty() {
        return Ok(Check::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            Check::ALL.into_iter().find(|check| check.id() == name).ok_or_else(|| {
                let known: Vec<&str> = Check::ALL.iter().map(|check| check.id()).collect();
                Failure::new(format!("There is no check {name:?}"), "", format!("There are {}.", known.join(", ")))
            })
        })
        .collect()
}

fn print(evaluation: &Evaluation) {
    outln!("{} of {}", evaluation.method, evaluation.target);
    outln!("  sparseness {:.3}   complexity {:.3}", evaluation.sparseness, evaluation.complexity);
    if let Some(sum) = &evaluation.sum {
        outln!("  sum {:.4} of {:.4} (error {:.2} %)", sum.sum, sum.start, 100.0 * sum.error);
    }
    for check in &evaluation.checks {
        match check {
            Assessment::Deletion { deletion, insertion } => {
                outln!(
                    "  deletion {:.4} (small is good)   insertion {:.4} (large is good)",
                    deletion.area,
                    insertion.area
                );
            }
            Assessment::Road { most, least, score } => outln!(
                "  ROAD {score:.4} (large is good; most relevant first {:.4}, least relevant first {:.4})",
                most.area,
                least.area
            ),
            Assessment::MaxSensitivity { value, radius, samples } => {
                outln!("  max-sensitivity {value:.3} (small is good; {samples} pictures within {radius} of the range)")
            }
            Assessment::Randomisation { steps } => {
                outln!("  randomised from the top down to: rank correlation, structural similarity");
                for step in steps {
                    outln!("    {}: {:.3}, {:.3}", step.layer, step.rank_correlation, step.structural_similarity);
                }
            }
            Assessment::ClassSensitivity { similarity, insensitive } => outln!(
                "  similarity of the maps of two random last layers {similarity:.3}{}",
                if *insensitive { ": hardly depends on them" } else { "" }
            ),
        }
    }
}
