//! The first principal component of feature maps.

/// Products with the matrix of covariances at most: the component of real layers stands out within a few dozen.
const ITERATIONS: usize = 5000;
/// The direction counts as found when it turns less than this in one product.
const TOLERANCE: f64 = 1e-13;

/// The projection of each position onto the first principal component of a layer's channels: with the feature maps as
/// rows of channels, one a position, centred over positions, their product with the first right singular vector
/// (Muhammad & Yeasin 2020). The sign, which a singular vector leaves open, is such that the projection agrees with the
/// mean of the channels.
///
/// `maps` is `[channels, positions]` row-major; the result has one number a position.
pub(crate) fn projection(maps: &[f32], channels: usize, positions: usize) -> Vec<f32> {
    let mut centred: Vec<f64> = maps.iter().map(|&value| f64::from(value)).collect();
    for channel in centred.chunks_mut(positions.max(1)) {
        let mean = channel.iter().sum::<f64>() / positions.max(1) as f64;
        channel.iter_mut().for_each(|value| *value -= mean);
    }
    // Power iteration on the product with itself along the shorter side: its eigenvector is the left or the right
    // singular vector of the same singular value.
    let row = |channel: usize| &centred[channel * positions..][..positions];
    let mut projected = vec![0.0; positions];
    let Some(strongest) = (0..channels).max_by(|&a, &b| square(row(a)).total_cmp(&square(row(b)))) else {
        return Vec::new();
    };
    // The strongest channel over positions is a start that is not orthogonal to the component.
    projected.copy_from_slice(row(strongest));
    if !normalise(&mut projected) {
        return vec![0.0; positions];
    }
    let mut weights = vec![0.0; channels];
    for _ in 0..ITERATIONS {
        for (channel, weight) in weights.iter_mut().enumerate() {
            *weight = dot(row(channel), &projected);
        }
        let mut next = vec![0.0; positions];
        for (channel, weight) in weights.iter().enumerate() {
            next.iter_mut().zip(row(channel)).for_each(|(next, value)| *next += weight * value);
        }
        if !normalise(&mut next) {
            return vec![0.0; positions];
        }
        let turned = next.iter().zip(&projected).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        projected = next;
        if turned < TOLERANCE {
            break;
        }
    }
    // Back from the unit vector to the projection: its length is the singular value.
    for (channel, weight) in weights.iter_mut().enumerate() {
        *weight = dot(row(channel), &projected);
    }
    let singular = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
    let agreement: f64 = (0..positions)
        .map(|position| {
            projected[position] * (0..channels).map(|c| f64::from(maps[c * positions + position])).sum::<f64>()
        })
        .sum();
    let scale = if agreement < 0.0 { -singular } else { singular };
    projected.iter().map(|value| (value * scale) as f32).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn square(values: &[f64]) -> f64 {
    dot(values, values)
}

/// To length 1; `false` if there is no length.
fn normalise(values: &mut [f64]) -> bool {
    let length = square(values).sqrt();
    if length.is_nan() || length <= 0.0 || length.is_infinite() {
        return false;
    }
    values.iter_mut().for_each(|value| *value /= length);
    true
}

#[cfg(test)]
mod tests {
    use super::projection;

    #[test]
    fn two_channels_by_hand() {
        // Positions along (3, 4) / 5 with a small deviation across: the component is that direction.
        let along = [-2.0, -1.0, 0.0, 1.0, 2.0];
        let across = [0.1, -0.2, 0.2, -0.2, 0.1];
        let maps: Vec<f32> = [(0.6, -0.8), (0.8, 0.6)]
            .iter()
            .flat_map(|(a, b)| along.iter().zip(&across).map(move |(x, y)| (a * x + b * y) as f32))
            .collect();
        let found = projection(&maps, 2, 5);
        for (found, expected) in found.iter().zip(&along) {
            assert!((found - *expected as f32).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn constant_maps_have_no_component() {
        assert_eq!(projection(&[3.0; 8], 2, 4), [0.0; 4]);
        assert!(projection(&[], 0, 4).iter().all(|value| *value == 0.0));
    }
}
