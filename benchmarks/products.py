"""The matrix products of a step alone: what it would cost if everything but BLAS were free."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np

from benchmarks.devices import require_torch_device

Product = tuple[np.ndarray, np.ndarray, np.ndarray]  # a, b and the array for a b


def by_numpy(steps: Iterable[Iterable[Product]]) -> Callable[[], None]:
    """Return the function that makes the products of the next of `steps`, again and again."""
    endless = itertools.cycle([list(step) for step in steps])

    def multiply() -> None:
        for a, b, out in next(endless):
            np.matmul(a, b, out=out)

    return multiply


def by_torch(steps: Iterable[Iterable[Product]], device: str) -> Callable[[], None]:
    """Return what `by_numpy` does, by PyTorch on this device."""
    import torch

    require_torch_device(device)
    endless = itertools.cycle(
        [[tuple(torch.from_numpy(array).to(device) for array in arrays) for arrays in step] for step in steps]
    )

    def multiply() -> None:
        for a, b, out in next(endless):
            torch.mm(a, b, out=out)

    return multiply
