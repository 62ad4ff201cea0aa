"""A network that learns from the labelled images alone: the classifier of M2, without all else that M2 is.

    loss = mean over the batch of -log q(y|x).

What M2 gains over it is gained from the images without a label.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import scratchgen as sg
from scratchgen.labels import Labelled, one_hot
from scratchgen.models.semi_supervised.labelled_model import LabelledModel
from scratchgen.nn.mlp import mlp_initialise_
from scratchgen.nn.parameters import Shape
from scratchgen.ops.linear import LinearParams, linear_backward, linear_forward
from scratchgen.ops.softmax import log_softmax_backward, log_softmax_forward
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_matrix

TOLERANCE, PATIENCE, MOST_EPOCHS = 1e-4, 10, 2000
BATCH_SIZE, RATE = 200, 1e-3


class Params(NamedTuple):
    """Parameters of the hidden layers, and of the last, which gives the logits."""

    layers: tuple[Any, ...]
    logits: LinearParams


class Terms(NamedTuple):
    """The loss, which has one term."""

    loss: Any


class SupervisedNetwork(LabelledModel):
    """A classifier with the layers of that of `m2`."""

    term_names = Terms._fields
    class_prior = "uniform"  # which is not used

    def __init__(self, m2: sg.M2) -> None:
        self.network = m2.classifier_network
        self.n_visible, self.n_classes = m2.n_visible, m2.n_classes
        logits = LinearParams(Shape((self.network.n_outputs, self.n_classes)), Shape((self.n_classes,)))
        super().__init__({}, Params(self.network.layout(), logits), m2.seed, m2.dtype, m2.backend)

    def _initialise_(self, stream: Stream) -> None:
        self.network.initialise_(self.params.layers, stream)
        mlp_initialise_((self.params.logits,), stream)

    def check_examples(self, x: Any, name: str = "x") -> Array:
        """Return `x` as the network takes it."""
        return check_matrix(name, x, self.n_visible, self.backend, self.dtype)

    def noise_shape(self, x: Labelled) -> tuple[int, ...]:
        """Return that of no noise."""
        return (len(x), 0)

    def draw_noise(self, x: Labelled, stream: Stream | None = None) -> Array:
        """Draw nothing."""
        return self.backend.xp.empty(self.noise_shape(x), dtype=self.dtype)

    def evaluate_terms(self, x: Labelled, noise: Array) -> Terms:
        """Return the loss."""
        return Terms(-(self._target(x) * self._forward(x.x)[0]).sum() / len(x))

    def evaluate_terms_and_grads(self, x: Labelled, noise: Array, out: Any = None) -> tuple[Terms, Params]:
        """Return the loss and its gradient."""
        grads = self.empty_grads()[1] if out is None else out
        log_q, q, layers, last = self._forward(x.x)
        dlog_q = -self._target(x) / len(x)
        dfeatures, _ = linear_backward(log_softmax_backward(dlog_q, q), last, grads.logits)
        self.network.backward_params_(dfeatures, layers, grads.layers, self.backend)
        return Terms((dlog_q * log_q).sum()), grads

    def class_probabilities(self, x: Array) -> Array:
        """Return q(y|x), (n, n_classes)."""
        return self._forward(x)[1]

    def _forward(self, x: Array) -> tuple[Array, Array, Any, Any]:
        features, layers = self.network.forward(self.params.layers, x, self.backend)
        logits, last = linear_forward(self.params.logits, features)
        return *log_softmax_forward(logits), layers, last

    def _target(self, x: Labelled) -> Array:
        return one_hot(x.y, self.n_classes, self.dtype)


def fit_until_settled(model: SupervisedNetwork, x: np.ndarray, y: np.ndarray) -> SupervisedNetwork:
    """Train until the loss has not fallen by the tolerance for more passes than the patience, and return the model."""
    best, n_idle = math.inf, 0

    def settled(model: SupervisedNetwork) -> bool:
        nonlocal best, n_idle
        loss = model.history.loss[-1]
        n_idle = n_idle + 1 if loss > best - TOLERANCE else 0
        best = min(best, loss)
        return n_idle > PATIENCE

    options = {"batch_size": BATCH_SIZE, "optimizer": sg.Adam(RATE), "progress": False}
    model.fit(x, y, epochs=MOST_EPOCHS, callbacks=[settled], **options)
    return model
