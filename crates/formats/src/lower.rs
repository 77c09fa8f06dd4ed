//! Layers that several formats know and the graph does not, in the ops they consist of.

use innspect_graph::{Activation, BinaryKind, Op, ParamId, ReduceKind, ValueId};

/// `(x - mean) / sqrt(variance + epsilon)` over `axes` of the sample, or `x / sqrt(mean of x² + epsilon)` if it is not
/// `centred`: layer normalisation (Ba et al. 2016) and its form by the root mean square (Zhang & Sennrich 2019), without
/// factor and summand.
///
/// `epsilon` is a parameter of one element that broadcasts to the sample. `add` puts an op into the graph; it is told
/// what the op's part in the normalisation is.
pub(crate) fn normalize<E>(
    input: ValueId,
    axes: Vec<usize>,
    epsilon: ParamId,
    centred: bool,
    mut add: impl FnMut(&str, Op, &[ValueId]) -> Result<ValueId, E>,
) -> Result<ValueId, E> {
    let mean = Op::Reduce { kind: ReduceKind::Mean, axes, keep_dims: true };
    let centred = if centred {
        let average = add("mean", mean.clone(), &[input])?;
        add("centred", Op::Binary(BinaryKind::Sub), &[input, average])?
    } else {
        input
    };
    let square = add("square", Op::Activation(Activation::Pow { exponent: 2.0 }), &[centred])?;
    let variance = add("variance", mean, &[square])?;
    let padded = add("epsilon", Op::Affine { scale: None, shift: Some(epsilon) }, &[variance])?;
    let deviation = add("deviation", Op::Activation(Activation::Sqrt), &[padded])?;
    add("normal", Op::Binary(BinaryKind::Div), &[centred, deviation])
}
