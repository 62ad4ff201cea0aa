"""The package torchebm (S. Ghaderi, on PyTorch) as its users call it: an energy, whose gradient autograd finds.

It comes with ``pip install -e ".[bench]"``; without it its rows are absent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torchebm.core import BaseModel
from torchebm.samplers import LangevinDynamics

from scratchgen.errors import ScratchgenError


class Mixture(BaseModel):
    """The energy of a mixture of Gaussians of one width and equal weights, up to a constant; means (components, D)."""

    def __init__(self, means: Tensor, precision: float) -> None:
        super().__init__(device=means.device)
        self.register_buffer("means", means)
        self.precision = precision

    def forward(self, x: Tensor) -> Tensor:
        """Return E(x), (chains,)."""
        squares = (x[:, None, :] - self.means).square().sum(dim=2)  # (chains, components)
        return -torch.logsumexp(-0.5 * self.precision * squares, dim=1)


def langevin(model: BaseModel, x: Tensor, n_steps: int, step: float, noise: float) -> Callable[[], Tensor]:
    """Return the function that returns the chains `x` after `n_steps` of ``x - step * slope(x) + noise * xi``.

    Raises
    ------
    ScratchgenError
        One step of the sampler is another one.
    """
    sampler = LangevinDynamics(model, step_size=step, noise_scale=noise / (2 * step) ** 0.5, device=x.device)
    torch.manual_seed(0)
    moved = sampler.sample(x=x, n_steps=1)
    torch.manual_seed(0)
    if not torch.allclose(moved, x - step * model.gradient(x) + noise * torch.randn_like(x), atol=1e-5):
        raise ScratchgenError("a step of torchebm is none of our Langevin dynamics")
    return partial(sampler.sample, x=x, n_steps=n_steps)
