"""Test -log p(x) of MNIST, by importance sampling, beside the figures of Burda et al. for one stochastic layer.

The setting is theirs: 784-200-200-50 with tanh and back, Glorot's weights, the output bias at the logit of the mean
image, images binarised afresh in each epoch, batches of 20, Adam with epsilon 1e-4, and 8 stages of 3^i epochs, 3,280
in all, whose learning rate falls from 1e-3 to 1e-4. -log p(x) is from 5,000 draws an image of a test set that is
binarised once. Adam's moments start anew with each stage.

Fewer ``--stages`` scale the schedule down, with the same first and last rate. A heading says of how much of the setting
the rows below it are. With ``--weights FOLDER`` each model is saved after every epoch, and a run that was interrupted
goes on from there; a model that has seen more epochs than are asked for is evaluated as it is.

    python -m benchmarks.iwae_table --stages 3 --test-images 500 --evaluation-draws 500     # on a CPU
    python -m benchmarks.iwae_table --backend cuda --weights iwae                           # the whole schedule

Reference: Y. Burda, R. Grosse, R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016, section 5 and table 1.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.report import at_least
from scratchgen import VAE, Adam, Stream, datasets, load, to_numpy
from scratchgen.latent import active_units

# nats; the objective and the number of draws in it
PUBLISHED = {
    ("elbo", 1): 86.76,
    ("elbo", 5): 86.47,
    ("elbo", 50): 86.35,
    ("iwae", 1): 86.76,
    ("iwae", 5): 85.54,
    ("iwae", 50): 84.78,
}
STAGES, TRAINING_IMAGES, TEST_IMAGES, EVALUATION_DRAWS = 8, 60_000, 10_000, 5000
FIRST_RATE, LAST_RATE, BATCH_SIZE = 1e-3, 1e-4, 20
NAMES = {"elbo": "VAE", "iwae": "IWAE"}
COLUMNS = "model   k  epochs  -log p(x), ours  published  active units  minutes"


def schedule(n_stages: int) -> Iterator[tuple[int, float]]:
    """Yield the last epoch of each stage and its learning rate."""
    last_epoch = 0
    for i in range(n_stages):
        last_epoch += 3**i
        yield last_epoch, FIRST_RATE * (LAST_RATE / FIRST_RATE) ** (i / max(n_stages - 1, 1))


def new_model(objective: str, k: int, seed: int, backend: str) -> VAE:
    return VAE(
        n_visible=784,
        hidden=(200, 200),
        n_latent=50,
        activation="tanh",
        objective=objective,
        n_samples=k,
        binarise=True,
        seed=seed,
        backend=backend,
    )


def train(vae: VAE, x: np.ndarray, n_stages: int, weights: Path | None) -> None:
    """Train until the schedule's end, from wherever the model stands in it."""
    for last_epoch, rate in schedule(n_stages):
        if vae.epoch < last_epoch:
            vae.fit(
                x,
                epochs=last_epoch - vae.epoch,
                batch_size=BATCH_SIZE,
                optimizer=Adam(rate, epsilon=1e-4),
                checkpoint=weights,
                progress=False,
            )
            stage = f"{NAMES[vae.objective]} k={vae.n_samples}: epoch {vae.epoch}"
            print(f"{stage}, rate {rate:.2g}, loss {vae.history.loss[-1]:.2f}", file=sys.stderr, flush=True)


def scale_of(epochs: int, updates: int, n_test: int, n_draws: int) -> str:
    """Say how much of the published setting a model has seen, and its figure is of."""
    *_, (all_epochs, _) = schedule(STAGES)
    parts = {
        "epochs": (epochs, all_epochs),
        "updates": (updates, all_epochs * TRAINING_IMAGES // BATCH_SIZE),  # fewer an epoch, too, of fewer images
        "test images": (n_test, TEST_IMAGES),
        "draws an image": (n_draws, EVALUATION_DRAWS),
    }
    missing = [f"{ours:,} of {theirs:,} {name}" for name, (ours, theirs) in parts.items() if ours != theirs]
    return f"SCALED DOWN: {', '.join(missing)}" if missing else "the whole published setting"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.iwae_table", description=__doc__.splitlines()[0])
    parser.add_argument("--objectives", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--draws", nargs="+", type=int, choices=[1, 5, 50], default=[1, 5, 50], help="in the objective")
    parser.add_argument("--stages", type=at_least(1), default=STAGES, help="stage i has 3^i epochs")
    parser.add_argument("--training-images", type=at_least(1), default=TRAINING_IMAGES)
    parser.add_argument("--test-images", type=at_least(2), default=TEST_IMAGES)
    parser.add_argument("--evaluation-draws", type=at_least(1), default=EVALUATION_DRAWS, help="an image")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--weights", type=Path, help="folder for the models; those that are there are continued")
    options = parser.parse_args(arguments)

    data = datasets.load("mnist")
    x = data.x_train[: options.training_images]
    x_test = Stream(options.seed, "numpy").child(1).bernoulli(data.x_test)[: options.test_images]
    heading = None
    for objective in options.objectives:
        for k in options.draws:
            started = time.perf_counter()
            path = None
            vae = new_model(objective, k, options.seed, options.backend)
            if options.weights is not None:
                options.weights.mkdir(parents=True, exist_ok=True)
                path = options.weights / f"{objective}-{k}.safetensors"
                vae = load(path, options.backend) if path.exists() else vae
            train(vae, x, options.stages, path)
            nll = -to_numpy(vae.log_likelihood(x_test, options.evaluation_draws))
            n_active = int(active_units(vae.encode(x_test)[0]).sum())
            error = nll.std() / math.sqrt(len(nll))
            minutes = (time.perf_counter() - started) / 60
            if heading != (scale := scale_of(vae.epoch, vae.step, len(x_test), options.evaluation_draws)):
                heading = scale
                print(f"{heading}\n{COLUMNS}")
            print(
                f"{NAMES[objective]:5} {k:3}  {vae.epoch:6}  {nll.mean():7.2f} ± {error:5.2f}  "
                f"{PUBLISHED[objective, k]:9.2f}  {n_active:12}  {minutes:7.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
