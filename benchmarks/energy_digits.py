"""An energy-based model of the 8x8 digits: what its chains from noise end as, and what it takes for no digit.

A multilayer perceptron is trained by the contrastive loss at temperature 1, on digits with noise of standard deviation
0.07. `benchmarks.energy_judges` says how it is judged.

Run ``python -m benchmarks.energy_digits``. Seconds are those of the processor.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import scratchgen as sg
from benchmarks.energy_judges import N_CHAINS, no_images_of, print_judgement, run_chains, save_pictures
from scratchgen.schedules import LinearDecay

DATA_NOISE, RATE, BATCH_SIZE = 0.07, 1e-3, 128
DYNAMICS = sg.Langevin(n_steps=30, step_size=0.002)
COOLING = sg.Langevin(n_steps=100, step_size=0.002, temperature=0.7)
REGULARISATIONS = (1.0, 10.0)  # C of the classifiers


def train(x: np.ndarray, seed: int, epochs: int) -> sg.EnergyModel:
    """Return a model trained with a learning rate that falls to a fiftieth."""
    model = sg.EnergyModel(
        64,
        hidden=(512, 512),
        input_scale=2.0,
        loss=sg.Contrastive(regularisation=1e-4, buffer_size=5000, data_noise=DATA_NOISE),
        dynamics=DYNAMICS,
        box=(0.0, 1.0),
        seed=seed,
    )
    rate = LinearDecay(epochs * -(-len(x) // BATCH_SIZE), start=RATE, stop=RATE / 50)
    model.fit(x, epochs=epochs, batch_size=BATCH_SIZE, optimizer=sg.Adam(rate), progress=False)
    return model


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.energy_digits", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where to write digits that form from noise")
    options = parser.parse_args(arguments)

    data = sg.datasets.load("digits")
    classifiers = [LogisticRegression(C=C, max_iter=3000).fit(data.x_train, data.y_train) for C in REGULARISATIONS]
    for seed in options.seeds:
        started = time.process_time()
        model = train(data.x_train, seed, options.epochs)
        trained = time.process_time()
        chains = run_chains(model, DATA_NOISE, COOLING, sg.Stream(seed).child(2))
        print(
            f"seed {seed}, {options.epochs} epochs: {trained - started:.0f} s to train, "
            f"{time.process_time() - trained:.0f} s for {N_CHAINS} chains of {chains.n_steps} steps"
        )
        others = no_images_of(data, data.x_test, seed)
        print_judgement(model, chains, data, data.x_test, others, classifiers)
        if options.pictures is not None:
            save_pictures(chains, data, options.pictures, f"digits_{seed}")


if __name__ == "__main__":
    main()
