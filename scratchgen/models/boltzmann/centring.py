r"""Centred training of a Boltzmann machine: the gradient with respect to an equivalent machine whose units have mean 0.

With offsets m of the visible and l of the hidden units, the energy

.. math:: E(v, h) = - \tilde b (v - m) - \tilde c (h - l) - (v - m) W (h - l)

is that of a plain machine with :math:`b = \tilde b - W l` and :math:`c = \tilde c - W^T m`, up to a constant. A step
along the gradient with respect to :math:`W, \tilde b, \tilde c` is the step of the plain parameters

.. math:: \Delta W = g_W - m\, g_c^T - g_b\, l^T, \qquad
          \Delta b = g_b - \Delta W\, l, \qquad \Delta c = g_c - \Delta W^T m,

for the plain gradient g. It does not depend on whether a unit's states are called 0 and 1 or 1 and 0. For Gaussian
units :math:`m / s^2` stands for m, since that is what W sees.

References
----------
J. Melchior, A. Fischer, L. Wiskott: "How to center deep Boltzmann machines", JMLR 17, 2016.
K. Cho, T. Raiko, A. Ilin: "Enhanced gradient for training restricted Boltzmann machines", Neural Computation 25, 2013.
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.kernels.matmul import matmul
from scratchgen.ops.boltzmann import RBMParams, scaled_visible
from scratchgen.typing import Array

_RATE = 0.01  # of the moving averages: the value that Melchior et al. use throughout


class Offsets(NamedTuple):
    """Moving averages over the data: of the visible units, (n_visible,), and of p(h = 1 | v), (n_hidden,)."""

    visible: Array
    hidden: Array


def update_offsets_(offsets: Offsets, x: Array, p_h: Array) -> None:
    """Move the offsets towards the means over a batch, p_h being p(h = 1 | x)."""
    for offset, batch in zip(offsets, (x, p_h), strict=True):
        offset *= 1 - _RATE
        offset += _RATE * batch.mean(axis=0)


def centre_gradient_(grads: RBMParams, offsets: Offsets, params: RBMParams) -> None:
    """Turn the plain gradient into the step of the plain parameters along the centred one."""
    m = scaled_visible(params, offsets.visible[None, :])[0]
    grads.W[...] -= m[:, None] * grads.c + grads.b[:, None] * offsets.hidden
    grads.b[...] -= matmul(grads.W, offsets.hidden)
    grads.c[...] -= matmul(m, grads.W)
