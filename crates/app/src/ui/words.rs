//! Words for values of the protocol.

use innspect_graph::{ChannelOrder, Fit, Preprocessing, preprocessing::ResizeFilter};
use innspect_protocol::{Colormap, Family, ParamValue, Params, Stage};

use crate::pure::{form, format};

/// Heading of a group of methods.
pub fn family(family: Family) -> &'static str {
    match family {
        Family::Gradient => "Gradients",
        Family::Cam => "Class activation maps",
        Family::Lrp => "Layer-wise relevance propagation",
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
