"""CD-1 training of an RBM, beside scikit-learn, beside PyTorch and beside its matrix products alone.

The model is 784-500 on MNIST intensities; batch 64, float32, plain SGD at 0.05. A call is a pass over 100 shuffled
batches, as each contender's users would write it, picking the rows included; times are for one step, of which MNIST has
938 an epoch. What our history reports besides the loss is left out: `monitor_every` says how often it is computed.

scikit-learn keeps persistent chains instead of restarting them at the data, at the same cost. "By hand" in PyTorch is
CD-1 from its statistics without autograd, "autograd" the loss F(v) - F(v') as courses have it; the package rbms makes
its step by its own methods, the first of which must be CD-1 at our rate. The products are those of one step (v W, h W',
v' W, v p, v' p'), in our memory layout and into arrays that exist: what a step would cost if everything but BLAS were
free.

On a GPU, where one is at hand, the same stands there; our step is replayed from a CUDA graph (captured) or made
operation by operation (plain).
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
from benchmarks.steps import step_like
from scratchgen import RBM, SGD, Stream
from scratchgen.training.sources import ArraySource

N_VISIBLE, N_HIDDEN, BATCH, N_BATCHES = 784, 500, 64, 100
LEARNING_RATE = 0.05


def make_ours(x: np.ndarray) -> Callable[[], Any]:
    rbm = RBM(N_VISIBLE, N_HIDDEN, seed=0)
    options = {"batch_size": BATCH, "method": "cd", "optimizer": SGD(LEARNING_RATE), "monitor_every": 10**9}
    return lambda: rbm.fit(x, epochs=1, progress=False, **options)


def make_passes(x: np.ndarray, backend: str, captured: bool) -> Callable[[], Any]:
    """Return the pass that `RBM.fit` makes, with one captured step for all passes: each `fit` captures its own."""
    rbm = RBM(N_VISIBLE, N_HIDDEN, seed=0, backend=backend)
    rbm.use_optimizer(SGD(LEARNING_RATE))
    rows = ArraySource(rbm.backend.asarray(x))
    step = step_like(rbm, rows.x[:BATCH], captured)

    def pass_over() -> None:
        for batch in rows.shuffled(BATCH, rbm.streams["shuffling"]):
            step(batch)

    return pass_over


def make_sklearn(x: np.ndarray) -> Callable[[], Any]:
    from sklearn.neural_network import BernoulliRBM

    rbm = BernoulliRBM(N_HIDDEN, learning_rate=LEARNING_RATE, batch_size=BATCH, random_state=0)
    return _over_batches(x, rbm.partial_fit)


def make_torch(x: np.ndarray, by_hand: bool, device: str = "cpu", how: bool | str = False) -> Callable[[], Any]:
    import torch

    from benchmarks import torch_rbm
    from benchmarks.torch_compiled import compiled

    require_torch_device(device)
    ours = RBM(N_VISIBLE, N_HIDDEN, seed=0)
    rbm = torch_rbm.RBM(*(torch.from_numpy(p.copy()).to(device) for p in (ours.W, ours.b, ours.c)))
    if by_hand:
        step_by_hand = compiled(torch_rbm.step_by_hand, how)
        step: Callable[..., Any] = partial(step_by_hand, rbm, learning_rate=LEARNING_RATE)
    else:
        step = torch_rbm.autograd_step(rbm, LEARNING_RATE)
    rows = torch.from_numpy(x).to(device)

    def pass_over() -> None:
        for indices in torch.randperm(len(rows), device=device).split(BATCH):
            step(rows[indices])

    return pass_over


def make_rbms(x: np.ndarray, device: str = "cpu") -> Callable[[], Any]:
    import torch

    from benchmarks import rbms_package

    require_torch_device(device)
    ours, rows = RBM(N_VISIBLE, N_HIDDEN, seed=0), torch.from_numpy(x).to(device)
    machine = rbms_package.BBRBM(*(torch.from_numpy(p.copy()).to(device) for p in (ours.W, ours.b, ours.c)))
    step = rbms_package.cd_step(machine, LEARNING_RATE, rows[:BATCH])

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
    by_hand, autograd, compiled, rbms = "PyTorch, by hand", "PyTorch, autograd of F", "torch.compile, by hand", "rbms"
    captured, plain, gpu_by_hand, gpu_graphs, gpu_rbms = (
        f"GPU: {name}"
        for name in ("scratchgen, captured", "scratchgen, plain", by_hand, "torch.compile, reduce-overhead", rbms)
    )
    passes = partial(Contender, units=N_BATCHES)
    of_torch, of_torch_on_gpu = partial(make_torch, x, True), partial(make_torch, x, True, "cuda")
    benchmark = Benchmark(
        name="rbm_epoch",
        title=__doc__.splitlines()[0],
        unit="ms",
        per="step",
        contenders=[
            passes(ours, partial(make_ours, x)),
            passes(sklearn, partial(make_sklearn, x)),
            passes(by_hand, of_torch),
            passes(autograd, partial(make_torch, x, by_hand=False)),
            passes(compiled, partial(of_torch, how=True)),
            passes(rbms, partial(make_rbms, x)),
            passes(products, partial(make_products, x)),
            passes(captured, partial(make_passes, x, "cuda", captured=True), synchronise_cuda),
            passes(plain, partial(make_passes, x, "cuda", captured=False), synchronise_cuda),
            passes(gpu_by_hand, of_torch_on_gpu, synchronise_torch),
            passes(gpu_graphs, partial(of_torch_on_gpu, how="reduce-overhead"), synchronise_torch),
            passes(gpu_rbms, partial(make_rbms, x, "cuda"), synchronise_torch),
        ],
        ratios=[
            Ratio(ours, products, at_most=1.25),
            Ratio(sklearn, ours, at_least=1.7),
            Ratio(autograd, ours, at_least=2.4),
            Ratio(by_hand, ours),
            Ratio(compiled, ours),
            Ratio(rbms, ours),
            Ratio(gpu_by_hand, captured),
            Ratio(gpu_graphs, captured),
            Ratio(gpu_rbms, captured),
            Ratio(plain, captured),
        ],
        details={"model": "RBM 784-500, CD-1, float32, SGD", "batch": BATCH, "data": data},
    )
    run(benchmark, options)


if __name__ == "__main__":
    main()
