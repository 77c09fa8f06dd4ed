//! How likely an edge is at a distance in the plane: `1 / (1 + a d^2b)`.

/// Points of the curve that is fitted.
const POINTS: usize = 300;

/// `a` and `b` of `1 / (1 + a d^2b)`, fitted by least squares to a curve that is 1 up to `min_dist` and then falls as
/// `exp(-(d - min_dist) / spread)`, for distances up to three times `spread` (umap-learn's `find_ab_params`).
///
/// `spread` outside of 1e-3..1e3 is brought there, 1 if it is not a number; `min_dist` is brought to 0..`spread`, 0.1 if it
/// is not a number.
#[must_use]
pub fn curve(min_dist: f64, spread: f64) -> (f64, f64) {
    let spread = if spread.is_nan() { 1.0 } else { spread.clamp(1e-3, 1e3) };
    let min_dist = if min_dist.is_nan() { 0.1 } else { min_dist }.clamp(0.0, spread);
    let wanted: Vec<(f64, f64)> = (0..POINTS)
        .map(|index| {
            let d = 3.0 * spread * index as f64 / (POINTS - 1) as f64;
            (d, if d < min_dist { 1.0 } else { (-(d - min_dist) / spread).exp() })
        })
        .collect();
    let value = |(a, b): (f64, f64), d: f64| 1.0 / (1.0 + a * d.powf(2.0 * b));
    let error = |at| wanted.iter().map(|&(d, y)| (value(at, d) - y).powi(2)).sum::<f64>();
    // Levenberg and Marquardt, over the logarithms: both stay positive, whatever the scale.
    let mut at = (spread.powi(-2), 1.0);
    let (mut least, mut damping) = (error(at), 1e-3);
    for _ in 0..200 {
        let (mut aa, mut ab, mut bb, mut ga, mut gb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(d, y) in wanted.iter().filter(|(d, _)| *d > 0.0) {
            let v = value(at, d);
            // With u = ln(a d^2b): dv/du = -v (1 - v).
            let slope = -v * (1.0 - v);
            let (da, db) = (slope, slope * 2.0 * at.1 * d.ln());
            aa += da * da;
            ab += da * db;
            bb += db * db;
            ga += da * (y - v);
            gb += db * (y - v);
        }
        let (daa, dbb) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let determinant = daa * dbb - ab * ab;
        if determinant.abs() < 1e-300 {
            break;
        }
        let step = ((ga * dbb - gb * ab) / determinant, (gb * daa - ga * ab) / determinant);
        let next = (at.0 * step.0.clamp(-2.0, 2.0).exp(), at.1 * step.1.clamp(-2.0, 2.0).exp());
        let there = error(next);
        if there < least {
            let gain = least - there;
            (at, least, damping) = (next, there, damping / 4.0);
            if gain < least * 1e-14 {
                break;
            }
        } else {
            damping *= 4.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    at
}
