"""Learning from few labels: test errors of eleven methods on the same draws of labels, beside the published ones.

Every method sees the same labelled examples in a draw, as many of each class (`scratchgen.hide_labels`, its seed is the
number of the draw), and the same test set. What learns without labels, the VAEs of rows (c) and (d), is trained once,
on all training examples, and serves all draws and numbers of labels. "80/20" pools the training and the test examples
of the data set, labels 80 % of them and tests on the others; each draw has its own split.

Rows, in the order of the table:

(a) logistic regression on the pixels, (b) a network with the hidden layers of the encoder on the pixels (both
scikit-learn's); (c) logistic regression on the codes of a VAE 784-400-20; (d) M1: logistic regression and a
support-vector machine on the codes of a VAE 784-500-500-50; (e) the prediction-constrained VAE, with and without
consistency; M2; M1 + M2 on the VAE of (d); a conditional VAE by Bayes' rule over its classes.

Cells are kept in the results file as they come: a run that is interrupted goes on from there. The table gives mean and
standard deviation over the draws, and for each method the difference from the better of (a) and (b), paired over the
draws, with its 95 % interval by Student's t.

    python -m benchmarks.few_labels                                       # 8x8 digits: minutes on two cores
    python -m benchmarks.few_labels --data mnist --labels 100 --scale 0.1 --out few-labels.json
    python -m benchmarks.few_labels --data mnist cifar10 --scale 1 --backend cuda --out few-labels.json

References
----------
D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling: "Semi-supervised learning with deep generative models", NeurIPS
2014, table 1.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

import scratchgen as sg
from benchmarks.report import RESULTS
from scratchgen.datasets import Dataset
from scratchgen.schedules import LinearDecay

SPLIT = "80/20"
N_DRAWS = 5
# test error in per cent, with how it is known: 2 quoted by a third party, M from memory, R a replication's range
PUBLISHED = {
    ("mnist", "100", "M1 + SVM"): "11.82 (transductive)",
    ("mnist", "100", "M2"): "11.97 ± 1.71; others 10 to 18",
    ("mnist", "100", "M1 + M2"): "3.33 ± 0.14; others 4 to 9",
    ("mnist", "1000", "M1 + SVM"): "4.24 (transductive)",
    ("mnist", "1000", "M2"): "3.60 ± 0.56 (from memory)",
    ("mnist", "1000", "M1 + M2"): "2.40 ± 0.02 (from memory)",
}


@dataclass(frozen=True)
class Size:
    """What the methods are made of for one data set, and how long they train at ``--scale 1``.

    Attributes
    ----------
    hidden : tuple of int
        Hidden layers of (b), (e), M2 and the conditional VAE, and of the VAE of (d).
    n_latent : int
    likelihood : dict
        Settings of p(x|z).
    epochs : int
        Passes over all examples; those of M1 + M2, whose data are codes, are three times as many.
    """

    hidden: tuple[int, ...]
    n_latent: int
    likelihood: dict[str, Any]
    epochs: int
    image_shape: tuple[int, ...] | None = None
    channels: tuple[int, ...] = ()

    @property
    def network(self) -> dict[str, Any]:
        """Settings of the labelled models' networks."""
        convolutional = {"image_shape": self.image_shape, "channels": self.channels} if self.image_shape else {}
        return {"hidden": self.hidden, "n_latent": self.n_latent, **self.likelihood, **convolutional}


_BERNOULLI = {"likelihood": "bernoulli", "binarise": True}
_COLOUR = {"likelihood": "gaussian", "output_mean": "sigmoid", "sigma": "learned"}
SIZES = {
    "digits": Size((128,), 10, {"likelihood": "bernoulli"}, 200),
    "mnist": Size((500,), 50, _BERNOULLI, 300),
    "cifar10": Size((500,), 50, _COLOUR, 300),
    "cifar10-subset": Size((500,), 50, _COLOUR, 300),
}
BATCH, RATE = 200, 1e-3


@dataclass
class Task:
    """One data set in one division, with the models that no label has touched.

    Attributes
    ----------
    data : Dataset
    size : Size
    scale : float
        Share of the epochs that is trained.
    """

    data: Dataset
    size: Size
    scale: float
    backend: str
    trained: dict[str, sg.VAE] = field(default_factory=dict)

    @cached_property
    def n_visible(self) -> int:
        """Number of pixels."""
        return self.data.x_train.shape[1]

    @property
    def epochs(self) -> int:
        """Passes that a method makes at this scale."""
        return max(1, round(self.scale * self.size.epochs))

    def labels(self, column: str, draw: int) -> np.ndarray:
        """Return the labels of the training examples, -1 where hidden."""
        return self.data.y_train if column == SPLIT else sg.hide_labels(self.data.y_train, int(column), seed=draw)

    def vae(self, name: str, hidden: tuple[int, ...], n_latent: int, **settings: Any) -> sg.VAE:
        """Return the VAE of this name, trained on all training examples when it is first asked for."""
        if name not in self.trained:
            everything = {"n_latent": n_latent, **self.size.likelihood, **settings, "backend": self.backend}
            shape = self.size.image_shape
            if shape is None:
                vae = sg.VAE(self.n_visible, hidden, **everything)
            else:
                vae = sg.ConvVAE(shape, self.size.channels, hidden[-1], **everything)
            self.fit(vae, self.data.x_train)
            self.trained[name] = vae
        return self.trained[name]

    def fit(self, model: Any, *data: np.ndarray, times: int = 1, **options: Any) -> Any:
        """Train with a learning rate that falls to a hundredth, and return the model."""
        epochs = times * self.epochs
        rate = LinearDecay(epochs * -(-len(data[0]) // BATCH), start=RATE, stop=RATE / 100)
        model.fit(*data, epochs=epochs, batch_size=BATCH, optimizer=sg.Adam(rate), progress=False, **options)
        return model


# --------------------------------------------------------------------------------------------------------- methods


def pixels_logistic(task: Task, y: np.ndarray) -> Any:
    return LogisticRegression(max_iter=1000).fit(task.data.x_train[y >= 0], y[y >= 0]).score


def pixels_network(task: Task, y: np.ndarray) -> Any:
    network = MLPClassifier(task.size.hidden, max_iter=300, random_state=0)
    return network.fit(task.data.x_train[y >= 0], y[y >= 0]).score


def codes_of_vae(task: Task, y: np.ndarray) -> Any:
    vae = task.vae("784-400-20", (400,), 20) if task.n_visible == 784 else task.vae("c", task.size.hidden, 20)
    return sg.M1.from_vae(vae).fit_classifier(task.data.x_train, y).accuracy


def features_of_m1(task: Task) -> sg.VAE:
    return task.vae("M1", 2 * task.size.hidden, task.size.n_latent, activation="softplus")


def m1(task: Task, y: np.ndarray, classifier: str) -> Any:
    return sg.M1.from_vae(features_of_m1(task), classifier=classifier).fit_classifier(task.data.x_train, y).accuracy


def prediction_constrained(task: Task, y: np.ndarray, **weights: Any) -> Any:
    model = sg.PredictionConstrainedVAE(task.n_visible, **task.size.network, **weights, backend=task.backend)
    return task.fit(model, task.data.x_train, y).accuracy


def m2(task: Task, y: np.ndarray) -> Any:
    model = sg.M2(task.n_visible, **task.size.network, backend=task.backend)
    return task.fit(model, task.data.x_train, y).accuracy


def stacked(task: Task, y: np.ndarray) -> Any:
    model = sg.M1M2(features_of_m1(task), hidden=task.size.hidden, n_latent=task.size.n_latent, backend=task.backend)
    return task.fit(model, task.data.x_train, y, times=3).accuracy


def conditional(task: Task, y: np.ndarray) -> Any:
    model = sg.ConditionalVAE(task.n_visible, **task.size.network, backend=task.backend)
    known = y >= 0
    few = int(1 + len(y) / known.sum())  # as many steps as where all have a label
    return task.fit(model, task.data.x_train[known], y[known], times=few).accuracy


_CONSISTENT = {"consistency_weight": 1.0, "aggregate_weight": 1.0}
BASELINES = ("(a) logistic regression on pixels", "(b) network on pixels")
METHODS: dict[str, Callable[[Task, np.ndarray], Any]] = {
    BASELINES[0]: pixels_logistic,
    BASELINES[1]: pixels_network,
    "(c) VAE codes, logistic regression": codes_of_vae,
    "(d) M1 + logistic regression": partial(m1, classifier="logistic"),
    "(d) M1 + SVM": partial(m1, classifier="svm"),
    "(e) PC-VAE": prediction_constrained,
    "(e) PC-VAE, consistent": partial(prediction_constrained, **_CONSISTENT),
    "M2": m2,
    "M1 + M2": stacked,
    "CVAE, Bayes' rule": conditional,
}


# ----------------------------------------------------------------------------------------------------- the experiment


def divided(data: Dataset, column: str, draw: int) -> Dataset:
    """Return the data as they come, or for "80/20" pooled and divided anew."""
    if column != SPLIT:
        return data
    x, y = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    order = sg.to_numpy(sg.Stream(draw).permutation(len(x)))
    train, test = np.split(order, [round(0.8 * len(x))])
    return replace(data, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])


def run(options: argparse.Namespace, cells: dict[str, Any]) -> None:
    """Fill the cells that are wanted and not there, one by one, and write each as it comes."""
    for name in options.data:
        data = sg.datasets.load(name)
        shared = Task(data, SIZES[name], options.scale, options.backend)
        for draw in range(options.draws):
            for column in options.labels:
                task = shared if column != SPLIT else replace(shared, data=divided(data, column, draw), trained={})
                for method in options.methods:
                    key = "|".join([name, column, method, f"draw {draw}", f"scale {options.scale:g}"])
                    if key in cells:
                        continue
                    started = time.perf_counter()
                    score = METHODS[method](task, task.labels(column, draw))
                    error = 100 * (1 - float(score(task.data.x_test, task.data.y_test)))
                    cells[key] = {"error": round(error, 3), "seconds": round(time.perf_counter() - started, 1)}
                    print(f"{key}: {error:.2f} % in {cells[key]['seconds']:.0f} s", file=sys.stderr, flush=True)
                    options.out.parent.mkdir(parents=True, exist_ok=True)
                    options.out.write_text(json.dumps(cells, indent=1, ensure_ascii=False) + "\n")


def errors(cells: Mapping[str, Any], options: argparse.Namespace, name: str, column: str, method: str) -> np.ndarray:
    """Return the test errors of the draws that are there, in per cent; NaN for those that are not."""
    keys = (f"{name}|{column}|{method}|draw {d}|scale {options.scale:g}" for d in range(options.draws))
    return np.array([cells.get(key, {}).get("error", np.nan) for key in keys])


def interval(differences: np.ndarray) -> str:
    """Return mean and half width of the 95 % interval of paired differences by Student's t."""
    n = len(differences)
    if n < 2:
        return ""
    half = t.ppf(0.975, n - 1) * differences.std(ddof=1) / math.sqrt(n)
    return f"{differences.mean():+.2f} ± {half:.2f}"


def table(cells: Mapping[str, Any], options: argparse.Namespace, name: str, column: str) -> str:
    """Return the table of one data set and one number of labels in Markdown."""
    subset = " (subset: 4,000 training and 1,000 test images)" if name == "cifar10-subset" else ""
    labels = "all labels of an 80/20 split" if column == SPLIT else f"{column} labels"
    found = {method: errors(cells, options, name, column, method) for method in options.methods}
    raw = np.min([found[method] for method in BASELINES if method in found] or [np.full(options.draws, np.nan)], axis=0)
    lines = [
        f"{name}{subset}, {labels}, test error in %, {100 * options.scale:g} % of the epochs",
        "",
        "| method | mean ± sd | draws | over the better of (a), (b) | published |",
        "| --- | --- | --- | --- | --- |",
    ]
    for method, values in found.items():
        there = values[~np.isnan(values)]
        if there.size:
            spread = f" ± {there.std(ddof=1):.2f}" if there.size > 1 else ""
            difference = "" if method in BASELINES else interval((values - raw)[~np.isnan(values - raw)])
            published = PUBLISHED.get((name, column, method), "")
            cell = f"{there.mean():.2f}{spread}"
            lines.append(f"| {method} | {cell} | {there.size} | {difference} | {published} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.few_labels", description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=list(SIZES), default=["digits"])
    parser.add_argument("--labels", nargs="+", default=["100", "1000", SPLIT], help=f"numbers, or {SPLIT}")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--draws", type=int, default=N_DRAWS, help="of the labels (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the epochs (default: %(default)s)")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--out", type=Path, default=RESULTS / "local-few-labels.json", help="cells; those in it stay")
    options = parser.parse_args(arguments)
    cells = json.loads(options.out.read_text()) if options.out.exists() else {}
    started = time.perf_counter()
    run(options, cells)
    for name in options.data:
        for column in options.labels:
            print(f"\n{table(cells, options, name, column)}")
    print(f"\n{(time.perf_counter() - started) / 60:.1f} minutes, cells in {options.out}")


if __name__ == "__main__":
    main()
