//! Everything against NumPy, SciPy, scikit-learn and umap-learn; `tests/golden/statistics/make.py` makes the numbers.

use innspect_statistics::agreement::{Agreement, Quadrant, Vote};
use innspect_statistics::calibration::{BINS, Reliability, brier};
use innspect_statistics::cluster::kmeans::KMeans;
use innspect_statistics::cluster::measures::{Silhouette, adjusted_rand_index};
use innspect_statistics::cluster::spectral::{Spectral, SpectralOptions};
use innspect_statistics::embedding::graph::Graph;
use innspect_statistics::embedding::neighbours::Neighbours;
use innspect_statistics::embedding::pca::Pca;
use innspect_statistics::embedding::trustworthiness::Trustworthiness;
use innspect_statistics::embedding::tsne::affinities::Affinities;
use innspect_statistics::embedding::tsne::{Tsne, TsneOptions, gradient};
use innspect_statistics::embedding::umap::{FuzzyGraph, Umap, UmapOptions, curve};
use innspect_statistics::histogram::{Histogram, freedman_diaconis};
use innspect_statistics::overlap::{By, Window, share_inside, top_overlap};
use innspect_statistics::rank::{pearson, ranks, spearman};
use innspect_statistics::scores::{self, Final};
use innspect_statistics::truth::{CrossTable, accuracy, top_accuracy};
use innspect_statistics::{Features, Stepped};
use serde_json::Value;

fn golden() -> Value {
    let text = include_str!("../../../tests/golden/statistics/statistics.json");
    serde_json::from_str(text).unwrap()
}

/// All numbers of a value, however deep they lie.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::Number(number) => vec![number.as_f64().unwrap()],
        other => panic!("no number: {other}"),
    }
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|number| number as f32).collect()
}

fn classes(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|number| number as u32).collect()
}

#[track_caller]
fn close(found: impl IntoIterator<Item = f64>, wanted: &Value, tolerance: f64) {
    let (found, wanted) = (found.into_iter().collect::<Vec<_>>(), numbers(wanted));
    assert_eq!(found.len(), wanted.len());
    for (index, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        assert!((found - wanted).abs() <= tolerance, "number {index}: {found} and not {wanted}");
    }
}

fn wide(values: &[f32]) -> impl Iterator<Item = f64> + '_ {
    values.iter().map(|&value| f64::from(value))
}

fn some(values: &[u32]) -> Vec<Option<u32>> {
    values.iter().copied().map(Some).collect()
}

#[test]
fn scores_and_truth() {
    let golden = &golden()["predictions"];
    let labels = classes(&golden["labels"]);
    for (model, logits) in golden["models"].as_array().unwrap().iter().zip(golden["logits"].as_array().unwrap()) {
        let rows: Vec<Vec<f32>> = logits.as_array().unwrap().iter().map(floats).collect();
        let softmax: Vec<Vec<f32>> = rows
            .iter()
            .map(|row| {
                let mut out = Vec::new();
                scores::scores(row, Final::Softmax, &mut out);
                out
            })
            .collect();
        let tops: Vec<Vec<u32>> = softmax
            .iter()
            .map(|row| {
                let mut tops = Vec::new();
                scores::top(row, 5, &mut tops);
                tops.iter().map(|top| top.class).collect()
            })
            .collect();
        let best: Vec<scores::Top> = softmax.iter().map(|row| scores::best(row).unwrap()).collect();
        let predicted: Vec<u32> = best.iter().map(|best| best.class).collect();
        assert_eq!(predicted, classes(&model["best"]));
        assert_eq!(tops.concat(), classes(&model["top"]));
        close(best.iter().map(|best| f64::from(best.score)), &model["score"], 1e-6);
        close(rows.iter().map(|row| scores::entropy(row, Final::Softmax)), &model["entropy"], 1e-9);
        close(rows.iter().map(|row| scores::relative_entropy(row, Final::Softmax)), &model["relative_entropy"], 1e-9);
        close(softmax.iter().map(|row| f64::from(scores::margin(row).unwrap())), &model["margin"], 1e-6);
        let losses: Vec<scores::Loss> = rows
            .iter()
            .zip(&labels)
            .map(|(row, &label)| scores::loss(row, Final::Softmax, label as usize).unwrap())
            .collect();
        close(losses.iter().map(|loss| f64::from(loss.likelihood)), &model["likelihood"], 1e-5);
        close(losses.iter().map(|loss| f64::from(loss.distance)), &model["distance"], 1e-6);
        let mean = losses.iter().map(|loss| f64::from(loss.likelihood)).sum::<f64>() / losses.len() as f64;
        close([mean], &model["log_loss"], 1e-6);

        let share = accuracy(&some(&predicted), &some(&labels));
        close(share.value(), &model["accuracy"], 1e-12);
        close(top_accuracy(tops.iter().map(Vec::as_slice), &some(&labels), 3).value(), &model["top3"], 1e-12);
        let table = CrossTable::new(10, 10, some(&labels).into_iter().zip(some(&predicted))).unwrap();
        assert_eq!(table.counts(), classes(&model["confusion"]));
        assert_eq!(table.diagonal(), share);
        let report = table.report();
        close(report.iter().map(|class| class.precision.unwrap_or(0.0)), &model["precision"], 1e-12);
        close(report.iter().map(|class| class.recall.unwrap_or(0.0)), &model["recall"], 1e-12);
        close(report.iter().map(|class| class.f1.unwrap_or(0.0)), &model["f1"], 1e-12);
        close(report.iter().map(|class| f64::from(class.support)), &model["support"], 0.0);

        let diagram =
            Reliability::new(BINS, best.iter().zip(&labels).map(|(best, &label)| (best.score, best.class == label)));
        close(diagram.expected_error(), &model["ece"], 1e-6);
        close(diagram.largest_error(), &model["mce"], 1e-6);
        close(diagram.bins.iter().filter_map(|bin| bin.accuracy()), &model["reliability"]["accuracy"], 1e-12);
        close(diagram.bins.iter().filter_map(|bin| bin.confidence()), &model["reliability"]["confidence"], 1e-6);
        let brier: f64 =
            softmax.iter().zip(&labels).map(|(row, &label)| brier(row, label as usize).unwrap()).sum::<f64>();
        close([brier / labels.len() as f64], &model["brier"], 1e-6);
    }
}

#[test]
fn agreement_of_models() {
    let golden = &golden()["predictions"];
    let models = golden["models"].as_array().unwrap();
    let best: Vec<(Vec<u32>, Vec<f32>)> =
        models.iter().map(|model| (classes(&model["best"]), floats(&model["score"]))).collect();
    let agreements: Vec<Agreement> = (0..60)
        .map(|picture| {
            let votes: Vec<Vote<u32>> =
                best.iter().map(|(classes, scores)| Vote { class: classes[picture], score: scores[picture] }).collect();
            Agreement::of(&votes)
        })
        .collect();
    close(agreements.iter().map(|agreement| f64::from(agreement.mean_score)), &golden["mean_score"], 1e-6);
    close(agreements.iter().map(|agreement| f64::from(agreement.distinct)), &golden["distinct"], 0.0);
    let number = |quadrant| match quadrant {
        Quadrant::AgreeSure => 0.0,
        Quadrant::AgreeUnsure => 1.0,
        Quadrant::DisagreeSure => 2.0,
        Quadrant::DisagreeUnsure => 3.0,
    };
    close(agreements.iter().map(|agreement| number(agreement.quadrant(0.5).unwrap())), &golden["quadrants"], 0.0);
    let cross = CrossTable::new(10, 10, some(&best[0].0).into_iter().zip(some(&best[1].0))).unwrap();
    assert_eq!(cross.counts(), classes(&golden["cross"]));
    close(cross.kappa(), &golden["kappa"], 1e-12);
}

#[test]
fn histograms() {
    let golden = &golden()["histogram"];
    let values = floats(&golden["values"]);
    let histogram = Histogram::new(&values, 17, None);
    assert_eq!(histogram.counts, classes(&golden["counts"]));
    close((0..=17).map(|index| histogram.edge(index)), &golden["edges"], 1e-6);
    assert_eq!(Histogram::new(&values, 12, Some((-1.0, 2.0))).counts, classes(&golden["ranged"]));
    close([freedman_diaconis(&values, 1000) as f64], &golden["freedman_diaconis"], 0.0);
}

#[test]
fn maps() {
    let golden = &golden()["maps"];
    let (one, two) = (floats(&golden["one"]), floats(&golden["two"]));
    close(spearman(&one, &two), &golden["spearman"], 1e-9);
    close(pearson(&one, &two), &golden["pearson"], 1e-6);
    close(ranks(&one).into_iter().take(20), &golden["ranks"], 0.0);
    close(top_overlap(&one, &two, 0.2, By::Value), &golden["iou"], 1e-12);
    close(top_overlap(&one, &two, 0.2, By::Absolute), &golden["iou_absolute"], 1e-12);
    let window = Window { left: 3, top: 2, right: 9, bottom: 8 };
    close(share_inside(&one, 16, window, By::Value), &golden["inside"], 1e-6);
    close(share_inside(&one, 16, window, By::Absolute), &golden["inside_absolute"], 1e-6);
}

/// The first rows of the golden features.
fn features(golden: &Value, rows: usize) -> Features {
    let values = floats(&golden["embedding"]["features"]);
    Features::new(values[..rows * 16].to_vec(), rows, 16).unwrap()
}

fn finished<W: Stepped>(mut work: W) -> W {
    work.finish();
    work
}

#[test]
fn principal_components() {
    let golden = golden();
    let wanted = &golden["embedding"]["pca"];
    let pca = finished(Pca::new(features(&golden, 60), 4));
    close(wide(pca.coordinates()), &wanted["coordinates"], 1e-4);
    close(wide(pca.loadings()), &wanted["loadings"], 1e-5);
    close(pca.explained_variance_ratio(), &wanted["ratio"], 1e-6);

    let wanted = &golden["embedding"]["pca_tall"];
    let pca = finished(Pca::new(features(&golden, 300), 3));
    close(wide(pca.coordinates()).take(60), &wanted["coordinates"], 1e-4);
    close(pca.explained_variance_ratio(), &wanted["ratio"], 1e-6);

    let wanted = &golden["embedding"]["pca_flat"];
    let flat = Features::new(floats(&golden["embedding"]["flat"]), 20, 70).unwrap();
    let pca = finished(Pca::new(flat, 3));
    close(wide(pca.coordinates()), &wanted["coordinates"], 1e-4);
    close(pca.explained_variance_ratio(), &wanted["ratio"], 1e-6);
}

fn trust(features: Features, coordinates: &[f32], k: usize) -> f64 {
    finished(Trustworthiness::new(features, coordinates, k).unwrap()).value().unwrap()
}

fn dense(graph: &Graph, row: usize) -> Vec<f64> {
    let mut dense = vec![0.0; graph.rows()];
    graph.of(row).for_each(|(target, weight)| dense[target] = weight.into());
    dense
}

#[test]
fn trustworthiness_of_components() {
    let golden = golden();
    let pca = finished(Pca::new(features(&golden, 60), 2));
    close([trust(features(&golden, 60), pca.coordinates(), 5)], &golden["embedding"]["trust"]["pca"], 1e-9);
}

#[test]
fn tsne_affinities_and_gradient() {
    let golden = golden();
    let embedding = &golden["embedding"];
    let neighbours = finished(Neighbours::new(features(&golden, 60), 59));
    let graph = finished(Affinities::new(neighbours, 10.0)).into_graph();
    close(dense(&graph, 0), &embedding["affinities"]["row0"], 2e-6);
    close(dense(&graph, 33), &embedding["affinities"]["row33"], 2e-6);
    let (gradient, divergence) = gradient(&graph, &floats(&embedding["gradient"]["at"]), None);
    close(wide(&gradient), &embedding["gradient"]["gradient"], 2e-5);
    close([divergence], &embedding["gradient"]["divergence"], 1e-3);
}

#[test]
fn tsne_can_be_trusted() {
    let golden = golden();
    let wanted = golden["embedding"]["trust"]["tsne"].as_f64().unwrap();
    let tsne = finished(Tsne::new(features(&golden, 300), TsneOptions::default()));
    let found = trust(features(&golden, 300), tsne.coordinates(), 10);
    assert!(found > wanted - 0.02, "{found}, scikit-learn {wanted}");
    let again = finished(Tsne::new(features(&golden, 300), TsneOptions::default()));
    assert_eq!(tsne.coordinates(), again.coordinates());
}

#[test]
fn umap_graph_and_curve() {
    let golden = golden();
    let neighbours = finished(Neighbours::new(features(&golden, 60), 14));
    let graph = finished(FuzzyGraph::new(neighbours)).into_graph();
    close(dense(&graph, 0), &golden["embedding"]["fuzzy_row0"], 1e-3);
    for case in golden["embedding"]["curves"].as_array().unwrap() {
        let case = numbers(case);
        let (a, b) = curve(case[0], case[1]);
        assert!((a - case[2]).abs() < 1e-4 && (b - case[3]).abs() < 1e-4, "{a} {b}: {case:?}");
    }
}

#[test]
fn umap_can_be_trusted() {
    let golden = golden();
    let wanted = golden["embedding"]["trust"]["umap"].as_f64().unwrap();
    let umap = finished(Umap::new(features(&golden, 300), UmapOptions::default()));
    let found = trust(features(&golden, 300), umap.coordinates(), 10);
    assert!(found > wanted - 0.02, "{found}, umap-learn {wanted}");
    let again = finished(Umap::new(features(&golden, 300), UmapOptions::default()));
    assert_eq!(umap.coordinates(), again.coordinates());
    let other = UmapOptions { seed: 1, ..UmapOptions::default() };
    assert_ne!(umap.coordinates(), finished(Umap::new(features(&golden, 300), other)).coordinates());
}

#[test]
fn clusters() {
    let golden = golden();
    let wanted = &golden["clusters"];
    for clusters in [3, 5] {
        let found = finished(KMeans::new(features(&golden, 300), clusters, 0));
        let inertia = wanted["inertia"][clusters.to_string()].as_f64().unwrap();
        let ratio = found.inertia().unwrap() / inertia;
        assert!(ratio < 1.0 + 1e-4, "{clusters}: {ratio}");
    }
    let found = finished(KMeans::new(features(&golden, 300), 5, 0));
    let labels = classes(&wanted["labels"]);
    assert_eq!(adjusted_rand_index(found.labels(), &labels), Some(1.0));
    let silhouette = finished(Silhouette::new(features(&golden, 300), &labels).unwrap());
    close(silhouette.mean(), &wanted["silhouette"], 1e-5);
    close(wide(silhouette.values()).take(20), &wanted["silhouettes"], 1e-5);
    close(adjusted_rand_index(&classes(&wanted["a"]), &classes(&wanted["b"])), &wanted["rand"], 1e-12);
}

#[test]
fn spectral_clusters() {
    let golden = golden();
    let wanted = &golden["clusters"];
    let moons = Features::new(floats(&wanted["moons"]), 200, 2).unwrap();
    let options = SpectralOptions { neighbours: 7, clusters: Some(2), seed: 0 };
    let found = finished(Spectral::new(moons, options));
    close(found.eigenvalues().iter().copied(), &wanted["eigenvalues"], 1e-7);
    let agreement = adjusted_rand_index(found.labels(), &classes(&wanted["spectral"])).unwrap();
    assert!(agreement > 0.98, "{agreement}");
}
