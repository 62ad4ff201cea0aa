"""Bernoulli negative log-likelihood from logits, summed over features, with its gradient in the same pass.

For logits l and data x in [0, 1]:

    nll_r = sum_j softplus(l_rj) - x_rj l_rj,      d nll_r / d l_rj = sigmoid(l_rj) - x_rj.

Row r of the logits belongs to row r % n of the data, so that several samples an example share one copy of x.
Stable for any finite logit: the form -x log p - (1 - x) log(1 - p) is infinite in float32 from logits of 17 on.
"""

from __future__ import annotations

from typing import Any

from scratchgen.backend import namespace
from scratchgen.kernels import Operation, array_math
from scratchgen.kernels._cuda import block_sum, cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.elementary import sigmoid, softplus
from scratchgen.kernels.scalar import mul, scalar
from scratchgen.typing import Array

# ----------------------------------------------------------------------------------------------------- reference


def _by_sample(xp: Any, logits: Array, x: Array) -> Array:
    n_samples = logits.shape[0] // max(x.shape[0], 1)
    return xp.reshape(logits, (n_samples, *x.shape))  # (samples, n, features)


def _bernoulli_nll_reference(logits: Array, x: Array) -> Array:
    """Return nll (rows of the logits,)."""
    xp = namespace(logits, x)
    by_sample = _by_sample(xp, logits, x)
    nll = xp.sum(array_math.softplus(by_sample) - x * by_sample, axis=-1)
    return xp.reshape(nll, (logits.shape[0],))


def _bernoulli_nll_with_grad_reference(logits: Array, x: Array, weight: float) -> tuple[Array, Array]:
    """Return nll (rows,) and ``weight`` times its gradient with respect to the logits."""
    xp = namespace(logits, x)
    by_sample = _by_sample(xp, logits, x)
    dlogits = float(weight) * (
        array_math.sigmoid(by_sample) - x
    )  # float: a float64 scalar of NumPy would make it float64
    return _bernoulli_nll_reference(logits, x), xp.reshape(dlogits, logits.shape)


# ----------------------------------------------------------------------------------------------------------- cpu


@scalar
def _nll(logit: Any, x: Any) -> Any:
    return softplus(logit) - mul(x, logit)


@scalar
def _dlogit(logit: Any, x: Any, weight: Any) -> Any:
    return weight * (sigmoid(logit) - x)


@cpu_kernel(sums=True)
def _nll_loop(first: Any, end: Any, logits: Any, x: Any, nll: Any) -> None:
    for r in range(first, end):
        i = r % x.shape[0]
        total = nll.dtype.type(0)
        for j in range(logits.shape[1]):
            total += _nll(logits[r, j], x[i, j])
        nll[r] = total


@cpu_kernel(sums=True)
def _nll_with_grad_loop(first: Any, end: Any, logits: Any, x: Any, weight: Any, nll: Any, dlogits: Any) -> None:
    for r in range(first, end):
        i = r % x.shape[0]
        total = nll.dtype.type(0)
        for j in range(logits.shape[1]):
            total += _nll(logits[r, j], x[i, j])
            dlogits[r, j] = _dlogit(logits[r, j], x[i, j], weight)
        nll[r] = total


def _bernoulli_nll_cpu(logits: Array, x: Array) -> Array:
    nll = namespace(logits, x).empty(logits.shape[0], dtype=logits.dtype)
    _nll_loop.share(*logits.shape, logits, x, nll)
    return nll


def _bernoulli_nll_with_grad_cpu(logits: Array, x: Array, weight: float) -> tuple[Array, Array]:
    xp = namespace(logits, x)
    nll, dlogits = xp.empty(logits.shape[0], dtype=logits.dtype), xp.empty_like(logits)
    _nll_with_grad_loop.share(*logits.shape, logits, x, logits.dtype.type(weight), nll, dlogits)
    return nll, dlogits


# ---------------------------------------------------------------------------------------------------------- cuda
# A block takes a row; its threads stride over the features and add up in shared memory.


@cuda_kernel
def _nll_kernel(logits: Any, x: Any, nll: Any) -> None:
    for r in range(cuda.blockIdx.x, logits.shape[0], cuda.gridDim.x):
        i = r % x.shape[0]
        partial = 0.0
        for j in range(cuda.threadIdx.x, logits.shape[1], cuda.blockDim.x):
            partial += _nll(logits[r, j], x[i, j])
        total = block_sum(partial)
        if cuda.threadIdx.x == 0:
            nll[r] = total


@cuda_kernel
def _nll_with_grad_kernel(logits: Any, x: Any, weight: Any, nll: Any, dlogits: Any) -> None:
    for r in range(cuda.blockIdx.x, logits.shape[0], cuda.gridDim.x):
        i = r % x.shape[0]
        partial = 0.0
        for j in range(cuda.threadIdx.x, logits.shape[1], cuda.blockDim.x):
            partial += _nll(logits[r, j], x[i, j])
            dlogits[r, j] = _dlogit(logits[r, j], x[i, j], weight)
        total = block_sum(partial)
        if cuda.threadIdx.x == 0:
            nll[r] = total


def _bernoulli_nll_cuda(logits: Array, x: Array) -> Array:
    nll = namespace(logits, x).empty(logits.shape[0], dtype=logits.dtype)
    _nll_kernel.launch_blocks(logits.shape[0], logits, x, nll)
    return nll


def _bernoulli_nll_with_grad_cuda(logits: Array, x: Array, weight: float) -> tuple[Array, Array]:
    xp = namespace(logits, x)
    nll, dlogits = xp.empty(logits.shape[0], dtype=logits.dtype), xp.empty_like(logits)
    _nll_with_grad_kernel.launch_blocks(logits.shape[0], logits, x, logits.dtype.type(weight), nll, dlogits)
    return nll, dlogits


bernoulli_nll = Operation(_bernoulli_nll_reference, _bernoulli_nll_cpu, _bernoulli_nll_cuda)
bernoulli_nll_with_grad = Operation(
    _bernoulli_nll_with_grad_reference, _bernoulli_nll_with_grad_cpu, _bernoulli_nll_with_grad_cuda
)
