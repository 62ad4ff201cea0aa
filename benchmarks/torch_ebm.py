"""The energy-based model of `benchmarks.ebm_step` in PyTorch, written as its users write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.torch_compiled import compiled


class Energy(nn.Module):
    """Multilayer perceptron with swish units and one output."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairwise((*widths, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Return E(x) of each row."""
        for layer in self.layers[:-1]:
            x = F.silu(layer(x))
        return self.layers[-1](x)[:, 0]


class Chains(NamedTuple):
    """How chains move, and how many of them begin anew."""

    n_steps: int
    step_size: float
    noise: float
    reinitialised: float


class Step:
    """A step of contrastive training: samples from chains that are kept, loss, gradient and Adam.

    Attributes
    ----------
    move : callable
        (x, xi) -> x after one Langevin step in the box [0, 1], with these normals or fresh ones.
    """

    def __init__(
        self, model: Energy, chains: Chains, buffer: Tensor, regularisation: float, fused: bool, how: bool | str
    ) -> None:
        self.model, self.chains, self.buffer = model, chains, buffer
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused or None)
        slope = torch.func.grad(lambda x: model(x).sum())

        def move(x: Tensor, xi: Tensor | None = None) -> Tensor:
            xi = torch.randn_like(x) if xi is None else xi
            return torch.clamp(x - chains.step_size * slope(x) + chains.noise * xi, 0, 1)

        def loss(x: Tensor, samples: Tensor) -> Tensor:
            E = model(torch.cat([x, samples]))
            data, negative = E[: len(x)], E[len(x) :]
            squares = data.square().mean() + negative.square().mean()
            return data.mean() - negative.mean() + regularisation * squares

        self.move: Callable[..., Tensor] = compiled(move, how)
        self.loss: Callable[..., Tensor] = compiled(loss, how)

    def __call__(self, x: Tensor, samples: Tensor | None = None) -> Tensor:
        """Take the step on the batch `x` and return the loss before it; given samples leave the chains alone."""
        torch.compiler.cudagraph_mark_step_begin()  # what CUDA graphs have returned so far is no longer needed
        value = self.loss(x, self.draw(len(x)) if samples is None else samples)
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()
        self.optimizer.step()
        return value.detach()

    @torch.no_grad()
    def draw(self, n: int) -> Tensor:
        """Move `n` of the chains on and return them."""
        rows = torch.randperm(len(self.buffer), device=self.buffer.device)[:n]
        x = self.buffer[rows]
        restart = torch.rand(n, 1, device=x.device) < self.chains.reinitialised
        x = torch.where(restart, torch.rand_like(x), x)
        for _ in range(self.chains.n_steps):
            x = self.move(x)
        self.buffer[rows] = x
        return x
