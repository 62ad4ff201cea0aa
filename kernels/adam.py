"""Adam on a flat parameter vector: one pass that updates the parameters and both moments.

With gradient g, first moment m, second moment v and step t = 1, 2, ...:

    m <- beta1 m + (1 - beta1) g
    v <- beta2 v + (1 - beta2) g^2
    theta <- theta - learning_rate * m_hat / (sqrt(v_hat) + epsilon),
    m_hat = m / (1 - beta1^t),  v_hat = v / (1 - beta2^t).

What changes from step to step is an array of two, ``rates = (learning_rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t))`` in
the type of the parameters. It is read on the device, as the draw of a stream is: a captured CUDA graph takes the rates
of each step. The divisions by 1 - beta^t are in it: theta <- theta - rates[0] m / (rates[1] sqrt(v) + epsilon).

References
----------
D. P. Kingma, J. Ba: "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
"""

from __future__ import annotations

import functools
from typing import Any

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.scalar import mul, scalar, sqrt
from scratchgen.typing import Array


def _adam_reference(
    theta: Array, gradient: Array, m: Array, v: Array, rates: Array, beta1: float, beta2: float, epsilon: float
) -> None:
    xp = namespace(theta, gradient, m, v)
    b1, c1, b2, c2, eps = _coefficients(theta.dtype, beta1, beta2, epsilon)
    m[...] = b1 * m + c1 * gradient
    v[...] = b2 * v + c2 * gradient * gradient
    theta -= rates[0] * m / (rates[1] * xp.sqrt(v) + eps)


@functools.cache
def _coefficients(dtype: Any, beta1: float, beta2: float, epsilon: float) -> Any:
    """Return the constants of all steps in the type of the parameters."""
    return tuple(map(dtype.type, (beta1, 1.0 - beta1, beta2, 1.0 - beta2, epsilon)))


@scalar
def _update(
    theta: Any, g: Any, m: Any, v: Any, rate: Any, root_scale: Any, b1: Any, c1: Any, b2: Any, c2: Any, eps: Any
) -> Any:
    m = mul(b1, m) + mul(c1, g)
    v = mul(b2, v) + mul(mul(c2, g), g)
    return theta - mul(rate, m) / (mul(root_scale, sqrt(v)) + eps), m, v


@cpu_kernel()
def _loop(
    first: Any, end: Any, theta: Any, g: Any, m: Any, v: Any, rates: Any, b1: Any, c1: Any, b2: Any, c2: Any, eps: Any
) -> None:
    theta, g, m, v = theta[first:end], g[first:end], m[first:end], v[first:end]
    rate, root_scale = rates[0], rates[1]
    for i in range(theta.size):
        theta[i], m[i], v[i] = _update(theta[i], g[i], m[i], v[i], rate, root_scale, b1, c1, b2, c2, eps)


def _adam_cpu(
    theta: Array, gradient: Array, m: Array, v: Array, rates: Array, beta1: float, beta2: float, epsilon: float
) -> None:
    _loop.share(theta.size, 1, theta, gradient, m, v, rates, *_coefficients(theta.dtype, beta1, beta2, epsilon))


@cuda_kernel
def _kernel(theta: Any, g: Any, m: Any, v: Any, rates: Any, b1: Any, c1: Any, b2: Any, c2: Any, eps: Any) -> None:
    rate, root_scale = rates[0], rates[1]
    for i in range(cuda.grid(1), theta.size, cuda.gridsize(1)):
        theta[i], m[i], v[i] = _update(theta[i], g[i], m[i], v[i], rate, root_scale, b1, c1, b2, c2, eps)


def _adam_cuda(
    theta: Array, gradient: Array, m: Array, v: Array, rates: Array, beta1: float, beta2: float, epsilon: float
) -> None:
    _kernel.launch(theta.size, theta, gradient, m, v, rates, *_coefficients(theta.dtype, beta1, beta2, epsilon))


adam_ = Operation(_adam_reference, _adam_cpu, _adam_cuda)
