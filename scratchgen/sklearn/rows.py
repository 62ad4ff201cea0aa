r"""Results of which a row does not depend on the other rows of its batch, to the bit.

A matrix library chooses the order in which it sums by the shape of the whole product: (v W)_i alone and within a batch
differ in their last bits. Two ways out of that are here. The first makes one product of each row, in one layer or
through a network of them; it takes 2 to 4 times as long as one product of all. The second leaves nothing to round, so
that the order of summation cannot show; it is for rows of 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from scratchgen.backend import Backend, namespace
from scratchgen.kernels.bias_activation import bias_activation_forward_
from scratchgen.nn.mlp import Layers
from scratchgen.typing import Array

_MANTISSA_BITS = 53  # of float64


def row_products(v: Array, W: Array) -> Array:
    """Return ``v W``, (n, n_hidden), as n products of one row (1, n_visible) with W (n_visible, n_hidden)."""
    return namespace(v, W).matmul(v[:, None, :], W)[:, 0]


def mlp_by_example(layers: Layers, x: Array, activations: Sequence[str], backend: Backend) -> Array:
    """Return what a network makes of `x` (n, k, inputs), k rows an example, in the type of `x`: (n, k, outputs).

    The k rows of an example are one product, whose shape does not depend on n.
    """
    for layer, activation in zip(layers, activations, strict=True):
        W, b = (array.astype(x.dtype, copy=False) for array in layer)
        products = namespace(x, W).matmul(x, W)  # (n, k, outputs)
        rows = products.reshape(-1, products.shape[-1])
        x = bias_activation_forward_.on(backend)(rows, b, activation)[0].reshape(products.shape)
    return x


def without_rounding_of_sums(W: Array) -> Array:
    r"""Return W (n_visible, n_hidden) in float64, rounded so that ``v W`` is exact for every v of 0 and 1.

    The result is a multiple of :math:`q = 2^{e - 52}`, where :math:`2^e` is larger than :math:`\sum_i |W_{ij}|` for
    every j. Each partial sum is a multiple of q too, and less than :math:`2^{53} q`: float64 holds it. The rounding
    moves ``v W`` by at most :math:`q / 2` times the number of ones in v, which is what summing the unrounded W in
    float64 may cost as well.
    """
    xp = namespace(W)
    W = W.astype(xp.float64)
    _, exponent = xp.frexp(xp.max(xp.sum(xp.abs(W), axis=0)))
    shift = _MANTISSA_BITS - 1 - int(exponent)  # the bit that is left over holds what rounding adds to the sum
    return xp.ldexp(xp.rint(xp.ldexp(W, shift)), -shift)
