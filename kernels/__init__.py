"""Fused operations, each in three variants: *reference* (array code, the specification), *cpu* and *cuda* (Numba).

A module holds one operation, or one with its backward. The reference says what is computed; a faster variant is
compared with it, at odd sizes and several launch shapes, before anybody times it. The three have one signature.

>>> from scratchgen.kernels import all_operations
>>> sorted(all_operations())[:3]
['adam_', 'bernoulli_nll', 'bernoulli_nll_with_grad']

An operation whose name ends in ``_`` writes into some of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

_MODULES = (
    "adam",
    "bernoulli",
    "bernoulli_nll",
    "bias_activation",
    "free_energy",
    "gibbs_sweeps",
    "gibbs_units",
    "im2col",
    "ising_checkerboard",
    "ising_metropolis",
    "langevin",
    "langevin_densities",
    "latent",
    "masking",
    "order",
    "philox",
    "rows",
    "sgd",
)


class _NamesVariant(Protocol):
    @property
    def variant(self) -> str: ...


@dataclass(frozen=True)
class Operation:
    """One operation in its three variants.

    Attributes
    ----------
    reference, cpu, cuda : callable
        Functions of identical signature: on arrays of any library, NumPy arrays, and CuPy arrays. The others are the
        first where the array library is as fast as a kernel.
    """

    reference: Callable[..., Any]
    cpu: Callable[..., Any]
    cuda: Callable[..., Any]

    def on(self, backend: _NamesVariant) -> Callable[..., Any]:
        """Return the variant that serves `backend`."""
        variant: Callable[..., Any] = getattr(self, backend.variant)
        return variant


def all_operations() -> dict[str, Operation]:
    """Return every operation by name."""
    modules = [import_module(f"{__name__}.{name}") for name in _MODULES]
    return {name: value for module in modules for name, value in vars(module).items() if isinstance(value, Operation)}
