"""All states of a layer of binary units, a bounded number at a time.

State k has unit j at bit j of k: (k >> j) & 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.inference.parameters import log_sum_exp, sum_over_visible
from scratchgen.ops.boltzmann import RBMParams, is_gaussian
from scratchgen.typing import Array

MAXIMUM_UNITS = 25  # 3.4e7 states
_CHUNK_STATES = 2**14
_CHUNK_ELEMENTS = 2**20  # of the widest array at a time: 8 MiB, and a handful of such arrays are alive at once


def states(first: int, last: int, n_units: int, xp: Any) -> Array:
    """Return the states number first, ..., last - 1 of `n_units` units, (last - first, n_units), as float64."""
    numbers = xp.arange(first, last, dtype=xp.int64)[:, None]
    return xp.asarray((numbers >> xp.arange(n_units, dtype=xp.int64)) & 1, dtype=xp.float64)


def enumerated_layer(params: RBMParams) -> tuple[RBMParams, bool]:
    """Return the machine whose hidden layer is to be enumerated, and whether its layers were exchanged for that.

    It is the smaller one; of Gaussian visible units only the hidden layer has states to count.
    """
    n_visible, n_hidden = params.W.shape
    exchanged = not is_gaussian(params) and n_visible < n_hidden
    if exchanged:
        params = RBMParams(params.W.T, params.c, params.b)
    check_enumerable(params.W.shape[1], f"this model has {n_visible} visible and {n_hidden} hidden units")
    return params, exchanged


def check_enumerable(n_units: int, model: str) -> None:
    """Refuse a layer with too many states."""
    if n_units > MAXIMUM_UNITS:
        raise InputError(
            f"enumeration takes a layer of at most {MAXIMUM_UNITS} units (2^{MAXIMUM_UNITS} states), but {model}: "
            "estimate its partition function by annealed importance sampling (AIS)"
        )


def chunk_bounds(params: RBMParams) -> list[int]:
    """Return where the chunks of hidden states begin, and the end of the last one."""
    n_visible, n_hidden = params.W.shape
    size = min(_CHUNK_STATES, max(1, _CHUNK_ELEMENTS // max(n_visible, n_hidden)))
    return [*range(0, 2**n_hidden, size), 2**n_hidden]


def hidden_state_chunks(params: RBMParams, progress: bool = False) -> Iterator[Array]:
    """Yield all hidden states, chunk by chunk, in order."""
    from tqdm.auto import tqdm

    xp = namespace(params.W)
    bounds = chunk_bounds(params)
    with tqdm(total=bounds[-1], disable=not progress, unit="state", unit_scale=True) as bar:
        for first, last in pairwise(bounds):
            yield states(first, last, params.W.shape[1], xp)
            bar.update(last - first)


def chunk_log_sums(params: RBMParams, progress: bool = False) -> list[float]:
    """Return the logarithm of each chunk's share of the partition function."""
    return [log_sum_exp(sum_over_visible(params, h)[0]) for h in hidden_state_chunks(params, progress)]
