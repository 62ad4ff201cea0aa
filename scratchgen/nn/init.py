"""Initial values of weights. Biases start at zero.

References
----------
X. Glorot, Y. Bengio: "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
"""

from __future__ import annotations

import math

from scratchgen.random import Stream
from scratchgen.typing import Array, Float


def glorot_uniform_(W: Float[Array, "*kernel inputs outputs"], stream: Stream) -> None:
    """Fill `W` with uniforms in (-a, a), a = sqrt(6 / (k (inputs + outputs))).

    The variance 2 / (k (inputs + outputs)) keeps the scale of signals forward and of gradients backward about equal:
    each number of the output is a sum over k inputs terms, and each of the input goes into k outputs. In a dense layer
    k = 1; in a convolution it is the number of places in the kernel.
    """
    *kernel, n_inputs, n_outputs = W.shape
    limit = math.sqrt(6.0 / (math.prod(kernel) * (n_inputs + n_outputs)))
    W[...] = limit * (2.0 * stream.uniform(W.shape, W.dtype) - 1.0)
