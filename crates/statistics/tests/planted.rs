//! Whole ways on made data: a planted mark is found among heatmaps, and thousands of points are laid out.

use innspect_statistics::cluster::measures::{adjusted_rand_index, means, members};
use innspect_statistics::cluster::spectral::{Spectral, SpectralOptions};
use innspect_statistics::embedding::trustworthiness::Trustworthiness;
use innspect_statistics::embedding::tsne::{EXACT_ROWS, Tsne, TsneOptions};
use innspect_statistics::embedding::umap::{Umap, UmapOptions};
use innspect_statistics::{Features, Stepped};

/// Side of a heatmap.
const SIDE: usize = 16;

/// Heatmaps of one class: most follow an object near the middle, the others look at a mark in the corner; all are noisy and
/// have length 1.
fn heatmaps(count: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let labels: Vec<u32> = (0..count).map(|_| u32::from(random.f32() < 0.25)).collect();
    let mut values = Vec::with_capacity(count * SIDE * SIDE);
    for &label in &labels {
        let (x, y, width) = if label == 1 {
            (1.5, 1.5, 2.0)
        } else {
            (6.0 + 4.0 * random.f32(), 6.0 + 4.0 * random.f32(), 12.0 + 8.0 * random.f32())
        };
        let map: Vec<f32> = (0..SIDE * SIDE)
            .map(|at| {
                let square = ((at % SIDE) as f32 - x).powi(2) + ((at / SIDE) as f32 - y).powi(2);
                (-square / width).exp() + 0.3 * (random.f32() - 0.5)
            })
            .collect();
        let length = map.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.extend(map.iter().map(|value| value / length));
    }
    (values, labels)
}

#[test]
fn a_mark_in_the_corner_is_found() {
    for (count, seed) in [(50, 1), (120, 2), (500, 3)] {
        let (values, marked) = heatmaps(count, seed);
        let features = Features::new(values, count, SIDE * SIDE).unwrap();
        let mut spectral = Spectral::new(features.clone(), SpectralOptions::default());
        spectral.finish();
        assert_eq!(spectral.clusters(), 2, "{:?}", spectral.eigenvalues());
        let agreement = adjusted_rand_index(spectral.labels(), &marked).unwrap();
        assert!(agreement >= 0.95, "{count}: {agreement}");
        // The mean map of the marked ones is brightest at the mark.
        let group = (0..2).find(|&group| marked[members(spectral.labels()).of(group)[0] as usize] == 1).unwrap();
        let means = means(&features, spectral.labels()).unwrap();
        let brightest = (0..SIDE * SIDE).max_by(|&a, &b| means.row(group)[a].total_cmp(&means.row(group)[b])).unwrap();
        assert!(brightest % SIDE <= 2 && brightest / SIDE <= 2);
    }
}

#[test]
fn thousands_of_points_are_laid_out_by_the_tree() {
    let (rows, columns) = (EXACT_ROWS + 300, 12);
    let mut random = fastrand::Rng::with_seed(7);
    let values: Vec<f32> = (0..rows * columns)
        .map(|at| (if at / columns % columns == at % columns { 3.0 } else { 0.0 }) + random.f32())
        .collect();
    let features = Features::new(values, rows, columns).unwrap();
    let trust = |coordinates: &[f32]| {
        let mut trust = Trustworthiness::new(features.clone(), coordinates, 10).unwrap();
        trust.finish();
        trust.value().unwrap()
    };
    let mut tsne = Tsne::new(features.clone(), TsneOptions { iterations: 500, ..TsneOptions::default() });
    tsne.finish();
    assert!(trust(tsne.coordinates()) > 0.95, "{}", trust(tsne.coordinates()));
    let mut umap = Umap::new(features.clone(), UmapOptions { epochs: Some(200), ..UmapOptions::default() });
    umap.finish();
    assert!(trust(umap.coordinates()) > 0.93, "{}", trust(umap.coordinates()));
}
