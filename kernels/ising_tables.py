"""What the Ising kernels share: the probabilities of each chain in a table.

A spin has four neighbours, and their sum m is -4, -2, 0, 2 or 4. A probability that depends on m and on constants of
the chain is therefore computed five times a chain, not at each update. The table is indexed by the number of neighbours
that are +1, which is (m + 4) / 2. The coupling is 1: it is the unit of energy and of the field.

===================  =====================  =====================================================
symbol               shape                  meaning
===================  =====================  =====================================================
inverse_temperature  (n,)                   beta of each chain
field                (n,)                   h of each chain
m                    ()                     sum of the four neighbours of a spin
===================  =====================  =====================================================
"""

from __future__ import annotations

from typing import Any

from scratchgen.backend import namespace
from scratchgen.kernels.elementary import exp, sigmoid
from scratchgen.kernels.elementary_constants import constants
from scratchgen.kernels.scalar import mul, scalar, select
from scratchgen.typing import Array

N_SUMS = 5


@scalar
def prob_up(m: Any, inverse_temperature: Any, field: Any) -> Any:
    """Return p(s = +1 | neighbours) = 1 / (1 + exp(-2 beta (m + h)))."""
    two = constants(inverse_temperature).two
    return sigmoid(mul(mul(two, inverse_temperature), m + field))


@scalar
def prob_flip_up(m: Any, inverse_temperature: Any, field: Any) -> Any:
    """Return min(1, exp(2 beta (m + h))): Metropolis' probability to accept the flip of a spin that is -1."""
    c = constants(inverse_temperature)
    minus_energy_change = mul(mul(c.two, inverse_temperature), m + field)
    return exp(select(minus_energy_change > c.zero, c.zero, minus_energy_change))


@scalar
def prob_flip_down(m: Any, inverse_temperature: Any, field: Any) -> Any:
    """Return min(1, exp(-2 beta (m + h))), that of a spin which is +1."""
    return prob_flip_up(-m, inverse_temperature, -field)


def neighbour_sums(inverse_temperature: Array) -> Array:
    """Return the possible values of m in the order of a table, (5,)."""
    return namespace(inverse_temperature).arange(-4, 5, 2, dtype=inverse_temperature.dtype)
