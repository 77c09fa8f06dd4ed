//! Attention as one operator.

use std::sync::Arc;

use innspect_graph::{Activation, Op, ValueId};

use super::{
    Inputs, Outcome,
    common::{bias, constant, constant_shape, optional, sampled, scalar, tensor, wrap},
};
use crate::onnx::{
    Refusal,
    attributes::{Attributes, size},
    import::{Importer, Tensor},
    tensor::Constant,
};

/// What a masked score is lowered by: after a softmax nothing is left, and no sum overflows.
const MASKED: f32 = -1e30;

/// How scores become weights.
struct Scores<'a> {
    scale: f32,
    /// Bound of a soft clipping, 0 for none.
    softcap: f32,
    /// Whether a token sees only itself and those before it.
    causal: bool,
    /// A summand, or truth values that say which scores count.
    mask: Option<&'a Constant>,
}

/// `softmax(scale · q · kᵀ) · v` of `[heads, tokens, features]` each.
fn attend(importer: &mut Importer, [query, key, value]: [ValueId; 3], scores: &Scores) -> Result<ValueId, Refusal> {
    let keys = importer.part("keys", Op::Transpose { permutation: vec![0, 2, 1] }, &[key])?;
    let mut id = importer.part("scores", Op::MatMul, &[query, keys])?;
    let dims = importer.builder.shape(id).dims().to_vec();
    let &[_, rows, columns] = dims.as_slice() else { return Err(Refusal::reason("its inputs are not matrices")) };
    let scale = scalar(importer, scores.scale, 3)?;
    id = importer.part("scaled", Op::Affine { scale: Some(scale), shift: None }, &[id])?;
    if scores.softcap != 0.0 {
        let (shrink, grow) = (scalar(importer, scores.softcap.recip(), 3)?, scalar(importer, scores.softcap, 3)?);
        id = importer.part("shrunk", Op::Affine { scale: Some(shrink), shift: None }, &[id])?;
        id = importer.part("softcap", Op::Activation(Activation::Tanh), &[id])?;
        id = importer.part("grown", Op::Affine { scale: Some(grow), shift: None }, &[id])?;
    }
    if let Some(mask) = scores.mask {
        let full = Tensor { id, full: [&[1], dims.as_slice()].concat(), batch: Some(0) };
        let shape = constant_shape(importer, &mask.dims, &full)?;
        let truth = mask.range == Some((0, 1));
        let name = format!("{}/mask", importer.output_name(0));
        let shift = importer.param(name, "mask", shape, || {
            let finite = |value: f32| value.max(MASKED);
            mask.floats().iter().map(|&value| if truth { (1.0 - value) * MASKED } else { finite(value) }).collect()
        })?;
        id = importer.part("masked", Op::Affine { scale: None, shift: Some(shift) }, &[id])?;
    }
    if scores.causal {
        importer.budget.charge(&[rows, columns])?;
        let mask: Arc<[f32]> =
            (0..rows * columns).map(|index| if index % columns > index / columns { MASKED } else { 0.0 }).collect();
        let name = format!("causal {rows} × {columns}");
        let shift = importer.param(name, "causal", vec![1, rows, columns], || mask)?;
        id = importer.part("causal", Op::Affine { scale: None, shift: Some(shift) }, &[id])?;
    }
    let weights = importer.part("weights", Op::Softmax { axis: 2 }, &[id])?;
    importer.part("mixed", Op::MatMul, &[weights, value])
}

/// `[tokens, heads · features]` as `[heads, tokens, features]`.
fn split_heads(importer: &mut Importer, part: &str, id: ValueId, heads: usize) -> Result<ValueId, Refusal> {
    let dims = importer.builder.shape(id).dims().to_vec();
    let &[tokens, width] = dims.as_slice() else {
        return Err(Refusal::reason(format!("an input has shape {dims:?} instead of tokens and features")));
    };
    if heads == 0 || !width.is_multiple_of(heads) {
        return Err(Refusal::reason(format!("{width} features do not make {heads} heads")));
    }
    let shape = vec![tokens, heads, width / heads];
    let id = importer.part(&format!("{part}/heads"), Op::Reshape { shape }, &[id])?;
    importer.part(&format!("{part}/order"), Op::Transpose { permutation: vec![1, 0, 2] }, &[id])
}

/// `[heads, tokens, features]` as `[tokens, heads · features]`, the result of the node.
fn join_heads(importer: &mut Importer, id: ValueId) -> Outcome {
    let dims = importer.builder.shape(id).dims().to_vec();
    let &[heads, tokens, width] = dims.as_slice() else { return Err(Refusal::reason("its heads are not matrices")) };
    let order = importer.part("order", Op::Transpose { permutation: vec![1, 0, 2] }, &[id])?;
    let id = importer.main(Op::Reshape { shape: vec![tokens, heads.saturating_mul(width)] }, &[order])?;
    wrap(importer, id, Some(0))
}

fn default_scale(importer: &Importer, query: ValueId) -> f32 {
    let width = importer.builder.shape(query).dims().last().copied().unwrap_or(1);
    (width as f32).sqrt().recip()
}

/// Refuses outputs and inputs of `Attention` that only language models use.
fn plain(importer: &Importer, inputs: &Inputs, outputs: usize, unused: &[usize]) -> Result<(), Refusal> {
    if (1..outputs).any(|index| importer.is_read(index)) {
        return Err(Refusal::reason("its keys, values or scores are used as outputs"));
    }
    match unused.iter().find(|&&index| inputs.get(index).is_some_and(Option::is_some)) {
        Some(index) => Err(Refusal::reason(format!("input {index} is not supported"))),
        None => Ok(()),
    }
}

/// The standard's `Attention`.
pub(super) fn attention(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    plain(importer, inputs, 4, &[4, 5, 6])?;
    let mut parts = Vec::new();
    let mut split = false;
    for (index, part, name) in [(0, "query", "q_num_heads"), (1, "key", "kv_num_heads"), (2, "value", "kv_num_heads")] {
        let input = sampled(importer, tensor(inputs, index)?)?;
        parts.push(match input.full.len() {
            4 => input.id,
            3 => {
                split = true;
                split_heads(importer, part, input.id, size(attributes.int_or(name, 0))?)?
            }
            _ => return Err(Refusal::reason(format!("an input has shape {:?}", input.full))),
        });
    }
    let &[query, key, value] = parts.as_slice() else { return Err(Refusal::reason("an input is missing")) };
    let heads = |id: ValueId| importer.builder.shape(id).dims().first().copied();
    if heads(query) != heads(key) || heads(key) != heads(value) {
        return Err(Refusal::reason("queries, keys and values with different numbers of heads are not supported"));
    }
    let scores = Scores {
        scale: attributes.float("scale").unwrap_or_else(|| default_scale(importer, query)),
        softcap: attributes.float_or("softcap", 0.0),
        causal: attributes.flag("is_causal", false),
        mask: optional(inputs, 3)?,
    };
    let id = attend(importer, [query, key, value], &scores)?;
    if split {
        return join_heads(importer, id);
    }
    let id = importer.main(Op::Affine { scale: None, shift: None }, &[id])?;
    wrap(importer, id, Some(0))
}

/// `Attention` of onnxruntime, with the projections to queries, keys and values in it.
pub(super) fn projected_attention(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    plain(importer, inputs, 2, &[3, 4, 5, 6])?;
    let input = sampled(importer, tensor(inputs, 0)?)?;
    let matrix = constant(inputs, 1)?;
    let &[features, width] = matrix.dims.as_slice() else {
        return Err(Refusal::reason(format!("its matrix has shape {:?}", matrix.dims)));
    };
    let heads = size(attributes.int_or("num_heads", 0))?;
    let widths = match attributes.ints("qkv_hidden_sizes") {
        Some(&[q, k, v]) => [size(q)?, size(k)?, size(v)?],
        _ => [width / 3; 3],
    };
    let name = importer.input_name(1);
    let weight = importer.param(name, "matmul", vec![features, width], || matrix.floats())?;
    let bias = bias(importer, inputs, 2)?;
    let all = importer.part("projection", Op::Dense { weight, bias }, &[input.id])?;
    let mut start = 0;
    let mut parts = Vec::new();
    for (part, width) in ["query", "key", "value"].into_iter().zip(widths) {
        let end = start + width;
        let id = importer.part(part, Op::Slice { axis: 1, start, end, step: 1 }, &[all])?;
        parts.push(split_heads(importer, part, id, heads)?);
        start = end;
    }
    let &[query, key, value] = parts.as_slice() else { return Err(Refusal::reason("an input is missing")) };
    let id = attend(importer, [query, key, value], &contributed(importer, attributes, query))?;
    join_heads(importer, id)
}

/// `MultiHeadAttention` of onnxruntime, with queries, keys and values by themselves.
pub(super) fn multi_head_attention(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    plain(importer, inputs, 3, &[4, 5, 6, 7])?;
    let heads = size(attributes.int_or("num_heads", 0))?;
    let addend = optional(inputs, 3)?;
    let mut start = 0usize;
    let mut parts = Vec::new();
    for (index, part) in ["query", "key", "value"].into_iter().enumerate() {
        let input = sampled(importer, tensor(inputs, index)?)?;
        let mut id = input.id;
        if let Some(addend) = addend {
            let width = input.full.last().copied().unwrap_or(0);
            let data = addend.floats();
            let own = data.get(start..start.saturating_add(width));
            let own: Arc<[f32]> = own.ok_or_else(|| Refusal::reason("its bias is too short"))?.into();
            let name = format!("{}/{part}", importer.input_name(3));
            let shift = importer.param(name, "bias", vec![1, width], || own)?;
            id = importer.part(&format!("{part}/bias"), Op::Affine { scale: None, shift: Some(shift) }, &[id])?;
            start += width;
        }
        parts.push(split_heads(importer, part, id, heads)?);
    }
    let &[query, key, value] = parts.as_slice() else { return Err(Refusal::reason("an input is missing")) };
    let id = attend(importer, [query, key, value], &contributed(importer, attributes, query))?;
    join_heads(importer, id)
}

/// The scores of onnxruntime's operators, whose scale may be given as 0 for the usual one.
fn contributed(importer: &Importer, attributes: Attributes, query: ValueId) -> Scores<'static> {
    let scale = attributes.float("scale").filter(|&scale| scale != 0.0);
    Scores {
        scale: scale.unwrap_or_else(|| default_scale(importer, query)),
        softcap: 0.0,
        causal: attributes.flag("unidirectional", false),
        mask: None,
    }
}
