//! Class activation maps, and the activation of a layer itself.

use innspect_protocol::{Family, LayerNeed, Params, TargetKind};

use super::{Kind, Method, Param, ROW, shared::baseline};
use crate::{
    params::{integer, text},
    plan::{CamKind, Plan},
};

const SELVARAJU: &str = "Selvaraju et al., Grad-CAM, 2017";

/// The gradient at a layer is that of a class.
const CLASS_TARGETS: &[TargetKind] = &[TargetKind::Probability, TargetKind::Contrast];

const SIGNED: Param = Param {
    name: "signed",
    label: "Show evidence against",
    help: "Keeps the negative part of the map, which speaks against the class.",
    kind: Kind::Choice(&["no", "yes"]),
};

/// What class activation maps have in common.
const CAM: Method = Method {
    family: Family::Cam,
    signed: false,
    layer: LayerNeed::FeatureMap,
    targets: CLASS_TARGETS,
    params: &[SIGNED],
    ..ROW
};

pub(super) const ROWS: &[Method] = &[
    Method {
        id: "grad_cam",
        name: "Grad-CAM",
        summary: "Which regions of a late feature map speak for the class.",
        caveat: "As coarse as the layer; evidence against the class is cut away unless it is shown signed.",
        source: SELVARAJU,
        plan: |params, _| Ok(cam(CamKind::GradCam, params)),
        ..CAM
    },
    Method {
        id: "grad_cam_plus_plus",
        name: "Grad-CAM++",
        summary: "Grad-CAM with weights that give every instance of an object its share.",
        caveat: "Counts only positive gradients, so it is bolder than the evidence; as coarse as the layer.",
        source: "Chattopadhyay et al., Grad-CAM++, 2018",
        plan: |params, _| Ok(cam(CamKind::GradCamPlusPlus, params)),
        ..CAM
    },
    Method {
        id: "x_grad_cam",
        name: "XGrad-CAM",
        summary: "Grad-CAM with weights chosen so that the map accounts for the score.",
        caveat: "Equals Grad-CAM where the layer is pooled directly; as coarse as the layer.",
        source: "Fu et al., Axiom-based Grad-CAM, 2020",
        plan: |params, _| Ok(cam(CamKind::XGradCam, params)),
        ..CAM
    },
    Method {
        id: "hires_cam",
        name: "HiResCAM",
        summary: "Feature maps times their gradient at each position: exactly what the layer contributes to the score.",
        caveat: "At early layers as noisy as the gradient.",
        source: "Draelos & Carin, Use HiResCAM Instead of Grad-CAM, 2020",
        plan: |params, _| Ok(cam(CamKind::HiResCam, params)),
        ..CAM
    },
    Method {
        id: "layer_cam",
        name: "LayerCAM",
        summary: "Feature maps where their gradient is positive: also sharp at early layers.",
        caveat: "Leaves out what speaks against the class.",
        source: "Jiang et al., LayerCAM, 2021",
        plan: |params, _| Ok(cam(CamKind::LayerCam, params)),
        ..CAM
    },
    Method {
        id: "eigen_cam",
        name: "EigenCAM",
        summary: "The direction in which a layer's feature maps vary most: what the layer sees, without a class.",
        caveat: "Says nothing about any class, and its sign is a convention.",
        source: "Muhammad & Yeasin, Eigen-CAM, 2020",
        signed: true,
        class_dependent: false,
        targets: &[],
        params: &[],
        plan: |_, _| Ok(Plan::EigenCam),
        ..CAM
    },
    Method {
        id: "score_cam",
        name: "Score-CAM",
        summary: "Shows the network the picture through each feature map and weighs the maps by the score: no gradients.",
        caveat: "Masks of unlike size compete in one softmax; with few feature maps rare evidence is missed.",
        source: "Wang et al., Score-CAM, 2020",
        targets: &[TargetKind::Probability, TargetKind::Contrast, TargetKind::Neuron],
        steps: true,
        params: &[
            Param {
                name: "channels",
                label: "Feature maps",
                help: "How many of the most active feature maps are tried; each takes one forward pass.",
                kind: Kind::Integer { min: 1, max: 2048, default: 64 },
            },
            baseline(
                "zero",
                "What the masks hide is replaced by this; the source multiplies the network's input, which is zero.",
            ),
        ],
        plan: |params, _| {
            Ok(Plan::ScoreCam { channels: integer(params, "channels"), baseline: text(params, "baseline").into() })
        },
        ..CAM
    },
    Method {
        id: "guided_grad_cam",
        name: "Guided Grad-CAM",
        summary: "Guided Backpropagation inside the regions that Grad-CAM finds.",
        caveat: "Inherits the edge-detector look of Guided Backpropagation; the region is what depends on the class.",
        source: SELVARAJU,
        signed: true,
        needs_rectifiers: true,
        params: &[],
        plan: |_, _| Ok(Plan::GuidedGradCam),
        ..CAM
    },
    Method {
        id: "activation",
        name: "Activation",
        family: Family::Activation,
        summary: "What a layer computes: the mean of its channels, or one channel.",
        caveat: "Says nothing about any class: strong activation is not relevance.",
        source: "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, 2014",
        class_dependent: false,
        targets: &[],
        params: &[],
        plan: |_, _| Ok(Plan::Activation),
        ..CAM
    },
];

fn cam(kind: CamKind, params: &Params) -> Plan {
    Plan::Cam { kind, signed: text(params, "signed") == "yes" }
}
