"""Independent samples of small RBMs, without a Markov chain.

The smaller layer (the hidden one where the visible units are Gaussian) is enumerated twice: once for the probability of
each chunk of states, and then, in the chunks that a uniform has hit, for that of each state. Given a hidden state, v
comes from p(v|h).
"""

from __future__ import annotations

import numpy as np

from scratchgen.backend import namespace, to_numpy
from scratchgen.inference.enumeration import chunk_bounds, chunk_log_sums, enumerated_layer, states
from scratchgen.inference.parameters import check_parameters, in_float64, sum_over_visible
from scratchgen.ops.boltzmann import is_gaussian
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_count


def exact_samples(
    W: Array, b: Array, c: Array, stream: Stream, n: int, log_sigma: Array | None = None, progress: bool = False
) -> Array:
    """Draw `n` independent visible states from p(v), without a Markov chain: (n, n_visible), of W's type.

    Parameters
    ----------
    W, b, c, log_sigma : array
    stream : Stream
        Of the parameters' array library.
    n : int
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        As for `log_partition`; or n is not a positive integer.
    """
    given = check_parameters(W, b, c, log_sigma)
    n = check_count("n", n)
    params, exchanged = enumerated_layer(in_float64(given))
    xp = namespace(W)
    bounds = chunk_bounds(params)
    chunk_cdf = _distribution_function(np.asarray(chunk_log_sums(params, progress)))
    u = stream.uniform((2, n), "float64")
    chunk_of = np.searchsorted(chunk_cdf, to_numpy(u[0]), side="right")
    h = xp.empty((n, params.W.shape[1]), dtype=xp.float64)
    for chunk in np.unique(chunk_of):
        candidates = states(bounds[chunk], bounds[chunk + 1], params.W.shape[1], xp)
        cdf = _distribution_function(sum_over_visible(params, candidates)[0])
        rows = xp.asarray(np.flatnonzero(chunk_of == chunk))
        h[rows] = candidates[xp.searchsorted(cdf, u[1][rows], side="right")]
    if exchanged:
        return xp.asarray(h, dtype=W.dtype)
    mean = xp.asarray(sum_over_visible(params, h)[1], dtype=W.dtype)
    if is_gaussian(params):
        return mean + xp.exp(given.log_sigma) * stream.normal(mean.shape, mean.dtype)
    return stream.bernoulli(mean)


def _distribution_function(log_weight: Array) -> Array:
    """Return the cumulative probabilities of states in order; the last is exactly 1, above every uniform."""
    xp = namespace(log_weight)
    total = xp.cumsum(xp.exp(log_weight - xp.max(log_weight)))
    return total / total[-1]
