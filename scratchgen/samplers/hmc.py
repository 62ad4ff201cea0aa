r"""Hamiltonian Monte Carlo: a trajectory with a random momentum, accepted or not by its error in energy.

A step draws a momentum :math:`p \sim N(0, M)` with a diagonal mass M, and follows the dynamics of

.. math:: H(x, p) = -\log \pi(x) + \tfrac{1}{2} \sum_i p_i^2 / m_i

through L leapfrog steps of size epsilon, each

.. math:: p_{1/2} = p + \tfrac{\epsilon}{2} \nabla \log \pi(x), \quad
          x' = x + \epsilon M^{-1} p_{1/2}, \quad
          p' = p_{1/2} + \tfrac{\epsilon}{2} \nabla \log \pi(x').

They are reversible and preserve volume, so that accepting the end with probability

.. math:: \min\left(1, e^{H(x, p) - H(x', p')}\right)

leaves pi **exactly stationary** (pi is the density here, as p is the momentum). An acceptance rate near 0.65 is
best in many dimensions. The length epsilon L of a trajectory decides how far a step leads: in a Gaussian of standard
deviation s and mass 1, the dynamics return to their start after 2 pi s, and a quarter of that is best.

With L = 1 and unit mass the step is MALA's with h = epsilon^2 / 2 (`scratchgen.samplers.mala`), draw for draw.

References
----------
S. Duane, A. D. Kennedy, B. J. Pendleton, D. Roweth: "Hybrid Monte Carlo", Physics Letters B 195, 1987.
R. M. Neal: "MCMC using Hamiltonian dynamics", Handbook of Markov Chain Monte Carlo, 2011, arXiv:1206.1901.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scratchgen.backend import namespace, to_numpy
from scratchgen.errors import InputError
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
from scratchgen.typing import Array, Float
from scratchgen.validation import check_count, check_positive

if TYPE_CHECKING:
    from scratchgen.random import Stream


class State(NamedTuple):
    """Where the chains are, log pi and its gradient there, the masses, and how many steps were taken."""

    x: Float[Array, "chains dimensions"]
    log_density: Float[Array, " chains"]
    gradient: Float[Array, "chains dimensions"]
    mass: Float[Array, " dimensions"]
    n_steps: int


class Info(NamedTuple):
    """Which chains moved, with which probability they did, log pi where they are now, and H(x', p') - H(x, p).

    An energy error that is large, infinite or NaN says that the trajectory was unstable: take a smaller step.
    """

    accepted: Array  # (chains,) of bool
    acceptance_probability: Float[Array, " chains"]
    log_density: Float[Array, " chains"]
    energy_error: Float[Array, " chains"]


def init(
    x: Float[Array, "chains dimensions"],
    log_density: LogDensity,
    grad_log_density: Gradient,
    mass: Float[Array, " dimensions"] | None = None,
) -> State:
    """Start one chain in each row of `x`.

    Parameters
    ----------
    mass : array (dimensions,), optional
        The diagonal of M, positive; default: ones. Best is the inverse of each coordinate's variance.

    Raises
    ------
    InputError
        `x` is not a matrix of finite float32 or float64 numbers; log pi or its gradient has another shape than one
        number, or one row, a chain, or is not finite there; or the masses are not as above.
    """
    x = check_start(x)
    return State(
        x,
        log_density_at_start(log_density, x),
        gradient_at_start(grad_log_density, x),
        _check_mass(mass, x),
        0,
    )


def step(
    stream: Stream,
    state: State,
    log_density: LogDensity,
    grad_log_density: Gradient,
    step_size: float,
    n_leapfrog: int,
) -> tuple[State, Info]:
    """Follow a trajectory from every chain and accept its end or not; the equations stand at the head of this module.

    Parameters
    ----------
    stream : Stream
        Gives two draws a step: normals, then uniforms.
    log_density, grad_log_density : callable
        (chains, dimensions) -> (chains,) and (chains, dimensions): log pi, up to a constant, and its gradient. A step
        calls the first once and the second `n_leapfrog` times. An end where log pi is NaN or plus infinity is rejected.
    step_size : float
        epsilon > 0, of one leapfrog step.
    n_leapfrog : int
        L >= 1.

    Raises
    ------
    InputError
        An argument is not as above.
    """
    x, log_pi, gradient, mass, n_steps = state
    xp = namespace(x)
    momentum = xp.sqrt(mass) * stream.normal(x.shape, x.dtype)
    with overflow_means_rejection():
        x_new, momentum_new, gradient_new = leapfrog(
            x, momentum, gradient, grad_log_density, step_size, n_leapfrog, mass
        )
        log_pi_new = log_density_at(log_density, x_new)
        energy_error = (kinetic_energy(momentum_new, mass) - log_pi_new) - (kinetic_energy(momentum, mass) - log_pi)
        accepted, probability = accept(stream, -energy_error)

    x = xp.where(accepted[:, None], x_new, x)
    gradient = xp.where(accepted[:, None], gradient_new, gradient)
    log_pi = xp.where(accepted, log_pi_new, log_pi)
    return State(x, log_pi, gradient, mass, n_steps + 1), Info(accepted, probability, log_pi, energy_error)


def leapfrog(
    x: Array,
    momentum: Array,
    gradient: Array,
    grad_log_density: Gradient,
    step_size: float,
    n_leapfrog: int,
    mass: Array | float = 1.0,
) -> tuple[Array, Array, Array]:
    """Return x', p' and the gradient at x' after `n_leapfrog` steps from x, p and the gradient at x.

    From (x', -p') as many steps lead back to (x, -p).

    Raises
    ------
    InputError
        The step is not a finite number > 0, or the number of steps not an integer >= 1.
    """
    epsilon = x.dtype.type(check_positive("step_size", step_size))
    half = epsilon / 2
    for _ in range(check_count("n_leapfrog", n_leapfrog)):
        momentum = momentum + half * gradient
        x = x + epsilon * (momentum / mass)
        gradient = gradient_at(grad_log_density, x)
        momentum = momentum + half * gradient
    return x, momentum, gradient


def kinetic_energy(momentum: Array, mass: Array) -> Array:
    """Return sum_i p_i^2 / (2 m_i) of each chain, (chains,)."""
    return (momentum**2 / mass).sum(axis=1) / 2


def _check_mass(mass: Array | None, x: Array) -> Array:
    if mass is None:
        return namespace(x).ones(x.shape[1], dtype=x.dtype)
    namespace(x, mass)  # raises where they are arrays of two libraries
    values = to_numpy(mass)
    if values.shape != x.shape[1:] or not (np.isfinite(values) & (values > 0)).all():
        raise InputError(f"mass must be {x.shape[1]} finite numbers > 0, one a dimension, got {values}")
    return mass.astype(x.dtype, copy=False)
