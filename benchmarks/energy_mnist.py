"""Energy-based models of MNIST: what their chains from noise end as, and what they take for no digit.

A convolutional energy (Foster, chapter 7) or a multilayer perceptron is trained by the contrastive loss at temperature
1, on digits with noise of standard deviation 0.2. That much noise joins the digits to each other: chains take larger
steps than on clean digits, and mix. `benchmarks.energy_judges` says how it is judged; Fashion-MNIST is one more kind of
image that is no digit, where it is on this machine.

Run ``python -m benchmarks.energy_mnist``. Seconds are those of the processor.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

import scratchgen as sg
from benchmarks.energy_judges import N_CHAINS, no_images_of, print_judgement, run_chains, save_pictures
from scratchgen.schedules import LinearDecay

DATA_NOISE, RATE, BATCH_SIZE = 0.2, 1e-3, 128
DYNAMICS = sg.Langevin(n_steps=30, step_size=0.005)
COOLING = sg.Langevin(n_steps=300, step_size=0.005, temperature=0.5)
N_UNSEEN = 2_000
N_CLASSIFIED = 20_000  # training digits of the classifiers
REGULARISATIONS = (1.0, 10.0)  # C of the classifiers
EPOCHS = {"conv": 8, "mlp": 32}  # about as long as each other


def train(energy: str, x: np.ndarray, seed: int, epochs: int, weights: Path | None) -> sg.EnergyModel:
    """Return a model trained with a learning rate that falls to a fiftieth; `weights` has its latest epoch."""
    settings: dict[str, Any] = {
        "input_scale": 2.0,
        "loss": sg.Contrastive(regularisation=1e-4, buffer_size=5000, data_noise=DATA_NOISE),
        "dynamics": DYNAMICS,
        "box": (0.0, 1.0),
        "seed": seed,
    }
    if energy == "conv":
        model = sg.ConvEnergyModel((28, 28), (16, 32, 64, 64), n_dense=64, **settings)
    else:
        model = sg.EnergyModel(784, (256, 256), **settings)
    rate = LinearDecay(epochs * -(-len(x) // BATCH_SIZE), start=RATE, stop=RATE / 50)
    model.fit(x, epochs=epochs, batch_size=BATCH_SIZE, optimizer=sg.Adam(rate), checkpoint=weights, progress=False)
    return model


def load(weights: Path) -> sg.EnergyModel:
    """Return the model that an earlier run has kept."""
    model = sg.load(weights)
    if not isinstance(model, sg.EnergyModel) or model.n_visible != 784:
        raise sg.InputError(f"{weights} holds no energy-based model of MNIST, but {model!r}")
    return model


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.energy_mnist", description=__doc__.splitlines()[0])
    parser.add_argument("--energy", choices=EPOCHS, default="conv")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="by default 8 of the convolutional energy, 32 of the other")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where to write digits that form from noise")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="where to keep the model, epoch by epoch")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="judge the model that was kept there, train none")
    options = parser.parse_args(arguments)

    data, epochs = sg.datasets.load("mnist"), options.epochs or EPOCHS[options.energy]
    if options.judge is None:
        started = time.process_time()
        model = train(options.energy, data.x_train, options.seed, epochs, options.weights)
        print(f"{time.process_time() - started:.0f} s to train", flush=True)
    else:
        model = load(options.judge)
    started = time.process_time()
    chains = run_chains(model, DATA_NOISE, COOLING, sg.Stream(options.seed).child(2))
    print(
        f"{model.network}, seed {model.seed}, {model.epoch} epochs: "
        f"{time.process_time() - started:.0f} s for {N_CHAINS} chains of {chains.n_steps} steps",
        flush=True,
    )
    unseen = data.x_test[:N_UNSEEN]
    others = no_images_of(data, unseen, options.seed)
    if any(entry.name == "fashion-mnist" and entry.present for entry in sg.datasets.available()):
        others["Fashion-MNIST"] = sg.datasets.load("fashion-mnist").x_test[:N_UNSEEN]
    x, y = data.x_train[:N_CLASSIFIED], data.y_train[:N_CLASSIFIED]
    classifiers = [LogisticRegression(C=C, max_iter=1000, tol=1e-3).fit(x, y) for C in REGULARISATIONS]
    print_judgement(model, chains, data, unseen, others, classifiers)
    if options.pictures is not None:
        save_pictures(chains, data, options.pictures, f"mnist_{options.energy}_{options.seed}")


if __name__ == "__main__":
    main()
