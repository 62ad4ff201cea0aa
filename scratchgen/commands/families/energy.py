"""Energy-based models: energies of what is and of what is no test image, chains from noise, pictures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen import plots
from scratchgen.backend import to_numpy
from scratchgen.commands.families.examples import of_images
from scratchgen.commands.families.family import Family, HeldOut, Images, Picture
from scratchgen.commands.options import Evaluation, Sampling
from scratchgen.commands.terms import estimate
from scratchgen.datasets import Dataset
from scratchgen.datasets.dataset import image_shape_of
from scratchgen.models.energy.dynamics import Box
from scratchgen.models.energy.score_matching import ScoreMatching
from scratchgen.random import Stream
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgen.densities.density import Bounds
    from scratchgen.models.energy.energy_model import EnergyModel

N_CHAINS = 8
N_STEPS = (0, 10, 20, 50, 100, 200, 500, 1000)  # at which the chains are seen
N_VALUES = 300  # of each histogram
N_POINTS = 2000
N_STATES, STEPS_BETWEEN_STATES = 200, 5  # of the paths


def _describe(model: EnergyModel) -> str:
    return f"energy-based model: {model.network}, {model.activation}, {model.loss}, {model.dynamics}"


def _options(model: EnergyModel) -> dict[str, Any]:
    return dict(model.settings)


def _held_out(model: EnergyModel, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    of_pixels = model.box == Box(0.0, 1.0)
    kinds = {"test images": x, "the same inverted": 1 - x} if of_pixels else {"test examples": x}
    kinds["uniform noise"] = model.draw_start(len(x), model.streams["sampling"])
    remark = "energies are -log p(x) up to a constant: what counts is their differences"
    return HeldOut({f"energy of {name}": estimate(to_numpy(model.energy(v))) for name, v in kinds.items()}, (remark,))


def _sample(model: EnergyModel, n: int, sampling: Sampling, stream: Stream | None) -> Images:
    x = model.sample(n, n_steps=sampling.steps, stream=stream)
    return Images(x, f"where {sampling.steps:,} Langevin steps from uniform noise lead")


def _chains(model: EnergyModel, data: Dataset) -> Figure:
    x = model.draw_start(N_CHAINS, model.streams["sampling"])
    seen: list[Array] = [x]
    for done, wanted in pairwise(N_STEPS):
        seen.append(model.langevin(seen[-1], wanted - done))
    return plots.fantasy_particles(seen, N_STEPS, image_shape_of(data), unit="Langevin steps")


def _paths(model: EnergyModel, data: Dataset) -> Figure:
    states = [model.draw_start(N_CHAINS, model.streams["sampling"])]
    for _ in range(N_STATES):
        states.append(model.langevin(states[-1], STEPS_BETWEEN_STATES))
    trace = model.backend.xp.stack(states)
    return plots.chain_paths(trace, lambda x: -model.energy(x), _bounds(model, data))


def _landscape(model: EnergyModel, data: Dataset) -> Figure:
    assert data.density is not None  # else the picture does not suit the data
    return plots.energy_landscapes(data.density.energy, model.energy, _bounds(model, data))


def _points(model: EnergyModel, data: Dataset) -> Figure:
    clouds = {"held-out points": data.x_test[:N_POINTS], "ends of chains": model.sample(N_POINTS, n_steps=N_STEPS[-1])}
    return plots.point_clouds(clouds, _bounds(model, data))


def _bounds(model: EnergyModel, data: Dataset) -> Bounds:
    """Return the rectangle of a picture of the plane: the box, or else where the data lie."""
    if model.box != Box():
        return (model.box.low, model.box.high), (model.box.low, model.box.high)
    assert data.density is not None
    return data.density.bounds


def _energies(model: EnergyModel, data: Dataset) -> Figure:
    kinds = {
        f"held-out {data.example}s": data.x_test[:N_VALUES],
        "chains after 1,000 steps": model.sample(N_VALUES, n_steps=1000),
        "noise": model.draw_start(N_VALUES, model.streams["sampling"]),
    }
    return plots.free_energy_histograms({name: model.energy(x) for name, x in kinds.items()}, label="energy $E(x)$")


def _of_density(model: EnergyModel, data: Dataset) -> bool:
    return data.density is not None


def _training_curves(model: EnergyModel, data: Dataset) -> Figure:
    unit = "" if isinstance(model.loss, ScoreMatching) else "nats"
    return plots.training_curves(model.history, model.term_names, unit)


def _energy_curves(model: EnergyModel, data: Dataset) -> Figure:
    return plots.energy_curves(model.history)


_PICTURES = {
    "chains.png": Picture("chains that start from noise, as the Langevin steps go on", _chains, of_images),
    "landscape.png": Picture("the true energy beside the learnt one", _landscape, _of_density),
    "paths.png": Picture("chains that start from noise, over the learnt density", _paths, _of_density),
    "points.png": Picture("held-out points beside the ends of chains", _points, _of_density),
    "energies.png": Picture("energies of held-out data, of what chains lead to, and of noise", _energies),
    "energy-curves.png": Picture("mean energies of data, of chains and of noise, epoch by epoch", _energy_curves),
    "training-curves.png": Picture("the terms of the loss, epoch by epoch", _training_curves),
}

FAMILY = Family(_describe, _options, _held_out, _sample, _PICTURES, normalised=False)
