"""Examples from a function that returns a fresh iterator of arrays for each pass."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scratchgen.backend import Backend, to_numpy
from scratchgen.errors import InputError
from scratchgen.random import Stream
from scratchgen.training.batches import N_EXAMPLES, Check, check_rows, rebatched
from scratchgen.training.read_ahead import deliver
from scratchgen.typing import Array
from scratchgen.validation import check_numbers

_ADVICE = "Scale the arrays before they are yielded, or choose a model of such data"


@dataclass(frozen=True)
class IteratorSource:
    """Arrays (any number of rows, n_visible), cut and joined to batches in the order in which they come.

    Attributes
    ----------
    make : callable
        Returns an iterator of arrays; called once for the sample and once for each pass.
    n_visible : int
    check, backend, name
        As of `DiskSource`.
    """

    make: Callable[[], Iterable[Any]]
    n_visible: int
    check: Check
    backend: Backend
    name: str

    def n_batches(self, batch_size: int) -> None:
        """Return None: the number is known after a pass, and may differ in the next."""

    def examples(self) -> Array:
        """Return the first 4,096 rows of an iterator, or all."""
        return self._examples

    @cached_property
    def _examples(self) -> Array:
        return self.backend.asarray(next(rebatched(self._arrays(), N_EXAMPLES)))

    def in_order(self, batch_size: int) -> Generator[Array, None, None]:
        """Yield the rows of a fresh iterator."""
        return deliver(rebatched(self._arrays(), batch_size), self.backend)

    def shuffled(self, batch_size: int, stream: Stream) -> Generator[Array, None, None]:
        """Yield the rows of a fresh iterator: their order is the user's, and nothing is drawn."""
        return self.in_order(batch_size)

    def _arrays(self) -> Iterator[np.ndarray]:
        n_rows = 0
        for i, array in enumerate(self._fresh()):
            rows = to_numpy(check_numbers(f"array {i} of {self.name}()", array))
            if not rows.size:
                continue
            n_rows += len(rows)
            yield self._checked(rows, f"array {i} of {self.name}()")
        if not n_rows:
            raise InputError(f"{self.name}() gave no rows: it must return a fresh iterator of arrays at each call")

    def _fresh(self) -> Iterator[Any]:
        iterable = self.make()
        if not isinstance(iterable, Iterable):
            raise InputError(f"{self.name}() must return an iterator of arrays, got {type(iterable).__name__}")
        return iter(iterable)

    def _checked(self, rows: np.ndarray, name: str) -> np.ndarray:
        if rows.shape[1:] != (self.n_visible,):
            return self.check(rows, name)  # refuses it
        return check_rows(rows, self.check, lambda row: f"{name}, row {row}", name, _ADVICE)
