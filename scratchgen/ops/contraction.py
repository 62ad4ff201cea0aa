r"""The contractive penalty: the squared Frobenius norm of the Jacobian of an encoder, a mean over the batch.

.. math:: C = \frac1n \sum_i \Big\lVert \frac{\partial h(x_i)}{\partial x_i} \Big\rVert_F^2

for layers :math:`a_l = h_{l-1} W_l + b_l`, :math:`h_l = f_l(a_l)`, from :math:`h_0 = x` to the code :math:`h = h_L`.
The Jacobian depends on the weights and on the slopes :math:`s_l = f_l'(a_l)` alone, which are what these functions
take; `scratchgen.ops.activation_slope` leads from the slopes back to the a_l.

========  =============================  ==================================================
symbol    shape                          meaning
========  =============================  ==================================================
W_l       (H_{l-1}, H_l)                 weights; H_0 is the width of the data, H_L = Z
s_l       (n, H_l)                       slopes
B_l       (n, Z, H_l)                    derivative of each unit of the code by a_l
S         (H_1, H_1)                     sum over examples and units of the code of B_1 B_1'
========  =============================  ==================================================

References
----------
S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio: "Contractive auto-encoders: explicit invariance during feature
extraction", ICML 2011.
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import namespace
from scratchgen.kernels.matmul import matmul
from scratchgen.typing import Array, Float


class LayerContractionCache(NamedTuple):
    """What `layer_contraction_backward` needs of the forward pass."""

    W: Array
    slope: Array


class NetworkContractionCache(NamedTuple):
    """What `network_contraction_backward` needs of the forward pass: P_l and B_l for the layers below the code."""

    weights: tuple[Array, ...]
    slopes: tuple[Array, ...]
    products: tuple[Array, ...]
    derivatives: tuple[Array, ...]
    S: Array


def layer_contraction_forward(
    W: Float[Array, "inputs code"], slope: Float[Array, "n code"]
) -> tuple[Array, LayerContractionCache]:
    """Return C of an encoder of one layer, ``(1/n) sum_ik s_ik^2 sum_j W_jk^2``.

    The closed form: unit k has the gradient s_k W_:k. It costs O((n + inputs) code) operations, less than the layer.

    Gradient
    --------
    C is a sum of products of two squares:

        dW_jk = (2 dC / n) W_jk sum_i s_ik^2,    ds_ik = (2 dC / n) s_ik sum_j W_jk^2.
    """
    xp = namespace(W, slope)
    squared_norms = xp.sum(W * W, axis=0)  # (code,)
    return xp.sum(slope * slope * squared_norms) / slope.shape[0], LayerContractionCache(W, slope)


def layer_contraction_backward(
    dpenalty: Array | float, cache: LayerContractionCache
) -> tuple[Float[Array, "inputs code"], Float[Array, "n code"]]:
    """Return ``(dW, dslope)``."""
    W, slope = cache
    xp = namespace(W, slope)
    scale = 2.0 * float(dpenalty) / slope.shape[0]
    return scale * W * xp.sum(slope * slope, axis=0), scale * slope * xp.sum(W * W, axis=0)


def network_contraction_forward(
    weights: tuple[Array, ...], slopes: tuple[Array, ...]
) -> tuple[Array, NetworkContractionCache]:
    """Return C of an encoder of two layers or more, from the weights and the slopes of each, first layer first.

    The derivatives of the code go down through the layers, for all its units at once (' is the transpose):

        B_L = diag(s_L),   P_l = B_{l+1} W_{l+1}',   B_l = P_l * s_l  (each row),   Jacobian = B_1 W_1'.

    The Jacobian itself, (n, Z, H_0), is never formed, for its squared norm is a function of S = sum B_1' B_1:

        C = (1/n) sum || B_1 W_1' ||^2 = (1/n) tr(W_1 S W_1').

    In multiplications that is n Z H_1^2 for S, H_0 H_1^2 for C, and n Z H_{l-1} H_l for each layer between the first
    and the code; with the gradient about three times as many. Memory: P_l and B_l, n Z H_l numbers each.

    Gradient
    --------
    Backward from C through S to B_1, then up through the layers in the order of B:

        dW_1 = (2 dC / n) W_1 S,            dB_1 = (2 dC / n) B_1 W_1' W_1,
        ds_l = sum_k dB_l * P_l,            dP_l = dB_l * s_l,
        dW_{l+1} = sum_ik dP_l' B_{l+1},    dB_{l+1} = dP_l W_{l+1},

    with B_L = diag(s_L) at the top: dW_L = sum_i dP_{L-1}' diag(s_L), and ds_L is the diagonal of dP_{L-1} W_L.
    """
    xp = namespace(*weights, *slopes)
    products = [slopes[-1][:, :, None] * weights[-1].T[None, :, :]]  # P_{L-1}, (n, Z, H_{L-1})
    derivatives = [products[0] * slopes[-2][:, None, :]]
    for W, slope in zip(weights[-2:0:-1], slopes[-3::-1], strict=True):
        products.append(_rows_times(derivatives[-1], W.T))
        derivatives.append(products[-1] * slope[:, None, :])
    rows = _rows(derivatives[-1])  # (n Z, H_1)
    S = matmul(rows.T, rows)
    penalty = xp.sum(weights[0] * matmul(weights[0], S)) / slopes[0].shape[0]
    cache = NetworkContractionCache(weights, slopes, tuple(products[::-1]), tuple(derivatives[::-1]), S)
    return penalty, cache


def network_contraction_backward(
    dpenalty: Array | float, cache: NetworkContractionCache
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return ``(dweights, dslopes)``."""
    weights, slopes, products, derivatives, S = cache
    xp = namespace(S, *weights, *slopes)
    scale = 2.0 * float(dpenalty) / slopes[0].shape[0]
    dweights, dslopes = [scale * matmul(weights[0], S)], []
    dB = _rows_times(derivatives[0], scale * matmul(weights[0].T, weights[0]))  # (n, Z, H_1)
    for below, (W, P) in enumerate(zip(weights[1:], products, strict=True)):
        dslopes.append(xp.sum(dB * P, axis=1))
        dP = dB * slopes[below][:, None, :]
        if below + 1 < len(derivatives):
            dweights.append(matmul(_rows(dP).T, _rows(derivatives[below + 1])))
            dB = _rows_times(dP, W)
    dweights.append(xp.sum(dP * slopes[-1][:, :, None], axis=0).T)  # (H_{L-1}, Z)
    dslopes.append(xp.sum(dP * weights[-1].T[None, :, :], axis=2))  # (n, Z)
    return tuple(dweights), tuple(dslopes)


def _rows(derivative: Array) -> Array:
    """Return (n, Z, width) as (n Z, width): one large product is faster than n small ones."""
    n, code, width = derivative.shape
    return namespace(derivative).reshape(derivative, (n * code, width))


def _rows_times(derivative: Array, matrix: Array) -> Array:
    n, code, _ = derivative.shape
    return namespace(derivative).reshape(matmul(_rows(derivative), matrix), (n, code, matrix.shape[1]))
