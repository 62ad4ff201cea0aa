"""Learning from few labels: test errors of eleven methods on the same draws of labels, beside the published ones.

Every method sees the same labelled examples in a draw, as many of each class (`scratchgen.hide_labels`, its seed is the
number of the draw), and the same test set. What learns without labels, the VAEs of rows (c) and (d), is trained once,
on all training examples, and serves all draws and numbers of labels. "80/20" pools the training and the test examples
of the data set, labels 80 % of them and tests on the others; each draw has its own split.

Rows, in the order of the table:

(a) logistic regression on the pixels, (b) a network with M2's hidden layer on the pixels (both scikit-learn's); (c)
logistic regression on the codes of a VAE 784-400-20; (d) M1: logistic regression and a support-vector machine on the
codes of a VAE 784-500-500-50; (e) the prediction-constrained VAE, with and without consistency; M2; M1 + M2 on the VAE
of (d); a conditional VAE by Bayes' rule over its classes. On digits of 8x8 pixels the networks are smaller.

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
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

import scratchgen as sg
from benchmarks.report import RESULTS
from scratchgen.datasets import Dataset
from scratchgen.schedules import LinearDecay, LinearWarmup

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


class Epochs(NamedTuple):
    """Passes over the examples at ``--scale 1``; those of the conditional VAE go over as many images as M2's."""

    vae: int
    prediction_constrained: int
    m2: int
    stacked: int


@dataclass(frozen=True)
class Size:
    """What the methods are made of for one data set, and how long they train.

    Attributes
    ----------
    data : str
        Name of the data set.
    hidden : tuple of int
        Hidden layers of (b), M2 and the conditional VAE; (d) and (e) have two such layers.
    n_latent : int
    labelled : dict
        Likelihood and activation of the models with labels.
    features : dict
        Those of the VAEs of (c) and (d).
    epochs : Epochs
    batch_size : int
    rate : float
        First learning rate; the last is a tenth of it.
    classification_weight : float
        Of M2 and M1 + M2.
    channels : tuple of int
        Makes encoders and decoders convolutional, with dense layers of the width of `hidden`.
    """

    data: str
    hidden: tuple[int, ...]
    n_latent: int
    labelled: dict[str, Any]
    features: dict[str, Any]
    epochs: Epochs
    batch_size: int = 200
    rate: float = 1e-3
    classification_weight: float = 1.0
    channels: tuple[int, ...] = ()


_BINARISED = {"likelihood": "bernoulli", "binarise": True, "activation": "softplus"}
_COLOUR = {"likelihood": "gaussian", "output_mean": "sigmoid", "sigma": "learned", "activation": "softplus"}
_GREYS = {"likelihood": "bernoulli", "activation": "relu"}
_SHARP = {"likelihood": "gaussian", "sigma": 0.1, "activation": "relu"}
_LONG, _SHORT = Epochs(300, 60, 40, 160), Epochs(60, 60, 60, 60)
_CONVOLUTIONAL = ((256,), 50, _COLOUR, _COLOUR, _LONG)
SIZES = {
    "digits": Size("digits", (64,), 10, _GREYS, _SHARP, _SHORT, 100, 5e-3, 10.0),
    "mnist": Size("mnist", (500,), 50, _BINARISED, _BINARISED, _LONG),
    "cifar10": Size("cifar10", (500,), 50, _COLOUR, _COLOUR, _LONG),
    "cifar10-conv": Size("cifar10", *_CONVOLUTIONAL, channels=(32, 64, 128)),
    "cifar10-subset": Size("cifar10-subset", (500,), 50, _COLOUR, _COLOUR, _LONG),
    "cifar10-subset-conv": Size("cifar10-subset", *_CONVOLUTIONAL, channels=(32, 64, 128)),
}
LABELLED_PER_BATCH = 20


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
    def network(self) -> dict[str, Any]:
        """Settings of the networks of the models with labels."""
        convolutional = {}
        if self.size.channels:
            convolutional = {"image_shape": self.data.image_shape, "channels": self.size.channels}
        return {"n_latent": self.size.n_latent, **self.size.labelled, **convolutional, "backend": self.backend}

    @property
    def deeper(self) -> tuple[int, ...]:
        """Hidden layers of (d) and (e); behind convolutions there is one."""
        return self.size.hidden if self.size.channels else 2 * self.size.hidden

    def labels(self, column: str, draw: int) -> np.ndarray:
        """Return the labels of the training examples, -1 where hidden."""
        return self.data.y_train if column == SPLIT else sg.hide_labels(self.data.y_train, int(column), seed=draw)

    def vae(self, name: str, hidden: tuple[int, ...], n_latent: int, **settings: Any) -> sg.VAE:
        """Return the VAE of this name, trained on all training examples when it is first asked for."""
        if name not in self.trained:
            everything = {"n_latent": n_latent, **self.size.features, **settings, "backend": self.backend}
            if self.size.channels:
                vae: sg.VAE = sg.ConvVAE(self.data.image_shape, self.size.channels, hidden[-1], **everything)
            else:
                vae = sg.VAE(self.n_visible, hidden, **everything)
            self.trained[name] = self.fit(vae, self.size.epochs.vae, self.data.x_train)
        return self.trained[name]

    def fit(self, model: Any, epochs: float, *data: np.ndarray, **options: Any) -> Any:
        """Train with a learning rate that falls to a tenth, and return the model."""
        epochs = max(1, round(self.scale * epochs))
        rate = LinearDecay(self.steps(epochs, len(data[0])), start=self.size.rate, stop=self.size.rate / 10)
        options |= {"batch_size": self.size.batch_size, "optimizer": sg.Adam(rate), "progress": False}
        model.fit(*data, epochs=epochs, **options)
        return model

    def steps(self, epochs: float, n_examples: int) -> int:
        """Return the number of steps of so many passes, but for the room that labelled examples take in a batch."""
        return max(1, round(epochs * n_examples / self.size.batch_size))


# --------------------------------------------------------------------------------------------------------- methods


def pixels_logistic(task: Task, y: np.ndarray) -> Any:
    return LogisticRegression(max_iter=1000).fit(task.data.x_train[y >= 0], y[y >= 0]).score


def pixels_network(task: Task, y: np.ndarray) -> Any:
    network = MLPClassifier(task.size.hidden, max_iter=2000, random_state=0)
    return network.fit(task.data.x_train[y >= 0], y[y >= 0]).score


def codes_of_vae(task: Task, y: np.ndarray) -> Any:
    vae = task.vae("(c)", (400,) if task.n_visible == 784 else task.size.hidden, 20)
    return sg.M1.from_vae(vae).fit_classifier(task.data.x_train, y).accuracy


def features_of_m1(task: Task) -> sg.VAE:
    return task.vae("M1", task.deeper, task.size.n_latent)


def m1(task: Task, y: np.ndarray, classifier: str) -> Any:
    return sg.M1.from_vae(features_of_m1(task), classifier=classifier).fit_classifier(task.data.x_train, y).accuracy


def prediction_constrained(task: Task, y: np.ndarray, consistent: bool) -> Any:
    epochs, weights = task.size.epochs.prediction_constrained, {}
    if consistent:
        warm_up = LinearWarmup(task.steps(task.scale * epochs / 2, len(y)), 0.0, 50.0)
        weights = {"consistency_weight": warm_up, "aggregate_weight": warm_up}
    model = sg.PredictionConstrainedVAE(
        task.n_visible, hidden=task.deeper, prediction_weight=10.0, **weights, **task.network
    )
    return task.fit(model, epochs, task.data.x_train, y).accuracy


def m2(task: Task, y: np.ndarray) -> Any:
    model = sg.M2(
        task.n_visible, hidden=task.size.hidden, classification_weight=task.size.classification_weight, **task.network
    )
    options = {"labelled_per_batch": LABELLED_PER_BATCH}
    return task.fit(model, task.size.epochs.m2, task.data.x_train, y, **options).accuracy


def stacked(task: Task, y: np.ndarray) -> Any:
    vae, size = features_of_m1(task), task.size
    model = sg.M1M2(vae, hidden=size.hidden, n_latent=size.n_latent, classification_weight=size.classification_weight)
    options = {"labelled_per_batch": LABELLED_PER_BATCH}
    return task.fit(model, size.epochs.stacked, task.data.x_train, y, **options).accuracy


def conditional(task: Task, y: np.ndarray) -> Any:
    known = y >= 0
    model = sg.ConditionalVAE(task.n_visible, hidden=task.size.hidden, **task.network)
    epochs = task.size.epochs.m2 * len(y) / known.sum()
    return task.fit(model, epochs, task.data.x_train[known], y[known]).accuracy


BASELINES = ("(a) logistic regression on pixels", "(b) network on pixels")
METHODS: dict[str, Callable[[Task, np.ndarray], Any]] = {
    BASELINES[0]: pixels_logistic,
    BASELINES[1]: pixels_network,
    "(c) VAE codes, logistic regression": codes_of_vae,
    "(d) M1 + logistic regression": partial(m1, classifier="logistic"),
    "(d) M1 + SVM": partial(m1, classifier="svm"),
    "(e) PC-VAE": partial(prediction_constrained, consistent=False),
    "(e) PC-VAE, consistent": partial(prediction_constrained, consistent=True),
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
        data = sg.datasets.load(SIZES[name].data)
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
    subset = " (4,000 training and 1,000 test images)" if "subset" in name else ""
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
