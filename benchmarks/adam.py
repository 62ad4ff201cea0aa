"""One step of Adam on all parameters of a VAE 784-400-20, on one core, beside NumPy, PyTorch and a copy of the memory.

The step reads parameters, gradient and both moments, and writes all but the gradient: 28 bytes a parameter in float32,
where a copy moves 8. Before they are timed, NumPy and PyTorch must arrive at our parameters after three steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import Contender
from benchmarks.report import Benchmark, Ratio, command_line, run
from scratchgen import VAE, Adam, ScratchgenError, Stream, get_backend

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
BYTES_MOVED, BYTES_COPIED = 28, 8


def _arrays() -> tuple[np.ndarray, np.ndarray]:
    theta = VAE(784, (400,), 20, seed=0).theta
    return theta, 0.01 * Stream(0).normal(theta.shape)


def _ours() -> tuple[np.ndarray, Callable[[], None]]:
    theta, gradient = _arrays()
    backend, optimizer = get_backend("cpu"), Adam(RATE, BETA1, BETA2, EPSILON)
    state = optimizer.start(theta, np)
    return theta, partial(optimizer.step_, theta, gradient, state, backend)


def make_ours() -> Callable[[], Any]:
    return _ours()[1]


def make_numpy() -> Callable[[], Any]:
    theta, g = _arrays()
    m, v, n_steps = np.zeros_like(theta), np.zeros_like(theta), 0

    def step() -> None:
        nonlocal m, v, n_steps
        n_steps += 1
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g * g
        m_hat, v_hat = m / (1 - BETA1**n_steps), v / (1 - BETA2**n_steps)
        theta[...] -= RATE * m_hat / (np.sqrt(v_hat) + EPSILON)

    _check(theta, step)
    return step


def make_torch(**options: bool) -> Callable[[], Any]:
    import torch

    theta, g = _arrays()
    parameter = torch.nn.Parameter(torch.from_numpy(theta))
    parameter.grad = torch.from_numpy(g)
    step = torch.optim.Adam([parameter], lr=RATE, betas=(BETA1, BETA2), eps=EPSILON, **options).step
    _check(theta, step)
    return step


def make_copy() -> Callable[[], Any]:
    theta, gradient = _arrays()
    return partial(np.copyto, theta, gradient)


def _check(theta: np.ndarray, step: Callable[[], Any]) -> None:
    expected, our_step = _ours()
    for _ in range(3):
        our_step()
        step()
    if not np.allclose(theta, expected, rtol=1e-5, atol=1e-7):
        raise ScratchgenError("three steps do not lead to our parameters")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("adam", __doc__, rounds=20, calls=20, threads=1)
    options = parser.parse_args(arguments)
    n_parameters = VAE(784, (400,), 20).theta.size
    makers: dict[str, Callable[[], Callable[[], Any]]] = {
        "scratchgen": make_ours,
        "NumPy": make_numpy,
        "PyTorch Adam": make_torch,
        "PyTorch Adam, fused": partial(make_torch, fused=True),
        "copy": make_copy,
    }
    benchmark = Benchmark(
        name="adam",
        title=__doc__.splitlines()[0],
        unit="ns",
        per="parameter",
        contenders=[Contender(name, make, units=n_parameters) for name, make in makers.items()],
        ratios=[
            Ratio("NumPy", "scratchgen"),
            Ratio("PyTorch Adam", "scratchgen"),
            Ratio("PyTorch Adam, fused", "scratchgen"),
            Ratio("scratchgen", "copy", at_most=1.2 * BYTES_MOVED / BYTES_COPIED),
        ],
        details={"parameters": n_parameters, "dtype": "float32"},
    )
    run(benchmark, options)


if __name__ == "__main__":
    main()
