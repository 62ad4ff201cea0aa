"""Where the negative samples of a Boltzmann machine come from: contrastive divergence and its persistent forms.

Such a choice is a description (frozen, comparable), as an optimiser is; what it keeps between two steps is in `Chains`.

=====================================  ==========================================================================
description                            negative samples of a batch
=====================================  ==========================================================================
`ContrastiveDivergence`                the batch itself after k Gibbs sweeps
`PersistentContrastiveDivergence`      chains that are never restarted, after k further sweeps
`ParallelTempering`                    the same with chains at several temperatures, of which those at 1 are used
=====================================  ==========================================================================

References
----------
G. E. Hinton: "Training products of experts by minimizing contrastive divergence", Neural Computation 14, 2002.
T. Tieleman: "Training restricted Boltzmann machines using approximations to the likelihood gradient", ICML 2008.
G. Desjardins, A. Courville, Y. Bengio, P. Vincent, O. Delalleau: "Tempered Markov chain Monte Carlo for training of
restricted Boltzmann machines", AISTATS 2010.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from scratchgen.errors import InputError
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.boltzmann import RBMParams
from scratchgen.random import Stream
from scratchgen.samplers import tempering
from scratchgen.samplers.gibbs import draw_visible_, sweep
from scratchgen.specification import specified
from scratchgen.typing import Array
from scratchgen.validation import check_count, is_finite_number


class Chains(NamedTuple):
    """What is kept between two steps: states of persistent chains, if any, and the rounds of exchanges so far."""

    v: Array | None = None
    n_rounds: int = 0


class Drawn(NamedTuple):
    """The chains after negative samples were drawn, and what tempering says of its exchanges."""

    chains: Chains
    exchanges: tempering.Info | None = None


@specified
@dataclass(frozen=True)
class ContrastiveDivergence:
    """CD-k: the batch after k sweeps.

    Parameters
    ----------
    k : int
        Gibbs sweeps.
    """

    k: int = 1

    def __post_init__(self) -> None:
        check_count("k", self.k)

    def chains_shape(self, n_visible: int) -> tuple[int, ...] | None:
        """Return the shape of the chains that are kept: there are none."""
        return None

    def n_samples(self, n: int) -> int:
        """Return the number of negative samples of a batch of n examples."""
        return n

    def draw_(self, params: RBMParams, p_h: Array, chains: Chains, stream: Stream, out: Array) -> Drawn:
        """Fill `out` with the negative samples of a batch, given its p(h = 1 | x)."""
        h = stream.bernoulli(p_h)
        draw_visible_(params, matmul(h, params.W.T), stream, out=out)
        if self.k > 1:
            out[...] = sweep(params, out, self.k - 1, stream)[0]
        return Drawn(chains)


@specified
@dataclass(frozen=True)
class PersistentContrastiveDivergence:
    """PCD: chains that go on from step to step, k sweeps in each.

    Parameters
    ----------
    k : int
        Gibbs sweeps.
    n_chains : int
    """

    k: int = 1
    n_chains: int = 64

    def __post_init__(self) -> None:
        check_count("k", self.k)
        check_count("n_chains", self.n_chains)

    def chains_shape(self, n_visible: int) -> tuple[int, ...]:
        """Return the shape of the chains that are kept."""
        return (self.n_chains, n_visible)

    def n_samples(self, n: int) -> int:
        """Return the number of negative samples of a batch of n examples, whatever n is."""
        return self.n_chains

    def draw_(self, params: RBMParams, p_h: Array, chains: Chains, stream: Stream, out: Array) -> Drawn:
        """Fill `out` with the chains after k further sweeps."""
        v, _ = sweep(params, chains.v, self.k, stream)
        out[...] = v
        return Drawn(Chains(v))


@specified
@dataclass(frozen=True)
class ParallelTempering:
    """Persistent chains at several temperatures that exchange their states after every k sweeps.

    Parameters
    ----------
    k : int
        Gibbs sweeps between two rounds of exchanges.
    n_chains : int
        At each temperature.
    n_temperatures : int
        At least 2; the inverse temperatures are equally spaced from `lowest` to 1.
    lowest : float
        The smallest inverse temperature, in [0, 1); greater than 0 for Gaussian visible units.
    """

    k: int = 1
    n_chains: int = 64
    n_temperatures: int = 10
    lowest: float = 0.0

    def __post_init__(self) -> None:
        check_count("k", self.k)
        check_count("n_chains", self.n_chains)
        check_count("n_temperatures", self.n_temperatures, least=2)
        if not (is_finite_number(self.lowest) and 0 <= self.lowest < 1):
            raise InputError(f"lowest must be an inverse temperature in [0, 1), got {self.lowest!r}")

    @property
    def inverse_temperatures(self) -> np.ndarray:
        """Rising to 1, (n_temperatures,)."""
        return np.linspace(self.lowest, 1.0, self.n_temperatures)

    def chains_shape(self, n_visible: int) -> tuple[int, ...]:
        """Return the shape of the chains that are kept."""
        return (self.n_temperatures, self.n_chains, n_visible)

    def n_samples(self, n: int) -> int:
        """Return the number of negative samples of a batch of n examples: the chains at temperature 1."""
        return self.n_chains

    def draw_(self, params: RBMParams, p_h: Array, chains: Chains, stream: Stream, out: Array) -> Drawn:
        """Fill `out` with the chains at temperature 1 after k further sweeps and a round of exchanges."""
        state = tempering.State(chains.v, chains.n_rounds)
        state, info = tempering.step(stream, state, params, self.inverse_temperatures, self.k)
        out[...] = state.v[-1]
        return Drawn(Chains(*state), info)


NegativePhase = ContrastiveDivergence | PersistentContrastiveDivergence | ParallelTempering
METHODS: dict[str, type[NegativePhase]] = {
    "cd": ContrastiveDivergence,
    "pcd": PersistentContrastiveDivergence,
    "pt": ParallelTempering,
}


def negative_phase_of(method: Any, options: dict[str, Any]) -> NegativePhase:
    """Return the description that `method` is, or that its name and these options make.

    Raises
    ------
    InputError
        The name is unknown, an option is out of range or not one of that method, or options come with a description.
    """
    if isinstance(method, NegativePhase):
        if options:
            raise InputError(f"{', '.join(options)}: give it to {type(method).__name__}(...) itself")
        return method
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"method must be one of {', '.join(map(repr, METHODS))} or a description, got {method!r}")
    return with_options(METHODS[method](), options)


def with_options(description: NegativePhase, options: dict[str, Any]) -> NegativePhase:
    """Return the description with these options changed.

    Raises
    ------
    InputError
        An option is out of range or not one of that method.
    """
    known = [field.name for field in fields(description)]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise InputError(f"{type(description).__name__} takes {', '.join(known)}, not {', '.join(unknown)}")
    return replace(description, **options)
