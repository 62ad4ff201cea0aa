"""Examples in files as batches, shuffled in two levels: blocks of rows, and rows within a buffer.

A file is read in blocks of consecutive rows, of `BLOCK_BYTES`. A pass draws a random order of all blocks and cuts it
into as few groups of nearly the same number of blocks as fit into the buffer; the rows of a group come in a random
order, group after group. So each row has the same chance to be anywhere in the pass; any two rows of different blocks
can meet in a batch; but rows of one block are in the same group, always. Where all rows fit into the buffer the order
is one permutation of them, the same that an array in memory would be given.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scratchgen.backend import Backend, to_numpy
from scratchgen.random import Stream
from scratchgen.training.batches import N_EXAMPLES, Check, check_rows, rebatched
from scratchgen.training.on_disk import OnDisk
from scratchgen.training.read_ahead import deliver
from scratchgen.typing import Array

BLOCK_BYTES = 2**18  # large enough to be read at nearly the full rate, small enough that a buffer holds many
_ADVICE = "Numbers in files can be scaled as they are read: fit(scratchgen.OnDisk(data, scale=1 / 255))"


@dataclass(frozen=True)
class DiskSource:
    """Examples in files, of which each pass visits every row once; the last batch may be short.

    Attributes
    ----------
    data : OnDisk
    check : callable
        See `scratchgen.training.batches.Check`.
    dtype : str
        The type of the model.
    backend : Backend
        Where the batches are to be.
    name : str
        What the data are called in errors.
    """

    data: OnDisk
    check: Check
    dtype: str
    backend: Backend
    name: str

    def n_batches(self, batch_size: int) -> int:
        """Return n / batch_size, rounded up."""
        return -(-len(self.data) // batch_size)

    def examples(self) -> Array:
        """Return m rows of n at equal distances, floor(i n / m): all, or 4,096, or what the buffer has room for."""
        return self._examples

    @cached_property
    def _examples(self) -> Array:
        n = len(self.data)
        m = min(n, N_EXAMPLES, max(1, self.data.buffer_bytes // self.data.row_bytes))
        numbers = np.arange(m) * n // m
        rows = np.empty((m, self.data.shape[1]), dtype=self.data.dtype)
        self.data.announce(np.stack([numbers, numbers + 1], axis=1))
        for i, number in enumerate(numbers):
            self.data.read_into(rows[i : i + 1], int(number))
        return self.backend.asarray(self._checked(rows, numbers))

    def in_order(self, batch_size: int) -> Generator[Array, None, None]:
        """Yield the rows as they lie."""
        return deliver(self._consecutive(batch_size), self.backend)

    def shuffled(self, batch_size: int, stream: Stream) -> Generator[Array, None, None]:
        """Yield the rows in random order: one draw from `stream` for each group, and one where there are several."""
        blocks = self.data.blocks(max(1, BLOCK_BYTES // self.data.row_bytes))
        largest = int((blocks[:, 1] - blocks[:, 0]).max()) * self.data.row_bytes
        n_groups = -(-len(blocks) // max(1, self.data.buffer_bytes // largest))
        several = n_groups > 1
        draws = _take_draws(stream, n_groups + several)
        order = to_numpy(draws.permutation(len(blocks))) if several else np.arange(len(blocks))
        groups = [blocks[np.sort(part)] for part in np.array_split(order, n_groups)]  # each is read forwards
        return deliver(rebatched(self._stirred(groups, batch_size, draws), batch_size), self.backend)

    def _consecutive(self, batch_size: int) -> Iterator[np.ndarray]:
        for start in range(0, len(self.data), batch_size):
            group = _Group(self.data, np.array([[start, min(start + batch_size, len(self.data))]]))
            group.read(1)
            yield self._checked(group.rows, group.numbers)

    def _stirred(self, groups: Sequence[np.ndarray], batch_size: int, draws: Stream) -> Iterator[np.ndarray]:
        """Yield the rows of each group in random order, a batch at a time, and read the next group little by little."""
        n_yielded = 0
        following = _Group(self.data, groups[0])
        following.read(1)
        for blocks in [*groups[1:], groups[0][:0]]:
            group, following = following, _Group(self.data, blocks)
            order = to_numpy(draws.permutation(len(group.rows)))
            # Cut where a batch ends, so that few have to be joined of two parts.
            parts = np.split(order, range(-n_yielded % batch_size, len(order), batch_size))
            for i, part in enumerate(parts, start=1):
                if part.size:
                    yield self._checked(group.rows[part], group.numbers[part])
                following.read(i / len(parts))
            n_yielded += len(order)

    def _checked(self, rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        scaled = self.data.scaled(rows, self.dtype)
        return check_rows(scaled, self.check, lambda i: self.data.name_of(numbers[i]), self.name, _ADVICE)


class _Group:
    """The rows of some blocks, read little by little."""

    def __init__(self, data: OnDisk, blocks: np.ndarray) -> None:
        self.data = data
        self.blocks = blocks
        self.numbers = np.concatenate([np.arange(0), *(np.arange(start, end) for start, end in blocks)])
        self.rows = np.empty((len(self.numbers), data.shape[1]), dtype=data.dtype)
        self.n_blocks_read = self.n_rows_read = 0
        data.announce(blocks)

    def read(self, share: float) -> None:
        """Read on, until this share of the blocks has been read."""
        until = round(share * len(self.blocks))
        for start, end in self.blocks[self.n_blocks_read : until]:
            self.data.read_into(self.rows[self.n_rows_read : self.n_rows_read + end - start], start)
            self.n_rows_read += end - start
        self.n_blocks_read = max(until, self.n_blocks_read)


def _take_draws(stream: Stream, n: int) -> Stream:
    """Return a stream on the host that starts with the next `n` draws of `stream`, which has then taken them.

    A thread can use it while `stream` goes on, and `stream` is where it would be whenever the thread is stopped.
    """
    taken = stream.to("numpy" if stream.backend.name == "numpy" else "cpu")
    with stream.draws(n):
        return taken
