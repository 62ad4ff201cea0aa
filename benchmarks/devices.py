"""Contenders on a GPU: whether there is one, and how to wait for it. Elsewhere their rows say why they are absent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.harness import Contender

STEPS_A_CALL = 50


def on_gpu(
    name: str, make: Callable[[], Callable[[], Any]], synchronise: Callable[[], Any], steps: int = STEPS_A_CALL
) -> Contender:
    """Return a contender that is waited for once in so many steps: a training loop does not wait for each either."""
    return Contender(name, partial(make_several, make, steps), synchronise, steps)


def make_several(make: Callable[[], Callable[[], Any]], steps: int) -> Callable[[], None]:
    """Make a function, and return the one that calls it so many times."""
    step = make()

    def take_steps() -> None:
        for _ in range(steps):
            step()

    return take_steps


def require_torch_device(device: str) -> None:
    """Refuse a GPU that PyTorch does not find."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ModuleNotFoundError("PyTorch finds no GPU here")


def synchronise_cuda() -> None:
    """Wait for what CuPy's stream still has to do."""
    import cupy

    cupy.cuda.get_current_stream().synchronize()


def synchronise_torch() -> None:
    """Wait for what PyTorch has asked of the GPU."""
    import torch

    torch.cuda.synchronize()
