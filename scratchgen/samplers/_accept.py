"""The accept step that Metropolis, MALA and HMC share.

Reference: W. K. Hastings, "Monte Carlo sampling methods using Markov chains and their applications", Biometrika 57,
1970.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np

from scratchgen.backend import namespace
from scratchgen.typing import Array

if TYPE_CHECKING:
    from scratchgen.random import Stream


def accept(stream: Stream, log_ratio: Array) -> tuple[Array, Array]:
    """Accept the proposal of each chain with probability min(1, exp(log_ratio)).

    A ratio that is NaN or plus infinity stems from a trajectory that has overflowed, or from a log p that is no number
    at the proposal: it is rejected. So the state of an accepting sampler stays finite.

    Returns
    -------
    accepted : array (n,) of bool
    probability : array (n,)
    """
    xp = namespace(log_ratio)
    usable = log_ratio < np.inf  # NaN is not below infinity
    probability = xp.where(usable, xp.exp(xp.minimum(log_ratio, 0)), 0)
    return stream.uniform(log_ratio.shape, log_ratio.dtype) < probability, probability


def overflow_means_rejection() -> AbstractContextManager[None]:
    """Return the context in which NumPy does not warn of an overflow, as `accept` deals with it."""
    return np.errstate(over="ignore", invalid="ignore")
