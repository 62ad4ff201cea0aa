"""Stable sigmoid and softplus as array code for any array library: what the references of the kernels are made of."""

from __future__ import annotations

from scratchgen.backend import namespace
from scratchgen.typing import Array


def sigmoid(a: Array) -> Array:
    """Return ``1 / (1 + exp(-a))``; the exponential never overflows, and small values keep their relative accuracy."""
    xp = namespace(a)
    e = xp.exp(-xp.abs(a))
    return xp.where(a < 0, e, xp.ones_like(e)) / (1 + e)


def softplus(a: Array) -> Array:
    """Return ``log(1 + exp(a))``; the exponential never overflows."""
    xp = namespace(a)
    return xp.maximum(a, xp.zeros((), dtype=a.dtype)) + xp.log1p(xp.exp(-xp.abs(a)))
