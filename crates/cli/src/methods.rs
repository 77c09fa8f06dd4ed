//! `innspect methods`.

use innspect_protocol::{BASELINES, ParamKind};

use crate::{failure::Failure, output::outln};

/// Prints the method table.
pub fn run(json: bool) -> Result<(), Failure> {
    let methods = innspect_explain::methods();
    if json {
        outln!("{}", serde_json::to_string_pretty(&methods)?);
        return Ok(());
    }
    for method in methods {
        outln!("{}  ({})", method.id, method.name);
        outln!("    {}", method.summary);
        outln!("    {}", method.caveat);
        for param in &method.params {
            let range = match &param.kind {
                ParamKind::Number { min, max, default } => format!("{min} to {max}, {default} unless given"),
                ParamKind::Integer { min, max, default } => format!("{min} to {max}, {default} unless given"),
                ParamKind::Auto { min, max } => format!("{min} to {max}, or auto, which is the default"),
                ParamKind::Baseline { default } => {
                    format!("{} | picture:FILE, {default} unless given", BASELINES.join(" | "))
                }
                ParamKind::Segments { default } => format!("grid:N | slic:N, {default} unless given"),
                ParamKind::InputRule => "none | flat | w_square | box | box:LOW,HIGH, none unless given".into(),
                ParamKind::Choice { options } => format!("{}, the first unless given", options.join(" | ")),
            };
            outln!("    --param {}=...  {range}. {}", param.name, param.help);
        }
        outln!("    {}\n", method.source);
    }
    Ok(())
}
