r"""The two-dimensional Ising model: checkerboard Gibbs sampling, single-spin Metropolis, energy and magnetisation.

.. math::
    E(s) = -\sum_{\langle ij \rangle} s_i s_j - h \sum_i s_i, \qquad p(s) = e^{-\beta E(s)} / Z

on a periodic L1 x L2 square lattice of N = L1 L2 sites. The first sum is over 2 N bonds, each once: from every site to
the next one in its row and to the next one in its column. Where a side is 2, the next site is also the one before, and
both bonds between the two count, so that a site always has four. The coupling is 1, the unit of energy, field and
temperature.

===================  =====================  ====================================================================
symbol               shape                  meaning
===================  =====================  ====================================================================
spins                (n, L1, L2)            n independent chains of int8, -1 or +1
inverse_temperature  () or (n,)             beta = 1 / T, from 0 to 10^6; one for all chains, or one for each
field                () or (n,)             h, from -10^6 to 10^6, likewise
===================  =====================  ====================================================================

Probabilities are computed in float32 and compared with float32 uniforms. These are multiples of 2^-24, so that a
positive probability below 6e-8 acts as one of 6e-8.

References
----------
L. Onsager: "Crystal statistics. I. A two-dimensional model with an order-disorder transition", Phys. Rev. 65, 1944.
M. E. J. Newman, G. T. Barkema: "Monte Carlo Methods in Statistical Physics", Oxford University Press, 1999, chapter 3.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from scratchgen.backend import namespace, to_numpy
from scratchgen.errors import BackendError, InputError
from scratchgen.kernels.ising_checkerboard import ising_checkerboard
from scratchgen.kernels.ising_metropolis import ising_metropolis
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_numbers

CRITICAL_TEMPERATURE = 2 / math.log(1 + math.sqrt(2))
"""T_c = 2.269 of the infinite lattice without a field, below which it is magnetised."""

_LARGEST = 1e6  # of beta and |h|: products of the two stay far from the largest float32


class State(NamedTuple):
    """Spins of n independent chains.

    Attributes
    ----------
    spins : array of int8, (n, L1, L2)
    """

    spins: Array


class CheckerboardInfo(NamedTuple):
    """What a checkerboard step did.

    Attributes
    ----------
    changed : array of float64, (n,)
        The fraction of each chain's spins that differ from those before the step.
    """

    changed: Array


class MetropolisInfo(NamedTuple):
    """What a Metropolis step did.

    Attributes
    ----------
    acceptance_rate : array of float64, (n,)
        The fraction of each chain's updates that were accepted.
    """

    acceptance_rate: Array


def init(spins: Array) -> State:
    """Return the state of chains that start from `spins`.

    Parameters
    ----------
    spins : array (n, L1, L2)
        Of any number type, each -1 or +1; both sides at least 2. Its array library is that of the chains.

    Raises
    ------
    InputError
        Another shape, or other values.

    Examples
    --------
    >>> import numpy as np
    >>> from scratchgen import Stream
    >>> from scratchgen.samplers import ising
    >>> state = ising.init(np.ones((100, 8, 8)))
    >>> state, info = ising.checkerboard_step(Stream(0), state, inverse_temperature=0.1, n_sweeps=20)
    >>> bool(abs(ising.magnetisation(state.spins)).mean() < 0.3)
    True
    """
    return State(_check_spins(spins).astype(np.int8, order="C"))


def checkerboard_step(
    stream: Stream, state: State, inverse_temperature: Any, field: Any = 0.0, n_sweeps: int = 1
) -> tuple[State, CheckerboardInfo]:
    r"""Advance all chains by `n_sweeps` of the heat bath: first the even sites, then the odd ones.

    .. math::
        p(s_i = +1 \mid \text{neighbours}) = \frac{1}{1 + e^{-2 \beta (m_i + h)}}, \qquad m_i = \sum_{j \sim i} s_j

    A site (row, column) is even where row + column is. Each half step draws the even or the odd sites from their
    conditional distribution and therefore leaves p(s) invariant. So does the sweep, which is not reversible.

    Parameters
    ----------
    stream : Stream
        Of the spins' array library. A step takes 2 `n_sweeps` draws: one step of k sweeps equals k steps of one.
    state : State
        With even sides: with odd ones, some even sites would be neighbours across the boundary. It is not modified.
    inverse_temperature, field : float or array (n,)
    n_sweeps : int

    Raises
    ------
    InputError
        An odd side; inverse temperature or field out of range, not finite, or of another shape; no sweeps.
    BackendError
        Stream, spins or parameters belong to different array libraries.

    References
    ----------
    S. Geman, D. Geman: "Stochastic relaxation, Gibbs distributions, and the Bayesian restoration of images", 1984.
    """
    _check_state(stream, state)
    if state.spins.shape[1] % 2 or state.spins.shape[2] % 2:
        raise InputError(
            f"the checkerboard needs even sides, got {tuple(state.spins.shape[1:])}: "
            "use metropolis_step, or another lattice"
        )
    spins = _run(ising_checkerboard, stream, state, inverse_temperature, field, n_sweeps)
    return State(spins), CheckerboardInfo((spins != state.spins).mean(axis=(1, 2)))


def metropolis_step(
    stream: Stream, state: State, inverse_temperature: Any, field: Any = 0.0, n_sweeps: int = 1
) -> tuple[State, MetropolisInfo]:
    r"""Advance all chains by `n_sweeps` of Metropolis: a sweep is N updates, each of one spin drawn at random.

    .. math:: p(\text{accept}) = \min(1, e^{-\beta \Delta E}), \qquad \Delta E = 2 s_i (m_i + h)

    for the flip of :math:`s_i`, with :math:`m_i` the sum of its four neighbours. Each update is in detailed balance
    with p(s). At beta = 0 every flip is accepted: on an even number of sites, a chain then keeps the parity of its
    number of spins up, and does not sample p(s).

    Parameters
    ----------
    stream : Stream
        Of the spins' array library. A step takes 2 `n_sweeps` draws: one step of k sweeps equals k steps of one.
    state : State
        It is not modified.
    inverse_temperature, field : float or array (n,)
    n_sweeps : int

    Raises
    ------
    InputError, BackendError
        As for `checkerboard_step`, but sides may be odd.

    References
    ----------
    N. Metropolis and others: "Equation of state calculations by fast computing machines", J. Chem. Phys. 21, 1953.
    """
    _check_state(stream, state)
    spins, n_accepted = _run(ising_metropolis, stream, state, inverse_temperature, field, n_sweeps)
    return State(spins), MetropolisInfo(n_accepted / (n_sweeps * math.prod(spins.shape[1:])))


def energy_per_spin(spins: Array, field: Any = 0.0) -> Array:
    """Return E(s) / N of each configuration, (n,), in float64: from -2 - |h| to 2 + |h|.

    Raises
    ------
    InputError
        As for `init`; or the field is not finite or of another shape.
    """
    spins = _check_spins(spins).astype(np.int8)
    xp = namespace(spins)
    h = _check_parameter("field", field, -_LARGEST, spins, np.float64)
    bonds = spins * (xp.roll(spins, -1, axis=1) + xp.roll(spins, -1, axis=2))
    return -bonds.mean(axis=(1, 2)) - h * magnetisation(spins)


def magnetisation(spins: Array) -> Array:
    """Return the mean spin of each configuration, (n,), in float64: from -1 to 1.

    Raises
    ------
    InputError
        As for `init`.
    """
    return _check_spins(spins).mean(axis=(1, 2), dtype=np.float64)


# ----------------------------------------------------------------------------------------------------------- helpers


def _run(operation: Any, stream: Stream, state: State, inverse_temperature: Any, field: Any, n_sweeps: int) -> Any:
    spins = state.spins
    beta = _check_parameter("inverse_temperature", inverse_temperature, 0.0, spins, np.float32)
    h = _check_parameter("field", field, -_LARGEST, spins, np.float32)
    n_sweeps = check_count("n_sweeps", n_sweeps)
    with stream.draws(2 * n_sweeps) as (key, draw):
        return operation.on(stream.backend)(spins, beta, h, n_sweeps, key, draw)


def _check_spins(spins: Any) -> Array:
    spins = check_numbers("spins", spins)
    if spins.ndim != 3 or min(spins.shape[1:]) < 2:
        raise InputError(f"spins must have shape (n, L1, L2), both sides at least 2, got {tuple(spins.shape)}")
    if not bool(((spins == 1) | (spins == -1)).all()):
        raise InputError(
            f"spins must be -1 or +1, got values in [{spins.min():g}, {spins.max():g}]: "
            "zeros and ones become spins by 2 * x - 1"
        )
    return spins


def _check_state(stream: Stream, state: State) -> None:
    if not isinstance(state, State):
        raise InputError(f"state must be what init(spins) or a step returned, got {type(state).__name__}")
    if namespace(state.spins) is not stream.backend.xp:
        raise BackendError(
            f"the spins are not arrays of the stream's backend {stream.backend.name!r}: move one of them"
        )
    if state.spins.ndim != 3 or state.spins.dtype != np.int8:
        shape, dtype = tuple(state.spins.shape), state.spins.dtype
        raise InputError(
            f"state.spins must be int8 of shape (n, L1, L2), got {dtype} of shape {shape}: use init(spins)"
        )


def _check_parameter(name: str, value: Any, least: float, spins: Array, dtype: Any) -> Array:
    """Return `value` for each chain, (n,)."""
    n = spins.shape[0]
    value = check_numbers(name, value)
    xp = namespace(spins, value) if value.ndim else namespace(spins)
    if value.shape not in ((), (n,)):
        raise InputError(f"{name} must be one number or one for each of the {n} chains, got shape {tuple(value.shape)}")
    in_range = (value >= least) & (value <= _LARGEST)  # NaN is not
    if not bool(in_range.all()):
        wrong = to_numpy(value)[~to_numpy(in_range)].ravel()[0]
        raise InputError(f"{name} must lie in [{least:g}, {_LARGEST:g}], got {wrong}")
    return xp.ascontiguousarray(xp.broadcast_to(xp.asarray(value, dtype=dtype), (n,)))
