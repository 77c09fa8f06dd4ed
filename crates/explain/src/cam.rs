//! Class activation maps: feature maps of a layer, weighted by what the class makes of them.

use innspect_engine::{Composite, EngineError, Pacer, Tensor, Walk, resample};
use innspect_graph::{NodeId, ResizeCoordinates, ResizeMode};

use crate::{
    ExplainError, Start, Subject,
    monitor::{Chunk, Monitor, chunks},
    plan::CamKind,
    principal, reverse,
    steps::Sample,
    target::{self, Aim},
};

/// What pytorch-grad-cam adds to the denominator of Grad-CAM++.
const PLUS_PLUS_STABILISER: f32 = 1e-6;
/// What it adds to that of XGrad-CAM.
const X_GRAD_STABILISER: f32 = 1e-7;
/// What is added to the range of a feature map that becomes a mask.
const MASK_STABILISER: f32 = 1e-8;

/// A class activation map at the layer's resolution, `[n, 1, h, w]`, before anything negative is cut.
pub(crate) async fn map(
    subject: Subject<'_>,
    aims: &[Aim],
    layer: NodeId,
    kind: CamKind,
    pacer: &mut impl Pacer,
) -> Result<Tensor, EngineError> {
    let graph = subject.network.graph();
    let value = graph.node(layer).output;
    let rules = reverse::resolve(subject, &Composite::gradient());
    let (at, seed, _) = target::seed(subject.network, subject.tape, Some(subject.logits), aims, Start::One).await?;
    let walk = Walk::new((at, seed), &rules, value);
    let g = subject.network.reverse(subject.tape, walk, pacer).await?.relevance;
    let a = subject.tape.value(value);
    let over_positions = |tensor: &Tensor| tensor.sum_dim(2).sum_dim(3);
    Ok(match kind {
        CamKind::GradCam => a.weighted_channel_sum(&g.spatial_mean()),
        CamKind::HiResCam => a.mul(&g).sum_dim(1),
        CamKind::LayerCam => a.mul(&g.rectified()).sum_dim(1),
        CamKind::XGradCam => {
            let total = over_positions(a).add_scalar(X_GRAD_STABILISER);
            a.weighted_channel_sum(&over_positions(&g.mul(a)).div(&total))
        }
        CamKind::GradCamPlusPlus => {
            let square = g.mul(&g);
            let cube = square.mul(&g);
            let denominator = square.scale(2.0).add(&cube.mul(&over_positions(a))).add_scalar(PLUS_PLUS_STABILISER);
            a.weighted_channel_sum(&over_positions(&square.div(&denominator).mul(&g.rectified())))
        }
    })
}

/// EigenCAM at the layer's resolution, `[n, 1, h, w]`.
pub(crate) async fn eigen(subject: Subject<'_>, layer: NodeId) -> Result<Tensor, EngineError> {
    let value = subject.tape.value(subject.network.graph().node(layer).output);
    let [n, channels, height, width] = value.dims()[..] else { return Ok(value.clone()) };
    let maps = value.read().await?;
    let positions = height * width;
    let projected = maps
        .chunks((channels * positions).max(1))
        .flat_map(|maps| principal::projection(maps, channels, positions))
        .collect();
    Ok(Tensor::from_vec(projected, &[n, 1, height, width], subject.network.device()))
}

/// Score-CAM at the layer's resolution, `[1, 1, h, w]`: the most active feature maps, brought to 0..1 and enlarged, are
/// masks; their weights are the softmax of the scores.
pub(crate) async fn score(
    sample: &Sample<'_>,
    layer: NodeId,
    count: usize,
    baseline: &str,
    monitor: &mut impl Monitor,
) -> Result<Tensor, ExplainError> {
    let subject = sample.subject;
    let network = subject.network;
    let value = subject.tape.value(network.graph().node(layer).output).slice(0, sample.index, sample.index + 1, 1);
    let [_, channels, height, width] = value.dims()[..] else {
        return Err(ExplainError::NotApplicable { reason: "The layer has no feature maps.".into() });
    };
    let maps = value.read().await?;
    let planes: Vec<&[f32]> = maps.chunks((height * width).max(1)).collect();
    let mut order: Vec<usize> = (0..channels).collect();
    let mean = |channel: usize| planes[channel].iter().map(|value| f64::from(*value)).sum::<f64>();
    order.sort_by(|&a, &b| mean(b).total_cmp(&mean(a)).then(a.cmp(&b)));
    order.truncate(count.max(1));

    let x = subject.sample(sample.index);
    let base = subject.baseline(&x, baseline, sample.seed).await?;
    let mut scores = Vec::with_capacity(order.len());
    let combine = |scores: &[f32]| {
        let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shares: Vec<f32> = scores.iter().map(|score| (score - highest).exp()).collect();
        let total: f32 = shares.iter().sum();
        let mut weights = vec![0.0; channels];
        for (&channel, share) in order.iter().zip(&shares) {
            weights[channel] = share / total;
        }
        value.weighted_channel_sum(&Tensor::from_vec(weights, &[1, channels, 1, 1], network.device()))
    };
    for (done, count) in chunks(order.len(), subject.chunk(1.0)) {
        let chosen: Vec<f32> = order[done..done + count].iter().flat_map(|&channel| planes[channel].to_vec()).collect();
        let small = Tensor::from_vec(chosen, &[count, 1, height, width], network.device());
        let large = enlarge(subject, &small);
        let plane = large.dims()[2] * large.dims()[3];
        let flat = large.reshape(&[count, 1, 1, plane]);
        let low = flat.neg().max_dim(3).neg();
        let range = flat.max_dim(3).sub(&low).add_scalar(MASK_STABILISER);
        let masks = large.sub(&low).div(&range);
        let mut chunk = Chunk { monitor: &mut *monitor, done, steps: count, total: order.len(), part: (0, 1) };
        scores.extend(target::score(network, &x.masked(&base, &masks), sample.aim, &mut chunk).await?);
        let so_far = || enlarge(subject, &combine(&scores)).rectified();
        sample.show(so_far, done + count, order.len(), monitor).await?;
    }
    Ok(combine(&scores))
}

/// Bilinear enlargement to the network's input with corresponding cell centres.
pub(crate) fn enlarge(subject: Subject<'_>, map: &Tensor) -> Tensor {
    let dims = map.dims();
    let network = subject.network;
    let Some([_, height, width]) = network.graph().image_shape() else { return map.clone() };
    let (from, to) = ([dims[2], dims[3]], [height, width]);
    resample::Matrices::new(from, to, ResizeMode::Linear, ResizeCoordinates::HalfPixel, network.device()).apply(map)
}
