"""What the chains of an energy-based model of images end as, and what the energy takes for no such image.

Chains start from uniform noise and run at temperature 1, then at a lower one, where they settle in what is most
probable nearby. They end with one step downhill of size s^2, where s is the standard deviation of the noise on the
training data: for a density blurred by Gaussian noise of that width, x - s^2 grad E(x) is the mean of the images that x
can have come from (Robbins 1956, Miyasawa 1961), so that the step takes the noise of the training data off again.
Chains that are not cooled, with the same last step, stand beside them.

What the chains end as is judged by logistic regression on clean images. How often its largest probability exceeds 0.9
depends on its regularisation C; real images that it has not seen, and uniform noise, stand beside the chains. The
distance of pixel histograms is their total variation in 8 bins. The energies of unseen images are compared with those
of what is none by AUROC, the probability that a random image has the lower of the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import scratchgen as sg
from scratchgen import plots
from scratchgen.datasets import Dataset
from scratchgen.datasets.dataset import image_shape_of

N_CHAINS, MOMENTS = 200, (0, 10, 30, 100, 300, 1000)
N_COLUMNS = 20


class Chains(NamedTuple):
    """States at temperature 1 at all moments, (n_moments, N_CHAINS, D), and the ends without and with cooling.

    `n_steps` are those of a cooled chain in all.
    """

    states: np.ndarray
    ends: np.ndarray
    cooled: np.ndarray
    n_steps: int


def run_chains(model: sg.EnergyModel, data_noise: float, cooling: sg.Langevin, stream: sg.Stream) -> Chains:
    """Return chains from noise, of a model that was trained with noise of standard deviation `data_noise`."""
    states = [model.draw_start(N_CHAINS, stream)]
    for before, now in pairwise(MOMENTS):
        states.append(model.langevin(states[-1], now - before, stream=stream))
    downhill = sg.Langevin(step_size=data_noise**2, temperature=0.0)
    cooled = model.langevin(states[-1], cooling.n_steps, cooling, stream)
    ends = (model.langevin(x, 1, downhill, stream) for x in (states[-1], cooled))
    return Chains(np.stack(states), *ends, n_steps=MOMENTS[-1] + cooling.n_steps + 1)


def no_images_of(data: Dataset, x: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return what is no image of `data`, made from its images `x`, from photographs and from noise."""
    random = np.random.default_rng(seed)
    photographs = [photograph.mean(axis=2) / 255 for photograph in load_sample_images().images]
    shape = image_shape_of(data)
    return {
        "inverted images": 1 - x,
        "patches of photographs": np.concatenate([patches(p, shape, len(x) // 2, random) for p in photographs]),
        "shuffled pixels": random.permuted(x, axis=1),
        "uniform noise": random.random(x.shape),
    }


def patches(photograph: np.ndarray, shape: tuple[int, ...], n: int, random: np.random.Generator) -> np.ndarray:
    """Return `n` random patches of this shape as rows."""
    height, width = shape
    corners = random.integers(0, np.array(photograph.shape) - shape, (n, 2))
    return np.stack([photograph[i : i + height, j : j + width].ravel() for i, j in corners])


def auroc(model: sg.EnergyModel, images: np.ndarray, others: np.ndarray) -> float:
    """Return the probability that a random image has a lower energy than one of the others."""
    is_other = np.repeat([0, 1], [len(images), len(others)])
    return float(roc_auc_score(is_other, np.concatenate([model.energy(images), model.energy(others)])))


def histogram_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the total variation between the pixel histograms of two sets of images."""
    p, q = (np.histogram(x, bins=8, range=(0, 1))[0] / x.size for x in (a, b))
    return float(np.abs(p - q).sum() / 2)


def print_judgement(
    model: sg.EnergyModel,
    chains: Chains,
    data: Dataset,
    unseen: np.ndarray,
    others: Mapping[str, np.ndarray],
    classifiers: Sequence[LogisticRegression],
) -> None:
    """Print what `classifiers`, pixel histograms and energies say of the chains, of unseen images and of the others."""
    shown = {
        "cooled chains": chains.cooled,
        "chains not cooled": chains.ends,
        "unseen images": unseen,
        "uniform noise": others["uniform noise"],
    }
    for classifier in classifiers:
        for name, x in shown.items():
            p = classifier.predict_proba(x)
            sure = p.max(axis=1) > 0.9
            classes = np.bincount(p.argmax(axis=1)[sure], minlength=len(data.classes))
            print(f"  C = {classifier.C:4g}: {sure.mean():6.1%} of {name} have a class above 0.9; by class {classes}")
    for name, x in shown.items():
        print(f"  pixel histogram of {name}: {histogram_distance(x, data.x_train):.3f} from the training images")
    for name, x in others.items():
        print(f"  AUROC of unseen images against {name}: {auroc(model, unseen, x):.4f}", flush=True)


def save_pictures(chains: Chains, data: Dataset, folder: Path, name: str) -> None:
    """Write images that form from noise, and all cooled chains."""
    shape = image_shape_of(data)
    times = (*MOMENTS, chains.n_steps)
    columns = [states[:10] for states in (*chains.states, chains.cooled)]
    strip = plots.fantasy_particles(columns, times, shape, unit="Langevin steps")
    strip.savefig(folder / f"{name}_from_noise.png", dpi=150)
    plots.image_grid(chains.cooled, shape, n_columns=N_COLUMNS).savefig(folder / f"{name}.png", dpi=150)
