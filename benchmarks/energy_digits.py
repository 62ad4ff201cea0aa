"""An energy-based model of the 8x8 digits: what its chains from noise end as, and what it takes for no digit.

A multilayer perceptron is trained by the contrastive loss at temperature 1, on digits with noise of standard deviation
0.07. Afterwards chains start from uniform noise and run at temperature 1, then at 0.4, where they settle in what is
most probable nearby. They end with one step downhill of size 0.07^2: for a density blurred by Gaussian noise of that
width, x - 0.07^2 grad E(x) is the mean of the digits that x can have come from (Robbins 1956, Miyasawa 1961), so that
the step takes the noise of the training data off again. Chains that are not cooled, with the same last step, stand
beside them.

What the chains end as is judged by logistic regression on the clean digits. How often its largest probability exceeds
0.9 depends on its regularisation C; real digits that it has not seen, and uniform noise, stand beside the chains. The
distance of pixel histograms is their total variation in 8 bins. The energies of unseen digits are compared with those
of what is no digit by AUROC, the probability that a random digit has the lower of the two.

Run ``python -m benchmarks.energy_digits``. Seconds are those of the processor.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import scratchgen as sg
from scratchgen import plots
from scratchgen.schedules import LinearDecay

DATA_NOISE, RATE, BATCH_SIZE = 0.07, 1e-3, 128
N_CHAINS, MOMENTS = 200, (0, 10, 30, 100, 300, 1000)
COOL_STEPS, COOL_TEMPERATURE = 200, 0.4
STEP_SIZE = 0.001
REGULARISATIONS = (1.0, 10.0)  # C of the classifiers


def train(x: np.ndarray, seed: int, epochs: int) -> sg.EnergyModel:
    """Return a model trained with a learning rate that falls to a fiftieth."""
    model = sg.EnergyModel(
        64,
        hidden=(256, 256),
        input_scale=2.0,
        loss=sg.Contrastive(regularisation=1e-4, buffer_size=5000, data_noise=DATA_NOISE),
        dynamics=sg.Langevin(n_steps=60, step_size=STEP_SIZE),
        box=(0.0, 1.0),
        seed=seed,
    )
    rate = LinearDecay(epochs * -(-len(x) // BATCH_SIZE), start=RATE, stop=RATE / 50)
    model.fit(x, epochs=epochs, batch_size=BATCH_SIZE, optimizer=sg.Adam(rate), progress=False)
    return model


class Chains(NamedTuple):
    """States at temperature 1 at all moments, (n_moments, N_CHAINS, 64), and the ends without and with cooling."""

    states: np.ndarray
    ends: np.ndarray
    cooled: np.ndarray


def run_chains(model: sg.EnergyModel, stream: sg.Stream) -> Chains:
    """Return chains from noise."""
    states = [model.draw_start(N_CHAINS, stream)]
    for before, now in pairwise(MOMENTS):
        states.append(model.langevin(states[-1], now - before, stream=stream))
    cool = sg.Langevin(step_size=STEP_SIZE, temperature=COOL_TEMPERATURE)
    downhill = sg.Langevin(step_size=DATA_NOISE**2, temperature=0.0)
    cooled = model.langevin(states[-1], COOL_STEPS, cool, stream)
    ends = (model.langevin(x, 1, downhill, stream) for x in (states[-1], cooled))
    return Chains(np.stack(states), *ends)


def no_digits(x: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return images that are no digits, made from digits `x`, from photographs and from noise."""
    random = np.random.default_rng(seed)
    photographs = [photograph.mean(axis=2) / 255 for photograph in load_sample_images().images]
    return {
        "inverted digits": 1 - x,
        "patches of photographs": np.concatenate([patches(p, len(x) // 2, random) for p in photographs]),
        "shuffled pixels": random.permuted(x, axis=1),
        "uniform noise": random.random(x.shape),
    }


def patches(photograph: np.ndarray, n: int, random: np.random.Generator) -> np.ndarray:
    """Return `n` random patches of 8x8, (n, 64)."""
    corners = random.integers(0, np.array(photograph.shape) - 8, (n, 2))
    return np.stack([photograph[i : i + 8, j : j + 8].ravel() for i, j in corners])


def auroc(model: sg.EnergyModel, digits: np.ndarray, others: np.ndarray) -> float:
    """Return the probability that a random digit has a lower energy than one of the others."""
    is_other = np.repeat([0, 1], [len(digits), len(others)])
    return float(roc_auc_score(is_other, np.concatenate([model.energy(digits), model.energy(others)])))


def histogram_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the total variation between the pixel histograms of two sets of images."""
    p, q = (np.histogram(x, bins=8, range=(0, 1))[0] / x.size for x in (a, b))
    return float(np.abs(p - q).sum() / 2)


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
        chains = run_chains(model, sg.Stream(seed).child(2))
        print(
            f"seed {seed}, {options.epochs} epochs: {trained - started:.0f} s to train, "
            f"{time.process_time() - trained:.0f} s for {N_CHAINS} chains of {MOMENTS[-1]} + {COOL_STEPS} steps"
        )
        others = no_digits(data.x_test, seed)
        shown = {
            "cooled chains": chains.cooled,
            "chains not cooled": chains.ends,
            "unseen digits": data.x_test,
            "uniform noise": others["uniform noise"],
        }
        for C, classifier in zip(REGULARISATIONS, classifiers, strict=True):
            for name, x in shown.items():
                p = classifier.predict_proba(x)
                sure = p.max(axis=1) > 0.9
                classes = np.bincount(p.argmax(axis=1)[sure], minlength=10)
                print(f"  C = {C:4g}: {sure.mean():6.1%} of {name} have a class above 0.9; by class {classes}")
        for name, x in shown.items():
            print(f"  pixel histogram of {name}: {histogram_distance(x, data.x_train):.3f} from the digits")
        for name, x in others.items():
            print(f"  AUROC of unseen digits against {name}: {auroc(model, data.x_test, x):.4f}")
        if options.pictures is not None:
            times = (*MOMENTS, MOMENTS[-1] + COOL_STEPS + 1)
            columns = [states[:10] for states in (*chains.states, chains.cooled)]
            strip = plots.fantasy_particles(columns, times, (8, 8), unit="Langevin steps")
            strip.savefig(options.pictures / f"digits_from_noise_{seed}.png", dpi=150)
            grid = plots.image_grid(chains.cooled, (8, 8), n_columns=20)
            grid.savefig(options.pictures / f"digits_{seed}.png", dpi=150)


if __name__ == "__main__":
    main()
