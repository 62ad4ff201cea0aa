"""What a model must offer to be used: any object with these methods will do, whatever its class."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from scratchgen.typing import Array


class Reconstructs(Protocol):
    """Maps data (n, n_visible) to reconstructions of the same shape: an autoencoder, a VAE, PCA there and back."""

    def reconstruct(self, x: Any) -> Array:
        """Return the reconstruction of each example."""


@runtime_checkable
class LatentVariableModel(Protocol):
    """Has a Gaussian q(z|x), the prior N(0, I), and bounds of log p(x) in nats: a VAE."""

    def encode(self, x: Any) -> tuple[Array, Array]:
        """Return mean and log_var of q(z|x), each (n, n_latent)."""

    def elbo(self, x: Any, n_samples: int) -> Array:
        """Return the evidence lower bound of each example, (n,)."""

    def log_likelihood(self, x: Any, n_samples: int) -> Array:
        """Return an estimate of log p(x) of each example, (n,)."""
