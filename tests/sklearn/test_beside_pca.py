"""The linear autoencoder beside scikit-learn's PCA, in one and the same pipeline: digits, scaled, coded, classified."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

import scratchgen as sg
from scratchgen.schedules import LinearDecay
from scratchgen.sklearn import AutoencoderTransformer

DATA = sg.datasets.load("digits")
N_COMPONENTS, N_ITER, BATCH_SIZE = 10, 100, 64


def fitted(encoder: Any) -> Pipeline:
    pipeline = make_pipeline(MinMaxScaler(clip=True), encoder, LogisticRegression(max_iter=1000))
    return pipeline.fit(16 * DATA.x_train, DATA.y_train)


def squared_error(pipeline: Pipeline, x: np.ndarray) -> float:
    """Return the mean over the examples of the squared distance to their reconstruction, both scaled to [0, 1]."""
    scaler, encoder = pipeline[0], pipeline[1]
    scaled = scaler.transform(16 * x)
    return float(((scaled - encoder.inverse_transform(encoder.transform(scaled))) ** 2).sum(axis=1).mean())


def test_a_linear_autoencoder_reaches_the_squared_error_of_pca_within_a_tenth_of_a_per_cent() -> None:
    steps = N_ITER * -(-len(DATA.x_train) // BATCH_SIZE)
    linear = AutoencoderTransformer(
        N_COMPONENTS,
        hidden=(),
        likelihood="gaussian",
        learning_rate=LinearDecay(steps, 1e-2, 1e-4),
        batch_size=BATCH_SIZE,
        n_iter=N_ITER,
        random_state=0,
    )
    ours, theirs = fitted(linear), fitted(PCA(N_COMPONENTS))
    assert 1 <= squared_error(ours, DATA.x_train) / squared_error(theirs, DATA.x_train) < 1.001  # PCA is the best
    assert abs(squared_error(ours, DATA.x_test) / squared_error(theirs, DATA.x_test) - 1) < 0.005  # unseen digits
    accuracies = [pipeline.score(16 * DATA.x_test, DATA.y_test) for pipeline in (ours, theirs)]
    assert min(accuracies) > 0.9
    assert abs(accuracies[0] - accuracies[1]) < 0.02  # another basis of the same subspace, and the penalty sees it
