"""Corruptions: functions ``(x, stream) -> corrupted`` of a batch (n, D), for a denoising autoencoder to undo.

=====================  ===========================================================================================
corruption             what becomes of a feature
=====================  ===========================================================================================
`Masking`              0 for a fixed proportion of the features of each example, chosen afresh
`IndependentMasking`   0 with a probability, independently of all others
`GaussianNoise`        a normal draw is added
`SaltAndPepper`        with a probability the lowest or the highest value, by a fair coin
=====================  ===========================================================================================

Wherever a corruption is accepted, so is any function of the batch and a stream that returns an array of the batch's
shape; a checkpoint can hold the four above.

References
----------
P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol: "Extracting and composing robust features with denoising
autoencoders", ICML 2008 (masking).
P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol: "Stacked denoising autoencoders", Journal of Machine
Learning Research 11, 2010 (Gaussian noise, salt and pepper).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.kernels.masking import mask_lowest
from scratchgen.random import Stream
from scratchgen.specification import specified
from scratchgen.typing import Array
from scratchgen.validation import check_nonnegative, is_finite_number

Corruption = Callable[[Array, Stream], Array]


def check_corruption(corruption: Any) -> Corruption:
    """Return `corruption` if it is a function.

    Raises
    ------
    InputError
        It is not.
    """
    if not callable(corruption) or isinstance(corruption, type):
        raise InputError(
            f"corruption must be one of scratchgen.corruptions, such as Masking(0.25), or a function "
            f"(x, stream) -> corrupted, got {corruption!r}"
        )
    return corruption


@specified
@dataclass(frozen=True)
class Masking:
    """Set ``round(proportion * D)`` features of each example to 0, each choice of so many being as likely."""

    proportion: float = 0.25

    def __post_init__(self) -> None:
        _check_share("proportion", self.proportion)

    def __call__(self, x: Array, stream: Stream) -> Array:
        """Return the corrupted batch."""
        n_masked = round(self.proportion * _check_batch(x).shape[1])
        if n_masked == 0:
            return x.copy()
        # 53 bits: two equal keys in a row, which would mask one feature more, do not happen
        masked: Array = mask_lowest.on(stream.backend)(x, stream.uniform(x.shape, "float64"), n_masked)
        return masked


@specified
@dataclass(frozen=True)
class IndependentMasking:
    """Set each feature to 0 with this probability."""

    probability: float = 0.25

    def __post_init__(self) -> None:
        _check_share("probability", self.probability)

    def __call__(self, x: Array, stream: Stream) -> Array:
        """Return the corrupted batch."""
        return _check_batch(x) * stream.bernoulli(1 - self.probability, x.shape, x.dtype)


@specified
@dataclass(frozen=True)
class GaussianNoise:
    """Add to each feature a normal draw of standard deviation `sigma`."""

    sigma: float = 0.5

    def __post_init__(self) -> None:
        check_nonnegative("sigma", self.sigma)

    def __call__(self, x: Array, stream: Stream) -> Array:
        """Return the corrupted batch."""
        return _check_batch(x) + self.sigma * stream.normal(x.shape, x.dtype)


@specified
@dataclass(frozen=True)
class SaltAndPepper:
    """Set each feature with this probability to `low` or `high`, by a fair coin."""

    probability: float = 0.25
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _check_share("probability", self.probability)
        if not (is_finite_number(self.low) and is_finite_number(self.high) and self.low < self.high):
            raise InputError(f"low and high must be finite numbers with low < high, got {self.low!r}, {self.high!r}")

    def __call__(self, x: Array, stream: Stream) -> Array:
        """Return the corrupted batch."""
        xp, u = namespace(_check_batch(x)), stream.uniform(x.shape, x.dtype)
        low, high = x.dtype.type(self.low), x.dtype.type(self.high)
        return xp.where(u < 0.5 * self.probability, low, xp.where(u < self.probability, high, x))


# They leave the batch alone, and never wait for a GPU.
CORRUPTIONS = (Masking, IndependentMasking, GaussianNoise, SaltAndPepper)


def _check_batch(x: Any) -> Array:
    if getattr(x, "ndim", None) != 2 or x.dtype.kind != "f":
        what = type(x).__name__ if not hasattr(x, "dtype") else f"{x.dtype} of shape {tuple(x.shape)}"
        raise InputError(f"x must be an array (n, n_visible) of floating-point numbers, got {what}")
    return x


def _check_share(name: str, value: Any) -> None:
    if not (is_finite_number(value) and 0 <= value <= 1):
        raise InputError(f"{name} must be in [0, 1], got {value!r}")
