"""Logarithms of the probabilities of classes, from the numbers that a classifier gives for them."""

from __future__ import annotations

from scratchgen.backend import namespace
from scratchgen.typing import Array, Float


def log_softmax_forward(
    logits: Float[Array, "*batch classes"],
) -> tuple[Float[Array, "*batch classes"], Float[Array, "*batch classes"]]:
    r"""Return :math:`\log p_c = a_c - \log \sum_k \exp a_k` for the logits a; the cache holds p.

    Gradient
    --------
    Each logit stands in its own term, and in the logarithm of the sum, whose derivative by it is p:

        da = dlog_p - p sum_c dlog_p_c.
    """
    xp = namespace(logits)
    shifted = logits - xp.max(logits, axis=-1, keepdims=True)  # at most 0: no exponential overflows
    log_p = shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))
    return log_p, xp.exp(log_p)


def log_softmax_backward(
    dlog_p: Float[Array, "*batch classes"], p: Float[Array, "*batch classes"]
) -> Float[Array, "*batch classes"]:
    """Return the gradient with respect to the logits."""
    return dlog_p - p * namespace(dlog_p, p).sum(dlog_p, axis=-1, keepdims=True)
