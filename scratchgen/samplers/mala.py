r"""MALA, the Metropolis-adjusted Langevin algorithm: Langevin's step as a proposal that is accepted or not.

.. math:: x' = x + h \nabla \log p(x) + \sqrt{2 h T} \, \xi, \qquad
          q(x' | x) \propto \exp\left(-\frac{|x' - x - h \nabla \log p(x)|^2}{4 h T}\right)

is accepted with probability :math:`\min(1, r)`, where

.. math:: \log r = \frac{\log p(x') - \log p(x)}{T} + \log q(x | x') - \log q(x' | x).

With :math:`g = \nabla \log p(x)` and :math:`g' = \nabla \log p(x')` the squares of x cancel and leave

.. math:: T \log r = \log p(x') - \log p(x) - \tfrac{1}{2} (x' - x) \cdot (g + g') - \tfrac{h}{4} (|g'|^2 - |g|^2),

which is what is computed, as small steps lose no digits in it. A rejected chain stays where it is, and that counts as a
step. **The stationary law is exactly** :math:`p^{1/T}`, whatever the step; only the speed depends on it. In many
dimensions an acceptance rate near 0.57 is best. An accept step hides a wrong gradient: check that by itself.

One step is Hamiltonian Monte Carlo with a single leapfrog step of size :math:`\sqrt{2 h}` (`scratchgen.samplers.hmc`).

References
----------
G. O. Roberts, R. L. Tweedie: "Exponential convergence of Langevin distributions and their discrete approximations",
Bernoulli 2, 1996.
G. O. Roberts, J. S. Rosenthal: "Optimal scaling of discrete approximations to Langevin diffusions", JRSS B 60, 1998.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from scratchgen.backend import namespace
from scratchgen.samplers._accept import accept, overflow_means_rejection
from scratchgen.samplers._arguments import (
    Gradient,
    LogDensity,
    check_start,
    gradient_at,
    gradient_at_start,
    log_density_at,
    log_density_at_start,
)
from scratchgen.samplers.langevin import langevin_move
from scratchgen.typing import Array, Float
from scratchgen.validation import check_positive

if TYPE_CHECKING:
    from scratchgen.random import Stream


class State(NamedTuple):
    """Where the chains are, log p and grad log p there, and how many steps were taken."""

    x: Float[Array, "chains dimensions"]
    log_density: Float[Array, " chains"]
    gradient: Float[Array, "chains dimensions"]
    n_steps: int


class Info(NamedTuple):
    """Which chains moved, with which probability they did, and log p where they are now."""

    accepted: Array  # (chains,) of bool
    acceptance_probability: Float[Array, " chains"]
    log_density: Float[Array, " chains"]


def init(x: Float[Array, "chains dimensions"], log_density: LogDensity, grad_log_density: Gradient) -> State:
    """Start one chain in each row of `x`.

    Raises
    ------
    InputError
        `x` is not a matrix of finite float32 or float64 numbers, or log p or its gradient has another shape than one
        number, or one row, a chain, or is not finite there.
    """
    x = check_start(x)
    return State(x, log_density_at_start(log_density, x), gradient_at_start(grad_log_density, x), 0)


def step(
    stream: Stream,
    state: State,
    log_density: LogDensity,
    grad_log_density: Gradient,
    step_size: float,
    temperature: float = 1.0,
) -> tuple[State, Info]:
    """Propose a move for every chain and accept it or not; the equations stand at the head of this module.

    Parameters
    ----------
    stream : Stream
        Gives two draws a step: normals, then uniforms.
    log_density, grad_log_density : callable
        (chains, dimensions) -> (chains,) and (chains, dimensions): log p, up to a constant, and its gradient. They are
        called once a step. A proposal where one of them is NaN or plus infinity is rejected.
    step_size : float
        h > 0.
    temperature : float
        T > 0.

    Raises
    ------
    InputError
        An argument is not as above.
    """
    h, T = check_positive("step_size", step_size), check_positive("temperature", temperature)
    x, log_p, g, n_steps = state
    with overflow_means_rejection():
        x_new = langevin_move(stream, x, g, h, T)
        log_p_new, g_new = log_density_at(log_density, x_new), gradient_at(grad_log_density, x_new)
        work = ((x_new - x) * (g + g_new)).sum(axis=1) / 2
        squares = (g_new**2).sum(axis=1) - (g**2).sum(axis=1)
        accepted, probability = accept(stream, (log_p_new - log_p - work - h / 4 * squares) / T)

    where = namespace(x).where
    x, g = where(accepted[:, None], x_new, x), where(accepted[:, None], g_new, g)
    log_p = where(accepted, log_p_new, log_p)
    return State(x, log_p, g, n_steps + 1), Info(accepted, probability, log_p)
