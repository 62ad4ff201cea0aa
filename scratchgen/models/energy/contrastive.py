r"""Contrastive training: push the energy of data down and that of samples of the model up.

.. math:: \text{loss} = \langle E(x) \rangle_{data} - \langle E(x') \rangle_{samples}
          + \alpha \big( \langle E(x)^2 \rangle_{data} + \langle E(x')^2 \rangle_{samples} \big)

For :math:`p(x) = e^{-E(x)/T} / Z` and samples x' of p, the gradient of the first two terms is T times that of
:math:`- \langle \log p \rangle_{data}`: maximum likelihood. The third keeps energies near 0. Without it their constant,
on which p does not depend, drifts, and their scale may grow; but it also flattens p, so that alpha is a compromise.

Samples come from chains that are kept in a replay buffer. Each batch moves as many of them as it has examples on by a
few Langevin steps; a small part begins anew from noise, so that paths from noise to data stay trained.

References
----------
T. Tieleman: "Training restricted Boltzmann machines using approximations to the likelihood gradient", ICML 2008.
Y. Du, I. Mordatch: "Implicit generation and modeling with energy-based models", NeurIPS 2019 (buffer, alpha).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from scratchgen.backend import namespace
from scratchgen.errors import InputError, TrainingError
from scratchgen.models.energy.network import EnergyNetwork
from scratchgen.models.energy.noise import Chains, Noise
from scratchgen.random import Stream
from scratchgen.specification import specified
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_nonnegative, check_positive, is_finite_number


class ContrastiveTerms(NamedTuple):
    """``loss = data_energy - sample_energy + regularisation``: means over the batch and over the negative samples."""

    loss: Any
    data_energy: Any
    sample_energy: Any
    regularisation: Any


@specified
@dataclass(frozen=True)
class Contrastive:
    """Data against samples of the model.

    Parameters
    ----------
    regularisation : float
        alpha >= 0.
    buffer_size : int
        Chains that are kept.
    reinitialised : float
        The probability, in [0, 1], with which a chain that is to be moved begins anew from noise. The new chains must
        have time to reach the data: where modes are far apart, those that are still on their way hold masses in the
        buffer that the model does not have, and 0 is better.
    data_noise : float
        Standard deviation of noise that is added to data, afresh for each batch: data on a grid of grey levels, or in a
        plane of few dimensions, have no density that a smooth energy can reach.
    largest_gap : float
        Training stops when data and samples differ by more in their mean energy.

    Raises
    ------
    InputError
        A value is out of range.
    """

    regularisation: float = 0.01
    buffer_size: int = 10_000
    reinitialised: float = 0.05
    data_noise: float = 0.0
    largest_gap: float = 1e4

    term_names = ContrastiveTerms._fields

    def __post_init__(self) -> None:
        check_count("buffer_size", self.buffer_size)
        check_nonnegative("regularisation", self.regularisation)
        check_nonnegative("data_noise", self.data_noise)
        if not (is_finite_number(self.reinitialised) and 0 <= self.reinitialised <= 1):
            raise InputError(f"reinitialised must be a probability in [0, 1], got {self.reinitialised!r}")
        check_positive("largest_gap", self.largest_gap)

    def draw(self, x: Array, chains: Chains, stream: Stream) -> Noise:
        """Return negative samples for the batch `x`: at most as many as there are chains in the buffer."""
        xp = stream.backend.xp
        rows = stream.permutation(chains.buffer.shape[0])[: x.shape[0]]
        fresh = chains.start(rows.size, stream)
        restart = stream.uniform((rows.size, 1), "float32") < self.reinitialised
        return Noise(chains.run(xp.where(restart, fresh, chains.buffer[rows]), stream), rows)

    def terms(self, network: EnergyNetwork, params: Any, x: Array, negative: Array) -> ContrastiveTerms:
        """Return the terms of the loss."""
        return self._terms(network.energy(params, x), network.energy(params, negative))

    def terms_and_grads(
        self, network: EnergyNetwork, params: Any, x: Array, negative: Array, out: Any
    ) -> ContrastiveTerms:
        """Return the terms of the loss, its gradient in `out`: data and samples are one batch."""
        xp, n = namespace(x, negative), x.shape[0]
        E, cache = network.forward(params, xp.concatenate([x, negative]))
        network.backward_params(xp.concatenate([self._dE(E[:n], 1), self._dE(E[n:], -1)]), cache, out)
        return self._terms(E[:n], E[n:])

    def grad_x(self, network: EnergyNetwork, params: Any, x: Array, negative: Array) -> Array:
        """Return the gradient of the loss with respect to the data, for given samples."""
        E, cache = network.forward(params, x)
        return network.backward(self._dE(E, 1), cache)[0]

    def check(self, terms: Any, step: int) -> None:
        """Raise if the energies of data and of samples have run apart.

        Raises
        ------
        TrainingError
            With both energies, and what usually helps.
        """
        data, samples = float(terms.data_energy), float(terms.sample_energy)
        if abs(data - samples) <= self.largest_gap:  # false for NaN
            return
        raise TrainingError(
            f"the energies diverged at step {step}: {data:g} of data, {samples:g} of samples, further apart than "
            f"largest_gap = {self.largest_gap:g}. The usual cures: a smaller learning rate, more energy regularisation "
            "(regularisation=), more Langevin steps (n_steps=) of a smaller size, clipping of the parameters' gradient "
            "(max_norm=, max_value=) or of the chains' (max_gradient=), and noise on the data (data_noise=). Go on "
            "from the last checkpoint, if there is one, or reset() the model"
        )

    def _terms(self, data: Array, samples: Array) -> ContrastiveTerms:
        regularisation = self.regularisation * ((data * data).mean() + (samples * samples).mean())
        data_energy, sample_energy = data.mean(), samples.mean()
        return ContrastiveTerms(
            data_energy - sample_energy + regularisation, data_energy, sample_energy, regularisation
        )

    def _dE(self, E: Array, sign: int) -> Array:
        return (sign + 2 * self.regularisation * E) / E.shape[0]
