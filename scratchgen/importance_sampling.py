"""Importance-sampled log p(x) of a latent-variable model, with q(z|x) as the proposal, in bounded memory.

    log p(x) >= E[ log 1/k sum_i w_i ],   w_i = p(x|z_i) p(z_i) / q(z_i|x),   z_i ~ q(z|x);

the bound grows with k and is exact in the limit.

References
----------
Y. Burda, R. Grosse, R. Salakhutdinov: "Importance weighted autoencoders", ICLR 2016, equation 8 and theorem 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scratchgen.backend import namespace
from scratchgen.ops.importance import reparameterise_ratio_forward
from scratchgen.random import Stream
from scratchgen.typing import Array

_ELEMENTS = 2**23  # of the widest array at a time: 32 MiB in float32, and a few such arrays are alive at once


def log_likelihood(
    x: Array,
    mean: Array,
    log_var: Array,
    nll: Callable[[Array, Array], Array],
    n_samples: int,
    stream: Stream,
) -> Array:
    """Return the estimate of log p(x) with `n_samples` draws, in nats an example, (n,).

    Parameters
    ----------
    x : array (n, n_visible)
    mean, log_var : array (n, n_latent)
        Of q(z|x).
    nll : callable
        ``nll(z, x)`` is -log p(x|z) for z (samples, n, n_latent), as (samples, n): `VAE.nll`.
    """
    xp = namespace(x, mean, log_var)
    n_rows = max(1, min(x.shape[0], _ELEMENTS // (x.shape[1] * min(n_samples, 64))))
    parts = []
    for start in range(0, x.shape[0], n_rows):
        rows = slice(start, start + n_rows)
        parts.append(_log_mean_weight(x[rows], mean[rows], log_var[rows], nll, n_samples, stream))
    return xp.concatenate(parts)


def _log_mean_weight(
    x: Array, mean: Array, log_var: Array, nll: Callable[[Array, Array], Array], n_samples: int, stream: Stream
) -> Array:
    """Return log 1/k sum_i w_i of a few examples, the sum kept as a maximum and a sum of w / exp(maximum)."""
    xp = namespace(x, mean, log_var)
    n_chunk = max(1, _ELEMENTS // x.size)
    largest = xp.full(mean.shape[:1], -math.inf, dtype=mean.dtype)
    total = xp.zeros_like(largest)
    for done in range(0, n_samples, n_chunk):
        noise = stream.normal((min(n_chunk, n_samples - done), *mean.shape), mean.dtype)
        (z, log_ratio), _ = reparameterise_ratio_forward(mean, log_var, noise)
        log_weight = log_ratio - nll(z, x)  # (samples, n)
        new_largest = xp.maximum(largest, xp.max(log_weight, axis=0))
        total = total * xp.exp(largest - new_largest) + xp.sum(xp.exp(log_weight - new_largest), axis=0)
        largest = new_largest
    return largest + xp.log(total / n_samples)
