r"""Concentric rings around the origin, each Gaussian in the distance from its circle.

.. math:: p(x) = \sum_k \frac{w_k}{Z_k} e^{-(r - R_k)^2 / 2 s^2}, \quad r = |x|, \qquad
          Z_k = 2 \pi \Big[ s^2 e^{-R_k^2 / 2 s^2}
          + R_k s \sqrt{\pi / 2} \, \Big(1 + \operatorname{erf} \frac{R_k}{s \sqrt 2}\Big) \Big]

Z_k is the integral over the plane, where r has the density :math:`\propto r e^{-(r - R_k)^2 / 2 s^2}`. The tangent of
log r at R_k bounds that: :math:`r \le R_k e^{(r - R_k) / R_k}`, so that N(R_k + s^2 / R_k, s^2) proposes candidates for
r, which are accepted with the probability :math:`(r / R_k) \, e^{-(r - R_k) / R_k}`; at least 0.65 of them are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scratchgen.densities.density import Bounds, Density, draw_terms
from scratchgen.densities.parameters import check_array, check_sampling, check_weights
from scratchgen.densities.rejection import rejection_sample
from scratchgen.errors import InputError
from scratchgen.kernels.densities_scalar import ring_term, rings_gradient
from scratchgen.kernels.langevin_densities import langevin_rings
from scratchgen.random import Stream
from scratchgen.typing import Array, Float
from scratchgen.validation import check_positive

_WIDTHS_SHOWN = 4.0  # standard deviations


@dataclass(frozen=True, eq=False)
class Rings(Density):
    """Rings of one width around the origin.

    Parameters
    ----------
    radii : array_like (K,)
        R_k, each at least `standard_deviation`.
    standard_deviation : float
        s, across a ring; positive.
    weights : array_like (K,), optional
        The mass of each ring, positive; they are divided by their sum. Default: equal.

    Raises
    ------
    InputError
        Shapes that do not fit, values that are not finite, or not as above.
    """

    radii: Array
    standard_deviation: float
    weights: Array = None

    _term = staticmethod(ring_term)
    _gradient = staticmethod(rings_gradient)
    _kernel = langevin_rings

    def __post_init__(self) -> None:
        s = check_positive("standard_deviation", self.standard_deviation)
        radii = check_array("radii", self.radii, (None,))
        if not s <= radii.min():
            raise InputError(f"standard_deviation must be at most the smallest of the radii {radii}, got {s}")
        object.__setattr__(self, "radii", radii)
        object.__setattr__(self, "weights", check_weights(self.weights, radii.size))

    @cached_property
    def _table(self) -> np.ndarray:
        s, radii = self.standard_deviation, self.radii
        erf = np.array([math.erf(R / (s * math.sqrt(2))) for R in radii])
        z = 2 * math.pi * (s**2 * np.exp(-0.5 * (radii / s) ** 2) + radii * s * math.sqrt(math.pi / 2) * (1 + erf))
        return np.column_stack([np.log(self.weights / z), radii, np.full_like(radii, s**-2)])

    @property
    def bounds(self) -> Bounds:
        """((left, right), (bottom, top)): four standard deviations around the largest ring."""
        reach = float(self.radii.max()) + _WIDTHS_SHOWN * self.standard_deviation
        return (-reach, reach), (-reach, reach)

    def sample(self, n: int, stream: Stream, dtype: Any = "float32") -> Float[Array, "n 2"]:
        """Draw `n` independent samples: a ring, the radius by rejection, and a uniform angle.

        Raises
        ------
        InputError
            `n` is no positive integer, or `dtype` is neither float32 nor float64.
        """
        n, dtype = check_sampling(n, dtype)
        xp, s = stream.backend.xp, self.standard_deviation
        circle = stream.backend.asarray(self.radii)[draw_terms(self.weights, n, stream)]  # (n,)

        def propose(places: Array) -> tuple[Array, Array]:
            R = circle[places]
            r = R + s**2 / R + s * stream.normal(places.size, "float64")
            return r, r / R * xp.exp(1 - r / R)

        r = rejection_sample(n, propose, stream)
        angle = 2 * math.pi * stream.uniform(n, "float64")
        return xp.stack([r * xp.cos(angle), r * xp.sin(angle)], axis=1).astype(dtype)


def three_rings() -> Rings:
    """Return three rings of equal mass, of radius 1, 2 and 3 and standard deviation 0.15."""
    return Rings((1.0, 2.0, 3.0), 0.15)
