"""Adam on a flat parameter vector: one pass that updates the parameters and both moments.

With gradient g, first moment m, second moment v and step t = 1, 2, ...:

    m <- beta1 m + (1 - beta1) g
    v <- beta2 v + (1 - beta2) g^2
    theta <- theta - learning_rate * m_hat / (sqrt(v_hat) + epsilon),
    m_hat = m / (1 - beta1^t),  v_hat = v / (1 - beta2^t).

References
----------
D. P. Kingma, J. Ba: "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.scalar import mul, scalar, sqrt
from scratchgen.typing import Array


def _adam_reference(
    theta: Array,
    gradient: Array,
    m: Array,
    v: Array,
    t: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    xp = namespace(theta, gradient, m, v)
    b1, c1, b2, c2, rate, root_scale, eps = _coefficients(theta.dtype, t, learning_rate, beta1, beta2, epsilon)
    m[...] = b1 * m + c1 * gradient
    v[...] = b2 * v + c2 * gradient * gradient
    theta -= rate * m / (root_scale * xp.sqrt(v) + eps)


def _coefficients(dtype: Any, t: int, learning_rate: float, beta1: float, beta2: float, epsilon: float) -> Any:
    """Return the scalars of one step in the type of the parameters.

    The divisions by 1 - beta^t are taken out of the loop: theta <- theta - rate * m / (root_scale * sqrt(v) + epsilon).
    """
    rate = learning_rate / (1.0 - beta1**t)
    root_scale = (1.0 - beta2**t) ** -0.5
    to_type = np.dtype(dtype).type
    return tuple(to_type(c) for c in (beta1, 1.0 - beta1, beta2, 1.0 - beta2, rate, root_scale, epsilon))


@scalar
def _update(
    theta: Any, g: Any, m: Any, v: Any, b1: Any, c1: Any, b2: Any, c2: Any, rate: Any, root_scale: Any, eps: Any
) -> Any:
    m = mul(b1, m) + mul(c1, g)
    v = mul(b2, v) + mul(mul(c2, g), g)
    return theta - mul(rate, m) / (mul(root_scale, sqrt(v)) + eps), m, v


@cpu_kernel()
def _loop(
    theta: Any, g: Any, m: Any, v: Any, b1: Any, c1: Any, b2: Any, c2: Any, rate: Any, root_scale: Any, eps: Any
) -> None:
    for i in range(theta.size):
        theta[i], m[i], v[i] = _update(theta[i], g[i], m[i], v[i], b1, c1, b2, c2, rate, root_scale, eps)


def _adam_cpu(
    theta: Array,
    gradient: Array,
    m: Array,
    v: Array,
    t: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    _loop(theta, gradient, m, v, *_coefficients(theta.dtype, t, learning_rate, beta1, beta2, epsilon))


@cuda_kernel
def _kernel(
    theta: Any, g: Any, m: Any, v: Any, b1: Any, c1: Any, b2: Any, c2: Any, rate: Any, root_scale: Any, eps: Any
) -> None:
    for i in range(cuda.grid(1), theta.size, cuda.gridsize(1)):
        theta[i], m[i], v[i] = _update(theta[i], g[i], m[i], v[i], b1, c1, b2, c2, rate, root_scale, eps)


def _adam_cuda(
    theta: Array,
    gradient: Array,
    m: Array,
    v: Array,
    t: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    coefficients = _coefficients(theta.dtype, t, learning_rate, beta1, beta2, epsilon)
    _kernel.launch(theta.size, theta, gradient, m, v, *coefficients)


adam_ = Operation(_adam_reference, _adam_cpu, _adam_cuda)
