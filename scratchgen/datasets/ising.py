"""Configurations of the two-dimensional Ising model, drawn by the checkerboard sampler of `scratchgen.samplers.ising`.

Source: G. Torlai, R. G. Melko, "Learning thermodynamics with Boltzmann machines", Phys. Rev. B 94, 165134, 2016, where
Boltzmann machines are trained on such configurations.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from scratchgen.datasets.dataset import Dataset
from scratchgen.errors import InputError
from scratchgen.validation import is_finite_number

N_TRAIN, N_TEST = 5_000, 1_000
_SIZES = range(2, 33, 2)
_SWEEPS_PER_SITE = 4


def ising_configurations(size: int = 8, temperature: float | None = None) -> Dataset:
    r"""Return independent configurations of a periodic size x size Ising lattice without a field.

    Every configuration is the end of its own Markov chain, so that **no two of them are correlated**. A chain starts
    with all spins up or all down, with equal probability, and makes :math:`4 s^2` sweeps of
    `scratchgen.samplers.ising.checkerboard_step`. At the critical temperature, energy and absolute magnetisation
    forget the start in less than :math:`s^2 / 4` sweeps (measured for s = 8, 16 and 32), so that what they remember of
    it is far below the statistical error of the data. The sign of the magnetisation takes longer, 3 to 5
    :math:`s^2` sweeps there and many more below, but need not be forgotten: the starts have both signs with probability
    1/2, as the model has.

    Parameters
    ----------
    size : int
        s, the height and width of the lattice: even, from 2 to 32. The time grows as :math:`s^4`: well below a second
        for 8, half a minute for 32.
    temperature : float
        In units of the coupling, at least 0.1; by default the critical temperature of the infinite lattice,
        :math:`2 / \log(1 + \sqrt 2) = 2.269`.

    Returns
    -------
    Dataset
        5,000 training and 1,000 test configurations; a pixel is (1 + spin) / 2. No labels.

    Raises
    ------
    InputError
        The size is no even integer from 2 to 32, or the temperature no finite number of at least 0.1.
    """
    from scratchgen.random import Stream
    from scratchgen.samplers import ising

    size = _check_size(size)
    temperature = ising.CRITICAL_TEMPERATURE if temperature is None else _check_temperature(temperature)
    stream, n = Stream(0), N_TRAIN + N_TEST
    start = 2 * stream.bernoulli(0.5, shape=(n, 1, 1)) - 1
    state = ising.init(np.broadcast_to(start, (n, size, size)))
    state, _ = ising.checkerboard_step(stream, state, 1 / temperature, n_sweeps=_SWEEPS_PER_SITE * size**2)
    x = (state.spins.reshape(n, size**2) > 0).astype(np.float32)
    return Dataset(
        name="ising", x_train=x[:N_TRAIN], y_train=None, x_test=x[N_TRAIN:], y_test=None, image_shape=(size, size)
    )


def _check_size(size: Any) -> int:
    try:
        size = operator.index(size)
    except TypeError:
        raise InputError(f"size of ising: expected an integer, got {size!r}") from None
    if size not in _SIZES:
        raise InputError(f"size of ising: expected an even number from {_SIZES[0]} to {_SIZES[-1]}, got {size}")
    return size


def _check_temperature(temperature: Any) -> float:
    if not is_finite_number(temperature) or temperature < 0.1:
        raise InputError(f"temperature of ising: expected a finite number of at least 0.1, got {temperature!r}")
    return float(temperature)
