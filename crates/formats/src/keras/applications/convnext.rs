//! ConvNeXt of Liu et al. (2022).

use serde_json::json;

use super::net::{Conv, Description, Net, Operand, Plan, Tap};

const EPSILON: f64 = 1e-6;

/// Blocks and channels of the four stages.
pub(super) fn build(plan: Plan, name: &str, depths: [usize; 4], widths: [usize; 4]) -> Description {
    let (mut net, x) = Net::new(plan);
    let part = |part: String| format!("{name}_{part}");
    let mean = [0.485, 0.456, 0.406].map(|mean: f64| mean * 255.0);
    let variance = [0.229, 0.224, 0.225].map(|deviation: f64| (deviation * 255.0).powi(2));
    let constants = Some((json!(mean), json!(variance)));
    let mut x = net.normalization(x, &part("prestem_normalization".to_owned()), constants);
    for (stage, (depth, width)) in depths.into_iter().zip(widths).enumerate() {
        x = if stage == 0 {
            net.sequential(x, &part("stem".to_owned()), |inner, x| {
                let x = inner.conv(x, &part("stem_conv".to_owned()), Conv::new(width, 4).stride(4));
                inner.layer_norm(x, &part("stem_layernorm".to_owned()), EPSILON)
            })
        } else {
            let index = stage - 1;
            net.sequential(x, &part(format!("downsampling_block_{index}")), |inner, x| {
                let x = inner.layer_norm(x, &part(format!("downsampling_layernorm_{index}")), EPSILON);
                inner.conv(x, &part(format!("downsampling_conv_{index}")), Conv::new(width, 2).stride(2))
            })
        };
        for block in 0..depth {
            x = inverted(&mut net, x, &part(format!("stage_{stage}_block_{block}")), width);
        }
    }
    let output = match plan.classes {
        Some(classes) => {
            let x = net.global_pool(x, &part("head_gap".to_owned()), false);
            let x = net.layer_norm(x, &part("head_layernorm".to_owned()), EPSILON);
            net.dense(x, &part("head_dense".to_owned()), classes, "softmax")
        }
        None => {
            let x = net.global_pool(x, "", false);
            net.layer_norm(x, "", EPSILON)
        }
    };
    net.finish(name, output)
}

fn inverted(net: &mut Net, input: Tap, name: &str, width: usize) -> Tap {
    let part = |part: &str| format!("{name}_{part}");
    let x = net.conv(input, &part("depthwise_conv"), Conv::new(width, 7).same().groups(width));
    let x = net.layer_norm(x, &part("layernorm"), EPSILON);
    let x = net.dense(x, &part("pointwise_conv_1"), 4 * width, "linear");
    let x = net.activation(x, &part("gelu"), "gelu");
    let x = net.dense(x, &part("pointwise_conv_2"), width, "linear");
    let x = net.layer_scale(x, &part("layer_scale"));
    let x = net.activation(x, &part("identity"), "linear");
    net.operator_add(input, Operand::Tap(x))
}
