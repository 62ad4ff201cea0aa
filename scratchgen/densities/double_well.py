r"""Two wells at (-1, 0) and (1, 0) with a barrier between them.

.. math:: p(x) = \frac1Z e^{-b (x_0^2 - 1)^2 - s x_1^2 / 2}

The barrier is b high at x_0 = 0. The integral over x_0 is done by the trapezoidal rule, which converges faster than any
power for a function that is smooth and vanishes at both ends. As :math:`(z^2 - 1)^2 \ge (z - 1)^2` for z >= 0, the
distance z = |x_0| is proposed by N(1, 1 / 2b) and accepted with the probability
:math:`\exp(b (z - 1)^2 - b (z^2 - 1)^2)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scratchgen.densities.density import Bounds, Density
from scratchgen.densities.parameters import check_sampling
from scratchgen.densities.rejection import rejection_sample
from scratchgen.errors import InputError
from scratchgen.kernels.densities_scalar import double_well_gradient, double_well_term
from scratchgen.kernels.langevin_densities import langevin_double_well
from scratchgen.random import Stream
from scratchgen.typing import Array, Float
from scratchgen.validation import check_positive, is_finite_number

_LEAST_BARRIER, _LARGEST_BARRIER = 1e-3, 1e6  # below, candidates are hardly accepted; above, the wells are too narrow
_N_POINTS = 2**14
_ENERGY_SHOWN, _ENERGY_OF_ZERO = 8.0, 745.0  # exp(-745) is the smallest number of float64


@dataclass(frozen=True)
class DoubleWell(Density):
    """Two wells along x_0, a parabola along x_1.

    Parameters
    ----------
    barrier : float
        b, the height of the barrier in units of the temperature, from 0.001 to 10^6.
    stiffness : float
        s, positive.

    Raises
    ------
    InputError
        A parameter is out of range.
    """

    barrier: float = 2.0
    stiffness: float = 1.0

    _term = staticmethod(double_well_term)
    _gradient = staticmethod(double_well_gradient)
    _kernel = langevin_double_well

    def __post_init__(self) -> None:
        if not is_finite_number(self.barrier) or not _LEAST_BARRIER <= self.barrier <= _LARGEST_BARRIER:
            raise InputError(f"barrier must be from {_LEAST_BARRIER} to {_LARGEST_BARRIER:g}, got {self.barrier!r}")
        check_positive("stiffness", self.stiffness)

    @cached_property
    def _table(self) -> np.ndarray:
        x, spacing = np.linspace(0, self._reach(_ENERGY_OF_ZERO), _N_POINTS, retstep=True)
        values = np.exp(-self.barrier * (x**2 - 1) ** 2)
        z = 2 * spacing * (values.sum() - 0.5 * values[0]) * math.sqrt(2 * math.pi / self.stiffness)
        return np.array([[-math.log(z), self.barrier, self.stiffness]])

    def _reach(self, energy: float) -> float:
        """Return where, beyond a well, its energy is this."""
        return math.sqrt(1 + math.sqrt(energy / self.barrier))

    @property
    def bounds(self) -> Bounds:
        """((left, right), (bottom, top)): up to an energy of 8 above the wells."""
        x, y = self._reach(_ENERGY_SHOWN), math.sqrt(2 * _ENERGY_SHOWN / self.stiffness)
        return (-x, x), (-y, y)

    def sample(self, n: int, stream: Stream, dtype: Any = "float32") -> Float[Array, "n 2"]:
        """Draw `n` independent samples: the distance from the barrier by rejection, the side, and x_1.

        Raises
        ------
        InputError
            `n` is no positive integer, or `dtype` is neither float32 nor float64.
        """
        n, dtype = check_sampling(n, dtype)
        xp, b = stream.backend.xp, self.barrier

        def propose(places: Array) -> tuple[Array, Array]:
            z = 1 + math.sqrt(0.5 / b) * stream.normal(places.size, "float64")
            return z, (z > 0) * xp.exp(b * (z - 1) ** 2 - b * (z**2 - 1) ** 2)

        z = rejection_sample(n, propose, stream)
        side = 1 - 2 * stream.bernoulli(0.5, n, "float64")
        y = stream.normal(n, "float64") / math.sqrt(self.stiffness)
        return xp.stack([side * z, y], axis=1).astype(dtype)
