//! How long the statistics take:
//!
//! ```text
//! cargo run --release --example speed -p innspect-statistics
//! ```

use std::hint::black_box;
use std::time::{Duration, Instant};

use innspect_statistics::cluster::spectral::{Spectral, SpectralOptions};
use innspect_statistics::embedding::tsne::{Tsne, TsneOptions};
use innspect_statistics::embedding::umap::{Umap, UmapOptions};
use innspect_statistics::points::PointIndex;
use innspect_statistics::scores::{self, Final};
use innspect_statistics::{Features, Stepped};

/// Runs a function often and prints the mean time.
fn often(what: &str, count: u32, mut run: impl FnMut(u32)) {
    let start = Instant::now();
    (0..count).for_each(&mut run);
    let each = start.elapsed() / count;
    println!("{what:<62}{:>10.4} ms", each.as_secs_f64() * 1e3);
}

/// Ten groups of rows.
fn features(rows: usize, columns: usize) -> Features {
    let mut random = fastrand::Rng::with_seed(1);
    let values = (0..rows * columns)
        .map(|at| {
            let group = at / columns % 10;
            (if at % 10 == group { 2.0 } else { 0.0 }) + random.f32() + random.f32() + random.f32()
        })
        .collect();
    Features::new(values, rows, columns).expect("a small table")
}

/// Does a work and prints what its steps take.
fn work(what: &str, mut work: impl Stepped) {
    let start = Instant::now();
    let mut times: Vec<Duration> = Vec::new();
    loop {
        let before = Instant::now();
        let progress = work.step();
        times.push(before.elapsed());
        if progress.is_done() {
            break;
        }
    }
    let total = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{what:<40}{total:>8.2} s in {:>6} steps: median {:>6.2}, 99 % {:>6.2}, longest {:>7.2} ms",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn main() {
    let mut random = fastrand::Rng::with_seed(0);
    let (x, y): (Vec<f32>, Vec<f32>) = (0..50_000).map(|_| (random.f32(), random.f32().powi(2))).unzip();
    often("index of 50 000 points", 20, |_| {
        black_box(PointIndex::new(&x, &y));
    });
    let index = PointIndex::new(&x, &y);
    let mut found = Vec::new();
    often("nearest of 50 000 points", 100_000, |at| {
        black_box(index.nearest([x[at as usize % 50_000] + 0.001, y[at as usize / 2]], [0.01, 0.01]));
    });
    often("50 000 points in a rectangle, a tenth of them", 1000, |_| {
        index.in_rectangle([0.2, 0.2], [0.5, 0.5], black_box(&mut found));
    });
    let lasso: Vec<[f32; 2]> = (0..200)
        .map(|corner| {
            let (sin, cos) = (corner as f32 / 200.0 * std::f32::consts::TAU).sin_cos();
            [0.5 + 0.2 * cos, 0.3 + 0.2 * sin * (1.0 + 0.2 * (corner % 3) as f32)]
        })
        .collect();
    often("50 000 points in a lasso of 200 corners", 1000, |_| index.in_polygon(&lasso, black_box(&mut found)));

    let logits: Vec<f32> = (0..1000).map(|_| random.f32() * 12.0).collect();
    let (mut row, mut tops) = (Vec::new(), Vec::new());
    often("scores, top 5 and entropy of 1000 classes", 10_000, |_| {
        scores::scores(black_box(&logits), Final::Softmax, &mut row);
        scores::top(&row, 5, &mut tops);
        black_box(scores::entropy(&logits, Final::Softmax));
    });

    let short = TsneOptions { iterations: 100, ..TsneOptions::default() };
    work("t-SNE of 2 000 x 50, 100 iterations", Tsne::new(features(2_000, 50), short));
    work("t-SNE of 5 000 x 50, 100 iterations", Tsne::new(features(5_000, 50), short));
    work("t-SNE of 10 000 x 50, 100 iterations", Tsne::new(features(10_000, 50), short));
    work("UMAP of 10 000 x 50", Umap::new(features(10_000, 50), UmapOptions::default()));
    let brief = UmapOptions { epochs: Some(1), ..UmapOptions::default() };
    work("UMAP of 10 000 x 1280, 1 epoch", Umap::new(features(10_000, 1280), brief));
    work("spectral clusters of 1 000 x 1024", Spectral::new(features(1_000, 1024), SpectralOptions::default()));
}
