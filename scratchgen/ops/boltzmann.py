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

from scratchgen.backend import Backend, namespace
from scratchgen.kernels.free_energy import hidden_free_energy_
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.linear import REFERENCE
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
        return -matmul(v, params.b)
    xp = namespace(v)
    residual = (v - params.b) * xp.exp(-params.log_sigma)
    return 0.5 * xp.sum(residual * residual, axis=1)


def energy(params: RBMParams, v: Float[Array, "n visible"], h: Float[Array, "n hidden"]) -> Float[Array, " n"]:
    """Return E(v, h) of each row."""
    coupling = namespace(v, h).sum(matmul(scaled_visible(params, v), params.W) * h, axis=1)
    return visible_energy(params, v) - matmul(h, params.c) - coupling


def free_energy_forward(
    params: RBMParams, v: Float[Array, "n visible"], backend: Backend = REFERENCE
) -> tuple[Float[Array, " n"], FreeEnergyCache]:
    """Return ``F(v) = -log sum_h exp(-E(v, h)) = E_v(v) - sum_j softplus(c_j + (v W)_j)``.

    The sum over the hidden states factorises, one term a unit; E_v is `visible_energy`, and v is scaled by 1 / s^2
    where the units are Gaussian.

    Gradient
    --------
    softplus' is the sigmoid, which is p_j = p(h_j = 1 | v). With x = v (Bernoulli) or x = v / s^2 (Gaussian):

        da = - dF p,   dW = x^T da,   dc = sum_n da = - p^T dF,   dx = da W^T,
        db = - sum_n dF v                         dv = dx - dF b                             (Bernoulli)
        db = - sum_n dF (v - b) / s^2             dv = (dx + dF (v - b)) / s^2               (Gaussian)
        dlog_s = - sum_n (2 x dx + dF (v - b)^2 / s^2),   for the derivative of x by log s is -2 x.
    """
    xp, n = namespace(params.W, v), v.shape[0]
    total, p_h = xp.empty(n, dtype=v.dtype), xp.empty((n, params.W.shape[1]), dtype=v.dtype)
    sum_out_hidden_(params, v, total, p_h, backend)
    return visible_energy(params, v) - total, FreeEnergyCache(params, v, p_h)


def sum_out_hidden_(
    params: RBMParams,
    v: Float[Array, "n visible"],
    total: Float[Array, " n"],
    p_h: Float[Array, "n hidden"],
    backend: Backend = REFERENCE,
) -> None:
    """Fill `total` with the sum over j of ``softplus(c_j + (x W)_j)``, and `p_h` with p(h = 1 | v)."""
    matmul(scaled_visible(params, v), params.W, out=p_h)
    hidden_free_energy_.on(backend)(total, p_h, params.c)


def free_energy_backward(dF: Float[Array, " n"], cache: FreeEnergyCache) -> tuple[RBMParams, Float[Array, "n visible"]]:
    """Return ``(dparams, dv)``."""
    params, v, p_h = cache
    minus_dF = -dF
    da = minus_dF[:, None] * p_h  # (n, hidden)
    dx = matmul(da, params.W.T)  # (n, visible)
    dparams = _params_gradient(minus_dF, da, dx, params, v, None)
    if not is_gaussian(params):
        return dparams, dx - dF[:, None] * params.b
    return dparams, scaled_visible(params, dx + dF[:, None] * (v - params.b))


def free_energy_backward_params_(
    dF: Float[Array, " n"], cache: FreeEnergyCache, out: RBMParams | None = None
) -> RBMParams:
    """Return ``dparams`` alone, in `out` where it is given; dx, a further product, is made only for `log_sigma`.

    The storage of ``cache.p_h`` is used up.
    """
    params, v, da = cache  # (n, hidden)
    minus_dF = -dF
    da *= minus_dF[:, None]
    wants_log_sigma = is_gaussian(params if out is None else out)
    return _params_gradient(minus_dF, da, matmul(da, params.W.T) if wants_log_sigma else None, params, v, out)


def _params_gradient(
    minus_dF: Array, da: Array, dx: Array | None, params: RBMParams, v: Array, out: RBMParams | None
) -> RBMParams:
    xp = namespace(minus_dF, v)
    x = scaled_visible(params, v)
    dW = matmul(x.T, da, out=None if out is None else out.W)
    dc = matmul(da.T, xp.ones_like(minus_dF))  # the sum over n
    if not is_gaussian(params):
        return _stored(RBMParams(dW, matmul(v.T, minus_dF), dc), out)
    precision = xp.exp(-2 * params.log_sigma)
    residual = minus_dF[:, None] * (v - params.b)  # (n, visible)
    db = xp.sum(residual, axis=0) * precision
    if dx is None:
        return _stored(RBMParams(dW, db, dc), out)
    dlog_sigma = xp.sum(residual * (v - params.b) * precision - 2 * x * dx, axis=0)
    return _stored(RBMParams(dW, db, dc, dlog_sigma), out)


def _stored(dparams: RBMParams, out: RBMParams | None) -> RBMParams:
    if out is None:
        return dparams
    for derivative, destination in zip(dparams, out, strict=True):
        if not isinstance(destination, tuple) and derivative is not destination:
            destination[...] = derivative
    return out
