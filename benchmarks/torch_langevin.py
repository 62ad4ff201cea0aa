"""Langevin steps in a mixture of Gaussians of one width, in PyTorch with the gradient written out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def slope_of_mixture(means: Tensor, precision: float) -> Callable[[Tensor], Tensor]:
    """Return the gradient of the energy as a function of states (chains, D); `means` is (components, D)."""

    def slope(x: Tensor) -> Tensor:
        difference = x[:, None, :] - means  # (chains, components, D)
        weight = torch.softmax(-0.5 * precision * difference.square().sum(dim=2), dim=1)
        return precision * (weight[:, :, None] * difference).sum(dim=1)

    return slope


def langevin(slope: Callable[[Tensor], Tensor], x: Tensor, n_steps: int, step: float, noise: float) -> Tensor:
    """Return the chains `x` after `n_steps` of ``x - step * slope(x) + noise * xi``."""
    for _ in range(n_steps):
        x = x - step * slope(x) + noise * torch.randn_like(x)
    return x
