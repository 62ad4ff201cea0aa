"""The package rbms (N. Béreux, A. Decelle and others, on PyTorch) by the methods that its own training loop calls.

That loop also divides each gradient by its norm, which is another algorithm than CD-1 and left out here.

It comes with ``pip install -e ".[bench]"``; without it its rows are absent.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from scratchgen.errors import ScratchgenError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it uses torch.jit
    from rbms.bernoulli_bernoulli.classes import BBRBM


def cd_step(machine: BBRBM, rate: float, example: Tensor) -> Callable[[Tensor], Any]:
    """Return the step of CD-1 on a batch, with chains started at the data and gradients that are not centred.

    Raises
    ------
    ScratchgenError
        A first step, on the batch `example`, is none of CD-1 at this rate.
    """
    machine.init_grad()
    optimizer = torch.optim.SGD(machine.parameters(), lr=rate, maximize=True)
    weights = torch.ones(len(example), dtype=example.dtype, device=example.device)

    @torch.no_grad()
    def step(v: Tensor) -> dict[str, Tensor]:
        data = machine.init_chains(len(v), weights=weights, start_v=v)
        chains = machine.sample_state(data, n_steps=1)
        machine.compute_gradient(data, chains, centered=False)
        optimizer.step()
        return chains

    before, p = machine.weight_matrix.clone(), torch.sigmoid(example @ machine.weight_matrix + machine.hbias)
    chains = step(example)
    expected = (example.T @ p - chains["visible"].T @ chains["hidden_mag"]) * (rate / len(example))
    if not torch.allclose(machine.weight_matrix - before, expected, rtol=1e-3, atol=1e-5 * rate):
        raise ScratchgenError("the step of rbms is none of CD-1")
    return step


def gibbs_sweeps(machine: BBRBM, v: Tensor, n_sweeps: int) -> Callable[[], Tensor]:
    """Return the function that sweeps chains that start at `v`, and returns the hidden units of the last sweep."""
    chains = machine.init_chains(len(v), start_v=v)

    @torch.no_grad()
    def sweeps() -> Tensor:
        return machine.sample_state(chains, n_sweeps)["hidden"]

    return sweeps
