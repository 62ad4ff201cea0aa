"""Block Gibbs sampling in a restricted Boltzmann machine: all hidden units given the visible ones, and back.

    p(h_j = 1 | v) = sigmoid(beta (c_j + (x W)_j)),   x = v (Bernoulli) or v / s^2 (Gaussian)
    p(v_i = 1 | h) = sigmoid(beta (b_i + (W h)_i))    (Bernoulli)
    p(v_i | h)     = N(b_i + (W h)_i, s_i^2 / beta)   (Gaussian)

====================  ====================  ===========================================================
symbol                shape                 meaning
====================  ====================  ===========================================================
v, h                  (n, units)            states of n chains
product               (n, units)            x W before drawing h, h W^T before drawing v
inverse_temperature   (n,), or None for 1   beta of each chain: its law is p^beta, normalised
====================  ====================  ===========================================================

Any number of sweeps leaves the law of the model invariant; started elsewhere, a chain only approaches it.

References
----------
P. Smolensky: "Information processing in dynamical systems: foundations of harmony theory", 1986.
"""

from __future__ import annotations

from scratchgen.backend import namespace
from scratchgen.kernels.gibbs_sweeps import gibbs_sweeps
from scratchgen.kernels.gibbs_units import sample_bernoulli_units_
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.boltzmann import RBMParams, is_gaussian, scaled_visible
from scratchgen.random import Stream
from scratchgen.typing import Array


def draw_units_(
    product: Array, bias: Array, inverse_temperature: Array | None, stream: Stream, out: Array | None = None
) -> Array:
    """Draw Bernoulli units with log odds beta (product + bias), in `out` where it is given.

    The probabilities are written over the product.
    """
    xp = namespace(product)
    states = xp.empty_like(product) if out is None else out
    if inverse_temperature is None:
        inverse_temperature = xp.ones(product.shape[0], dtype=product.dtype)
    with stream.draws() as (key, draw):
        sample_bernoulli_units_.on(stream.backend)(states, product, bias, inverse_temperature, key, draw, 0)
    return states


def draw_visible_(
    params: RBMParams,
    product: Array,
    stream: Stream,
    inverse_temperature: Array | None = None,
    out: Array | None = None,
) -> Array:
    """Draw v given the product h W^T, over which E[v | h] is written, in `out` where it is given."""
    if not is_gaussian(params):
        return draw_units_(product, params.b, inverse_temperature, stream, out)
    xp = namespace(product, params.b)
    product += params.b
    noise = xp.exp(params.log_sigma) * stream.normal(product.shape, product.dtype)
    if inverse_temperature is not None:
        noise /= xp.sqrt(inverse_temperature)[:, None]
    return xp.add(product, noise, out=noise if out is None else out)


def sweep(
    params: RBMParams, v: Array, n_sweeps: int, stream: Stream, inverse_temperature: Array | None = None
) -> tuple[Array, Array]:
    """Make `n_sweeps` (at least 1) sweeps; return v, and the h that it was drawn from.

    A sweep takes two draws. The work is O(n n_visible n_hidden) a sweep, the memory O(n (n_visible + n_hidden)).
    """
    if is_gaussian(params):
        for _ in range(n_sweeps):
            h = draw_units_(matmul(scaled_visible(params, v), params.W), params.c, inverse_temperature, stream)
            v = draw_visible_(params, matmul(h, params.W.T), stream, inverse_temperature)
        return v, h
    if inverse_temperature is None:
        inverse_temperature = namespace(v).ones(v.shape[0], dtype=v.dtype)
    with stream.draws(2 * n_sweeps) as (key, draw):
        swept: tuple[Array, Array] = gibbs_sweeps.on(stream.backend)(
            v, params.W, params.b, params.c, inverse_temperature, n_sweeps, key, draw
        )
    return swept
