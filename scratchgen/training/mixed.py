"""Batches in which labelled and unlabelled examples are mixed in one proportion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scratchgen.backend import namespace
from scratchgen.labels import Labelled
from scratchgen.random import Stream
from scratchgen.typing import Array


@dataclass(frozen=True)
class MixedSource:
    """Labelled and unlabelled examples, so many of each in every batch; a pass visits each at least once.

    A few labels among many examples would else be missing in most batches. The kind that a pass goes through sooner
    starts again, in another order. A batch keeps the share that labelled examples have in the data
    (`Labelled.labelled_share`), by which a loss can weigh its two parts.

    Attributes
    ----------
    data : Labelled
    labelled_per_batch : int or None
        None for their share in the data, or a quarter of the batch where that is more.
    """

    data: Labelled
    labelled_per_batch: int | None = None

    @property
    def _totals(self) -> tuple[int, int]:
        return self.data.n_labelled, len(self.data) - self.data.n_labelled

    def _numbers(self, batch_size: int) -> tuple[int, int]:
        """Return the numbers of labelled and of unlabelled examples in a batch."""
        n_labelled, n_unlabelled = self._totals
        if not n_labelled or not n_unlabelled:
            return min(n_labelled, batch_size), min(n_unlabelled, batch_size)
        wanted = self.labelled_per_batch or max(round(batch_size * self.data.labelled_share), batch_size // 4, 1)
        labelled = min(wanted, n_labelled, max(batch_size - 1, 1))
        return labelled, min(max(batch_size - labelled, 1), n_unlabelled)

    def n_batches(self, batch_size: int) -> int:
        """Return the number after which the kind that lasts longer has been visited."""
        numbers = zip(self._totals, self._numbers(batch_size), strict=True)
        return max(-(-n // each) for n, each in numbers if n)

    def examples(self) -> Labelled:
        """Return all of them."""
        return self.data

    def shuffled(self, batch_size: int, stream: Stream) -> Iterator[Labelled]:
        """Yield the batches of one pass, both kinds in random order."""
        n_batches, (labelled, unlabelled) = self.n_batches(batch_size), self._numbers(batch_size)
        n_labelled, n_unlabelled = self._totals
        mixed = n_labelled and n_unlabelled  # else the last batch is short, as that of any other data
        first = self._order(n_labelled, n_batches * labelled if mixed else n_labelled, stream)
        second = self._order(n_unlabelled, n_batches * unlabelled if mixed else n_unlabelled, stream)
        for i in range(n_batches):
            which = (first[i * labelled : (i + 1) * labelled], second[i * unlabelled : (i + 1) * unlabelled])
            yield self.data.rows(*which)

    def _order(self, n: int, length: int, stream: Stream) -> Array:
        """Return permutations of n numbers, one after the other, up to this length."""
        xp = namespace(self.data.x)
        if not n:
            return xp.arange(0)
        return xp.concatenate([stream.permutation(n) for _ in range(-(-length // n))])[:length]

    def in_order(self, batch_size: int) -> Iterator[Labelled]:
        """Yield batches of about this size that hold each example once, both kinds in their own share."""
        xp = namespace(self.data.x)
        n_batches = min(self.n_batches(batch_size), *(n for n in self._totals if n))
        for i in range(n_batches):
            parts = [xp.arange(i * n // n_batches, (i + 1) * n // n_batches) for n in self._totals]
            yield self.data.rows(*parts)
