r"""The linear map inside a layer, dense or convolutional, with its adjoint, for passes that are not the layer's own.

A layer computes :math:`y = f(A x + b)`. What differentiates its backward pass once more needs A, the adjoint
:math:`A^T`, and the gradient of :math:`\langle A x, da \rangle` with respect to the weights; b and f take no part. The
layer is given by the cache of its forward pass.

========  ============================  =============================================================
symbol    shape                         meaning
========  ============================  =============================================================
x         that of ``cache.x``           input of the layer
a, da     that of ``cache.saved``       a matrix; of a convolution with a row for each place of the grid
========  ============================  =============================================================

Every function takes an array of another shape with as many numbers, in the same order: between a convolution and a
dense layer nothing has to be flattened.
"""

from __future__ import annotations

from scratchgen.backend import Backend, namespace
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.convolution import ConvCache, ConvParams, as_matrix
from scratchgen.ops.linear import DenseCache, LinearParams
from scratchgen.ops.windows import apply_adjoint, apply_map, weights_gradient
from scratchgen.typing import Array

LayerCache = DenseCache | ConvCache


def linear_map(x: Array, cache: LayerCache, backend: Backend) -> Array:
    """Return A x."""
    x = x.reshape(cache.x.shape)
    if isinstance(cache, ConvCache):
        return apply_map(x, as_matrix(cache.W), cache.geometry, backend)
    return matmul(x, cache.W, precision=backend.precision)


def linear_map_adjoint(da: Array, cache: LayerCache, backend: Backend) -> Array:
    """Return A^T da."""
    da = da.reshape(cache.saved.shape)
    if isinstance(cache, ConvCache):
        return apply_adjoint(da, as_matrix(cache.W), cache.geometry, backend)
    return matmul(da, cache.W.T, precision=backend.precision)


def linear_map_weights_gradient(x: Array, da: Array, cache: LayerCache, backend: Backend) -> Array:
    """Return the gradient of <A x, da> with respect to W, in the shape of W."""
    x, da = x.reshape(cache.x.shape), da.reshape(cache.saved.shape)
    if isinstance(cache, ConvCache):
        return weights_gradient(x, da, cache.geometry, backend).reshape(cache.W.shape)
    return matmul(x.T, da, precision=backend.precision)


def params_like(dW: Array, da: Array, cache: LayerCache) -> LinearParams | ConvParams:
    """Return dW and the gradient with respect to the bias, sum_i da_i, as the parameters of such a layer."""
    kind = ConvParams if isinstance(cache, ConvCache) else LinearParams
    return kind(dW, namespace(da).sum(da.reshape(cache.saved.shape), axis=0))
