"""Random numbers that depend on (seed, draw, element) and on nothing else: the same bits on every backend.

A `Stream` is a Philox4x32-10 key and a count of draws. Each call takes the next draw; element e of the result is a pure
function of key, draw and e. Checkpointing a stream means storing three integers, and streams made with `Stream.child`
are independent of their parent and of each other.

References
----------
J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11, 2011.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchgen.backend import Backend, get_backend, to_numpy
from scratchgen.errors import InputError
from scratchgen.kernels.bernoulli import fill_bernoulli
from scratchgen.kernels.philox import fill_normal, fill_uniform, fill_words
from scratchgen.kernels.philox_scalar import MASK, SHIFT_32, philox4x32
from scratchgen.typing import Array

_CHILD_MARK = np.uint64(0xFFFFFFFF)  # the fourth counter word of no draw: those stay below 2^28
_FLOAT_TYPES = ("float32", "float64")

Shape = int | Sequence[int]


class Stream:
    """A counter-based stream of random numbers.

    Parameters
    ----------
    seed : int
        In [0, 2^64).
    backend : str or Backend
        Where the numbers are made and kept; it does not change their bits.

    Examples
    --------
    >>> from scratchgen import Stream
    >>> Stream(0, backend="numpy").uniform(2).tolist() == Stream(0, backend="cpu").uniform(2).tolist()
    True
    """

    def __init__(self, seed: int, backend: str | Backend = "cpu") -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
            raise InputError(f"seed must be an integer in [0, 2**64), got {seed!r}")
        self._start(backend, (np.uint64(seed) & MASK, np.uint64(seed) >> SHIFT_32), 0)

    def _start(self, backend: str | Backend, key: tuple[np.uint64, np.uint64], draw: int) -> None:
        self.backend = get_backend(backend) if isinstance(backend, str) else backend
        self.key = key
        self._draw = self.backend.xp.full(1, draw, dtype=np.uint64)  # on the device, where the kernels read it

    def __repr__(self) -> str:
        return f"Stream(key={int(self.key[0]), int(self.key[1])}, draw={self.draw}, backend={self.backend.name!r})"

    # ------------------------------------------------------------------------------------------------ state

    @property
    def draw(self) -> int:
        """The number of draws taken so far."""
        return int(to_numpy(self._draw)[0])

    def state(self) -> list[int]:
        """Return the whole state: both key words and the draw."""
        return [int(self.key[0]), int(self.key[1]), self.draw]

    @classmethod
    def from_state(cls, state: Sequence[int], backend: str | Backend = "cpu") -> Stream:
        """Return the stream whose `state` was taken: its next draw is the one that would have come."""
        stream = cls.__new__(cls)
        stream._start(backend, (np.uint64(state[0]), np.uint64(state[1])), state[2])
        return stream

    def child(self, index: int) -> Stream:
        """Return the independent stream number `index` of this one, the same whatever this one has drawn."""
        if not 0 <= index < 2**64:
            raise InputError(f"index of a child must be in [0, 2**64), got {index!r}")
        i = np.uint64(index)
        key = philox4x32(i & MASK, i >> SHIFT_32, np.uint64(0), _CHILD_MARK, *self.key)[:2]
        return self.from_state([*key, 0], self.backend)

    def to(self, backend: str | Backend) -> Stream:
        """Return this stream, with its present state, on another backend."""
        return self.from_state(self.state(), backend)

    # ------------------------------------------------------------------------------------------------ draws

    def words(self, shape: Shape) -> Array:
        """Draw uint32 words, uniform over all 2^32 values."""
        return self._fill(fill_words, shape, np.uint32)

    def uniform(self, shape: Shape, dtype: Any = "float32") -> Array:
        """Draw uniforms in [0, 1): multiples of 2^-24 in float32, of 2^-53 in float64."""
        return self._fill(fill_uniform, shape, _float_type(dtype))

    def normal(self, shape: Shape, dtype: Any = "float32") -> Array:
        """Draw standard normals by the Box-Muller transform."""
        return self._fill(fill_normal, shape, _float_type(dtype))

    def bernoulli(self, p: Array | float, shape: Shape | None = None, dtype: Any = None) -> Array:
        """Draw ones with probability `p` and zeros otherwise.

        Parameters
        ----------
        p : array or float
            Probabilities. For an array the draws have its shape and, unless `dtype` is given, its type.
        shape : int or tuple of int, optional
            The shape of the draws where `p` is one number.
        """
        xp = self.backend.xp
        if shape is not None:
            p = xp.full(_shape(shape), p, dtype=_float_type(dtype or "float32"))
        elif isinstance(p, float | int):
            raise InputError("bernoulli(p) of one probability needs a shape: bernoulli(0.5, shape=(3, 4))")
        out = xp.empty(p.shape, dtype=p.dtype if dtype is None else _float_type(dtype))
        fill_bernoulli.on(self.backend)(out, xp.ascontiguousarray(p), self.key, self._draw)
        self._advance()
        return out

    def integers(self, low: int, high: int, shape: Shape) -> Array:
        """Draw integers from low, ..., high - 1, as int64.

        A 64-bit word is scaled to the range, so that the probability of each value is off from 1 / (high - low) by less
        than 2^-64; the range is at most 2^32.
        """
        span = high - low
        if not 0 < span <= 2**32:
            raise InputError(f"integers(low, high) needs 0 < high - low <= 2**32, got low={low}, high={high}")
        keys = self._keys(math.prod(_shape(shape)))
        # floor(keys * span / 2^64) in two halves, each product below 2^64
        span_word, xp = np.uint64(span), self.backend.xp
        scaled = ((keys & MASK) * span_word >> SHIFT_32) + (keys >> SHIFT_32) * span_word
        return (scaled >> SHIFT_32).astype(xp.int64).reshape(_shape(shape)) + low

    def permutation(self, n: int) -> Array:
        """Draw a random order of 0, ..., n - 1: the stable argsort of 64-bit keys."""
        return self.backend.xp.argsort(self._keys(n), kind="stable")

    # ---------------------------------------------------------------------------------------------- helpers

    def _keys(self, n: int) -> Array:
        words = self.words((n, 2)).astype(np.uint64)
        return words[:, 0] | (words[:, 1] << SHIFT_32)

    def _fill(self, operation: Any, shape: Shape, dtype: Any) -> Array:
        out = self.backend.xp.empty(_shape(shape), dtype=dtype)
        operation.on(self.backend)(out, self.key, self._draw)
        self._advance()
        return out

    def _advance(self) -> None:
        self._draw += np.uint64(1)


def _shape(shape: Shape) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(int(n) for n in shape)


def _float_type(dtype: Any) -> np.dtype:
    chosen = np.dtype(dtype)
    if chosen.name not in _FLOAT_TYPES:
        raise InputError(f"dtype must be one of {', '.join(_FLOAT_TYPES)}, got {chosen.name}")
    return chosen
