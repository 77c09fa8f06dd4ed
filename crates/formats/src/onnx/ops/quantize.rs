//! Quantised values, computed in full precision.

use innspect_graph::{Activation, Op};

use super::{
    Inputs, Outcome,
    common::{identity, optional, same, tensor},
};
use crate::onnx::{
    attributes::Attributes,
    import::Importer,
    tensor::{Constant, Data},
};

pub(super) fn quantize(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let text = "Activations are quantised in the file; they are computed in full precision here.";
    if !importer.warnings.iter().any(|warning| warning == text) {
        importer.warnings.push(text.to_owned());
    }
    // Quantisers drop a ReLU before a quantisation whose smallest value stands for zero, since the clamp does its work.
    let clamps_at_zero = match optional(inputs, 2)? {
        Some(Constant { range: Some((low, _)), data: Data::Int(data), .. }) => data.iter().all(|value| value == low),
        Some(_) => false,
        // Without a zero point the type is unsigned and zero its smallest value, unless an attribute says otherwise.
        None => matches!(attributes.int_or("output_dtype", 0), 0 | 2 | 4),
    };
    if clamps_at_zero {
        return same(importer, Op::Activation(Activation::Relu), tensor(inputs, 0)?);
    }
    identity(importer, inputs)
}
