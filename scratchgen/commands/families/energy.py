"""Energy-based models: energies of what is and of what is no test image, chains from noise, pictures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen import plots
from scratchgen.backend import to_numpy
from scratchgen.commands.families.family import Family, HeldOut, Images, Picture
from scratchgen.commands.options import Evaluation, Sampling
from scratchgen.commands.terms import estimate
from scratchgen.datasets import Dataset
from scratchgen.random import Stream
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgen.models.energy.energy_model import EnergyModel

N_CHAINS = 8
N_STEPS = (0, 10, 20, 50, 100, 200, 500, 1000)  # at which the chains are seen
N_VALUES = 300  # of each histogram


def _describe(model: EnergyModel) -> str:
    layers = "-".join(map(str, (model.n_visible, *model.hidden, 1)))
    return f"energy-based model: {layers}, {model.activation}, {model.loss}, {model.dynamics}"


def _options(model: EnergyModel) -> dict[str, Any]:
    return dict(model.settings)


def _held_out(model: EnergyModel, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    stream = model.streams["sampling"]
    images = {"test images": x, "the same inverted": 1 - x, "uniform noise": model.draw_start(len(x), stream)}
    remark = "energies are -log p(x) up to a constant: what counts is their differences"
    return HeldOut({f"energy of {name}": estimate(to_numpy(model.energy(v))) for name, v in images.items()}, (remark,))


def _sample(model: EnergyModel, n: int, sampling: Sampling, stream: Stream | None) -> Images:
    x = model.sample(n, n_steps=sampling.steps, stream=stream)
    return Images(x, f"where {sampling.steps:,} Langevin steps from uniform noise lead")


def _chains(model: EnergyModel, data: Dataset) -> Figure:
    x = model.draw_start(N_CHAINS, model.streams["sampling"])
    seen: list[Array] = [x]
    for done, wanted in pairwise(N_STEPS):
        seen.append(model.langevin(seen[-1], wanted - done))
    return plots.fantasy_particles(seen, N_STEPS, data.image_shape, unit="Langevin steps")


def _energies(model: EnergyModel, data: Dataset) -> Figure:
    images = {
        "held-out images": data.x_test[:N_VALUES],
        "chains after 1,000 steps": model.sample(N_VALUES, n_steps=1000),
        "noise": model.draw_start(N_VALUES, model.streams["sampling"]),
    }
    return plots.free_energy_histograms({name: model.energy(x) for name, x in images.items()}, label="energy $E(x)$")


def _training_curves(model: EnergyModel, data: Dataset) -> Figure:
    return plots.training_curves(model.history, terms=model.term_names)


_PICTURES = {
    "chains.png": Picture("chains that start from noise, as the Langevin steps go on", _chains),
    "energies.png": Picture("energies of held-out images, of what chains lead to, and of noise", _energies),
    "training-curves.png": Picture("the terms of the loss, epoch by epoch", _training_curves),
}

FAMILY = Family(_describe, _options, _held_out, _sample, _PICTURES)
