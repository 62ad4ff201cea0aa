r"""The gradient of a network's output with respect to its input, forward and backward.

The network is a row of layers, dense or convolutional: :math:`a_l = A_l h_{l-1} + b_l,\ h_l = f(a_l)`, from
:math:`h_0 = x` to :math:`h_L`, with linear maps A_l that the weights W_l stand for; of a dense layer
:math:`A_l h = h W_l`. Its backward pass is a computation with parameters of its own, and has a backward pass again:
that is what a loss needs which contains the gradient of an energy, as score matching does.

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
from typing import Any, NamedTuple

from scratchgen.backend import Backend, namespace
from scratchgen.errors import InputError
from scratchgen.kernels.bias_activation import bias_activation_backward_
from scratchgen.nn.linear_maps import (
    LayerCache,
    linear_map,
    linear_map_adjoint,
    linear_map_weights_gradient,
    params_like,
)
from scratchgen.nn.mlp import Layers, mlp_forward
from scratchgen.ops.activation_slope import activation_slope_backward
from scratchgen.ops.activations import ActivationCache
from scratchgen.ops.linear import REFERENCE
from scratchgen.typing import Array, Float

SMOOTH_ACTIVATIONS = ("swish", "softplus", "tanh", "sigmoid")


class InputGradientCache(NamedTuple):
    """What `input_gradient_backward` needs: of each layer the cache of its forward pass, delta_l and u_l."""

    layers: list[LayerCache]
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


def input_gradient_forward(
    y: Array, caches: Sequence[LayerCache], backend: Backend = REFERENCE
) -> tuple[Array, InputGradientCache]:
    """Return the gradient with respect to the input of a network, row by row, of the sum of its outputs `y`.

    `caches` are those of its layers, the first layer first. From the last layer to the first, with ``*`` elementwise:

        delta_L = 1,   u_l = delta_l * f'(a_l),   delta_{l-1} = A_l^T u_l,   grad_x = delta_0.

    Gradient
    --------
    Let g_l be the gradient of a loss with respect to delta_l; g_0 is given. The lines above, in reverse order, run from
    the first layer to the last. As <g_{l-1}, A_l^T u_l> = <A_l g_{l-1}, u_l>, the weights have the gradient that they
    would have in a forward pass from g_{l-1}:

        du_l = A_l g_{l-1},   dW_l = d<A_l g_{l-1}, u_l> / dW_l,
        g_l = du_l * f'(a_l),   da_l = du_l * delta_l * f''(a_l).

    For a dense layer dW_l = g_{l-1}^T u_l. delta_L is a constant. All a_l depend on x and the parameters by the network
    itself, so the da_l then go through its own backward pass, from the last layer to the first, each joined by what
    comes from the layers above it:

        da_l += (A_{l+1}^T da_{l+1}) * f'(a_l),   dW_l += d<A_l h_{l-1}, da_l> / dW_l,   db_l = sum_i da_l,i,
        dx = A_1^T da_1.
    """
    delta = namespace(y).ones_like(y)
    deltas, us = [], []
    for cache in reversed(caches):
        u = _times_slope(delta, cache, backend)
        deltas.append(delta)
        us.append(u)
        delta = linear_map_adjoint(u, cache, backend)
    return delta, InputGradientCache(list(caches), deltas[::-1], us[::-1])


def input_gradient_backward(
    dgrad: Array, cache: InputGradientCache, out: Any = None, backend: Backend = REFERENCE
) -> tuple[Array, tuple[Any, ...]]:
    """Return ``(dx, dlayers)``; `dgrad` is the gradient with respect to what the forward pass returned."""
    g = dgrad
    das, dWs = [], []
    for layer, delta, u in zip(*cache, strict=True):
        du = linear_map(g, layer, backend)
        dWs.append(linear_map_weights_gradient(g, u, layer, backend))
        slope = ActivationCache(layer.saved, layer.activation)
        das.append(activation_slope_backward(du * delta.reshape(du.shape), slope))
        g = _times_slope(du, layer, backend)

    dh = namespace(dgrad).zeros_like(das[-1])
    dlayers = []
    for layer, da, dW in zip(reversed(cache.layers), reversed(das), reversed(dWs), strict=True):
        da = da + _times_slope(dh, layer, backend)
        dlayers.append(params_like(dW + linear_map_weights_gradient(layer.x, da, layer, backend), da, layer))
        dh = linear_map_adjoint(da, layer, backend)
    layers = tuple(reversed(dlayers))
    for into, gradient in zip(out or (), layers, strict=out is not None):
        into.W[...], into.b[...] = gradient
    return dh, out or layers


def mlp_input_gradient_forward(
    layers: Layers, x: Float[Array, "batch inputs"], activations: Sequence[str], backend: Backend = REFERENCE
) -> tuple[Float[Array, "batch inputs"], InputGradientCache]:
    """Return the gradient with respect to each row of `x` of the sum of its outputs, of a multilayer perceptron.

    Gradient
    --------
    As in `input_gradient_forward`.
    """
    return input_gradient_forward(*mlp_forward(layers, x, activations, backend), backend)


def _times_slope(dy: Array, layer: LayerCache, backend: Backend) -> Array:
    """Return ``dy * f'(a)`` for the pre-activations a of a layer, in their shape."""
    xp = namespace(dy)
    copy, column_sums = xp.empty_like(layer.saved), xp.empty(layer.saved.shape[1:], dtype=dy.dtype)
    copy[...] = dy.reshape(copy.shape)
    return bias_activation_backward_.on(backend)(copy, layer.saved, column_sums, layer.activation)
