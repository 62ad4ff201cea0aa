"""Markov chains: a sampler is a module with ``init(...) -> State`` and ``step(stream, state, ...) -> (State, Info)``.

===========  ================================================================  ======================
module       x' is                                                             its stationary law
===========  ================================================================  ======================
langevin     x + h grad log p(x) + sqrt(2 h T) xi                              p^(1/T), off by O(h)
mala         the same, accepted or not                                         p^(1/T)
sgld         the same, from minibatches, with h shrinking                      p^(1/T) in the limit
hmc          the end of a leapfrog trajectory with a random momentum, or x     p
metropolis   any proposal, or x                                                p
===========  ================================================================  ======================

Three more sample a particular model: ``ising`` (spins on a lattice), ``gibbs`` and ``tempering`` (a restricted
Boltzmann machine).

A step moves all chains, the rows of x (chains, dimensions), and changes none of its arguments. Densities are functions
of such an x: log p, up to a constant, of shape (chains,), and its gradient, of the shape of x. Of an energy they are
minus the energy and minus its gradient. Arrays are those of the stream's backend.

`run_chains` repeats a step and keeps what it visits; `diagnostics` says what that is worth; `temperature` translates a
step and a noise into the temperature that they sample at.

>>> import numpy as np
>>> from scratchgen import Stream
>>> from scratchgen.samplers import mala, run_chains
>>> stream, log_density, grad_log_density = Stream(0), lambda x: -(x**2).sum(axis=1) / 2, lambda x: -x
>>> state = mala.init(np.zeros((100, 1)), log_density, grad_log_density)
>>> state, trace = run_chains(lambda s: mala.step(stream, s, log_density, grad_log_density, 1.0), state, 100)
>>> bool(abs(trace.x.var() - 1) < 0.1)
True
"""

from scratchgen.samplers import diagnostics as diagnostics
from scratchgen.samplers import gibbs as gibbs
from scratchgen.samplers import hmc as hmc
from scratchgen.samplers import ising as ising
from scratchgen.samplers import langevin as langevin
from scratchgen.samplers import mala as mala
from scratchgen.samplers import metropolis as metropolis
from scratchgen.samplers import sgld as sgld
from scratchgen.samplers import tempering as tempering
from scratchgen.samplers.chains import Trace, run_chains
from scratchgen.samplers.temperature import effective_temperature, noise_scale

__all__ = ["Trace", "effective_temperature", "noise_scale", "run_chains"]
