"""What the losses of an energy-based model are given to draw from, and what they draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scratchgen.random import Stream
from scratchgen.typing import Array


class Chains(NamedTuple):
    """How negative samples are made.

    Attributes
    ----------
    buffer : array (buffer_size, n_visible)
        States of earlier chains.
    start : callable
        (n, stream) -> (n, n_visible): states without structure, where a chain can begin.
    run : callable
        (x, stream) -> (n, n_visible): the chains `x` after the steps of one batch.
    """

    buffer: Array
    start: Callable[[int, Stream], Array]
    run: Callable[[Array, Stream], Array]


class Noise(NamedTuple):
    """Everything random that the loss of a batch needs, and the rows of the buffer that it comes from, if any."""

    values: Array
    rows: Array | None = None
