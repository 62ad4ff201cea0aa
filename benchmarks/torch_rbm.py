"""CD-1 for the RBM of `benchmarks.rbm_epoch` in PyTorch: statistics by hand, and the form that courses use."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RBM(nn.Module):
    """Restricted Boltzmann machine; W is (n_visible, n_hidden)."""

    def __init__(self, W: Tensor, b: Tensor, c: Tensor) -> None:
        super().__init__()
        self.W, self.b, self.c = nn.Parameter(W), nn.Parameter(b), nn.Parameter(c)

    def free_energy(self, v: Tensor) -> Tensor:
        """Return F(v) of each row."""
        return -v @ self.b - F.softplus(v @ self.W + self.c).sum(dim=1)

    def reconstruct(self, v: Tensor) -> Tensor:
        """Return v after one Gibbs sweep."""
        h = torch.bernoulli(torch.sigmoid(v @ self.W + self.c))
        return torch.bernoulli(torch.sigmoid(h @ self.W.T + self.b))


@torch.no_grad()
def step_by_hand(rbm: RBM, v0: Tensor, learning_rate: float) -> None:
    """Take one step of CD-1 with the statistics written out: five products, as many as it needs."""
    p0 = torch.sigmoid(v0 @ rbm.W + rbm.c)
    v1 = torch.bernoulli(torch.sigmoid(torch.bernoulli(p0) @ rbm.W.T + rbm.b))
    p1 = torch.sigmoid(v1 @ rbm.W + rbm.c)
    rate = learning_rate / v0.shape[0]
    rbm.W.addmm_(v0.T, p0, alpha=rate).addmm_(v1.T, p1, alpha=-rate)
    rbm.b.add_((v0 - v1).sum(dim=0), alpha=rate)
    rbm.c.add_((p0 - p1).sum(dim=0), alpha=rate)


def autograd_step(rbm: RBM, learning_rate: float) -> Callable[[Tensor], Tensor]:
    """Return the step that courses show: autograd through F(v0) - F(v1), the sample v1 detached."""
    optimizer = torch.optim.SGD(rbm.parameters(), lr=learning_rate)

    def step(v0: Tensor) -> Tensor:
        with torch.no_grad():
            v1 = rbm.reconstruct(v0)
        loss = rbm.free_energy(v0).mean() - rbm.free_energy(v1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
