//! Words for values of the protocol.

use innspect_graph::{ChannelOrder, Fit, Preprocessing, preprocessing::ResizeFilter};
use innspect_protocol::{
    Check, Colormap, Family, ParamValue, Params, Stage, StepProgress, SumCheck, SumRule, TargetKind,
};

use crate::pure::{form, format};

/// Heading of a group of methods.
pub fn family(family: Family) -> &'static str {
    match family {
        Family::Gradient => "Gradients",
        Family::Cam => "Class activation maps",
        Family::Lrp => "Layer-wise relevance propagation",
        Family::Baseline => "Differences from a baseline",
        Family::Pattern => "Learned signals",
        Family::Perturbation => "Hiding parts of the picture",
        Family::Activation => "Activations",
    }
}

/// What a job is doing.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "Waiting for its turn",
        Stage::Downloading => "Downloading",
        Stage::Reading => "Reading the file",
        Stage::Preparing => "Preparing the network",
        Stage::Forward => "Running forward",
        Stage::Explaining => "Explaining",
        Stage::Assessing => "Measuring",
        Stage::Scanning => "Scanning",
    }
}

/// How far a stage is, in words.
pub fn progress(current: Stage, done: u64, total: u64) -> String {
    match current {
        Stage::Downloading if done > 0 => format!("{} {}", stage(current), format::bytes_of(done, total)),
        _ if total > 0 && done > 0 => format!("{}, {} %", stage(current), done.min(total) * 100 / total),
        _ => stage(current).to_owned(),
    }
}

/// How far a method that computes in steps is.
pub fn steps(steps: StepProgress) -> String {
    format!("{} of {}", steps.done, steps.total)
}

/// How far it is and how long the rest takes.
pub fn steps_left(progress: StepProgress) -> String {
    let left = progress.seconds_left;
    let rest = match left {
        _ if !left.is_finite() || left < 0.0 || progress.done == 0 => String::new(),
        left if left < 1.0 => ", under a second left".to_owned(),
        left if left < 100.0 => format!(", about {left:.0} s left"),
        left => format!(", about {:.0} min left", (left / 60.0).max(2.0)),
    };
    format!("{}{rest}", steps(progress))
}

/// Name of a kind of target in forms and tests.
pub fn target_id(kind: Option<TargetKind>) -> &'static str {
    match kind {
        None => "logit",
        Some(TargetKind::Probability) => "probability",
        Some(TargetKind::Contrast) => "contrast",
        Some(TargetKind::Neuron) => "neuron",
    }
}

/// What is explained, in the list.
pub fn target(kind: Option<TargetKind>) -> &'static str {
    match kind {
        None => "Class score (logit)",
        Some(TargetKind::Probability) => "Probability",
        Some(TargetKind::Contrast) => "Rather than…",
        Some(TargetKind::Neuron) => "Layer unit",
    }
}

/// Why a chosen kind of target is not explained.
pub fn target_lacking(kind: TargetKind, method: &str) -> String {
    let what = match kind {
        TargetKind::Probability => "a probability",
        TargetKind::Contrast => "a class rather than another",
        TargetKind::Neuron => "a unit of a layer",
    };
    format!("{method} does not explain {what}; it explains the class score instead.")
}

/// The line under a card that says how well a sum is kept.
pub fn sum_error(check: SumCheck) -> String {
    let name = match check.rule {
        SumRule::Difference => "completeness",
        SumRule::Start | SumRule::Free => "conservation",
    };
    format!("{name} error {}", format::percent(check.error))
}

/// What a sum should be and what it is.
pub fn sum_sentence(check: SumCheck) -> String {
    let (start, sum) = (format::number(check.start), format::number(check.sum));
    let taken = check.absorbed.map(|taken| format!("; biases and stabilisers took {}", format::number(taken)));
    match check.rule {
        SumRule::Difference => {
            format!(
                "The score is {start} above that of the baseline, and the pixels sum to {sum}{}.",
                taken.unwrap_or_default()
            )
        }
        SumRule::Start | SumRule::Free => {
            format!("Relevance starts with {start}, and the pixels sum to {sum}{}.", taken.unwrap_or_default())
        }
    }
}

/// Name of a quality.
pub fn check(check: Check) -> &'static str {
    match check {
        Check::ClassSensitivity => "Dependence on the class layers",
        Check::Deletion => "Deletion and insertion",
        Check::Road => "Remove and debias (ROAD)",
        Check::MaxSensitivity => "Sensitivity to noise",
        Check::Randomisation => "Randomised weights",
    }
}

/// What a quality asks, in one sentence.
pub fn check_question(check: Check) -> &'static str {
    match check {
        Check::ClassSensitivity => {
            "Does the map change when the network's last layer is drawn at random, as it must if it explains a class?"
        }
        Check::Deletion => {
            "Does the class's probability fall fast as the most relevant pixels turn black, and rise fast as they come back to a blurred picture?"
        }
        Check::Road => {
            "Does filling in the most relevant pixels from their neighbours hurt the class more than filling in the least relevant ones?"
        }
        Check::MaxSensitivity => "How much does the map change at most when a little noise is laid over the picture?",
        Check::Randomisation => {
            "Does the map dissolve as the network's weights are randomised layer by layer from the top?"
        }
    }
}

/// Name of a colour map in the style sheet, `auto` resolved by the kind of map.
pub fn colormap(colormap: Colormap, signed: bool) -> &'static str {
    match colormap {
        Colormap::Auto if signed => "coolwarm",
        Colormap::Auto => "cividis",
        Colormap::Coolwarm => "coolwarm",
        Colormap::Seismic => "seismic",
        Colormap::Cividis => "cividis",
        Colormap::Grey => "grey",
    }
}

/// Parameters in one line.
pub fn params(params: &Params) -> String {
    let one = |(name, value): (&String, &ParamValue)| match value {
        ParamValue::Number(number) => format!("{name} {number}"),
        ParamValue::Text(text) => format!("{name} {text}"),
    };
    params.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// How a network's input is made, in one line.
pub fn preprocessing(steps: &Preprocessing) -> String {
    let [height, width] = steps.size;
    let channels = match steps.channels {
        ChannelOrder::Rgb => "RGB",
        ChannelOrder::Bgr => "BGR",
        ChannelOrder::Grey => "grey",
    };
    let fit = match steps.fit {
        Fit::CenterCrop { crop } if crop >= 0.999 => "centre crop".to_owned(),
        Fit::CenterCrop { crop } => format!("centre crop {}", format::percent(f64::from(crop))),
        Fit::Stretch => "stretched".to_owned(),
    };
    let filter = match steps.filter {
        ResizeFilter::Nearest => "nearest",
        ResizeFilter::Bilinear => "bilinear",
        ResizeFilter::Bicubic => "bicubic",
    };
    let scale = form::show_factor(steps.scale);
    let (mean, std) = (form::show_numbers(&steps.mean), form::show_numbers(&steps.std));
    format!("{width} × {height} {channels}, {fit}, {filter}; (pixel · {scale} − [{mean}]) / [{std}]")
}

/// Name of a named baseline.
pub fn baseline(name: &str) -> &str {
    match name {
        "black" => "Black",
        "white" => "White",
        "grey" => "Grey",
        "mean" => "Mean colour",
        "blur" => "Blurred",
        "noise" => "Noise",
        "zero" => "Zero input",
        other => other,
    }
}
