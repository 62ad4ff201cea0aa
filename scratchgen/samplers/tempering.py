r"""Parallel tempering for a restricted Boltzmann machine: chains at several temperatures that exchange their states.

.. math:: p_\beta(v, h) \propto e^{-\beta E(v, h)}, \qquad
          P(\text{exchange}) = \min\big(1, e^{(\beta' - \beta)(E' - E)}\big)

Each step makes Gibbs sweeps at every temperature and then tries to exchange neighbours: pairs (0, 1), (2, 3), ... in
one step, (1, 2), (3, 4), ... in the next. The product of all p_beta is invariant, so that the chains at beta = 1 sample
the model; what is gained is that hot chains move between modes that Gibbs sweeps at beta = 1 hardly leave.

======  ====================================  ==============================================
symbol  shape                                 meaning
======  ====================================  ==============================================
v       (n_temperatures, n_chains, visible)   states, the last temperature being beta = 1
beta    (n_temperatures,)                     inverse temperatures, rising to 1
======  ====================================  ==============================================

References
----------
R. H. Swendsen, J.-S. Wang: "Replica Monte Carlo simulation of spin glasses", Phys. Rev. Lett. 57, 1986.
G. Desjardins, A. Courville, Y. Bengio, P. Vincent, O. Delalleau: "Tempered Markov chain Monte Carlo for training of
restricted Boltzmann machines", AISTATS 2010.
S. Syed, A. Bouchard-Côté, G. Deligiannidis, A. Doucet: "Non-reversible parallel tempering: a scalable highly parallel
MCMC scheme", JRSS B 84, 2022.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratchgen.backend import namespace
from scratchgen.ops.boltzmann import RBMParams, energy
from scratchgen.random import Stream
from scratchgen.samplers.gibbs import sweep
from scratchgen.typing import Array


class State(NamedTuple):
    """States of the chains, and how often exchanges have been tried."""

    v: Array
    n_rounds: int


class Info(NamedTuple):
    """Fractions of the chains that were exchanged between each temperature and the next, and which pairs were tried."""

    exchanged: Array
    tried: np.ndarray


def init(v: Array) -> State:
    """Return the state that starts from v (n_temperatures, n_chains, n_visible)."""
    return State(v, 0)


def step(
    stream: Stream, state: State, params: RBMParams, inverse_temperatures: np.ndarray, n_sweeps: int = 1
) -> tuple[State, Info]:
    """Make `n_sweeps` Gibbs sweeps at each temperature, which take 2 n_sweeps draws, and one round, which takes one."""
    xp = namespace(state.v, params.W)
    n_temperatures, n_chains, n_visible = state.v.shape
    betas = stream.backend.asarray(np.repeat(inverse_temperatures, n_chains), dtype=state.v.dtype)
    v, h = sweep(params, state.v.reshape(-1, n_visible), n_sweeps, stream, betas)
    energies = energy(params, v, h).reshape(n_temperatures, n_chains)

    lower = np.arange(state.n_rounds % 2, n_temperatures - 1, 2)  # of each pair that is tried
    colder = stream.backend.asarray(np.diff(inverse_temperatures)[lower], dtype=state.v.dtype)
    log_ratio = colder[:, None] * (energies[lower + 1] - energies[lower])  # (pairs, chains)
    u = stream.uniform(log_ratio.shape, log_ratio.dtype)
    accepted = u < xp.exp(xp.minimum(log_ratio, xp.zeros_like(log_ratio)))

    source = xp.repeat(xp.arange(n_temperatures)[:, None], n_chains, axis=1)
    source[lower] += accepted
    source[lower + 1] -= accepted
    exchanged = xp.zeros(n_temperatures - 1, dtype=xp.float64)
    exchanged[lower] = accepted.mean(axis=1)
    tried = np.isin(np.arange(n_temperatures - 1), lower)
    v = v.reshape(state.v.shape)[source, xp.arange(n_chains)]
    return State(v, state.n_rounds + 1), Info(exchanged, tried)
