//! Functions of single elements, sums and products, and what is fused behind them.

use super::network::{Network, Unread};
use crate::onnx::proto::Attribute;

/// A function that another operation applies to its result, by its name in [`Network::function`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fused(pub Option<&'static str>);

/// A node for a function of single elements; `None` if it takes more than one node or is not known.
fn simple(function: &str) -> Option<(&'static str, Vec<Attribute>)> {
    let clip = |min: f32, max: f32| ("Clip", vec![Attribute::float("min", min), Attribute::float("max", max)]);
    Some(match function {
        "relu" => ("Relu", vec![]),
        "relu6" => clip(0.0, 6.0),
        "relu_n1_to_1" => clip(-1.0, 1.0),
        "relu_0_to_1" => clip(0.0, 1.0),
        "elu" => ("Elu", vec![]),
        "selu" => ("Selu", vec![]),
        "sigmoid" => ("Sigmoid", vec![]),
        "tanh" => ("Tanh", vec![]),
        "softplus" => ("Softplus", vec![]),
        "softsign" => ("Softsign", vec![]),
        "hard_swish" => ("HardSwish", vec![]),
        "erf" => ("Erf", vec![]),
        "exp" => ("Exp", vec![]),
        "log" => ("Log", vec![]),
        "sqrt" => ("Sqrt", vec![]),
        "abs" => ("Abs", vec![]),
        "neg" => ("Neg", vec![]),
        "reciprocal" => ("Reciprocal", vec![]),
        "floor" => ("Floor", vec![]),
        "ceil" => ("Ceil", vec![]),
        "identity" => ("Identity", vec![]),
        _ => return None,
    })
}

impl Network {
    /// A function of single elements.
    pub fn function(&mut self, function: &str, input: &str, output: &str) -> Result<(), Unread> {
        self.keep_spread(&[input], output)?;
        let exponent = match function {
            "square" => Some(2.0),
            "rsqrt" => Some(-0.5),
            _ => None,
        };
        match (exponent, simple(function)) {
            (Some(exponent), _) => {
                let exponent = self.number(exponent);
                self.main("Pow", &[input, &exponent], &[output], vec![]);
            }
            (None, Some((op, attributes))) => self.main(op, &[input], &[output], attributes),
            (None, None) => return Err(Unread::Unknown),
        }
        Ok(())
    }

    /// A leaky rectifier.
    pub fn leaky(&mut self, slope: f32, input: &str, output: &str) -> Result<(), Unread> {
        self.keep_spread(&[input], output)?;
        self.main("LeakyRelu", &[input], &[output], vec![Attribute::float("alpha", slope)]);
        Ok(())
    }

    /// GELU by the error function or by the tangent approximation.
    pub fn gelu(&mut self, approximate: bool, input: &str, output: &str) -> Result<(), Unread> {
        self.keep_spread(&[input], output)?;
        let form = if approximate { "tanh" } else { "none" };
        self.main("Gelu", &[input], &[output], vec![Attribute::string("approximate", form)]);
        Ok(())
    }

    /// A rectifier with slopes of its own for negative values.
    pub fn prelu(&mut self, input: &str, slopes: &str, output: &str) -> Result<(), Unread> {
        self.keep_spread(&[input], output)?;
        self.main("PRelu", &[input, slopes], &[output], vec![]);
        Ok(())
    }

    /// A function of two values.
    pub fn pairwise(&mut self, op: &str, a: &str, b: &str, fused: Fused, output: &str) -> Result<(), Unread> {
        self.keep_spread(&[a, b], output)?;
        let (value, done) = self.before(fused, output);
        if op == "SquaredDifference" {
            let difference = self.step("difference", "Sub", &[a, b], vec![]);
            let two = self.number(2.0);
            self.main("Pow", &[&difference, &two], &[&value], vec![]);
        } else {
            self.main(op, &[a, b], &[&value], vec![]);
        }
        done(self)
    }

    /// A sum of any number of values.
    pub fn sum(&mut self, inputs: &[&str], output: &str) -> Result<(), Unread> {
        self.keep_spread(inputs, output)?;
        self.main("Sum", inputs, &[output], vec![]);
        Ok(())
    }

    /// Where an operation writes its own result if `fused` comes behind it to write `output`, and what adds that.
    pub(super) fn before(
        &mut self,
        fused: Fused,
        output: &str,
    ) -> (String, impl FnOnce(&mut Self) -> Result<(), Unread> + use<>) {
        let value = match fused.0 {
            None => output.to_owned(),
            Some(_) => self.unique(&super::network::part(self.title(), "linear")),
        };
        let (from, output) = (value.clone(), output.to_owned());
        let add = move |network: &mut Self| {
            let Some(function) = fused.0 else { return Ok(()) };
            let (op, attributes) = simple(function).ok_or(Unread::Unknown)?;
            network.last(function, op, &[&from], &output, attributes);
            Ok(())
        };
        (value, add)
    }

    /// An operation that may stand between spreading positions over the batch and gathering them.
    pub(super) fn keep_spread(&mut self, inputs: &[&str], output: &str) -> Result<(), Unread> {
        let found = inputs.iter().find_map(|input| self.spread.get(*input)).copied();
        if let Some(spacing) = found {
            self.spread.insert(output.to_owned(), spacing);
        }
        Ok(())
    }

    /// `x · weight + bias`, with the matrix `[out, in]` if `transposed`. The input has two axes if `flat`.
    #[expect(clippy::too_many_arguments, reason = "they are the parts of one operation")]
    pub fn dense(
        &mut self,
        input: &str,
        weight: &str,
        transposed: bool,
        bias: Option<&str>,
        flat: bool,
        fused: Fused,
        output: &str,
    ) -> Result<(), Unread> {
        let (value, done) = self.before(fused, output);
        if flat {
            let inputs: Vec<&str> = [input, weight].into_iter().chain(bias).collect();
            self.main("Gemm", &inputs, &[&value], vec![Attribute::int("transB", i64::from(transposed))]);
            return done(self);
        }
        let weight = if transposed {
            self.step("matrix", "Transpose", &[weight], vec![Attribute::ints("perm", &[1, 0])])
        } else {
            weight.to_owned()
        };
        match bias {
            None => self.main("MatMul", &[input, &weight], &[&value], vec![]),
            Some(bias) => {
                let product = self.unique(&super::network::part(self.title(), "product"));
                self.main("MatMul", &[input, &weight], &[&product], vec![]);
                self.last("bias", "Add", &[&product, bias], &value, vec![]);
            }
        }
        done(self)
    }

    /// The scores' share of their sum, along the last axis.
    pub fn softmax(&mut self, log: bool, beta: f32, input: &str, output: &str) -> Result<(), Unread> {
        let scaled = if beta == 1.0 {
            input.to_owned()
        } else {
            let beta = self.number(beta);
            self.step("beta", "Mul", &[input, &beta], vec![])
        };
        let op = if log { "LogSoftmax" } else { "Softmax" };
        self.main(op, &[&scaled], &[output], vec![Attribute::int("axis", -1)]);
        Ok(())
    }
}
