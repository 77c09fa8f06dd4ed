//! Layers as people see them, and the one that class activation maps take by default.

use innspect_graph::{Graph, NodeId, Op, OpKind, ValueId};
use innspect_protocol::LayerInfo;

use crate::ExplainError;

/// All layers in the order of execution.
#[must_use]
pub fn layer_infos(graph: &Graph) -> Vec<LayerInfo> {
    graph
        .nodes
        .iter()
        .map(|node| {
            let shape = &graph.value(node.output).shape;
            LayerInfo {
                name: node.name.clone(),
                op: node.op.name().into(),
                shape: shape.dims().to_vec(),
                params: node.op.params().iter().map(|&id| graph.param(id).data.len()).sum(),
                detail: detail(graph, &node.op),
                feature_map: is_map(graph, node.output),
            }
        })
        .collect()
}

/// The last feature map before the features are pooled or flattened: the default layer of GradCAM (Selvaraju
/// et al. 2017).
#[must_use]
pub fn default_layer(graph: &Graph) -> Option<NodeId> {
    let last = |excluded: &[OpKind]| {
        graph.node_ids().rev().find(|&id| {
            let node = graph.node(id);
            is_map(graph, node.output) && !excluded.contains(&node.op.kind())
        })
    };
    last(&[OpKind::Shape, OpKind::Softmax, OpKind::AvgPool, OpKind::MaxPool]).or_else(|| last(&[]))
}

/// The features of a network: what its last layer with weights reads. `None` if that is the input itself.
///
/// For most classifiers these are the pooled features behind the last convolution; where the classifier is a convolution
/// itself, as in SqueezeNet, they are a feature map.
#[must_use]
pub fn features(graph: &Graph) -> Option<ValueId> {
    let has_weights = |op: &Op| matches!(op, Op::Conv2d(_) | Op::ConvTranspose2d(_) | Op::Dense { .. });
    let last = graph.nodes.iter().rev().find(|node| has_weights(&node.op))?;
    last.inputs.first().copied().filter(|&value| value != graph.input)
}

/// The layer of that name, or the default one, if it is a feature map.
pub(crate) fn feature_map(graph: &Graph, name: Option<&str>) -> Result<NodeId, ExplainError> {
    let Some(name) = name else {
        return default_layer(graph).ok_or_else(|| ExplainError::NotApplicable {
            reason: "The network has no layer with a feature map, so there is nothing to draw a map of.".into(),
        });
    };
    let id = graph.find_node(name).ok_or_else(|| ExplainError::UnknownLayer { name: name.into() })?;
    let shape = &graph.value(graph.node(id).output).shape;
    if is_map(graph, graph.node(id).output) {
        return Ok(id);
    }
    Err(ExplainError::NotApplicable {
        reason: format!("Layer {name} makes {shape}, not a feature map with more than one position."),
    })
}

fn is_map(graph: &Graph, value: ValueId) -> bool {
    graph.value(value).shape.feature_map().is_some_and(|[_, height, width]| height * width > 1)
}

/// Hyper-parameters in the field's words.
fn detail(graph: &Graph, op: &Op) -> String {
    let pair = |[a, b]: [usize; 2]| if a == b { a.to_string() } else { format!("{a}×{b}") };
    let padding = |[top, left, bottom, right]: [usize; 4]| {
        if [top, left, bottom, right] == [0; 4] {
            String::new()
        } else if top == bottom && left == right {
            format!(", padding {}", pair([top, left]))
        } else {
            format!(", padding {top} {left} {bottom} {right}")
        }
    };
    let dilated = |dilation: [usize; 2]| {
        if dilation == [1, 1] { String::new() } else { format!(", dilation {}", pair(dilation)) }
    };
    match op {
        Op::Conv2d(conv) => {
            let shape = &graph.param(conv.weight).shape;
            let groups = if conv.groups == 1 { String::new() } else { format!(", groups {}", conv.groups) };
            format!(
                "{}×{} kernel, stride {}{}{}{groups}",
                shape.get(2).unwrap_or(&1),
                shape.get(3).unwrap_or(&1),
                pair(conv.stride),
                padding(conv.pads),
                dilated(conv.dilation)
            )
        }
        Op::ConvTranspose2d(conv) => {
            let shape = &graph.param(conv.weight).shape;
            format!(
                "{}×{} kernel, stride {}{}{}",
                shape.get(2).unwrap_or(&1),
                shape.get(3).unwrap_or(&1),
                pair(conv.stride),
                padding(conv.pads),
                dilated(conv.dilation)
            )
        }
        Op::MaxPool2d(pool) | Op::AvgPool2d(pool) => {
            format!("{}×{} window, stride {}{}", pool.kernel[0], pool.kernel[1], pair(pool.stride), padding(pool.pads))
        }
        Op::Reduce { axes, .. } if axes == &[1, 2] => "over height and width".into(),
        Op::Reduce { axes, .. } => format!("over axes {axes:?}"),
        Op::Concat { axis } | Op::Softmax { axis } | Op::LogSoftmax { axis } => format!("axis {axis}"),
        Op::Slice { axis, start, end, step } => format!("axis {axis}, {start}..{end} by {step}"),
        Op::Resize(resize) => format!("to {}×{}", resize.size[0], resize.size[1]),
        _ => String::new(),
    }
}
