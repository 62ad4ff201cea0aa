r"""The gradient of a multilayer perceptron's output with respect to its input, forward and backward.

The network is that of `scratchgen.nn.mlp`, :math:`a_l = h_{l-1} W_l + b_l,\ h_l = f(a_l)`, from :math:`h_0 = x` to
:math:`h_L`. Its backward pass is a computation with parameters of its own, and has a backward pass again: that is what
a loss needs which contains the gradient of an energy, as score matching does.

=============  ==========================================================================
symbol         meaning
=============  ==========================================================================
delta_l        gradient of the summed outputs with respect to h_l; delta_L = 1
u_l            the same with respect to a_l:  u_l = delta_l * f'(a_l)
grad_x         delta_0
=============  ==========================================================================

References
----------
B. A. Pearlmutter: "Fast exact multiplication by the Hessian", Neural Computation 6, 1994.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scratchgen.backend import Backend, namespace
from scratchgen.errors import InputError
from scratchgen.kernels.bias_activation import bias_activation_backward_
from scratchgen.kernels.matmul import matmul
from scratchgen.nn.mlp import Layers, mlp_forward
from scratchgen.ops.activation_slope import activation_slope_backward
from scratchgen.ops.activations import ActivationCache
from scratchgen.ops.linear import REFERENCE, DenseCache, LinearParams
from scratchgen.typing import Array, Float

SMOOTH_ACTIVATIONS = ("swish", "softplus", "tanh", "sigmoid")


class InputGradientCache(NamedTuple):
    """What `mlp_input_gradient_backward` needs: of each layer its dense cache, delta_l and u_l."""

    dense: list[DenseCache]
    delta: list[Array]
    u: list[Array]


def check_smooth_activation(activation: str) -> str:
    """Return `activation` if it has a continuous second derivative, as the gradient of an energy should.

    Raises
    ------
    InputError
        It has not, or is unknown.
    """
    if activation not in SMOOTH_ACTIVATIONS:
        raise InputError(
            f"the activation of an energy must be smooth, one of {', '.join(SMOOTH_ACTIVATIONS)}, got {activation!r}: "
            "chains follow its gradient, and score matching differentiates that once more"
        )
    return activation


def mlp_input_gradient_forward(
    layers: Layers, x: Float[Array, "batch inputs"], activations: Sequence[str], backend: Backend = REFERENCE
) -> tuple[Float[Array, "batch inputs"], InputGradientCache]:
    """Return the gradient with respect to each row of `x` of the sum of its outputs.

    From the last layer to the first, with ``*`` elementwise:

        delta_L = 1,   u_l = delta_l * f'(a_l),   delta_{l-1} = u_l W_l^T,   grad_x = delta_0.

    Gradient
    --------
    Let g_l be the gradient of a loss with respect to delta_l; g_0 is given. The lines above, in reverse order, run from
    the first layer to the last:

        du_l = g_{l-1} W_l,   dW_l = g_{l-1}^T u_l,   g_l = du_l * f'(a_l),   da_l = du_l * delta_l * f''(a_l).

    delta_L is a constant. All a_l depend on x and the parameters by the network itself, so the da_l then go through its
    own backward pass, from the last layer to the first, each joined by what comes from the layers above it:

        da_l += (da_{l+1} W_{l+1}^T) * f'(a_l),   dW_l += h_{l-1}^T da_l,   db_l = sum_i da_l,i,   dx = da_1 W_1^T.
    """
    y, dense = mlp_forward(layers, x, activations, backend)
    delta = namespace(y).ones_like(y)
    deltas, us = [], []
    for cache in reversed(dense):
        u = _times_slope(delta, cache, backend)
        deltas.append(delta)
        us.append(u)
        delta = matmul(u, cache.W.T, precision=backend.precision)
    return delta, InputGradientCache(dense, deltas[::-1], us[::-1])


def mlp_input_gradient_backward(
    dgrad: Float[Array, "batch inputs"],
    cache: InputGradientCache,
    out: Layers | None = None,
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch inputs"], Layers]:
    """Return ``(dx, dlayers)``; `dgrad` is the gradient with respect to what the forward pass returned."""
    xp, g = namespace(dgrad), dgrad
    das, dWs = [], []
    for dense, delta, u in zip(*cache, strict=True):
        du = matmul(g, dense.W, precision=backend.precision)
        dWs.append(matmul(g.T, u, precision=backend.precision))
        das.append(activation_slope_backward(du * delta, ActivationCache(dense.saved, dense.activation)))
        g = _times_slope(du, dense, backend)

    dh = xp.zeros_like(das[-1])
    dlayers = []
    for dense, da, dW in zip(reversed(cache.dense), reversed(das), reversed(dWs), strict=True):
        da = da + _times_slope(dh, dense, backend)
        dlayers.append(LinearParams(dW + matmul(dense.x.T, da, precision=backend.precision), xp.sum(da, axis=0)))
        dh = matmul(da, dense.W.T, precision=backend.precision)
    layers = tuple(reversed(dlayers))
    for into, gradient in zip(out or (), layers, strict=out is not None):
        into.W[...], into.b[...] = gradient
    return dh, out or layers


def _times_slope(dy: Array, dense: DenseCache, backend: Backend) -> Array:
    """Return ``dy * f'(a)`` for the pre-activations a of a layer."""
    xp = namespace(dy)
    copy, column_sums = xp.empty_like(dy), xp.empty(dy.shape[1:], dtype=dy.dtype)
    copy[...] = dy
    return bias_activation_backward_.on(backend)(copy, dense.saved, column_sums, dense.activation)
