"""The three terms of the predictions, against their definitions written out example by example."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgen.labels import one_hot
from scratchgen.models.semi_supervised.prediction_terms import (
    PredictionTerms,
    prediction_backward,
    prediction_forward,
)
from scratchgen.ops.softmax import log_softmax_forward

N_CLASSES = 3
PRIOR = np.array([0.5, 0.3, 0.2])
LABELS = np.array([2, 0])
WEIGHTS = PredictionTerms(1.3, 0.7, 0.4)


def log_probabilities(n_predictions, n_draws, n):
    logits = np.random.Generator(np.random.PCG64(n)).normal(size=(n_predictions, n_draws, n, N_CLASSES))
    return log_softmax_forward(logits)[0]


def terms_of(log_p, labels):
    return prediction_forward(log_p, one_hot(labels, N_CLASSES, "float64"), PRIOR)


@pytest.mark.parametrize("n_draws", [1, 3])
def test_terms_are_their_definitions(n_draws):
    log_p = log_probabilities(2, n_draws, 5)
    first, again = log_p
    draws = range(n_draws)
    prediction = np.mean([-first[s, i, y] for s in draws for i, y in enumerate(LABELS)])
    labelled = np.mean([-again[s, i, y] for s in draws for i, y in enumerate(LABELS)])
    unlabelled = np.mean([-np.exp(first[s, i]) @ again[s, i] for s in draws for i in (2, 3, 4)])
    mean = np.mean([np.exp(first[s, i]) for s in draws for i in (2, 3, 4)], axis=0)
    terms, _ = terms_of(log_p, LABELS)
    assert terms == pytest.approx((prediction, labelled + unlabelled, PRIOR @ np.log(PRIOR / mean)), rel=1e-13)


def test_without_a_second_prediction_there_is_no_consistency_term():
    terms, _ = terms_of(log_probabilities(1, 2, 5), LABELS)
    assert terms.consistency == 0
    assert terms.prediction > 0


def test_aggregate_is_zero_where_the_mean_prediction_is_the_prior():
    shift = np.array([0.1, 0, -0.1])
    log_p = np.log(np.stack([PRIOR + shift, PRIOR - shift]))[None, None]
    terms, _ = terms_of(log_p, np.empty(0, dtype=int))
    assert terms.aggregate == pytest.approx(0, abs=1e-15)


def test_batch_of_one_kind_has_the_terms_of_that_kind():
    log_p = log_probabilities(2, 1, 2)
    (all_labelled, _), (none_labelled, _) = terms_of(log_p, LABELS), terms_of(log_p, LABELS[:0])
    assert all_labelled.aggregate == none_labelled.prediction == 0
    both, _ = terms_of(np.concatenate([log_p, log_p], axis=2), LABELS)
    assert all_labelled.consistency + none_labelled.consistency == pytest.approx(both.consistency, rel=1e-14)


@pytest.mark.parametrize("n_labelled", [0, 2, 5])
@pytest.mark.parametrize("n_predictions", [1, 2])
def test_backward_is_the_derivative_by_each_log_probability(n_predictions, n_labelled):
    labels = np.arange(n_labelled) % N_CLASSES
    log_p, step = log_probabilities(n_predictions, 2, 5), 1e-6

    def weighted(point):
        return sum(w * t for w, t in zip(WEIGHTS, terms_of(point, labels)[0], strict=True))

    claimed = prediction_backward(WEIGHTS, terms_of(log_p, labels)[1])
    measured = np.empty_like(claimed)
    for place in np.ndindex(claimed.shape):
        shift = np.zeros_like(log_p)
        shift[place] = step
        measured[place] = (weighted(log_p + shift) - weighted(log_p - shift)) / (2 * step)
    np.testing.assert_allclose(claimed, measured, rtol=1e-7, atol=1e-9)
