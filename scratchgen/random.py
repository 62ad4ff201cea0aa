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
import operator
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from scratchgen.backend import Backend, get_backend, namespace, to_numpy
from scratchgen.errors import BackendError, InputError
from scratchgen.kernels.bernoulli import fill_bernoulli
from scratchgen.kernels.order import order_of_keys
from scratchgen.kernels.philox import Key, fill_normal, fill_uniform, fill_words
from scratchgen.kernels.philox_scalar import MASK, SHIFT_32, philox4x32
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_dtype, is_finite_number, is_integer

_CHILD_MARK = np.uint64(0xFFFFFFFF)  # the fourth counter word of no draw: those stay below 2^28
_N_DRAWS = 2**60

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
        word = np.uint64(_check_below("seed", seed, 2**64))
        self._start(backend, (word & MASK, word >> SHIFT_32), 0)

    def _start(self, backend: str | Backend, key: tuple[np.uint64, np.uint64], draw: int) -> None:
        self.backend = get_backend(backend)
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
        if not isinstance(state, list | tuple) or len(state) != 3:
            raise InputError(f"the state of a stream is two key words and a draw, got {state!r}")
        low, high = (np.uint64(_check_below("a key word", word, 2**32)) for word in state[:2])
        stream = cls.__new__(cls)
        stream._start(backend, (low, high), _check_below("the draw", state[2], _N_DRAWS))
        return stream

    def child(self, index: int) -> Stream:
        """Return the independent stream number `index` of this one, the same whatever this one has drawn."""
        i = np.uint64(_check_below("the index of a child", index, 2**64))
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
        return self._fill(fill_uniform, shape, check_dtype(dtype))

    def normal(self, shape: Shape, dtype: Any = "float32") -> Array:
        """Draw standard normals by the Box-Muller transform."""
        return self._fill(fill_normal, shape, check_dtype(dtype))

    def bernoulli(self, p: Array | float, shape: Shape | None = None, dtype: Any = None) -> Array:
        """Draw ones with probability `p` and zeros otherwise: u < p for a float32 uniform u.

        Parameters
        ----------
        p : array or float
            Probabilities, a float32 or float64 array whose shape and, unless `dtype` is given, whose type the draws
            have. Values outside [0, 1] act like the nearer end, and NaN like 0: they are not searched for.
        shape : int or tuple of int, optional
            The shape of the draws where `p` is one number.
        """
        probability = self._spread(p, shape, dtype or "float32") if shape is not None else self._own(p)
        out = self.backend.xp.empty(probability.shape, dtype=check_dtype(dtype or probability.dtype))
        with self.draws() as (key, draw):
            fill_bernoulli.on(self.backend)(out, probability, key, draw)
        return out

    def integers(self, low: int, high: int, shape: Shape) -> Array:
        """Draw integers from low, ..., high - 1, as int64.

        A 64-bit word is scaled to the range, so that the probability of each value is off from 1 / (high - low) by less
        than 2^-64; the range is at most 2^32.
        """
        if not (is_integer(low) and is_integer(high) and -(2**63) <= low < high <= min(low + 2**32, 2**63)):
            raise InputError(f"integers(low, high) needs 0 < high - low <= 2**32, got low={low!r}, high={high!r}")
        low, span = int(low), int(high) - int(low)
        keys = self._keys(math.prod(_shape(shape)))
        # floor(keys * span / 2^64) in two halves, each product below 2^64
        span_word, xp = np.uint64(span), self.backend.xp
        scaled = ((keys & MASK) * span_word >> SHIFT_32) + (keys >> SHIFT_32) * span_word
        return (scaled >> SHIFT_32).astype(xp.int64).reshape(_shape(shape)) + low

    def permutation(self, n: int) -> Array:
        """Draw a random order of 0, ..., n - 1: the stable argsort of 64-bit keys."""
        order: Array = order_of_keys.on(self.backend)(self._keys(check_count("n", n, least=0)))
        return order

    def draws(self, n: int = 1) -> AbstractContextManager[tuple[Key, Array]]:
        """Give the next `n` draws to a kernel that makes its random numbers itself.

        The context is the key and the number of the first draw, in an array of one element that lies where the kernel
        reads it. The draws are taken when the context is left, unless by an error.
        """
        return _Draws(self, n)

    # ---------------------------------------------------------------------------------------------- helpers

    def _spread(self, p: Any, shape: Shape, dtype: Any) -> Array:
        if not is_finite_number(p) or not 0 <= p <= 1:
            raise InputError(f"p must be one number in [0, 1] where a shape is given, got {p!r}")
        return self.backend.xp.full(_shape(shape), p, dtype=check_dtype(dtype))

    def _own(self, p: Any) -> Array:
        if not hasattr(p, "shape"):
            raise InputError("bernoulli(p) needs an array, or one number and a shape: bernoulli(0.5, shape=(3, 4))")
        if namespace(p) is not self.backend.xp:
            raise BackendError(f"p is not an array of backend {self.backend.name!r}: move it with backend.asarray(p)")
        return self.backend.asarray(p, dtype=check_dtype(p.dtype))

    def _keys(self, n: int) -> Array:
        words = self.words((n, 2)).astype(np.uint64)
        return words[:, 0] | (words[:, 1] << SHIFT_32)

    def _fill(self, operation: Any, shape: Shape, dtype: Any) -> Array:
        out = self.backend.xp.empty(_shape(shape), dtype=dtype)
        with self.draws() as (key, draw):
            operation.on(self.backend)(out, key, draw)
        return out


class _Draws:
    """What `Stream.draws` returns: `contextlib.contextmanager` would add two microseconds to each kernel."""

    __slots__ = ("_n", "_stream")

    def __init__(self, stream: Stream, n: int) -> None:
        self._stream = stream
        self._n = n

    def __enter__(self) -> tuple[Key, Array]:
        return self._stream.key, self._stream._draw

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._stream._draw += np.uint64(self._n)


def _shape(shape: Shape) -> tuple[int, ...]:
    try:
        sizes = (operator.index(shape),) if hasattr(shape, "__index__") else tuple(map(operator.index, shape))
    except TypeError:
        sizes = (-1,)
    if min(sizes, default=0) < 0:
        raise InputError(f"shape must be an integer or a tuple of integers, each >= 0, got {shape!r}")
    return sizes


def _check_below(name: str, value: Any, limit: int) -> int:
    if not is_integer(value) or not 0 <= value < limit:
        raise InputError(f"{name} must be an integer in [0, 2**{limit.bit_length() - 1}), got {value!r}")
    return int(value)
