"""Where the batches of training come from.

A model says by `Model.training_source` which source stands for the data that it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from scratchgen.kernels.rows import take_rows
from scratchgen.random import Stream
from scratchgen.typing import Array


class Source(Protocol):
    """Examples, checked and on the model's backend, as batches; whatever has a length can be a batch.

    A batch may be overwritten once the next one has been asked for. A pass that is left before its end must be closed
    where it is a generator: a thread may be reading ahead for it.
    """

    def n_batches(self, batch_size: int) -> int | None:
        """Return the number of batches in one pass over the examples, or None where it is not known beforehand."""

    def examples(self) -> Any:
        """Return the examples that initial values and what a model monitors are computed from, as one batch."""

    def shuffled(self, batch_size: int, stream: Stream) -> Iterator[Any]:
        """Yield the batches of one pass, in a fresh random order drawn from `stream`."""

    def in_order(self, batch_size: int) -> Iterator[Any]:
        """Yield the batches of one pass as the examples lie."""


@dataclass(frozen=True)
class ArraySource:
    """Examples in one array, of which each pass visits every row once; the last batch may be short.

    Attributes
    ----------
    x : array (n, n_visible)
        Or anything of a length that an array of indices and a slice can take rows from.
    """

    x: Array

    def n_batches(self, batch_size: int) -> int:
        """Return n / batch_size, rounded up."""
        return -(-len(self.x) // batch_size)

    def examples(self) -> Array:
        """Return all of them."""
        return self.x

    def shuffled(self, batch_size: int, stream: Stream) -> Iterator[Array]:
        """Yield the rows in the order of one permutation."""
        order = stream.permutation(len(self.x))
        is_matrix = getattr(self.x, "ndim", None) == 2
        rows = partial(take_rows.on(stream.backend), self.x) if is_matrix else self.x.__getitem__
        for start in range(0, len(self.x), batch_size):
            yield rows(order[start : start + batch_size])

    def in_order(self, batch_size: int) -> Iterator[Array]:
        """Yield the rows as they lie."""
        for start in range(0, len(self.x), batch_size):
            yield self.x[start : start + batch_size]
