"""The VAE of `benchmarks.vae_step` in PyTorch, written as its users write it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import torch_compiled


class VAE(nn.Module):
    """Fully connected VAE with one hidden layer in encoder and decoder."""

    def __init__(self, n_visible: int, n_hidden: int, n_latent: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(n_visible, n_hidden)
        self.mean = nn.Linear(n_hidden, n_latent)
        self.log_var = nn.Linear(n_hidden, n_latent)
        self.decoder = nn.Linear(n_latent, n_hidden)
        self.output = nn.Linear(n_hidden, n_visible)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return (logits, mean, log_var)."""
        h = F.relu(self.encoder(x))
        mean, log_var = self.mean(h), self.log_var(h)
        if noise is None:
            noise = torch.randn_like(mean)
        z = mean + torch.exp(0.5 * log_var) * noise
        return self.output(F.relu(self.decoder(z))), mean, log_var


def loss(model: VAE, x: Tensor, noise: Tensor | None = None) -> Tensor:
    """Return the negative ELBO: sum over features, mean over the batch, in nats."""
    logits, mean, log_var = model(x, noise)
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = 0.5 * torch.sum(log_var.exp() + mean.square() - 1 - log_var)
    return (reconstruction + kl) / x.shape[0]


def training_step(model: VAE, fused: bool, compiled: bool | str) -> Callable[..., Tensor]:
    """Return the function that takes one step on a batch and returns the loss before it.

    `compiled` may be the mode of `torch.compile`.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused or None)
    loss_function = torch_compiled.compiled(loss, compiled)

    def step(x: Tensor, noise: Tensor | None = None) -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        value = loss_function(model, x, noise)
        value.backward()
        optimizer.step()
        return value.detach()

    return step
