r"""Rejection sampling: exact samples of a density from those of another one that lies, scaled, above it.

References
----------
J. von Neumann: "Various techniques used in connection with random digits", 1951.
"""

from __future__ import annotations

from collections.abc import Callable

from scratchgen.random import Stream
from scratchgen.typing import Array


def rejection_sample(n: int, propose: Callable[[Array], tuple[Array, Array]], stream: Stream) -> Array:
    """Return `n` numbers, each proposed again until it is accepted, as float64.

    Parameters
    ----------
    propose : callable
        Takes the places 0, ..., n - 1 that are still empty, and returns a candidate for each and the probability with
        which it is accepted: density / (scale * proposal density). A negative one stands for 0.
    """
    xp = stream.backend.xp
    accepted = xp.empty(n, dtype=xp.float64)
    places = xp.arange(n)
    while places.size:
        candidates, probability = propose(places)
        accept = stream.uniform(places.size, "float64") < probability
        accepted[places[accept]] = candidates[accept]
        places = places[~accept]
    return accepted
