"""Run a sampler for many steps and keep what it visits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from scratchgen.backend import namespace
from scratchgen.samplers.divergence import raise_if_not_finite
from scratchgen.typing import Array, Float
from scratchgen.validation import check_count


class Trace(NamedTuple):
    """What chains visited, in the order of the steps.

    Attributes
    ----------
    x : array (n_kept, chains, dimensions)
    info : NamedTuple
        The sampler's own `Info`, each field with one more dimension in front: ``info.accepted`` is (n_kept, chains).
    """

    x: Float[Array, "kept chains dimensions"]
    info: Any


def run_chains(
    step: Callable[[Any], tuple[Any, Any]], state: Any, n_steps: int, *, n_discard: int = 0, thin: int = 1
) -> tuple[Any, Trace]:
    """Take `n_discard` + `n_steps` steps, and keep every `thin`-th of the last `n_steps` states.

    Parameters
    ----------
    step : callable
        state -> (state, info): the step of a sampler with all else filled in.
    state : NamedTuple
        What the sampler's ``init`` returned, or this function, which continues.
    n_steps, n_discard, thin : int
        n_steps // thin states are kept, in the array library of the chains.

    Returns
    -------
    state : NamedTuple
        The last one.
    trace : Trace

    Raises
    ------
    InputError
        n_steps or thin is not an integer >= 1, n_discard not one >= 0, or nothing would be kept.
    SamplingError
        A chain became NaN or infinite; the last state is looked at on every backend.

    Examples
    --------
    >>> from scratchgen import Stream
    >>> from scratchgen.samplers import langevin, run_chains
    >>> stream = Stream(0)
    >>> start = langevin.init(np.zeros((4, 2)))
    >>> state, trace = run_chains(lambda s: langevin.step(stream, s, lambda x: -x, 0.1), start, 100, thin=10)
    >>> trace.x.shape
    (10, 4, 2)
    """
    check_count("n_discard", n_discard, least=0)
    check_count("n_steps", n_steps, least=check_count("thin", thin))
    for _ in range(n_discard):
        state, _ = step(state)
    visited, infos = [], []
    for done in range(1, n_steps + 1):
        state, info = step(state)
        if done % thin == 0:
            visited.append(state.x)
            infos.append(info)
    raise_if_not_finite(state.x, state.n_steps)
    fields = (_stacked(values) for values in zip(*infos, strict=True))
    return state, Trace(_stacked(visited), type(infos[0])(*fields))


def _stacked(values: Any) -> Array:
    first = values[0]
    return namespace(first).stack(values) if hasattr(first, "shape") else np.asarray(values)
