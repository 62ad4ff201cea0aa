r"""The loss of a restricted Boltzmann machine for given negative samples, with its gradients.

.. math:: \text{loss} = \frac1n \sum_{i=1}^n F(x_i) - \frac1m \sum_{i=1}^m F(v_i)
          + \frac{\lambda}{2} \sum_{ij} W_{ij}^2 + \kappa \sum_j \mathrm{KL}(\rho \,\|\, q_j)

for data x and negative samples v, with q_j the mean over the data of p(h_j = 1 | x). Data and samples are one batch
whose rows have the weights 1/n and -1/m: the statistics of both phases are one matrix product.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import Backend, namespace
from scratchgen.errors import InputError
from scratchgen.kernels.matmul import matmul, mean, sum_of_squares
from scratchgen.ops.boltzmann import (
    FreeEnergyCache,
    RBMParams,
    free_energy_backward,
    free_energy_backward_params_,
    free_energy_forward,
    is_gaussian,
    scaled_visible,
    sum_out_hidden_,
    visible_energy,
)
from scratchgen.ops.linear import DenseCache, LinearParams, dense_backward_
from scratchgen.ops.penalties import sparsity_backward, sparsity_forward
from scratchgen.typing import Array
from scratchgen.validation import check_nonnegative, is_finite_number


class RBMTerms(NamedTuple):
    """``loss = data_free_energy - model_free_energy + penalty``, in nats: means of F over data and negative samples."""

    loss: Any
    data_free_energy: Any
    model_free_energy: Any
    penalty: Any


class Penalties(NamedTuple):
    """lambda, kappa and rho of the loss."""

    weight_decay: float = 0.0
    sparsity_cost: float = 0.0
    sparsity_target: float = 0.1

    def check(self) -> None:
        """Refuse values out of range."""
        check_nonnegative("weight_decay", self.weight_decay)
        check_nonnegative("sparsity_cost", self.sparsity_cost)
        if not (is_finite_number(self.sparsity_target) and 0 < self.sparsity_target < 1):
            raise InputError(f"sparsity_target must be in (0, 1), got {self.sparsity_target!r}")


def terms(machine: RBMParams, x: Array, noise: Array, penalties: Penalties, backend: Backend) -> RBMTerms:
    """Return the terms of the loss."""
    data_free_energy, cache = free_energy_forward(machine, x, backend)
    model_free_energy, _ = free_energy_forward(machine, noise, backend)
    penalty = _penalty(machine, penalties, cache.p_h)
    return _terms(mean(data_free_energy), mean(model_free_energy), penalty)


class Phases(NamedTuple):
    """Data and negative samples as one batch of n + m rows, of which the first n are the data.

    Attributes
    ----------
    n : int
    v : array (n + m, visible)
    total : array (n + m,)
        What the hidden units add to -F(v).
    p_h : array (n + m, hidden)
        p(h = 1 | v).
    """

    n: int
    v: Array
    total: Array
    p_h: Array


def positive_phase(machine: RBMParams, x: Array, n_samples: int, backend: Backend) -> Phases:
    """Return the batch with what belongs to the data `x`, and room for so many negative samples."""
    xp, n = namespace(x), x.shape[0]
    v, total, p_h = (
        xp.empty((n + n_samples, *shape), dtype=x.dtype) for shape in ((x.shape[1],), (), (machine.W.shape[1],))
    )
    v[:n] = x
    sum_out_hidden_(machine, x, total[:n], p_h[:n], backend)
    return Phases(n, v, total, p_h)


def terms_and_grads(
    machine: RBMParams, phases: Phases, penalties: Penalties, grads: RBMParams, backend: Backend
) -> RBMTerms:
    """Fill `grads` and return the terms, once the negative samples are in their place in ``phases.v``.

    The storage of ``phases.p_h`` is used up.
    """
    n, v, total, p_h = phases
    sum_out_hidden_(machine, v[n:], total[n:], p_h[n:], backend)
    free_energy = visible_energy(machine, v) - total
    x, penalty = v[:n], _penalty(machine, penalties, p_h[:n])
    if penalties.sparsity_cost:
        dx, dparams = _sparsity_backward(machine, x, p_h[:n], penalties, backend)

    weights = namespace(v).full(len(v), 1 / n, dtype=v.dtype)
    weights[n:] = -1 / (len(v) - n)
    free_energy_backward_params_(weights, FreeEnergyCache(machine, v, p_h), grads)
    if penalties.weight_decay:
        grads.W[...] += penalties.weight_decay * machine.W
    if penalties.sparsity_cost:
        grads.W[...] += dparams.W
        grads.c[...] += dparams.b
        if is_gaussian(grads):
            grads.log_sigma[...] -= 2 * namespace(v).sum(scaled_visible(machine, x) * dx, axis=0)
    data, minus_model = matmul(weights[:n], free_energy[:n]), matmul(weights[n:], free_energy[n:])
    return _terms(data, -minus_model, penalty)


def grad_x(machine: RBMParams, x: Array, penalties: Penalties, backend: Backend) -> Array:
    """Return the gradient of the loss with respect to the data, (n, visible)."""
    free_energy, cache = free_energy_forward(machine, x, backend)
    _, dx = free_energy_backward(namespace(x).full_like(free_energy, 1 / x.shape[0]), cache)
    if penalties.sparsity_cost:
        dx += scaled_visible(machine, _sparsity_backward(machine, x, cache.p_h, penalties, backend)[0])
    return dx


def _terms(data_free_energy: Any, model_free_energy: Any, penalty: Any) -> RBMTerms:
    return RBMTerms(data_free_energy - model_free_energy + penalty, data_free_energy, model_free_energy, penalty)


def _penalty(machine: RBMParams, penalties: Penalties, p_h: Array) -> Any:
    penalty: Any = 0.0
    if penalties.weight_decay:
        penalty = 0.5 * penalties.weight_decay * sum_of_squares(machine.W)
    if penalties.sparsity_cost:
        penalty = penalty + penalties.sparsity_cost * sparsity_forward(p_h, penalties.sparsity_target)[0]
    return penalty


def _sparsity_backward(
    machine: RBMParams, x: Array, p_h: Array, penalties: Penalties, backend: Backend
) -> tuple[Array, LinearParams]:
    """Return the gradients with respect to x as W sees it, and (W, c): p_h is sigmoid(x W + c)."""
    _, cache = sparsity_forward(p_h, penalties.sparsity_target)
    dp_h = sparsity_backward(penalties.sparsity_cost, cache)
    layer = DenseCache(machine.W, scaled_visible(machine, x), p_h, "sigmoid")
    return dense_backward_(dp_h, layer, backend=backend)
