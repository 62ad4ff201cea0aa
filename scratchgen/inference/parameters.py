"""What the functions of this package take, and the sum over the visible layer that they share.

Functions take W, b, c and log_sigma one by one; symbols and shapes are those of `scratchgen.ops.boltzmann`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchgen.backend import get_backend, namespace
from scratchgen.errors import InputError
from scratchgen.ops.boltzmann import RBMParams, free_energy_forward, is_gaussian
from scratchgen.ops.likelihoods import LOG_TWO_PI
from scratchgen.typing import Array
from scratchgen.validation import check_matrix


def check_parameters(W: Array, b: Array, c: Array, log_sigma: Array | None = None) -> RBMParams:
    """Return the parameters as `RBMParams`, in which `log_sigma` is empty for Bernoulli visible units.

    Raises
    ------
    InputError
        Shapes that do not fit together; several types, or one other than float32 and float64; NaN or infinite values.
    """
    given = {"W": W, "b": b, "c": c}
    if log_sigma is not None and not _is_empty(log_sigma):
        given["log_sigma"] = log_sigma
    namespace(*given.values())
    if W.ndim != 2 or 0 in W.shape:
        raise InputError(f"W must have shape (n_visible, n_hidden), both at least 1, got {tuple(W.shape)}")
    shapes = {"W": W.shape, "b": W.shape[:1], "c": W.shape[1:], "log_sigma": W.shape[:1]}
    for name, array in given.items():
        check_parameter(name, array, shapes[name], W.dtype)
    return RBMParams(W, b, c, given.get("log_sigma", ()))


def check_parameter(name: str, array: Array, shape: tuple[int, ...], dtype: Any) -> None:
    """Refuse an array of another shape or type than W asks for, and one that is not finite."""
    xp = namespace(array)
    if tuple(array.shape) != tuple(shape):
        raise InputError(f"{name} must have shape {tuple(shape)} to fit W, got {tuple(array.shape)}")
    if array.dtype not in (xp.float32, xp.float64) or array.dtype != dtype:
        raise InputError(f"{name} must be float32 or float64, as W is, got {array.dtype} and {dtype}")
    if not bool(xp.all(xp.isfinite(array))):
        raise InputError(f"{name} has NaN or infinite values: has training diverged?")


def _is_empty(leaf: Any) -> bool:
    return isinstance(leaf, tuple) and not leaf


def map_parameters(function: Callable[..., Array], *params: RBMParams) -> RBMParams:
    """Return `function` of each parameter, or of corresponding ones; an empty `log_sigma` stays empty."""
    return RBMParams(*(() if _is_empty(leaves[0]) else function(*leaves) for leaves in zip(*params, strict=True)))


def in_float64(params: RBMParams) -> RBMParams:
    """Return the parameters in float64, where sums over many states keep their digits."""
    xp = namespace(params.W)
    return map_parameters(lambda parameter: xp.asarray(parameter, dtype=xp.float64), params)


def of_type(gradient: RBMParams, params: RBMParams) -> RBMParams:
    """Return the gradient in the types of the parameters."""
    xp = namespace(params.W)
    return map_parameters(lambda derivative, parameter: xp.asarray(derivative, dtype=parameter.dtype), gradient, params)


def check_rows(name: str, v: Any, n_columns: int, unit_range: bool) -> Array:
    """Return `v` as a finite float64 matrix of its own array library."""
    backend = get_backend("numpy" if namespace(v) is np else "cuda")
    return check_matrix(name, v, n_columns, backend, "float64", unit_range)


def check_visible(name: str, v: Any, params: RBMParams) -> Array:
    """Return rows of visible units in float64: finite, and in [0, 1] for Bernoulli units."""
    namespace(params.W, v)
    return check_rows(name, v, params.W.shape[0], unit_range=not is_gaussian(params))


def check_states(name: str, v: Any, params: RBMParams) -> Array:
    """Return rows of Bernoulli visible units in float64, each of them 0 or 1."""
    return refuse_greys(name, check_visible(name, v, params))


def refuse_greys(name: str, v: Array) -> Array:
    """Return `v` if each unit is 0 or 1: a machine gives no probability to values between."""
    if not are_states(v):
        raise InputError(
            f"{name} must hold states, each unit 0 or 1, got values between: binarise it first, "
            f"by a draw, sg.Stream(seed).bernoulli({name}), or by a threshold, {name} > 0.5"
        )
    return v


def are_states(v: Array) -> bool:
    """Say whether each unit is 0 or 1."""
    return not bool(((v != 0) & (v != 1)).any())


def sum_over_visible(params: RBMParams, h: Array) -> tuple[Array, Array]:
    r"""Return :math:`\log \sum_v e^{-E(v, h)}` of each row of h, (n,), and E[v | h], (n, n_visible).

    Given h the visible units are independent: with :math:`m = W h`,

    .. math::
        c \cdot h + \sum_i \log(1 + e^{b_i + m_i}) \quad\text{(Bernoulli)}, \qquad
        c \cdot h + \sum_i \Big[\tfrac12 \log 2 \pi s_i^2 + \frac{m_i (b_i + m_i / 2)}{s_i^2}\Big]
        \quad\text{(Gaussian: an integral)}.

    The first is -F of the machine with its layers exchanged. Both are smooth in h, which may lie between 0 and 1.
    """
    W, b, c, log_sigma = params
    if not is_gaussian(params):
        free_energy, cache = free_energy_forward(RBMParams(W.T, c, b), h)
        return -free_energy, cache.p_h
    xp = namespace(W, h)
    m = h @ W.T  # (n, visible)
    log_normaliser = xp.sum(log_sigma) + 0.5 * W.shape[0] * LOG_TWO_PI
    quadratic = xp.sum(m * (b + 0.5 * m) * xp.exp(-2 * log_sigma), axis=1)
    return h @ c + quadratic + log_normaliser, b + m


def log_sum_exp(x: Array) -> float:
    """Return log sum exp(x), the largest term taken out."""
    xp = namespace(x)
    largest = float(xp.max(x))
    return largest + math.log(float(xp.sum(xp.exp(x - largest))))
