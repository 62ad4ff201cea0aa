"""Stochastic gradient descent on a flat parameter vector, with momentum and without, in one pass.

    velocity <- momentum * velocity + gradient
    theta <- theta - learning_rate * velocity

Without momentum the velocity is the gradient itself: there is no array of velocities to read and write. The learning
rate is an array of one element in the type of the parameters, read on the device: a captured CUDA graph takes that of
each step.

References
----------
I. Sutskever, J. Martens, G. Dahl, G. Hinton: "On the importance of initialization and momentum in deep learning",
ICML 2013, equations 1 and 2 (with the learning rate taken out of the velocity).
"""

from __future__ import annotations

from typing import Any

from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.scalar import mul, scalar
from scratchgen.typing import Array


def _sgd_reference(theta: Array, gradient: Array, velocity: Array, rates: Array, momentum: float) -> None:
    velocity[...] = theta.dtype.type(momentum) * velocity + gradient
    theta -= rates[0] * velocity


def _descend_reference(theta: Array, gradient: Array, rates: Array) -> None:
    theta -= rates[0] * gradient


@scalar
def _update(theta: Any, g: Any, velocity: Any, rate: Any, momentum: Any) -> Any:
    velocity = mul(momentum, velocity) + g
    return theta - mul(rate, velocity), velocity


@cpu_kernel()
def _loop(first: Any, end: Any, theta: Any, g: Any, velocity: Any, rates: Any, momentum: Any) -> None:
    theta, g, velocity = theta[first:end], g[first:end], velocity[first:end]
    rate = rates[0]
    for i in range(theta.size):
        theta[i], velocity[i] = _update(theta[i], g[i], velocity[i], rate, momentum)


@cpu_kernel()
def _descent_loop(first: Any, end: Any, theta: Any, g: Any, rates: Any) -> None:
    theta, g = theta[first:end], g[first:end]
    rate = rates[0]
    for i in range(theta.size):
        theta[i] -= mul(rate, g[i])


def _descend_cpu(theta: Array, gradient: Array, rates: Array) -> None:
    _descent_loop.share(theta.size, 1, theta, gradient, rates)


def _sgd_cpu(theta: Array, gradient: Array, velocity: Array, rates: Array, momentum: float) -> None:
    _loop.share(theta.size, 1, theta, gradient, velocity, rates, theta.dtype.type(momentum))


@cuda_kernel
def _kernel(theta: Any, g: Any, velocity: Any, rates: Any, momentum: Any) -> None:
    rate = rates[0]
    for i in range(cuda.grid(1), theta.size, cuda.gridsize(1)):
        theta[i], velocity[i] = _update(theta[i], g[i], velocity[i], rate, momentum)


@cuda_kernel
def _descent_kernel(theta: Any, g: Any, rates: Any) -> None:
    rate = rates[0]
    for i in range(cuda.grid(1), theta.size, cuda.gridsize(1)):
        theta[i] -= mul(rate, g[i])


def _descend_cuda(theta: Array, gradient: Array, rates: Array) -> None:
    _descent_kernel.launch(theta.size, theta, gradient, rates)


def _sgd_cuda(theta: Array, gradient: Array, velocity: Array, rates: Array, momentum: float) -> None:
    _kernel.launch(theta.size, theta, gradient, velocity, rates, theta.dtype.type(momentum))


descend_ = Operation(_descend_reference, _descend_cpu, _descend_cuda)
sgd_ = Operation(_sgd_reference, _sgd_cpu, _sgd_cuda)
