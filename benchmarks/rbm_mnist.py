"""How likely the test digits of MNIST are under an RBM 784-500, by annealed importance sampling in both directions.

The training digits are binarised afresh for each batch, the test digits once. Training writes a checkpoint every epoch.
The same command continues an interrupted run, exactly where it stopped, and evaluates a finished one again.

Forward chains start at independent pixels, and their log Z tends to be too small, so that the likelihood is too large.
Chains in reverse need samples of the model, whose exact law nobody can draw from here: they are the ends of **long
Gibbs chains from training digits**, and the reverse log Z is an upper bound only in so far as these chains have
forgotten where they started. What both directions agree on can be believed; a standard error alone cannot. Both use the
schedule of the reference, 14,501 inverse temperatures, unless --coarsening makes it shorter.

    python -m benchmarks.rbm_mnist --epochs 200 --backend cuda
    python -m benchmarks.rbm_mnist --method cd --k 25 --plain --epochs 200

Reference: R. Salakhutdinov, I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import scratchgen as sg
from scratchgen.backend import to_numpy
from scratchgen.inference.ais import PartitionEstimate
from scratchgen.inference.annealing import salakhutdinov_murray_schedule
from scratchgen.models.boltzmann.negative_phase import negative_phase_of
from scratchgen.schedules import LinearDecay
from scratchgen.typing import Array

N_VISIBLE = 784
PUBLISHED = """published: -86.34 (Salakhutdinov & Murray 2008: plain RBM 784-500 trained by CD-25;
           forward AIS only, 100 chains, 14,501 inverse temperatures)"""


def untrained(options: argparse.Namespace) -> sg.RBM:
    """Return the model at its start, with how it is to be trained."""
    rbm = sg.RBM(
        N_VISIBLE,
        options.hidden,
        binarise=True,
        centred=not options.plain,
        seed=options.seed,
        backend=options.backend,
    )
    method = {"k": options.k} if options.method == "cd" else {"k": options.k, "n_chains": options.chains}
    rbm.use_negative_phase(negative_phase_of(options.method, method))
    n_steps = options.epochs * -(-options.images // options.batch)
    constant = options.schedule == "constant"
    rate = options.learning_rate if constant else LinearDecay(n_steps, start=options.learning_rate)
    rbm.use_optimizer(sg.SGD(rate, options.momentum))
    return rbm


def resumed(rbm: sg.RBM, path: Path) -> sg.RBM:
    """Return the model of the checkpoint if there is one, or else `rbm`, which it must have started as."""
    if not path.exists():
        return rbm
    saved = sg.load(path, rbm.backend)
    for what in ("settings", "seed", "negative_phase", "optimizer"):
        found, wanted = getattr(saved, what), getattr(rbm, what)
        if found != wanted:
            raise SystemExit(
                f"{path} was trained with {what} {found}, and these options ask for {wanted}: "
                "give the options that it was started with, or another --checkpoint"
            )
    print(f"{path}: {saved.epoch} epochs are done")
    return saved


def train(rbm: sg.RBM, x: Array, options: argparse.Namespace) -> None:
    """Train until `options.epochs` are done."""
    if rbm.epoch < options.epochs:
        rbm.fit(x, epochs=options.epochs - rbm.epoch, batch_size=options.batch, checkpoint=options.checkpoint)


def evaluate(rbm: sg.RBM, x_train: Array, x_test: Array, options: argparse.Namespace) -> None:
    """Print the mean log-likelihood of the test digits by both directions of AIS, and their gap."""
    stream = sg.Stream(options.seed + 1, rbm.backend)
    betas = salakhutdinov_murray_schedule(options.coarsening)
    print(f"AIS: {options.ais_chains} chains, {len(betas):,} inverse temperatures")
    forward = rbm.annealed_importance_sampling(options.ais_chains, betas, stream, progress=True)
    rows = stream.permutation(x_train.shape[0])[: options.ais_chains]
    start = stream.bernoulli(rbm.check_data(x_train)[rows])
    samples = rbm.gibbs(start, options.sample_sweeps, stream)
    reverse = rbm.reverse_annealed_importance_sampling(samples, betas, stream, progress=True)

    free_energy = to_numpy(rbm.free_energy(stream.bernoulli(rbm.check_data(x_test))))
    print(
        f"mean F of {len(x_test):,} test digits: {free_energy.mean():.2f}, standard deviation {free_energy.std():.2f}"
    )
    print("           log Z                         chains that carry it   test log-likelihood")
    for name, estimate in (("forward", forward), ("reverse", reverse)):
        print(f"{name:9}  {describe(estimate)}   {-free_energy.mean() - estimate.log_partition:.2f} nats")
    print(f"gap        {reverse.log_partition - forward.log_partition:.2f}")
    print(f"           (reverse from Gibbs chains of {options.sample_sweeps:,} sweeps from training digits)")
    print(PUBLISHED)


def describe(estimate: PartitionEstimate) -> str:
    """Return log Z with its standard error, and the effective sample size."""
    chains = f"{estimate.effective_sample_size:.1f} of {len(estimate.log_weights)}"
    return f"{estimate.log_partition:8.2f}, standard error {estimate.standard_error:4.2f}   {chains:20}"


def describe_training(rbm: sg.RBM, options: argparse.Namespace) -> str:
    """Return the setting, in words, with the seconds that training took."""
    gradient = "centred" if rbm.centred else "plain"
    return (
        f"RBM {N_VISIBLE}-{rbm.n_hidden}, {gradient}, seed {rbm.seed}, {rbm.negative_phase}\n"
        f"{rbm.epoch} epochs of {options.images:,} digits binarised afresh, batches of {options.batch}, "
        f"{sum(rbm.history.seconds):.0f} s on {rbm.backend.name!r}\n{rbm.optimizer}"
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rbm_mnist",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )

    def option(name: str, default: Any, text: str, **more: Any) -> None:
        parser.add_argument(name, default=default, help=text, **({"type": type(default)} | more))

    option("--epochs", 200, "in all, those of an interrupted run included")
    option("--method", "pcd", "of the negative phase", choices=["cd", "pcd", "pt"])
    option("--k", 1, "Gibbs sweeps for each batch")
    option("--chains", 100, "that persist, for pcd and pt (at each temperature)")
    option("--hidden", 500, "hidden units")
    option("--images", 60_000, "training digits, the first ones")
    option("--batch", 100, "digits in a batch")
    option("--learning-rate", 0.05, "of plain SGD, at the start")
    option("--schedule", "linear", "of the rate: constant, or falling to 0", choices=["constant", "linear"])
    option("--momentum", 0.0, "of SGD")
    parser.add_argument("--plain", action="store_true", help="train along the plain gradient, not the centred one")
    option("--backend", "cpu", "that trains and samples", choices=["numpy", "cpu", "cuda"])
    option("--seed", 0, "of the model; the next one is that of AIS")
    option("--ais-chains", 100, "in each direction")
    option("--coarsening", 1, "factor by which the schedule of AIS is shorter")
    option("--sample-sweeps", 10_000, "of the Gibbs chains whose ends start the reverse direction")
    option("--checkpoint", Path("rbm_mnist.safetensors"), "where the model is kept; where it exists, it is continued")
    options = parser.parse_args(arguments)
    if options.epochs < 1 or not 1 <= options.images <= 60_000 or options.batch < 1:
        parser.error("--epochs and --batch must be at least 1, --images from 1 to 60000")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    data = sg.datasets.load("mnist")
    x_train = data.x_train[: options.images]
    rbm = resumed(untrained(options), options.checkpoint)
    train(rbm, x_train, options)
    print(describe_training(rbm, options))
    evaluate(rbm, x_train, data.x_test, options)


if __name__ == "__main__":
    main()
