r"""What a prediction-constrained VAE asks of its predictions: three terms and their derivatives.

With p = p(y|z) and p' = p(y|z'), where z' is drawn from q(z|x') for a reconstruction x' from z:

============  ====================================================  ==========================================
term          mean over the labelled examples of                    plus a mean over the unlabelled ones of
============  ====================================================  ==========================================
prediction    :math:`-\log p_y`
consistency   :math:`-\log p'_y`                                    :math:`-\sum_c p_c \log p'_c`
aggregate                                                           nothing: it is the divergence
                                                                    :math:`KL(\pi \| \bar p)` of their mean p
============  ====================================================  ==========================================

All are means over the L draws of each example too, in nats, and 0 where the batch has no example of that kind.
The cross-entropy :math:`-\sum_c p_c \log p'_c` is differentiated by both its distributions: it falls when they come
together and when p becomes certain.

======  ==============  =========================================================
symbol  shape           meaning
======  ==============  =========================================================
log_p   (k, L, n, C)    log p of each draw, and log p' behind it where k = 2
target  (n_labelled, C) 1 in the column of the label; labelled examples come first
prior   (C,)            pi, the shares that the classes should have
======  ==============  =========================================================
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import namespace
from scratchgen.ops.divergences import CategoricalKLCache, kl_categorical_backward, kl_categorical_forward
from scratchgen.typing import Array


class PredictionTerms(NamedTuple):
    """The three terms; or their weights in a loss."""

    prediction: Any
    consistency: Any
    aggregate: Any


class PredictionCache(NamedTuple):
    """What `prediction_backward` needs of the forward pass."""

    log_p: Array
    target: Array
    aggregate: CategoricalKLCache | None


def prediction_forward(log_p: Array, target: Array, prior: Array) -> tuple[PredictionTerms, PredictionCache]:
    """Return the terms and the cache; without p' (k = 1) the consistency is 0."""
    xp = namespace(log_p, target, prior)
    n_labelled, zero = len(target), log_p.dtype.type(0)
    known, unknown = log_p[:, :, :n_labelled], log_p[:, :, n_labelled:]
    to_label = [_cross_entropy(target, each) if n_labelled else zero for each in known]
    consistency, aggregate, cache = sum(to_label[1:], zero), zero, None
    if unknown.size:
        p = xp.exp(unknown[0])
        if len(unknown) == 2:
            consistency = consistency + _cross_entropy(p, unknown[1])
        divergence, cache = kl_categorical_forward(prior[None], p.mean(axis=(0, 1))[None])
        aggregate = divergence[0]
    return PredictionTerms(to_label[0], consistency, aggregate), PredictionCache(log_p, target, cache)


def prediction_backward(weights: PredictionTerms, cache: PredictionCache) -> Array:
    """Return dlog_p of the weighted sum of the terms."""
    log_p, target, aggregate = cache
    xp, n_labelled, n_draws = namespace(log_p), len(target), log_p.shape[1]
    dlog_p = xp.zeros_like(log_p)
    if n_labelled:
        for into, weight in zip(dlog_p, weights, strict=False):  # that of the prediction, that of the consistency
            into[:, :n_labelled] = -weight / (n_draws * n_labelled) * target
    if aggregate is not None:
        unknown, dunknown = log_p[:, :, n_labelled:], dlog_p[:, :, n_labelled:]
        p = xp.exp(unknown[0])  # dp / dlog p = p
        share = 1.0 / (n_draws * unknown.shape[2])
        dmean = kl_categorical_backward(xp.ones(1, dtype=p.dtype), aggregate)[1]  # (1, C), by the mean p
        dunknown[0] = weights.aggregate * share * p * dmean
        if len(unknown) == 2:
            dunknown[0] -= weights.consistency * share * p * unknown[1]
            dunknown[1] = -weights.consistency * share * p
    return dlog_p


def _cross_entropy(target: Array, log_p: Array) -> Any:
    """Return the mean over draws and examples of -sum_c target_c log p_c, for log_p (L, n, C)."""
    return -(target * log_p).sum(axis=-1).mean()
