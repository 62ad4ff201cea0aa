"""The restricted Boltzmann machine: energy and free energy, and the gradient of the free energy.

=========  ======================  ===============================================================
symbol     shape                   meaning
=========  ======================  ===============================================================
v          (n, n_visible)          visible units: 0/1 (or probabilities), or real for Gaussian ones
h          (n, n_hidden)           hidden units, 0/1
W          (n_visible, n_hidden)   couplings
b, c       (n_visible,) (n_hidden,) biases of the visible and of the hidden units
log_sigma  (n_visible,) or ()      Gaussian visible units: logarithm of their standard deviations s
=========  ======================  ===============================================================

    Bernoulli   E(v, h) = - b.v - c.h - v W h
    Gaussian    E(v, h) = sum_i (v_i - b_i)^2 / (2 s_i^2) - c.h - (v / s^2) W h

p(v, h) = exp(-E(v, h)) / Z; energies are in units of the temperature, so differences are in nats.

References
----------
P. Smolensky: "Information processing in dynamical systems: foundations of harmony theory", 1986.
G. E. Hinton: "Training products of experts by minimizing contrastive divergence", Neural Computation 14, 2002.
K. Cho, A. Ilin, T. Raiko: "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines", ICANN 2011.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import namespace
from scratchgen.kernels.array_math import sigmoid, softplus
from scratchgen.typing import Array, Float


class RBMParams(NamedTuple):
    """Parameters of an RBM, or their gradient; `log_sigma` is empty for Bernoulli visible units."""

    W: Array
    b: Array
    c: Array
    log_sigma: Any = ()


class FreeEnergyCache(NamedTuple):
    """What `free_energy_backward` needs of the forward pass; `p_h` is p(h = 1 | v)."""

    params: RBMParams
    v: Array
    p_h: Array


def is_gaussian(params: RBMParams) -> bool:
    """Say whether the visible units are Gaussian."""
    return not isinstance(params.log_sigma, tuple)


def scaled_visible(params: RBMParams, v: Float[Array, "n visible"]) -> Float[Array, "n visible"]:
    """Return what the couplings see of v: v itself, or v / s^2 for Gaussian units."""
    if not is_gaussian(params):
        return v
    return v * namespace(v).exp(-2 * params.log_sigma)


def visible_energy(params: RBMParams, v: Float[Array, "n visible"]) -> Float[Array, " n"]:
    """Return the part of the energy that depends on v alone: -b.v, or sum_i (v_i - b_i)^2 / (2 s_i^2)."""
    if not is_gaussian(params):
        return -(v @ params.b)
    xp = namespace(v)
    residual = (v - params.b) * xp.exp(-params.log_sigma)
    return 0.5 * xp.sum(residual * residual, axis=1)


def energy(params: RBMParams, v: Float[Array, "n visible"], h: Float[Array, "n hidden"]) -> Float[Array, " n"]:
    """Return E(v, h) of each row."""
    coupling = namespace(v, h).sum((scaled_visible(params, v) @ params.W) * h, axis=1)
    return visible_energy(params, v) - h @ params.c - coupling


def free_energy_forward(params: RBMParams, v: Float[Array, "n visible"]) -> tuple[Float[Array, " n"], FreeEnergyCache]:
    """Return ``F(v) = -log sum_h exp(-E(v, h)) = E_v(v) - sum_j softplus(c_j + (v W)_j)``.

    The sum over the hidden states factorises, one term a unit; E_v is `visible_energy`, and v is scaled by 1 / s^2
    where the units are Gaussian.

    Gradient
    --------
    softplus' is the sigmoid, which is p_j = p(h_j = 1 | v). With x = v (Bernoulli) or x = v / s^2 (Gaussian):

        dW = - x^T (dF p),   dc = - sum_n dF p,
        db = - sum_n dF v                         dv = - dF (b + p W^T)                          (Bernoulli)
        db = - sum_n dF (v - b) / s^2             dv = dF ((v - b) - p W^T) / s^2                (Gaussian)
        dlog_s = sum_n dF (2 x (p W^T) - (v - b)^2 / s^2),   for dx / dlog_s = -2 x.
    """
    a = scaled_visible(params, v) @ params.W + params.c  # (n, hidden)
    free_energy = visible_energy(params, v) - namespace(v).sum(softplus(a), axis=1)
    return free_energy, FreeEnergyCache(params, v, sigmoid(a))


def free_energy_backward(dF: Float[Array, " n"], cache: FreeEnergyCache) -> tuple[RBMParams, Float[Array, "n visible"]]:
    """Return ``(dparams, dv)``."""
    (W, b, _, log_sigma), v, p_h = cache
    xp = namespace(dF, v)
    x = scaled_visible(cache.params, v)
    weighted = dF[:, None] * p_h  # (n, hidden)
    from_hidden = weighted @ W.T  # (n, visible)
    dW, dc = -(x.T @ weighted), -xp.sum(weighted, axis=0)
    if not is_gaussian(cache.params):
        return RBMParams(dW, -(v.T @ dF), dc), -(dF[:, None] * b + from_hidden)
    precision = xp.exp(-2 * log_sigma)
    residual = dF[:, None] * (v - b)  # (n, visible)
    dlog_sigma = xp.sum(2 * x * from_hidden - residual * (v - b) * precision, axis=0)
    return RBMParams(dW, -xp.sum(residual, axis=0) * precision, dc, dlog_sigma), (residual - from_hidden) * precision
