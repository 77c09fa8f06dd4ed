//! What `explain` and `evaluate` are asked: options brought to the explanation's own terms.

use innspect_engine::{Device, Network, Tensor};
use innspect_explain::{Setting, find, methods};
use innspect_protocol::{Concept, ExplainSpec, LayerNeed, Neuron, ParamValue, Params, Target};

use crate::{
    args::Question,
    failure::Failure,
    input::{self, Batch},
    model::{self, Model},
    predict::{self, Pass},
};

/// A network that has run on what is explained.
pub struct Asked {
    /// The network's file.
    pub model: Model,
    /// The network.
    pub network: Network,
    /// Device.
    pub device: Device,
    /// The inputs.
    pub batch: Batch,
    /// The forward pass.
    pub pass: Pass,
    /// What surrounds the inputs.
    pub setting: Setting,
    /// One request a method.
    pub specs: Vec<ExplainSpec>,
}

/// Opens what is asked about and runs it forward. With `all` for a method, those that do not apply to the network are
/// left out.
pub fn ask(question: &Question) -> Result<Asked, Failure> {
    let model = model::open(&question.model)?;
    let all = question.method == ["all"];
    let ids: Vec<String> = if all {
        let fits = |id: &str| find(id).is_ok_and(|method| method.applicable(&model.graph).is_ok());
        methods().into_iter().map(|method| method.id).filter(|id| fits(id)).collect()
    } else {
        question.method.clone()
    };
    for id in &ids {
        find(id)?.applicable(&model.graph)?;
    }
    let specs = specs(&model, question, &ids)?;
    let batch = match (&question.input, &question.image) {
        (Some(file), _) => input::array(&model, file)?,
        (None, Some(file)) => input::pictures(&model, std::slice::from_ref(file))?,
        (None, None) => return Err(Failure::new("There is nothing to explain", "", "Give --image or --input.")),
    };
    let device = model::device(question.device)?;
    let network = model.on(&device)?;
    let mut setting = Setting::new(model.preprocessing.clone());
    let baselines = specs.iter().flat_map(|spec| spec.params.values()).filter_map(|value| match value {
        ParamValue::Text(text) => text.strip_prefix("picture:").map(Into::into),
        ParamValue::Number(_) => None,
    });
    for file in baselines.chain(question.pictures.iter().cloned()) {
        let prepared = input::pictures(&model, std::slice::from_ref(&file))?;
        let picture = Tensor::from_vec(prepared.data, &prepared.shape, &device);
        setting.pictures.push((file.display().to_string(), picture));
    }
    let pass = predict::forward(&network, &device, &batch)?;
    Ok(Asked { model, network, device, batch, pass, setting, specs })
}

fn specs(model: &Model, question: &Question, ids: &[String]) -> Result<Vec<ExplainSpec>, Failure> {
    let class = class(model, &question.class)?;
    let neuron = question.neuron.as_deref().map(neuron).transpose()?;
    let concept = question.concept.as_deref().map(concept).transpose()?;
    let target = target(model, &question.target)?;
    let params = params(&question.params)?;
    for name in params.keys() {
        let known = |id: &String| find(id).is_ok_and(|row| row.info().params.iter().any(|param| &param.name == name));
        if !ids.iter().any(known) {
            return Err(Failure::new(
                format!("No chosen method has a parameter {name:?}"),
                "",
                "innspect methods lists them.",
            ));
        }
    }
    ids.iter()
        .map(|id| {
            let info = find(id)?.info();
            // Without a layer of its own, a method takes layer and unit as what it explains.
            let target = match (info.layer, &question.layer, neuron) {
                (LayerNeed::None, Some(layer), Some(neuron)) => Target::Neuron { layer: layer.clone(), neuron },
                _ => target.clone(),
            };
            Ok(ExplainSpec {
                method: id.clone(),
                // With several methods a parameter goes to those that have it.
                params: params
                    .iter()
                    .filter(|(name, _)| ids.len() == 1 || info.params.iter().any(|param| &param.name == *name))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
                class,
                target,
                concept: concept.clone().filter(|_| ids.len() == 1 || info.concept),
                layer: question.layer.clone(),
                neuron,
                seed: question.seed,
            })
        })
        .collect()
}

/// `logit`, `probability`, `contrast` or `contrast:CLASS`.
fn target(model: &Model, text: &str) -> Result<Target, Failure> {
    match text.split_once(':') {
        None if text == "logit" => Ok(Target::Logit),
        None if text == "probability" => Ok(Target::Probability),
        None if text == "contrast" => Ok(Target::Contrast { against: None }),
        Some(("contrast", other)) => Ok(Target::Contrast { against: class(model, other)? }),
        _ => Err(Failure::new(
            format!("--target {text} is not understood"),
            "",
            "Give logit, probability, contrast or contrast:CLASS.",
        )),
    }
}

/// `LAYER:C,C`.
fn concept(text: &str) -> Result<Concept, Failure> {
    let refuse =
        || Failure::new(format!("--concept {text} is not understood"), "", "Give it as layer:channel,channel.");
    // Layer names may hold colons themselves.
    let (layer, channels) = text.rsplit_once(':').ok_or_else(refuse)?;
    let channels = channels.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>();
    Ok(Concept { layer: layer.into(), channels: channels.map_err(|_| refuse())? })
}

/// `top`, a number, or a name.
fn class(model: &Model, text: &str) -> Result<Option<usize>, Failure> {
    if text == "top" {
        return Ok(None);
    }
    if let Ok(class) = text.parse() {
        return Ok(Some(class));
    }
    let matches: Vec<usize> =
        (0..model.labels.len()).filter(|&class| model.labels[class].eq_ignore_ascii_case(text)).collect();
    match matches.as_slice() {
        [class] => Ok(Some(*class)),
        [] => Err(Failure::new(format!("{} has no class {text:?}", model.name), "", "Give its number.")),
        several => Err(Failure::new(format!("The classes {several:?} are all named {text:?}"), "", "Give a number.")),
    }
}

/// `C` or `C,Y,X`.
fn neuron(text: &str) -> Result<Neuron, Failure> {
    let refuse =
        || Failure::new(format!("--neuron {text} is not understood"), "", "Give channel, or channel,row,column.");
    let numbers: Vec<usize> =
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map_err(|_| refuse())?;
    match *numbers.as_slice() {
        [channel] => Ok(Neuron { channel, position: None }),
        [channel, row, column] => Ok(Neuron { channel, position: Some([row, column]) }),
        _ => Err(refuse()),
    }
}

/// `KEY=VALUE` pairs.
fn params(pairs: &[String]) -> Result<Params, Failure> {
    pairs
        .iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                Failure::new(format!("--param {pair} is not understood"), "", "Give it as name=value.")
            })?;
            let value = match value.parse() {
                Ok(number) => ParamValue::Number(number),
                Err(_) => ParamValue::Text(value.into()),
            };
            Ok((name.to_owned(), value))
        })
        .collect()
}
