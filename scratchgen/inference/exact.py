r"""Exact log Z, its gradient, log p(h) and KL divergence of small RBMs, by enumeration of one layer.

.. math:: Z = \sum_h \sum_v e^{-E(v, h)} = \sum_h e^{c \cdot h} \prod_i (1 + e^{b_i + (W h)_i})

The inner sum factorises, so that the states of one layer suffice: the smaller one, of at most 25 units; always the
hidden one where the visible units are Gaussian. Symbols and shapes are those of `scratchgen.ops.boltzmann`; log_sigma
is None for Bernoulli visible units. Whatever the type of the parameters, sums are taken in float64, over chunks of
states: memory does not grow with their number. Everything is in nats.

References
----------
A. Fischer, C. Igel: "Training restricted Boltzmann machines: an introduction", Pattern Recognition 47, 2014.
"""

from __future__ import annotations

import math

import numpy as np

from scratchgen.backend import namespace, to_numpy
from scratchgen.inference.enumeration import (
    check_enumerable,
    chunk_log_sums,
    enumerated_layer,
    hidden_state_chunks,
)
from scratchgen.inference.parameters import (
    check_parameters,
    check_states,
    check_visible,
    in_float64,
    log_sum_exp,
    map_parameters,
    of_type,
    sum_over_visible,
)
from scratchgen.ops.boltzmann import RBMParams, free_energy_backward, free_energy_forward, is_gaussian, scaled_visible
from scratchgen.typing import Array


def log_partition(W: Array, b: Array, c: Array, log_sigma: Array | None = None, progress: bool = False) -> float:
    """Return log Z.

    Parameters
    ----------
    W, b, c, log_sigma : array
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        The layer to be enumerated has more than 25 units; or the parameters do not fit together or are not finite.
    """
    params, _ = enumerated_layer(in_float64(check_parameters(W, b, c, log_sigma)))
    return log_sum_exp(np.asarray(chunk_log_sums(params, progress)))


def log_partition_and_gradient(
    W: Array, b: Array, c: Array, log_sigma: Array | None = None, progress: bool = False
) -> tuple[float, RBMParams]:
    r"""Return log Z and its gradient, of the parameters' shapes and types.

    Parameters
    ----------
    W, b, c, log_sigma : array
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        As for `log_partition`.

    Gradient
    --------
    It is the expectation of -dE under the model, the negative phase of learning:

    .. math::
        \partial_W \log Z = \langle v h^T \rangle, \quad \partial_b \log Z = \langle v \rangle, \quad
        \partial_c \log Z = \langle h \rangle \quad\text{(Bernoulli)}

    and for Gaussian units, where the average over v at given h has mean b + W h and variance :math:`s^2`,

    .. math::
        \partial_W = \langle v h^T \rangle / s^2, \quad \partial_b = \langle v - b \rangle / s^2, \quad
        \partial_{\log s} = \langle (v - b)^2 - 2 v \, W h \rangle / s^2
        = 1 - \big(\langle E[v|h]^2 \rangle - b^2\big) / s^2.

    The expectation is a mean over chunks of states, each weighed by its share of Z.
    """
    given = check_parameters(W, b, c, log_sigma)
    params, exchanged = enumerated_layer(in_float64(given))
    xp = namespace(W)
    log_z, gradient = -math.inf, map_parameters(xp.zeros_like, params)
    for h in hidden_state_chunks(params, progress):
        log_weight, v_mean = sum_over_visible(params, h)
        log_chunk = log_sum_exp(log_weight)
        of_chunk = _gradient_over(params, h, v_mean, xp.exp(log_weight - log_chunk))
        log_z = float(np.logaddexp(log_z, log_chunk))
        share = math.exp(log_chunk - log_z)
        gradient = map_parameters(lambda g, new, share=share: g + share * (new - g), gradient, of_chunk)
    if exchanged:
        gradient = RBMParams(gradient.W.T, gradient.c, gradient.b)
    return log_z, of_type(gradient, given)


def _gradient_over(params: RBMParams, h: Array, v_mean: Array, probability: Array) -> RBMParams:
    """Return the expectation of -dE where row n of h has the given probability, and v the mean E[v|h]."""
    xp = namespace(h)
    weighted = probability[:, None] * v_mean  # (n, visible)
    dW = scaled_visible(params, weighted).T @ h
    db = xp.sum(weighted, axis=0)
    dc = probability @ h
    if not is_gaussian(params):
        return RBMParams(dW, db, dc)
    precision = xp.exp(-2 * params.log_sigma)
    dlog_sigma = 1 - (xp.sum(weighted * v_mean, axis=0) - params.b**2) * precision
    return RBMParams(dW, (db - params.b) * precision, dc, dlog_sigma)


def log_likelihood_gradient(
    x: Array, W: Array, b: Array, c: Array, log_sigma: Array | None = None, progress: bool = False
) -> RBMParams:
    r"""Return the gradient of the mean log-likelihood of the rows of x, of the parameters' shapes and types.

    .. math:: \partial \frac1n \sum_n \log p(x_n) = - \langle \partial F \rangle_{data} - \partial \log Z

    This is what contrastive divergence approximates, so that the difference is its bias.

    Parameters
    ----------
    x : array (n, n_visible)
        In [0, 1] for Bernoulli visible units.
    W, b, c, log_sigma : array
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        As for `log_partition`; or x has another shape, NaN, or values out of range.
    """
    given = check_parameters(W, b, c, log_sigma)
    params = in_float64(given)
    x = check_visible("x", x, params)
    negative_phase = log_partition_and_gradient(*params, progress=progress)[1]
    weights = namespace(x).full(x.shape[0], -1 / x.shape[0], dtype=x.dtype)
    positive_phase, _ = free_energy_backward(weights, free_energy_forward(params, x)[1])
    return of_type(map_parameters(lambda p, n: p - n, positive_phase, negative_phase), given)


def hidden_distribution(W: Array, b: Array, c: Array, log_sigma: Array | None = None, progress: bool = False) -> Array:
    """Return log p(h) of all hidden states, (2^n_hidden,), in float64.

    Parameters
    ----------
    W, b, c, log_sigma : array
    progress : bool
        Show a progress bar.

    Returns
    -------
    array (2^n_hidden,)
        Entry k belongs to the state with unit j equal to bit j of k: ``(k >> j) & 1``.

    Raises
    ------
    InputError
        There are more than 25 hidden units; or the parameters do not fit together or are not finite.
    """
    params = in_float64(check_parameters(W, b, c, log_sigma))
    check_enumerable(W.shape[1], f"this model has {W.shape[1]} hidden units")
    xp = namespace(W)
    log_weight = xp.empty(2 ** W.shape[1], dtype=xp.float64)
    done = 0
    for h in hidden_state_chunks(params, progress):
        log_weight[done : done + h.shape[0]] = sum_over_visible(params, h)[0]
        done += h.shape[0]
    return log_weight - log_sum_exp(log_weight)


def kl_to_data(x: Array, W: Array, b: Array, c: Array, progress: bool = False) -> float:
    r"""Return KL(data || model) for the empirical distribution f of the rows of x, in nats.

    .. math:: \mathrm{KL}(f \,\|\, p) = \langle \log f \rangle_f + \langle F \rangle_f + \log Z \geq 0

    For Bernoulli visible units: the divergence of finitely many points from a density is infinite.

    Parameters
    ----------
    x : array (n, n_visible)
        States, 0 or 1; repeated rows count as often as they occur.
    W, b, c : array
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        As for `log_partition`; or x has another shape, or values other than 0 and 1.
    """
    params = in_float64(check_parameters(W, b, c))
    x = check_states("x", x, params)
    counts = np.unique(to_numpy(x), axis=0, return_counts=True)[1]
    frequency = counts / x.shape[0]
    mean_log_frequency = float(frequency @ np.log(frequency))
    mean_free_energy = float(free_energy_forward(params, x)[0].mean())
    return mean_log_frequency + mean_free_energy + log_partition(*params, progress=progress)
