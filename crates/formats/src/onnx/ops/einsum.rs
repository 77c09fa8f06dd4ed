//! Sums of products by letters.

use innspect_graph::{BinaryKind, Conv2d, Op, PadMode, ReduceKind, ValueId};

use super::{
    Inputs, Outcome,
    common::{rebatch, sample_axis, without},
};
use crate::onnx::{
    Refusal,
    attributes::Attributes,
    fold::{permuted, summed},
    import::{Entry, Importer, Tensor},
    tensor::Constant,
};

/// An operand of a contraction with a letter for each axis of the sample.
pub(super) enum Operand {
    Value(ValueId, Vec<u8>),
    /// A constant and its name.
    Fixed(Constant, String, Vec<u8>),
}

/// `Σ a · b` over the letters that `out` lacks, as the current node: a matrix product, a dense layer or a product of
/// elements with reshapes and transpositions around. No letter occurs twice in an operand or in `out`.
pub(super) fn contract(
    importer: &mut Importer,
    a: (ValueId, Vec<u8>),
    b: Operand,
    out: &[u8],
) -> Result<ValueId, Refusal> {
    let (mut a, mut left) = a;
    // What only one operand has and the result has not is summed first.
    let letters = |operand: &Operand| match operand {
        Operand::Value(_, letters) | Operand::Fixed(_, _, letters) => letters.clone(),
    };
    let mut right = letters(&b);
    let alone = |own: &[u8], other: &[u8]| -> Vec<usize> {
        let lost = |letter: &u8| !other.contains(letter) && !out.contains(letter);
        own.iter().enumerate().filter(|(_, letter)| lost(letter)).map(|(at, _)| at).collect()
    };
    let (left_alone, right_alone) = (alone(&left, &right), alone(&right, &left));
    a = sum(importer, "left/sum", a, &left_alone)?;
    left = kept(&left, &left_alone);
    let b = match b {
        Operand::Value(id, _) => Operand::Value(sum(importer, "right/sum", id, &right_alone)?, vec![]),
        Operand::Fixed(constant, name, _) => {
            Operand::Fixed(summed(&constant, &right_alone, &mut importer.budget)?, name, vec![])
        }
    };
    right = kept(&right, &right_alone);

    let size = |dims: &[usize], letters: &[u8], letter: u8| {
        letters.iter().position(|&other| other == letter).and_then(|at| dims.get(at)).copied()
    };
    let left_dims = importer.builder.shape(a).dims().to_vec();
    let right_dims = match &b {
        Operand::Value(id, _) => importer.builder.shape(*id).dims().to_vec(),
        Operand::Fixed(constant, ..) => constant.dims.clone(),
    };
    if left_dims.len() != left.len() || right_dims.len() != right.len() {
        return Err(Refusal::reason("its letters do not fit its inputs"));
    }
    let mut sizes = [0usize; 256];
    for letter in left.iter().chain(&right).copied() {
        let (x, y) = (size(&left_dims, &left, letter), size(&right_dims, &right, letter));
        if x.is_some() && y.is_some() && x != y {
            return Err(Refusal::reason(format!("shapes {left_dims:?} and {right_dims:?} do not fit its letters")));
        }
        if let Some(slot) = sizes.get_mut(usize::from(letter)) {
            *slot = x.or(y).unwrap_or(1);
        }
    }
    let of = |letters: &[u8]| -> Vec<usize> {
        letters.iter().map(|&letter| sizes.get(usize::from(letter)).copied().unwrap_or(1)).collect()
    };
    let product = |letters: &[u8]| of(letters).iter().fold(1usize, |product, &size| product.saturating_mul(size));
    let ones = |letters: &[u8]| vec![1; letters.len()];

    let common: Vec<u8> =
        out.iter().copied().filter(|letter| left.contains(letter) && right.contains(letter)).collect();
    let inner: Vec<u8> = left.iter().copied().filter(|letter| !out.contains(letter)).collect();
    let rows: Vec<u8> = out.iter().copied().filter(|letter| !right.contains(letter)).collect();
    let columns: Vec<u8> = out.iter().copied().filter(|letter| !left.contains(letter)).collect();
    if common.len() + rows.len() + columns.len() != out.len() {
        return Err(Refusal::reason("its result has a letter that no input has"));
    }

    let join = |parts: &[&[u8]]| parts.concat();
    let dims = |parts: &[&[usize]]| parts.concat();
    let (id, order) = match b {
        Operand::Value(b, _) if inner.is_empty() => {
            let a = arranged(importer, "left", a, &left, &join(&[&common, &rows]))?;
            let a = shaped(importer, "left", a, dims(&[&of(&common), &of(&rows), &ones(&columns)]))?;
            let b = arranged(importer, "right", b, &right, &join(&[&common, &columns]))?;
            let b = shaped(importer, "right", b, dims(&[&of(&common), &ones(&rows), &of(&columns)]))?;
            let id = importer.part("product", Op::Binary(BinaryKind::Mul), &[a, b])?;
            (id, join(&[&common, &rows, &columns]))
        }
        Operand::Value(b, _) => {
            let a = arranged(importer, "left", a, &left, &join(&[&common, &rows, &inner]))?;
            let a = shaped(importer, "left", a, dims(&[&of(&common), &[product(&rows), product(&inner)]]))?;
            let b = arranged(importer, "right", b, &right, &join(&[&common, &inner, &columns]))?;
            let b = shaped(importer, "right", b, dims(&[&of(&common), &[product(&inner), product(&columns)]]))?;
            let id = importer.part("product", Op::MatMul, &[a, b])?;
            (id, join(&[&common, &rows, &columns]))
        }
        Operand::Fixed(constant, name, _) if inner.is_empty() => {
            let a = arranged(importer, "left", a, &left, &join(&[&common, &rows]))?;
            let mut a = shaped(importer, "left", a, dims(&[&of(&common), &of(&rows), &ones(&columns)]))?;
            if !columns.is_empty() {
                // Repeating the only cell of an axis is what edge padding does.
                let whole = dims(&[&of(&common), &of(&rows), &of(&columns)]);
                importer.budget.charge(&whole)?;
                let added = whole
                    .iter()
                    .enumerate()
                    .map(|(at, &size)| (0, if at < common.len() + rows.len() { 0 } else { size.saturating_sub(1) }));
                let op = Op::Pad { pads: added.collect(), mode: PadMode::Edge };
                a = importer.part("repeated", op, &[a])?;
            }
            let constant = ordered(importer, &constant, &right, &join(&[&common, &columns]))?;
            let shape = dims(&[&of(&common), &ones(&rows), &of(&columns)]);
            let key = format!("einsum {common:?}{columns:?}");
            let scale = importer.param(name, &key, shape, || constant.floats())?;
            let id = importer.part("product", Op::Affine { scale: Some(scale), shift: None }, &[a])?;
            (id, join(&[&common, &rows, &columns]))
        }
        Operand::Fixed(constant, name, _) if common.is_empty() => {
            let a = arranged(importer, "left", a, &left, &join(&[&rows, &inner]))?;
            let a = shaped(importer, "left", a, dims(&[&of(&rows), &[product(&inner)]]))?;
            let constant = ordered(importer, &constant, &right, &join(&[&inner, &columns]))?;
            let shape = vec![product(&inner), product(&columns)];
            let key = format!("einsum {inner:?}{columns:?}");
            let weight = importer.param(name, &key, shape, || constant.floats())?;
            let id = importer.part("product", Op::Dense { weight, bias: None }, &[a])?;
            (id, join(&[&rows, &columns]))
        }
        // A matrix for each of the common letters: a convolution of one cell in groups.
        Operand::Fixed(constant, name, _) => {
            let a = arranged(importer, "left", a, &left, &join(&[&common, &inner, &rows]))?;
            let groups = product(&common);
            let channels = groups.saturating_mul(product(&inner));
            let a = shaped(importer, "left", a, vec![channels, product(&rows), 1])?;
            let constant = ordered(importer, &constant, &right, &join(&[&common, &columns, &inner]))?;
            let shape = vec![groups.saturating_mul(product(&columns)), product(&inner), 1, 1];
            let key = format!("einsum {common:?}{columns:?}{inner:?}");
            let weight = importer.param(name, &key, shape, || constant.floats())?;
            let conv = Conv2d { weight, bias: None, stride: [1, 1], pads: [0; 4], dilation: [1, 1], groups };
            let id = importer.part("product", Op::Conv2d(conv), &[a])?;
            (id, join(&[&common, &columns, &rows]))
        }
    };
    let id = shaped(importer, "axes", id, of(&order))?;
    importer.main(Op::Transpose { permutation: permutation(&order, out)? }, &[id])
}

fn kept(letters: &[u8], without: &[usize]) -> Vec<u8> {
    letters.iter().enumerate().filter(|(at, _)| !without.contains(at)).map(|(_, &letter)| letter).collect()
}

fn sum(importer: &mut Importer, part: &str, id: ValueId, axes: &[usize]) -> Result<ValueId, Refusal> {
    if axes.is_empty() {
        return Ok(id);
    }
    importer.part(part, Op::Reduce { kind: ReduceKind::Sum, axes: axes.to_vec(), keep_dims: false }, &[id])
}

/// Which axis of `from` each letter of `to` is.
fn permutation(from: &[u8], to: &[u8]) -> Result<Vec<usize>, Refusal> {
    let found: Option<Vec<usize>> = to.iter().map(|letter| from.iter().position(|other| other == letter)).collect();
    found.filter(|list| list.len() == from.len()).ok_or_else(|| Refusal::reason("its letters do not fit its inputs"))
}

fn arranged(importer: &mut Importer, part: &str, id: ValueId, from: &[u8], to: &[u8]) -> Result<ValueId, Refusal> {
    let permutation = permutation(from, to)?;
    if permutation.is_sorted() {
        return Ok(id);
    }
    importer.part(&format!("{part}/order"), Op::Transpose { permutation }, &[id])
}

fn shaped(importer: &mut Importer, part: &str, id: ValueId, shape: Vec<usize>) -> Result<ValueId, Refusal> {
    if importer.builder.shape(id).dims() == shape {
        return Ok(id);
    }
    importer.part(&format!("{part}/shape"), Op::Reshape { shape }, &[id])
}

fn ordered(importer: &mut Importer, constant: &Constant, from: &[u8], to: &[u8]) -> Result<Constant, Refusal> {
    permuted(constant, &permutation(from, to)?, &mut importer.budget)
}

/// An equation such as `bhid,bhjd->bhij`: the letters of each operand and of the result.
fn parsed(equation: &str) -> Result<(Vec<Vec<u8>>, Vec<u8>), Refusal> {
    let refuse = |reason: &str| Refusal::reason(format!("the equation {equation:?} {reason}"));
    let plain: String = equation.chars().filter(|char| !char.is_whitespace()).collect();
    if plain.contains('.') {
        return Err(refuse("has an ellipsis, which is not supported"));
    }
    let (inputs, out) = match plain.split_once("->") {
        Some((inputs, out)) => (inputs, Some(out)),
        None => (plain.as_str(), None),
    };
    let operands: Vec<Vec<u8>> = inputs.split(',').map(|operand| operand.bytes().collect()).collect();
    let repeats = |letters: &[u8]| {
        letters.iter().enumerate().any(|(at, letter)| letters.get(at + 1..).unwrap_or_default().contains(letter))
    };
    if operands.iter().flatten().any(|letter| !letter.is_ascii_alphabetic()) {
        return Err(refuse("has other signs than letters"));
    }
    if operands.iter().any(|letters| repeats(letters)) {
        return Err(refuse("takes a diagonal, which is not supported"));
    }
    let out: Vec<u8> = match out {
        Some(out) => out.bytes().collect(),
        // Those that occur once, in the order of the alphabet.
        None => {
            let all: Vec<u8> = operands.concat();
            let once = |letter: &u8| all.iter().filter(|other| *other == letter).count() == 1;
            (0..128u8).filter(|letter| all.contains(letter) && once(letter)).collect()
        }
    };
    if repeats(&out) || out.iter().any(|letter| !operands.iter().any(|operand| operand.contains(letter))) {
        return Err(refuse("has a result that does not follow from its inputs"));
    }
    Ok((operands, out))
}

/// `Einsum` with one or two operands.
pub(super) fn einsum(importer: &mut Importer, attributes: Attributes, inputs: &Inputs) -> Outcome {
    let (operands, out) = parsed(attributes.string("equation"))?;
    let fits = |letters: &[u8], rank: usize| {
        if letters.len() == rank {
            Ok(())
        } else {
            Err(Refusal::reason(format!("an input has {rank} axes instead of {}", letters.len())))
        }
    };
    match (operands.as_slice(), inputs) {
        ([letters], [Some(Entry::Tensor(input))]) => {
            fits(letters, input.full.len())?;
            let lost: Vec<usize> = (0..letters.len())
                .filter(|&at| letters.get(at).is_some_and(|letter| !out.contains(letter)))
                .map(|at| sample_axis(input, at))
                .collect::<Result<_, _>>()?;
            let summed = sum(importer, "sum", input.id, &lost)?;
            let picture = input.batch.and_then(|at| letters.get(at)).copied();
            let own: Vec<u8> =
                letters.iter().copied().filter(|letter| out.contains(letter) && Some(*letter) != picture).collect();
            let inner: Vec<u8> = out.iter().copied().filter(|letter| Some(*letter) != picture).collect();
            let id = importer.main(Op::Transpose { permutation: permutation(&own, &inner)? }, &[summed])?;
            finished(importer, id, &out, picture)
        }
        ([first, second], [Some(a), Some(b)]) => {
            let rank = |entry: &Entry| match entry {
                Entry::Tensor(tensor) => tensor.full.len(),
                Entry::Constant(constant) => constant.dims.len(),
            };
            fits(first, rank(a))?;
            fits(second, rank(b))?;
            let (a, b, picture) = match (a, b) {
                (Entry::Tensor(a), Entry::Tensor(b)) => together(importer, (a, first), (b, second))?,
                (Entry::Tensor(a), Entry::Constant(b)) => {
                    let picture = a.batch.and_then(|at| first.get(at)).copied();
                    let name = importer.input_name(1);
                    ((a.id, spared(first, picture)), fixed(b, name, second, picture)?, picture)
                }
                (Entry::Constant(a), Entry::Tensor(b)) => {
                    let picture = b.batch.and_then(|at| second.get(at)).copied();
                    let name = importer.input_name(0);
                    ((b.id, spared(second, picture)), fixed(a, name, first, picture)?, picture)
                }
                (Entry::Constant(_), Entry::Constant(_)) => return Err(Refusal::reason("it needs a value")),
            };
            if picture.is_some_and(|letter| !out.contains(&letter)) {
                return Err(Refusal::reason("it mixes the pictures of a batch"));
            }
            let id = contract(importer, a, b, &spared(&out, picture))?;
            finished(importer, id, &out, picture)
        }
        (operands, _) if operands.len() > 2 => {
            Err(Refusal::reason(format!("{} operands at once are not supported", operands.len())))
        }
        _ => Err(Refusal::reason("its equation does not fit its inputs")),
    }
}

/// Letters without that of the batch.
fn spared(letters: &[u8], picture: Option<u8>) -> Vec<u8> {
    letters.iter().copied().filter(|letter| Some(*letter) != picture).collect()
}

fn finished(importer: &mut Importer, id: ValueId, out: &[u8], picture: Option<u8>) -> Outcome {
    let batch = picture.and_then(|letter| out.iter().position(|&other| other == letter));
    Ok(vec![Entry::Tensor(super::common::make(importer, id, batch))])
}

/// A constant operand. An axis of it along the batch must have size 1 and is left out.
fn fixed(constant: &Constant, name: String, letters: &[u8], picture: Option<u8>) -> Result<Operand, Refusal> {
    let at = letters.iter().position(|&letter| Some(letter) == picture);
    if at.and_then(|at| constant.dims.get(at)).is_some_and(|&size| size != 1) {
        return Err(Refusal::reason("a constant holds a value for each picture of the batch"));
    }
    let constant = Constant { dims: without(&constant.dims, at), ..constant.clone() };
    Ok(Operand::Fixed(constant, name, spared(letters, picture)))
}

type Pair = ((ValueId, Vec<u8>), Operand, Option<u8>);

/// Two values whose batch is the same letter, or an axis like others in both.
fn together(importer: &mut Importer, a: (&Tensor, &[u8]), b: (&Tensor, &[u8])) -> Result<Pair, Refusal> {
    let letter = |(tensor, letters): (&Tensor, &[u8])| tensor.batch.and_then(|at| letters.get(at)).copied();
    let place = |letters: &[u8], picture: Option<u8>| letters.iter().position(|&letter| Some(letter) == picture);
    let picture = letter(a).or(letter(b));
    let agree = [a, b].into_iter().all(|operand| {
        // An operand without the letter must not have its batch elsewhere.
        let (own, at) = (letter(operand), place(operand.1, picture));
        own == picture || own.is_none() && at.is_none_or(|at| operand.0.full.get(at) == Some(&1))
    });
    let picture = picture.filter(|_| agree);
    let x = rebatch(importer, a.0, place(a.1, picture))?;
    let y = rebatch(importer, b.0, place(b.1, picture))?;
    Ok(((x.id, spared(a.1, picture)), Operand::Value(y.id, spared(b.1, picture)), picture))
}
