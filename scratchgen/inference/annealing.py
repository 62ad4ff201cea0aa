r"""The path from independent visible units to an RBM, and chains that move along it.

.. math:: p_\beta(v, h) \propto e^{-(1 - \beta) E_0(v) - \beta E(v, h)}, \qquad
          \log p^*_\beta(v) = -(1 - \beta) E_0(v) - \beta E_v(v) + \sum_j \log(1 + e^{\beta a_j}),

where E_v is the part of the energy that depends on v alone, E_0 that of the base, which has other visible biases.

======  =====================  ================================================================
symbol  shape                  meaning
======  =====================  ================================================================
v, h    (n_chains, units)      states of the chains
a       (n_chains, n_hidden)   input of the hidden units, c + v W (v / s^2 for Gaussian units)
b_0     (n_visible,)           visible biases of the base
======  =====================  ================================================================

References
----------
R. Salakhutdinov, I. Murray: "On the quantitative analysis of deep belief networks", ICML 2008, equations 15 to 18.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from scratchgen.backend import namespace
from scratchgen.inference.parameters import check_rows
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.boltzmann import RBMParams, is_gaussian, scaled_visible, visible_energy
from scratchgen.random import Stream
from scratchgen.samplers.gibbs import draw_units_
from scratchgen.typing import Array
from scratchgen.validation import check_count

# Salakhutdinov & Murray's stretches of evenly spaced inverse temperatures: first, last, number of steps
_STRETCHES = ((0.0, 0.5, 500), (0.5, 0.9, 4000), (0.9, 1.0, 10000))


def salakhutdinov_murray_schedule(coarsening: int = 1) -> np.ndarray:
    """Return the 14,501 inverse temperatures of Salakhutdinov & Murray, or fewer by a factor `coarsening`.

    They are 0 to 0.5 in steps of 1e-3, on to 0.9 in steps of 1e-4, and to 1 in steps of 1e-5.

    Raises
    ------
    InputError
        `coarsening` is not a positive integer.
    """
    coarsening = check_count("coarsening", coarsening)
    stretches = [np.linspace(first, last, max(1, n // coarsening) + 1)[1:] for first, last, n in _STRETCHES]
    return np.concatenate([np.zeros(1), *stretches])


def bernoulli_base_bias(x: Array) -> Array:
    """Return the visible biases of the base by maximum likelihood, (n_visible,), in float64: the log odds of x's means.

    One row of zeros and one of ones are added to the data, for a unit that never changes would have an infinite bias.

    Parameters
    ----------
    x : array (n, n_visible)
        In [0, 1].

    Raises
    ------
    InputError
        x has another shape, NaN, or values out of range.
    """
    x = check_rows("x", x, x.shape[-1], unit_range=True)
    n_on = x.sum(axis=0) + 1
    return namespace(x).log(n_on / (x.shape[0] + 2 - n_on))


def anneal(params: RBMParams, base: RBMParams, v: Array, betas: np.ndarray, stream: Stream, progress: bool) -> Array:
    r"""Take the chains v along the betas, up or down, and return their log weights, (n,), in float64.

    .. math:: \log w = \sum_{k \geq 1} \log p^*_{\beta_k}(v_k) - \log p^*_{\beta_{k-1}}(v_k)

    where v_1 is v, drawn at beta_0, and :math:`v_{k + 1}` is v_k after one Gibbs sweep at beta_k. `base` is `params`
    with the visible biases of the base.
    """
    from tqdm.auto import tqdm

    xp = namespace(v)
    log_weights = xp.zeros(v.shape[0], dtype=xp.float64)
    for beta, next_beta in pairwise(tqdm(betas, disable=not progress, unit="temperature")):
        product = matmul(scaled_visible(params, v), params.W)  # (n, hidden)
        log_weights += (next_beta - beta) * (visible_energy(base, v) - visible_energy(params, v))
        log_weights += _hidden_log_ratio(product + params.c, float(beta), float(next_beta))
        if next_beta != betas[-1]:
            v = _gibbs_sweep_(params, base, product, float(next_beta), stream)
    return log_weights


def _hidden_log_ratio(a: Array, beta: float, next_beta: float) -> Array:
    r"""Return :math:`\sum_j \log(1 + e^{\beta' a_j}) - \log(1 + e^{\beta a_j})` of each row, (n,), in float64.

    With low and high for the smaller and the larger beta, each term is, up to its sign,

    .. math:: (high - low) \max(a, 0) + \log(1 + \sigma(-low |a|) (e^{-(high - low) |a|} - 1)).

    Its error is relative to the change, which over thousands of small steps the difference of two float32 logarithms
    would lose; the argument of the logarithm stays in [1/2, 1].
    """
    xp = namespace(a)
    low, high = min(beta, next_beta), max(beta, next_beta)
    magnitude = xp.abs(a)
    e = xp.exp(-low * magnitude)
    change = xp.log1p(e / (1 + e) * xp.expm1((low - high) * magnitude))
    change += (high - low) * xp.maximum(a, xp.zeros_like(a))
    total = xp.sum(change, axis=1, dtype=xp.float64)
    return total if next_beta > beta else -total


def _gibbs_sweep_(params: RBMParams, base: RBMParams, product: Array, beta: float, stream: Stream) -> Array:
    """Draw h from p_beta(h | v), given the product v W, whose storage is used, and then v from p_beta(v | h)."""
    h = _draw_units_(product, params.c, beta, stream)
    mixed_bias = params.b + (1 - beta) / beta * base.b
    return draw_visible_(params, matmul(h, params.W.T), mixed_bias, beta, stream)


def draw_visible_(params: RBMParams, product: Array, bias: Array, beta: float, stream: Stream) -> Array:
    """Draw v with log odds beta (product + bias), or, for Gaussian units, with these as means and the model's s.

    The storage of the product is used.
    """
    if is_gaussian(params):
        noise = stream.normal(product.shape, product.dtype)
        return beta * (product + bias) + namespace(product).exp(params.log_sigma) * noise
    return _draw_units_(product, bias, beta, stream)


def _draw_units_(product: Array, bias: Array, beta: float, stream: Stream) -> Array:
    """Draw Bernoulli units with log odds beta (product + bias); the storage of the product is used."""
    inverse_temperature = namespace(product).full(product.shape[0], beta, dtype=product.dtype)
    return draw_units_(product, bias, inverse_temperature, stream)
