"""Initial values of weights. Biases start at zero.

References
----------
X. Glorot, Y. Bengio: "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
"""

from __future__ import annotations

import math

from scratchgen.random import Stream
from scratchgen.typing import Array, Float


def glorot_uniform_(W: Float[Array, "inputs outputs"], stream: Stream) -> None:
    """Fill `W` with uniforms in (-a, a), a = sqrt(6 / (inputs + outputs)).

    The variance 2 / (inputs + outputs) keeps the scale of signals forward and of gradients backward about equal.
    """
    limit = math.sqrt(6.0 / sum(W.shape))
    W[...] = limit * (2.0 * stream.uniform(W.shape, W.dtype) - 1.0)
