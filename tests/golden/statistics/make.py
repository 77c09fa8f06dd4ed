"""Makes `statistics.json` beside it: what NumPy, SciPy, scikit-learn and umap-learn compute of a recorded table of
predictions, of features and of maps, for `crates/statistics/tests/golden.rs`.

    python -m pip install -r requirements.txt    # numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, umap-learn 0.5.12
    python make.py

All inputs are float32 numbers rounded to a few digits, so that the JSON is small and every float32 is read as it was
written. The results are computed in float64 from these numbers.
"""

import json
import pathlib

import numpy as np
import umap
from scipy import stats
from scipy.special import log_softmax, softmax
from sklearn import cluster, metrics
from sklearn.calibration import calibration_curve
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, _t_sne, trustworthiness
from sklearn.neighbors import kneighbors_graph
from umap.umap_ import find_ab_params, fuzzy_simplicial_set

HERE = pathlib.Path(__file__).parent
PICTURES, MODELS, CLASSES = 60, 3, 10
rng = np.random.default_rng(20260511)


def rounded(values, digits=4):
    """Float32 numbers that their shortest decimal form gives back."""
    return np.round(np.asarray(values, dtype=np.float64), digits).astype(np.float32)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist()) if value.dtype != np.float32 else [plain(item) for item in value]
    if isinstance(value, np.float32):
        return float(str(value))
    if isinstance(value, np.generic):
        return value.item()
    return value


def predictions():
    """Logits of three networks that share a signal, two of them good and one poor."""
    labels = rng.integers(0, CLASSES, PICTURES)
    logits = np.empty((MODELS, PICTURES, CLASSES))
    for model, strength in enumerate([4.0, 2.5, 0.7]):
        logits[model] = rng.normal(0, 1.5, (PICTURES, CLASSES))
        logits[model][np.arange(PICTURES), labels] += strength
    logits = rounded(logits, 3)
    p = softmax(logits.astype(np.float64), axis=-1)
    best = p.argmax(-1)
    models = []
    for model in range(MODELS):
        sure = p[model].max(-1)
        right = best[model] == labels
        bins = np.clip(np.ceil(sure * 15).astype(int) - 1, 0, 14)
        gaps = [(np.sum(bins == b), abs(right[bins == b].mean() - sure[bins == b].mean())) for b in set(bins)]
        share, mean = calibration_curve(right, sure, n_bins=15)
        precision, recall, f1, support = metrics.precision_recall_fscore_support(
            labels, best[model], labels=range(CLASSES), zero_division=0
        )
        two = np.sort(p[model], -1)[:, -2:]
        models.append({
            "best": best[model],
            "score": sure,
            "entropy": stats.entropy(p[model], axis=-1),
            "relative_entropy": stats.entropy(p[model], base=CLASSES, axis=-1),
            "margin": two[:, 1] - two[:, 0],
            "likelihood": -log_softmax(logits[model].astype(np.float64), -1)[np.arange(PICTURES), labels],
            "distance": np.abs(p[model] - np.eye(CLASSES)[labels]).sum(-1),
            "top": np.argsort(-p[model], -1, kind="stable")[:, :5],
            "accuracy": metrics.accuracy_score(labels, best[model]),
            "top3": metrics.top_k_accuracy_score(labels, p[model], k=3, labels=range(CLASSES)),
            "confusion": metrics.confusion_matrix(labels, best[model], labels=range(CLASSES)),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "support": support,
            "log_loss": metrics.log_loss(labels, p[model], labels=range(CLASSES)),
            "brier": metrics.brier_score_loss(labels, p[model], labels=range(CLASSES)),
            "ece": sum(count * gap for count, gap in gaps) / PICTURES,
            "mce": max(gap for _, gap in gaps),
            "reliability": {"accuracy": share, "confidence": mean},
        })
    scores = p.max(-1)
    return {
        "logits": logits,
        "labels": labels,
        "models": models,
        "mean_score": scores.mean(0),
        "distinct": [len(set(column)) for column in best.T],
        "quadrants": [(len(set(column)) > 1) * 2 + (mean < 0.5) for column, mean in zip(best.T, scores.mean(0))],
        "cross": metrics.confusion_matrix(best[0], best[1], labels=range(CLASSES)),
        "kappa": metrics.cohen_kappa_score(best[0], best[1], labels=range(CLASSES)),
    }


def histograms():
    values = rounded(np.concatenate([rng.normal(0, 1, 300), rng.exponential(2, 200), [0.5] * 20]), 2)
    wide = values.astype(np.float64)
    counts, edges = np.histogram(wide, bins=17)
    ranged, _ = np.histogram(wide, bins=12, range=(-1.0, 2.0))
    return {
        "values": values,
        "counts": counts,
        "edges": edges,
        "ranged": ranged,
        "freedman_diaconis": len(np.histogram_bin_edges(wide, bins="fd")) - 1,
    }


def maps():
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(12)), -1)
    blob = lambda x, y: np.exp(-((grid - [x, y]) ** 2).sum(-1) / 12)
    one = rounded(blob(5, 4) - 0.6 * blob(12, 8) + 0.05 * rng.normal(size=(12, 16)), 2).ravel()
    two = rounded(blob(6, 5) - 0.2 * blob(3, 9) + 0.05 * rng.normal(size=(12, 16)), 2).ravel()

    def overlap(key):
        first, second = (set(np.argsort(-key(m), kind="stable")[: round(0.2 * m.size)].tolist()) for m in (one, two))
        return len(first & second) / len(first | second)

    inside = np.zeros((12, 16), bool)
    inside[2:8, 3:9] = True
    square = one.astype(np.float64).reshape(12, 16)
    return {
        "width": 16,
        "one": one,
        "two": two,
        "spearman": stats.spearmanr(one.astype(np.float64), two.astype(np.float64)).statistic,
        "pearson": stats.pearsonr(one.astype(np.float64), two.astype(np.float64)).statistic,
        "ranks": stats.rankdata(one)[:20],
        "iou": overlap(lambda m: m),
        "iou_absolute": overlap(np.abs),
        "inside": np.maximum(square, 0)[inside].sum() / np.maximum(square, 0).sum(),
        "inside_absolute": np.abs(square)[inside].sum() / np.abs(square).sum(),
    }


def embeddings():
    """Five groups in 16 dimensions; 60 rows for the linear numbers, 300 for the layouts."""
    centres = rng.normal(0, 3, (5, 16))
    groups = np.arange(300) % 5
    features = rounded(centres[groups] + rng.normal(0, 1, (300, 16)), 2)
    wide = features.astype(np.float64)
    small = wide[:60]
    pca = PCA(4, svd_solver="full").fit(small)
    tall = PCA(3, svd_solver="full").fit(wide)
    # More columns than rows.
    flat = rounded(rng.normal(0, 1, (20, 70)) * 0.93 ** np.arange(70), 2)
    across = PCA(3, svd_solver="full").fit(flat.astype(np.float64))

    # t-SNE: affinities and gradient of the exact method, by its own functions.
    squares = metrics.pairwise_distances(small, squared=True).astype(np.float32)
    np.fill_diagonal(squares, 0)
    affinities = _t_sne._joint_probabilities(squares, 10.0, 0)
    at = rounded(rng.normal(0, 3, (60, 2)), 3)
    divergence, gradient = _t_sne._kl_divergence(at.ravel().astype(np.float64), affinities, 1, 60, 2)
    square = np.zeros((60, 60))
    square[np.triu_indices(60, 1)] = affinities

    tsne = TSNE(perplexity=30, init="pca", random_state=0).fit_transform(features)
    graph, _, _ = fuzzy_simplicial_set(small, 15, np.random.RandomState(0), "euclidean")
    laid = umap.UMAP(random_state=0, n_neighbors=15, min_dist=0.1, init="pca").fit_transform(features)
    return {
        "features": features,
        "groups": groups,
        "pca": {
            "coordinates": pca.transform(small),
            "loadings": pca.components_,
            "ratio": pca.explained_variance_ratio_,
        },
        "pca_tall": {"coordinates": tall.transform(wide)[:20], "ratio": tall.explained_variance_ratio_},
        "flat": flat,
        "pca_flat": {
            "coordinates": across.transform(flat.astype(np.float64)),
            "ratio": across.explained_variance_ratio_,
        },
        "affinities": {"row0": (square + square.T)[0], "row33": (square + square.T)[33]},
        "gradient": {"at": at, "divergence": divergence, "gradient": gradient.reshape(60, 2)},
        "trust": {
            "pca": trustworthiness(small, pca.transform(small)[:, :2], n_neighbors=5),
            "tsne": trustworthiness(wide, tsne, n_neighbors=10),
            "umap": trustworthiness(wide, laid, n_neighbors=10),
        },
        "fuzzy_row0": graph.toarray()[0],
        "curves": [[d, s, *find_ab_params(s, d)] for d, s in [(0.1, 1.0), (0.0, 1.0), (0.5, 1.0), (0.25, 2.0)]],
    }


def clusters(embedding):
    wide = embedding["features"].astype(np.float64)
    fitted = cluster.KMeans(5, n_init=10, random_state=0).fit(wide)
    rough = cluster.KMeans(3, n_init=10, random_state=0).fit(wide)
    # Two moons, which k-means cannot part, with a bridge.
    t = np.linspace(0, np.pi, 100)
    moons = np.concatenate([np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.4 - np.sin(t)]])
    moons = rounded(moons + rng.normal(0, 0.06, moons.shape), 3)
    graph = kneighbors_graph(moons.astype(np.float64), 7).toarray()
    graph = np.maximum(graph, graph.T)
    degrees = graph.sum(1)
    laplacian = np.eye(200) - graph / np.sqrt(np.outer(degrees, degrees))
    spectral = cluster.SpectralClustering(2, affinity="precomputed", random_state=0).fit(graph)
    a, b = rng.integers(0, 4, 80), rng.integers(0, 3, 80)
    b[:40] = a[:40]
    return {
        "inertia": {"5": fitted.inertia_, "3": rough.inertia_},
        "labels": fitted.labels_,
        "silhouette": metrics.silhouette_score(wide, fitted.labels_),
        "silhouettes": metrics.silhouette_samples(wide, fitted.labels_)[:20],
        "moons": moons,
        "eigenvalues": np.linalg.eigvalsh(laplacian)[:9],
        "spectral": spectral.labels_,
        "a": a,
        "b": b,
        "rand": metrics.adjusted_rand_score(a, b),
    }


def main():
    embedding = embeddings()
    numbers = {
        "predictions": predictions(),
        "histogram": histograms(),
        "maps": maps(),
        "embedding": embedding,
        "clusters": clusters(embedding),
    }
    text = json.dumps(plain(numbers), separators=(",", ":"))
    (HERE / "statistics.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
