"""What models with Gaussian latent variables share: networks, heads and likelihood around z, however x enters them."""

from __future__ import annotations

from typing import Any

from scratchgen.backend import Backend
from scratchgen.models.likelihood import BernoulliLikelihood, GaussianLikelihood, likelihood_of
from scratchgen.nn.mlp import mlp_initialise_
from scratchgen.nn.parameters import Shape
from scratchgen.ops.gaussian import split_heads
from scratchgen.ops.linear import LinearParams
from scratchgen.random import Stream
from scratchgen.schedules import Schedule, value_at
from scratchgen.typing import Array


class GaussianHeads(LinearParams):
    """Weights and biases of the two affine maps to mean and log_var, side by side: one product makes both."""

    __slots__ = ()

    @property
    def mean(self) -> LinearParams:
        """Return views of those of the mean."""
        return LinearParams(*(split_heads(array)[0] for array in self))

    @property
    def log_var(self) -> LinearParams:
        """Return views of those of log_var."""
        return LinearParams(*(split_heads(array)[1] for array in self))


class GaussianLatents:
    """Parts of a model whose parameters are encoder, heads, decoder and log_sigma, in this order."""

    backend: Backend
    dtype: str
    params: Any
    step: int
    n_latent: int
    likelihood: str
    output_mean: str
    sigma: float | str
    beta: Schedule
    encoder_network: Any
    decoder_network: Any

    def _parts(self) -> dict[str, Any]:
        """Return the layouts of the parts by their names; log_sigma is empty unless sigma is learned."""
        n_heads = 2 * self.n_latent
        return {
            "encoder": self.encoder_network.layout(),
            "heads": GaussianHeads(Shape((self.encoder_network.n_outputs, n_heads)), Shape((n_heads,))),
            "decoder": self.decoder_network.layout(),
            "log_sigma": Shape((1,)) if self.sigma == "learned" else (),
        }

    def _initialise_(self, stream: Stream) -> None:
        p = self.params
        self.encoder_network.initialise_(p.encoder, stream)
        mlp_initialise_((p.heads.mean, p.heads.log_var), stream)
        self.decoder_network.initialise_(p.decoder, stream)

    def _mean_and_log_var(self, heads: Array) -> tuple[Array, Array]:
        """Return mean and log_var, each (n, n_latent) and contiguous, from the two side by side."""
        mean, log_var = map(self.backend.xp.ascontiguousarray, split_heads(heads))
        return mean, log_var

    @property
    def p_x_given_z(self) -> BernoulliLikelihood | GaussianLikelihood:
        """Return the distribution that the decoder's output stands for."""
        p = self.params
        return likelihood_of(self.likelihood, self.output_mean, self.sigma, p.log_sigma, self.backend, self.dtype)

    def scheduled_values(self) -> dict[str, float]:
        """Return beta at the present step."""
        return {"beta": value_at(self.beta, self.step)}
