r"""How the chains of an energy-based model move: Langevin dynamics with what practice adds to it.

.. math:: x' = \mathrm{box}\big(x - h \,\mathrm{clip}(\nabla E(x)) + \sigma \xi\big), \qquad \xi \sim N(0, I)

======  ===================================================================================================
symbol  meaning
======  ===================================================================================================
h       step size, the factor of the gradient
sigma   noise, the standard deviation of what is added; sigma^2 = 2 h T belongs to temperature T
clip    bounds each component of the gradient: a steep place does not throw a chain away
box     puts each component back between a lowest and a highest value, as those of a grey image
======  ===================================================================================================

Without clip and box the chains sample :math:`e^{-E/T}`, up to a bias of order h. Clipping slows chains down where the
energy is steep; where it acts in most steps, the temperature means nothing any more.

References
----------
Y. Du, I. Mordatch: "Implicit generation and modeling with energy-based models", NeurIPS 2019.
D. Foster: "Generative deep learning", 2nd edition, O'Reilly 2023, chapter 7 (noise before the gradient).
E. Nijkamp, M. Hill, T. Han, S.-C. Zhu, Y. N. Wu: "On the anatomy of MCMC-based maximum likelihood learning of
energy-based models", AAAI 2020 (steps and noises that do and do not belong together).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from scratchgen.errors import InputError
from scratchgen.kernels.langevin import langevin_step_
from scratchgen.models.energy.clipping import check_bound
from scratchgen.random import Stream
from scratchgen.samplers.temperature import effective_temperature, noise_scale
from scratchgen.specification import specified
from scratchgen.typing import Array
from scratchgen.validation import check_choice, check_count, is_finite_number

ORDERS = ("noise-after-gradient", "noise-before-gradient")


class Box(NamedTuple):
    """The lowest and the highest value that a component of a state can take; infinite where there is no bound."""

    low: float = -math.inf
    high: float = math.inf


def check_box(box: Any) -> Box:
    """Return the box of (low, high), or of None."""
    if box is None:
        return Box()
    if not isinstance(box, tuple | list) or len(box) != 2 or not all(map(is_finite_number, box)) or box[0] >= box[1]:
        raise InputError(f"box must be (low, high) with low < high, or None, got {box!r}")
    return Box(*map(float, box))


@specified
@dataclass(frozen=True)
class Langevin:
    """Langevin steps, their size and their noise.

    Parameters
    ----------
    n_steps : int
        Steps that a chain takes for each batch of training data.
    step_size : float
        h > 0.
    temperature : float, optional
        T >= 0, that of the model's density exp(-E / T). None takes the one that `noise` belongs to.
    noise : float, optional
        sigma >= 0; by default sqrt(2 h T).
    max_gradient : float, optional
        Bound for the absolute value of each component of the gradient; by default none.
    order : {"noise-after-gradient", "noise-before-gradient"}
        After: the equation above, and the last thing that happens to a state is noise. Before: noise is added first and
        the gradient is taken at the noisy state, so that a chain ends on a step without noise.

    Raises
    ------
    InputError
        A value is out of range, or neither temperature nor noise is given.

    Warns
    -----
    TemperatureWarning
        `noise` belongs to another temperature than `temperature`: the message names both, and what would fit.

    Examples
    --------
    >>> Langevin(step_size=0.02).sigma
    0.2
    >>> Langevin(step_size=10.0, noise=0.005, temperature=None).effective_temperature  # of image models
    1.25e-06
    """

    n_steps: int = 60
    step_size: float = 0.01
    temperature: float | None = 1.0
    noise: float | None = None
    max_gradient: float | None = None
    order: str = "noise-after-gradient"

    def __post_init__(self) -> None:
        check_count("n_steps", self.n_steps)
        check_choice("order", self.order, ORDERS)
        check_bound("max_gradient", self.max_gradient)
        if self.noise is not None:
            effective_temperature(self.step_size, self.noise, self.temperature)
        elif self.temperature is None:
            raise InputError("give a temperature, or a noise that belongs to one: both are None")
        else:
            noise_scale(self.step_size, self.temperature)

    @property
    def sigma(self) -> float:
        """The standard deviation of the noise in one step."""
        if self.noise is not None:
            return self.noise
        assert self.temperature is not None  # __post_init__ has seen to it
        return noise_scale(self.step_size, self.temperature)

    @property
    def effective_temperature(self) -> float:
        """The temperature that step size and noise sample at, whichever was asked for."""
        return effective_temperature(self.step_size, self.sigma, asked=None)

    def step(self, x: Array, grad_x: Callable[[Array], Array], box: Box, stream: Stream) -> Array:
        """Return the chains `x` (n, D) after one step, which takes one draw of `stream`."""
        bound = math.inf if self.max_gradient is None else self.max_gradient
        if self.order == "noise-before-gradient":
            xp = stream.backend.xp
            noisy = _move(x, xp.zeros_like(x), 0.0, self.sigma, bound, box, stream)
            return xp.clip(noisy - self.step_size * xp.clip(grad_x(noisy), -bound, bound), *box)
        return _move(x, grad_x(x), self.step_size, self.sigma, bound, box, stream)

    def run(self, x: Array, grad_x: Callable[[Array], Array], box: Box, stream: Stream, n_steps: int) -> Array:
        """Return the chains `x` (n, D) after `n_steps` steps."""
        for _ in range(n_steps):
            x = self.step(x, grad_x, box, stream)
        return x


def _move(
    x: Array, gradient: Array, step_size: float, noise: float, max_gradient: float, box: Box, stream: Stream
) -> Array:
    """Return ``box(x - step_size * clip(gradient) + noise * xi)`` in one pass, xi the next draw of `stream`."""
    out = stream.backend.xp.empty_like(x)
    with stream.draws() as (key, draw):
        langevin_step_.on(stream.backend)(out, x, gradient, step_size, noise, max_gradient, *box, key, draw)
    return out


def check_dynamics(dynamics: Any) -> Langevin:
    """Return `dynamics` if they are such, and the default for None."""
    if dynamics is None:
        return Langevin()
    if not isinstance(dynamics, Langevin):
        raise InputError(f"dynamics must be Langevin(...), got {dynamics!r}")
    return dynamics
