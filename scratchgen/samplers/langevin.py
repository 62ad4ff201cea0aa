r"""Unadjusted Langevin dynamics: uphill along grad log p, and a little noise.

.. math:: x' = x + h \nabla \log p(x) + \sqrt{2 h T} \, \xi, \qquad \xi \sim N(0, I)

With an energy U, where :math:`\log p = -U` up to a constant, :math:`x' = x - h \nabla U(x) + \sqrt{2 h T} \, \xi`. It
is the Euler-Maruyama step of :math:`dx = \nabla \log p \, dt + \sqrt{2 T} \, dW`, whose stationary law is
:math:`p^{1/T}`. Other ways of writing the step are translated in `scratchgen.samplers.temperature`; the form :math:`x +
\eta \nabla \log p + \sqrt{\eta} \, \xi` samples at temperature 1/2.

**Bias.** Nothing corrects the error of a finite step: the stationary law is off by O(h). On N(0, s^2) it is a Gaussian
of mean 0 and variance

.. math:: \frac{T s^2}{1 - h / (2 s^2)},

so that at T = 1 and s = 1 steps of 0.1, 0.5 and 1 give 1.053, 1.333 and 2, and from h = 2 s^2 on there is no stationary
law: the chain diverges. `scratchgen.samplers.mala` removes the bias.

References
----------
G. O. Roberts, R. L. Tweedie: "Exponential convergence of Langevin distributions and their discrete approximations",
Bernoulli 2, 1996.
G. Parisi: "Correlation functions and computer simulations", Nuclear Physics B 180, 1981.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scratchgen.kernels.langevin import langevin_step_
from scratchgen.samplers._arguments import Gradient, check_start, gradient_at
from scratchgen.samplers.divergence import raise_if_diverged
from scratchgen.samplers.temperature import noise_scale
from scratchgen.typing import Array, Float

if TYPE_CHECKING:
    from scratchgen.random import Stream


class State(NamedTuple):
    """Where the chains are, and how many steps they have taken."""

    x: Float[Array, "chains dimensions"]
    n_steps: int


class Info(NamedTuple):
    """What a step used: grad log p at the state that it left."""

    gradient: Float[Array, "chains dimensions"]


def init(x: Float[Array, "chains dimensions"]) -> State:
    """Start one chain in each row of `x`.

    Raises
    ------
    InputError
        `x` is not a matrix of finite float32 or float64 numbers.
    """
    return State(check_start(x), 0)


def step(
    stream: Stream, state: State, grad_log_density: Gradient, step_size: float, temperature: float = 1.0
) -> tuple[State, Info]:
    """Move every chain by one step; the equation stands at the head of this module.

    Parameters
    ----------
    stream : Stream
        Gives one draw of normals a step.
    grad_log_density : callable
        (chains, dimensions) -> (chains, dimensions): grad log p of each row; minus the gradient of an energy.
    step_size : float
        h > 0.
    temperature : float
        T >= 0; 0 is gradient ascent.

    Raises
    ------
    InputError
        A step, temperature or gradient that is not as above.
    SamplingError
        A chain became NaN or infinite. NumPy's arrays are looked at in every step, those on a device in every 64th
        and at the end of `run_chains`: a look waits for the device.
    """
    gradient = gradient_at(grad_log_density, state.x)
    x = langevin_move(stream, state.x, gradient, step_size, temperature)
    raise_if_diverged(x, state.n_steps + 1)
    return State(x, state.n_steps + 1), Info(gradient)


def langevin_move(stream: Stream, x: Array, gradient: Array, step_size: float, temperature: float) -> Array:
    """Return x + h gradient + sqrt(2 h T) xi, with xi the next draw of `stream`: one pass of a kernel."""
    xp, sigma = stream.backend.xp, noise_scale(step_size, temperature)
    x, gradient = xp.ascontiguousarray(x), xp.ascontiguousarray(gradient)
    moved = xp.empty_like(x)
    with stream.draws() as (key, draw), np.errstate(over="ignore", invalid="ignore"):
        # The kernel takes the gradient of the energy -log p. An overflow shows in x: the caller deals with it.
        langevin_step_.on(stream.backend)(moved, x, gradient, -step_size, sigma, np.inf, -np.inf, np.inf, key, draw)
    return moved
