//! Any numbers: no work panics, goes on for ever or gives coordinates that are no numbers.

use innspect_statistics::cluster::kmeans::KMeans;
use innspect_statistics::cluster::measures::{Silhouette, means};
use innspect_statistics::cluster::spectral::{Spectral, SpectralOptions};
use innspect_statistics::embedding::pca::Pca;
use innspect_statistics::embedding::trustworthiness::Trustworthiness;
use innspect_statistics::embedding::tsne::{Tsne, TsneOptions};
use innspect_statistics::embedding::umap::{Umap, UmapOptions};
use innspect_statistics::{Features, Progress, Stepped};
use proptest::prelude::*;

/// Does a work within as many steps as a small table may take.
fn finish(mut work: impl Stepped + Clone) -> impl Stepped + Clone {
    let mut before = Progress::default();
    for _ in 0..20_000 {
        let now = work.step();
        assert!(now.done >= before.done && now.done <= now.total, "{before:?} {now:?}");
        if now.is_done() {
            return work;
        }
        before = now;
    }
    panic!("no end: {before:?}");
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![3 => -2_f32..2.0, 1 => Just(0.0), 1 => Just(1.0), 1 => any::<f32>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_table_has_a_result(
        (values, rows, columns) in (0_usize..14, 0_usize..6).prop_flat_map(|(rows, columns)| {
            (prop::collection::vec(number(), rows * columns), Just(rows), Just(columns))
        }),
        perplexity in number(), neighbours in 0_usize..20, clusters in 0_usize..20,
    ) {
        let features = Features::new(values, rows, columns).unwrap();
        finish(Pca::new(features.clone(), clusters));
        finish(Spectral::new(features.clone(), SpectralOptions { neighbours, clusters: None, seed: 1 }));
        finish(KMeans::new(features.clone(), clusters, 1));
        let mut pca = Pca::new(features.clone(), 2);
        pca.finish();
        prop_assert!(pca.coordinates().iter().all(|value| value.is_finite()));
        let mut tsne = Tsne::new(features.clone(), TsneOptions { perplexity, iterations: 260, seed: 1 });
        tsne.finish();
        prop_assert!(tsne.coordinates().iter().all(|value| value.is_finite()));
        let options = UmapOptions { neighbours, min_dist: perplexity, epochs: Some(20), ..UmapOptions::default() };
        let mut umap = Umap::new(features.clone(), options);
        umap.finish();
        prop_assert!(umap.coordinates().iter().all(|value| value.is_finite()));
        let mut trust = Trustworthiness::new(features.clone(), umap.coordinates(), neighbours).unwrap();
        trust.finish();
        prop_assert!(trust.value().is_none_or(|value| (0.0..=1.0).contains(&value)));
        let mut kmeans = KMeans::new(features.clone(), clusters, 1);
        kmeans.finish();
        let mut silhouette = Silhouette::new(features.clone(), kmeans.labels()).unwrap();
        silhouette.finish();
        prop_assert!(silhouette.values().iter().all(|value| (-1.0..=1.0).contains(value)));
        prop_assert_eq!(means(&features, kmeans.labels()).unwrap().columns(), columns);
    }
}
