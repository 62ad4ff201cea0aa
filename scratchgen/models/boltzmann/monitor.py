"""What an RBM reports after each epoch, besides the terms of its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.inference import exact
from scratchgen.inference.parameters import are_states
from scratchgen.inference.pseudo_likelihood import pseudo_log_likelihood
from scratchgen.ops.boltzmann import free_energy_forward
from scratchgen.random import Stream
from scratchgen.samplers.tempering import Info
from scratchgen.typing import Array

if TYPE_CHECKING:
    from scratchgen.models.boltzmann.rbm import RBM

_ROWS = 1000  # the first ones of the training and of the validation data
_FLIPS = 2e7  # of visible units, times hidden units: what the pseudo-log-likelihood may cost
_ENUMERATED_UNITS = 16  # 65,536 states


def monitor(rbm: RBM, x: Array, validation: Array | None) -> dict[str, float]:
    """Return the columns of one epoch; nothing that training uses is read from a stream or changed."""
    stream = Stream(rbm.seed, rbm.backend).child(2**63 + rbm.epoch)  # of no other use
    x = rbm.draw_data(x[:_ROWS], stream)
    free_energy, cache = free_energy_forward(rbm.machine, x, rbm.backend)
    distance = x - rbm.prob_v_given_h(cache.p_h)
    row = {"reconstruction_error": float((distance * distance).sum(axis=1).mean())}
    if validation is not None:
        held_out, _ = free_energy_forward(rbm.machine, rbm.draw_data(validation[:_ROWS], stream), rbm.backend)
        row["free_energy_gap"] = float(held_out.mean()) - float(free_energy.mean())
    if rbm.visible == "bernoulli":
        if not are_states(x):
            return row  # greys have no probability
        n_rows = max(1, int(_FLIPS / rbm.W.size))
        row["pseudo_log_likelihood"] = float(pseudo_log_likelihood(x[:n_rows], rbm.W, rbm.b, rbm.c).mean())
    if _is_small(rbm):
        row["log_likelihood"] = -float(free_energy.mean()) - exact.log_partition(*rbm.machine)
    return row


def _is_small(rbm: RBM) -> bool:
    smaller = rbm.n_hidden if rbm.visible == "gaussian" else min(rbm.n_visible, rbm.n_hidden)
    return smaller <= _ENUMERATED_UNITS


class ExchangeCounter:
    """Counts the exchanges of parallel tempering from one report to the next."""

    def __init__(self) -> None:
        self._exchanged: Array | None = None
        self._tried: np.ndarray | None = None

    def add(self, info: Info | None) -> None:
        """Add one round, if there was one."""
        if info is None:
            return
        if self._exchanged is None or self._tried is None:
            self._exchanged, self._tried = 0 * info.exchanged, np.zeros(info.tried.shape, dtype=np.int64)
        self._exchanged += info.exchanged
        self._tried += info.tried

    def report_and_reset(self) -> dict[str, float]:
        """Return mean and minimum of the exchanged fraction over the pairs of temperatures, and start again."""
        if self._exchanged is None or self._tried is None:
            return {}
        tried = self._tried > 0
        rates = to_numpy(self._exchanged)[tried] / self._tried[tried]
        self._exchanged = self._tried = None
        return {"swap_rate": float(rates.mean()), "lowest_swap_rate": float(rates.min())}
