"""CD-1 training of an RBM, beside scikit-learn, beside PyTorch and beside its matrix products alone.

The model is 784-500 on MNIST intensities; batch 64, float32, plain SGD at 0.05. A call is a pass over 100 shuffled
batches, as each contender's users would write it, picking the rows included; times are for one step, of which MNIST has
938 an epoch. What our history reports besides the loss is left out: `monitor_every` says how often it is computed.

scikit-learn keeps persistent chains instead of restarting them at the data, at the same cost. "By hand" in PyTorch is
CD-1 from its statistics without autograd, "autograd" the loss F(v) - F(v') as courses have it. The products are those
of one step (v W, h W', v' W, v p, v' p'), in our memory layout and into arrays that exist: what a step would cost if
everything but BLAS were free. On a GPU, where one is at hand, ours stands beside PyTorch by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.devices import require_torch_device, synchronise_cuda, synchronise_torch
from benchmarks.harness import Contender
from benchmarks.machine import available_cores
from benchmarks.mnist import load_rows
from benchmarks.report import Benchmark, Ratio, command_line, run
from scratchgen import RBM, SGD, Stream

N_VISIBLE, N_HIDDEN, BATCH, N_BATCHES = 784, 500, 64, 100
LEARNING_RATE = 0.05


def make_ours(x: np.ndarray, backend: str = "cpu") -> Callable[[], Any]:
    rbm = RBM(N_VISIBLE, N_HIDDEN, seed=0, backend=backend)
    x = rbm.backend.asarray(x)
    options = {"batch_size": BATCH, "method": "cd", "optimizer": SGD(LEARNING_RATE), "monitor_every": 10**9}
    return lambda: rbm.fit(x, epochs=1, progress=False, **options)


def make_sklearn(x: np.ndarray) -> Callable[[], Any]:
    from sklearn.neural_network import BernoulliRBM

    rbm = BernoulliRBM(N_HIDDEN, learning_rate=LEARNING_RATE, batch_size=BATCH, random_state=0)
    return _over_batches(x, rbm.partial_fit)


def make_torch(x: np.ndarray, by_hand: bool, device: str = "cpu") -> Callable[[], Any]:
    import torch

    from benchmarks import torch_rbm

    require_torch_device(device)
    ours = RBM(N_VISIBLE, N_HIDDEN, seed=0)
    rbm = torch_rbm.RBM(*(torch.from_numpy(p.copy()).to(device) for p in (ours.W, ours.b, ours.c)))
    if by_hand:
        step: Callable[..., Any] = partial(torch_rbm.step_by_hand, rbm, learning_rate=LEARNING_RATE)
    else:
        step = torch_rbm.autograd_step(rbm, LEARNING_RATE)
    rows = torch.from_numpy(x).to(device)

    def pass_over() -> None:
        for indices in torch.randperm(len(rows), device=device).split(BATCH):
            step(rows[indices])

    return pass_over


def make_products(x: np.ndarray) -> Callable[[], Any]:
    stream = Stream(0, "numpy")
    W, dW = stream.normal((N_VISIBLE, N_HIDDEN)), np.empty((N_VISIBLE, N_HIDDEN), dtype=np.float32)
    h, product_h = stream.normal((BATCH, N_HIDDEN)), stream.normal((BATCH, N_HIDDEN))
    v, product_v = stream.normal((BATCH, N_VISIBLE)), stream.normal((BATCH, N_VISIBLE))

    def pass_over() -> None:
        for start in range(0, len(x), BATCH):
            np.matmul(x[start : start + BATCH], W, out=product_h)
            np.matmul(h, W.T, out=product_v)
            np.matmul(v, W, out=product_h)
            np.matmul(x[start : start + BATCH].T, h, out=dW)
            np.matmul(v.T, h, out=dW)

    return pass_over


def _over_batches(x: np.ndarray, step: Callable[[np.ndarray], Any]) -> Callable[[], Any]:
    generator = np.random.default_rng(0)

    def pass_over() -> None:
        order = generator.permutation(len(x))
        for start in range(0, len(x), BATCH):
            step(x[order[start : start + BATCH]])

    return pass_over


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("rbm_epoch", __doc__, rounds=15, calls=1, threads=available_cores())
    options = parser.parse_args(arguments)
    x, data = load_rows(BATCH * N_BATCHES)
    ours, sklearn, products = "scratchgen", "scikit-learn BernoulliRBM", "its 5 products, NumPy"
    by_hand, autograd = "PyTorch, by hand", "PyTorch, autograd of F"
    gpu, gpu_by_hand = (f"GPU: {name}" for name in (ours, by_hand))
    benchmark = Benchmark(
        name="rbm_epoch",
        title=__doc__.splitlines()[0],
        unit="ms",
        per="step",
        contenders=[
            Contender(ours, partial(make_ours, x), units=N_BATCHES),
            Contender(sklearn, partial(make_sklearn, x), units=N_BATCHES),
            Contender(by_hand, partial(make_torch, x, by_hand=True), units=N_BATCHES),
            Contender(autograd, partial(make_torch, x, by_hand=False), units=N_BATCHES),
            Contender(products, partial(make_products, x), units=N_BATCHES),
            Contender(gpu, partial(make_ours, x, "cuda"), synchronise_cuda, N_BATCHES),
            Contender(gpu_by_hand, partial(make_torch, x, by_hand=True, device="cuda"), synchronise_torch, N_BATCHES),
        ],
        ratios=[
            Ratio(ours, products, at_most=1.25),
            Ratio(sklearn, ours, at_least=1.7),
            Ratio(autograd, ours, at_least=2.4),
            Ratio(by_hand, ours),
            Ratio(gpu_by_hand, gpu),
        ],
        details={"model": "RBM 784-500, CD-1, float32, SGD", "batch": BATCH, "data": data},
    )
    run(benchmark, options)


if __name__ == "__main__":
    main()
