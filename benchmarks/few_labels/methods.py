"""The methods, by the names of their rows: each learns from the labels that it is told, and is asked for others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

import scratchgen as sg
from benchmarks.few_labels.supervised import SupervisedNetwork, fit_until_settled
from benchmarks.few_labels.task import Task
from scratchgen.schedules import Delay, LinearWarmup


class Fitted(NamedTuple):
    """How many classes are predicted rightly, for images and labels; and the codes of images, if there are codes."""

    accuracy: Callable[[np.ndarray, np.ndarray], float]
    codes: Callable[[np.ndarray], Any] | None = None


def pixels_logistic(task: Task, y: np.ndarray) -> Fitted:
    return Fitted(LogisticRegression(max_iter=1000).fit(task.data.x_train[y >= 0], y[y >= 0]).score)


def pixels_network(task: Task, y: np.ndarray) -> Fitted:
    model = SupervisedNetwork(new_m2(task, activation="relu"))
    return Fitted(fit_until_settled(model, task.data.x_train[y >= 0], y[y >= 0]).accuracy)


def codes_of_vae(task: Task, y: np.ndarray) -> Fitted:
    return on_codes(task, y, task.vae("(c)", task.size.plain_hidden, task.size.plain_latent), "logistic")


def features_of_m1(task: Task) -> sg.VAE:
    return task.vae("M1", task.deeper, task.size.n_latent)


def m1(task: Task, y: np.ndarray, classifier: str) -> Fitted:
    return on_codes(task, y, features_of_m1(task), classifier)


def on_codes(task: Task, y: np.ndarray, vae: sg.VAE, classifier: str) -> Fitted:
    model = sg.M1.from_vae(vae, classifier=classifier).fit_classifier(task.data.x_train, y)
    return Fitted(model.accuracy, lambda x: model.encode(x)[0])


def prediction_constrained(task: Task, y: np.ndarray, consistent: bool) -> Fitted:
    x, size, weights = task.data.x_train, task.size, {}
    epochs = task.passes(size.epochs.prediction_constrained)
    if consistent:
        half = max(1, task.n_steps(epochs, x, y) // 2)
        warm_up = LinearWarmup(half, 0.0, size.consistency_weight)
        weights = {"consistency_weight": warm_up, "aggregate_weight": warm_up}
    options = {"hidden": task.deeper, "prediction_weight": size.prediction_weight, **weights, **task.network}
    model = task.fit(sg.PredictionConstrainedVAE(task.n_visible, **options), epochs, x, y)
    return Fitted(model.accuracy, lambda x: model.encode(x)[0])


def new_m2(task: Task, **changed: Any) -> sg.M2:
    weight = task.size.classification_weight
    return sg.M2(task.n_visible, hidden=task.size.hidden, classification_weight=weight, **task.network | changed)


def m2(task: Task, y: np.ndarray) -> Fitted:
    x, batches, epochs = task.data.x_train, task.batches_of_m2(y), task.passes(task.size.epochs.m2)
    feedback: Any = 1.0
    if task.size.bound_delay:
        feedback = Delay(max(1, round(task.size.bound_delay * task.n_steps(epochs, x, y, **batches))))
    return of_classes(task.fit(new_m2(task, bound_feedback=feedback), epochs, x, y, **batches))


def stacked(task: Task, y: np.ndarray) -> Fitted:
    vae, size = features_of_m1(task), task.size
    model = sg.M1M2(vae, hidden=size.hidden, n_latent=size.n_latent, classification_weight=size.classification_weight)
    epochs = task.passes(size.epochs.stacked)
    return of_classes(task.fit(model, epochs, task.data.x_train, y, **task.batches_of_m2(y)))


def conditional(task: Task, y: np.ndarray) -> Fitted:
    known = y >= 0
    model = sg.ConditionalVAE(task.n_visible, hidden=task.size.hidden, **task.network)
    epochs = task.passes(task.size.epochs.m2 * len(y) / known.sum())
    return of_classes(task.fit(model, epochs, task.data.x_train[known], y[known]))


def of_classes(model: sg.ConditionalVAE) -> Fitted:
    """Return a model of which the codes are those of an image with the class that it predicts."""
    return Fitted(model.accuracy, lambda x: model.encode(x, model.predict(x))[0])


BASELINES = ("(a) logistic regression on pixels", "(b) network on pixels")
M2, STACKED = "M2", "M1 + M2"
METHODS: dict[str, Callable[[Task, np.ndarray], Fitted]] = {
    BASELINES[0]: pixels_logistic,
    BASELINES[1]: pixels_network,
    "(c) VAE codes, logistic regression": codes_of_vae,
    "(d) M1 + logistic regression": partial(m1, classifier="logistic"),
    "(d) M1 + SVM": partial(m1, classifier="svm"),
    "(e) PC-VAE": partial(prediction_constrained, consistent=False),
    "(e) PC-VAE, consistent": partial(prediction_constrained, consistent=True),
    M2: m2,
    STACKED: stacked,
    "CVAE, Bayes' rule": conditional,
}
