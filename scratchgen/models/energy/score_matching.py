r"""Denoising score matching: the gradient of the energy points back from noisy data to the data.

.. math:: \text{loss} = \frac1n \sum_{i=1}^n \frac12
          \big| \sigma \nabla E(x_i + \sigma \xi_i) - \xi_i \big|^2, \qquad \xi_i \sim N(0, I)

Its minimum is the energy of the data blurred by the noise: :math:`e^{-E} / Z` is their density convolved with
N(0, sigma^2). No chain is needed, nor Z. What the loss does not see is how much mass lies in parts that are far apart,
in units of sigma: only slopes are learnt, and only where noisy data are. The factor sigma^2 before Vincent's form makes
the loss of a flat energy D / 2, whatever sigma is.

References
----------
P. Vincent: "A connection between score matching and denoising autoencoders", Neural Computation 23, 2011.
A. Hyvarinen: "Estimation of non-normalized statistical models by score matching", JMLR 6, 2005.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from scratchgen.models.energy.network import EnergyNetwork
from scratchgen.models.energy.noise import Chains, Noise
from scratchgen.random import Stream
from scratchgen.specification import specified
from scratchgen.typing import Array
from scratchgen.validation import check_positive


class ScoreTerms(NamedTuple):
    """The loss; it has no parts."""

    loss: Any


@specified
@dataclass(frozen=True)
class ScoreMatching:
    """Denoising score matching at one level of noise.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, > 0.

    Raises
    ------
    InputError
        `sigma` is out of range.
    """

    sigma: float = 0.1

    term_names = ScoreTerms._fields
    buffer_size = 0  # there are no chains
    data_noise = 0.0  # the loss adds its own

    def __post_init__(self) -> None:
        check_positive("sigma", self.sigma)

    def draw(self, x: Array, chains: Chains, stream: Stream) -> Noise:
        """Return xi for the batch `x`."""
        return Noise(stream.normal(x.shape, x.dtype))

    def terms(self, network: EnergyNetwork, params: Any, x: Array, xi: Array) -> ScoreTerms:
        """Return the loss."""
        return self._terms(self._residual(network, params, x, xi)[0])

    def terms_and_grads(self, network: EnergyNetwork, params: Any, x: Array, xi: Array, out: Any) -> ScoreTerms:
        """Return the loss, its gradient in `out`."""
        residual, cache = self._residual(network, params, x, xi)
        network.grad_x_backward(self._dgrad(residual), cache, out)
        return self._terms(residual)

    def grad_x(self, network: EnergyNetwork, params: Any, x: Array, xi: Array) -> Array:
        """Return the gradient of the loss with respect to the data, for given noise."""
        residual, cache = self._residual(network, params, x, xi)
        return network.grad_x_backward(self._dgrad(residual), cache)[0]

    def check(self, terms: Any, step: int) -> None:
        """Do nothing: a loss that is not finite stops every training, and this one does not fall without bound."""

    def _residual(self, network: EnergyNetwork, params: Any, x: Array, xi: Array) -> tuple[Array, Any]:
        g, cache = network.grad_x_forward(params, x + self.sigma * xi)
        return self.sigma * g - xi, cache

    def _dgrad(self, residual: Array) -> Array:
        return self.sigma / residual.shape[0] * residual

    def _terms(self, residual: Array) -> ScoreTerms:
        return ScoreTerms(0.5 * (residual * residual).sum() / residual.shape[0])
