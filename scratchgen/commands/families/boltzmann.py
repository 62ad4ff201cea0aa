"""Restricted Boltzmann machines: free energy, pseudo-log-likelihood, log p(x) with log Z exact or by AIS, pictures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen import plots
from scratchgen.backend import to_numpy
from scratchgen.commands.families.examples import of_images
from scratchgen.commands.families.family import GREYS_WERE_DRAWN, Family, HeldOut, Images, Picture, is_grey
from scratchgen.commands.options import Evaluation, Sampling
from scratchgen.commands.terms import Estimate, estimate
from scratchgen.datasets import Dataset
from scratchgen.datasets.dataset import image_shape_of
from scratchgen.inference.annealing import salakhutdinov_murray_schedule
from scratchgen.inference.enumeration import MAXIMUM_UNITS
from scratchgen.inference.parameters import are_states
from scratchgen.random import Stream
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgen.models.boltzmann.rbm import RBM

_FLIPS = 1e8  # of visible units, times hidden units: what the pseudo-log-likelihood may cost, some seconds
N_FILTERS = 100
N_CHAINS = 8
N_SWEEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # at which the chains are seen
N_IMAGES = 49  # of each of two grids
N_VALUES, SWEEPS_OF_VALUES = 300, 200  # of each histogram; before the samples are taken


def _describe(rbm: RBM) -> str:
    return f"RBM: {rbm.n_visible} {rbm.visible} visible units, {rbm.n_hidden} hidden units, {rbm.negative_phase}"


def _options(rbm: RBM) -> dict[str, Any]:
    return {**rbm.settings, "method": rbm.negative_phase}


# ------------------------------------------------------------------------------------------- what held-out images cost


def _held_out(rbm: RBM, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    v = _states(rbm, x)
    remarks = [] if v is x else [GREYS_WERE_DRAWN]
    free_energy = to_numpy(rbm.free_energy(v))
    terms = {"free energy": estimate(free_energy)}
    if rbm.visible == "bernoulli":
        n = max(2, int(_FLIPS / rbm.W.size))
        of_first = f", first {n:,} images" if n < len(v) else ""
        terms[f"pseudo-log p(x){of_first}"] = estimate(to_numpy(rbm.pseudo_log_likelihood(v[:n])))
    if _can_be_enumerated(rbm):
        log_partition = rbm.log_partition(progress=progress)
        terms["log p(x), exact"] = estimate(-free_energy - log_partition)
    elif evaluation.ais_chains:
        terms |= _log_likelihood_by_ais(rbm, free_energy, evaluation, progress)
        remarks.append("AIS tends to find log Z too small, hence log p(x) too large; ± of log Z is over the chains")
    return HeldOut(terms, tuple(remarks))


def _states(rbm: RBM, x: np.ndarray) -> Array:
    """Return images as this model can have made them: for Bernoulli units drawn as 0 or 1 where they are grey."""
    if rbm.visible == "gaussian" or are_states(x):
        return x
    return rbm.streams["sampling"].bernoulli(rbm.check_data(x))


def _can_be_enumerated(rbm: RBM) -> bool:
    return (rbm.n_hidden if rbm.visible == "gaussian" else min(rbm.n_visible, rbm.n_hidden)) <= MAXIMUM_UNITS


def _log_likelihood_by_ais(
    rbm: RBM, free_energy: np.ndarray, evaluation: Evaluation, progress: bool
) -> dict[str, Estimate]:
    every = salakhutdinov_murray_schedule()
    betas = np.interp(np.linspace(0, 1, evaluation.ais_temperatures), np.linspace(0, 1, len(every)), every)
    found = rbm.annealed_importance_sampling(evaluation.ais_chains, betas, progress=progress)
    setting = f"AIS: {evaluation.ais_chains:,} chains, {evaluation.ais_temperatures:,} temperatures"
    return {
        f"log Z, {setting}": Estimate(found.log_partition, found.standard_error),
        "log p(x) with that log Z": estimate(-free_energy - found.log_partition),
    }


# ------------------------------------------------------------------------------------------------------------ pictures


def _sample(rbm: RBM, n: int, sampling: Sampling, stream: Stream | None) -> Images:
    v = rbm.sample(n, sampling.sweeps, sampling.mean, stream)
    drawn = "the means of p(v|h)" if sampling.mean else "drawn from p(v|h)"
    return Images(v, f"{drawn} after {sampling.sweeps:,} Gibbs sweeps")


def _noise(rbm: RBM, n: int) -> Array:
    """Return independent pixels, (n, n_visible): fair coins, or for Gaussian units their means with their sigma."""
    if rbm.visible == "gaussian":
        return rbm.draw_base(n, rbm.streams["sampling"])
    half = rbm.backend.xp.full((n, rbm.n_visible), 0.5, dtype=rbm.dtype)
    return rbm.streams["sampling"].bernoulli(half)


def _mean_after_sweep(rbm: RBM, v: Array) -> Array:
    return rbm.prob_v_given_h(rbm.sample_h_given_v(v))


def _filters(rbm: RBM, data: Dataset) -> Figure:
    return plots.filters(rbm.W[:, :N_FILTERS], image_shape_of(data))


def _fantasies(rbm: RBM, data: Dataset) -> Figure:
    v = _noise(rbm, N_CHAINS)
    seen = [v]
    for done, wanted in pairwise(N_SWEEPS):
        if wanted - done > 1:
            v = rbm.gibbs(v, wanted - done - 1)
        h = rbm.sample_h_given_v(v)
        seen.append(rbm.prob_v_given_h(h))
        v = rbm.sample_v_given_h(h)
    return plots.fantasy_particles(seen, N_SWEEPS, image_shape_of(data))


def _one_step(rbm: RBM, data: Dataset) -> Figure:
    x = data.x_test[:N_IMAGES]
    grids = {"held-out images": x, "after one Gibbs sweep": _mean_after_sweep(rbm, _states(rbm, x))}
    return plots.image_grids(grids, image_shape_of(data))


def _free_energies(rbm: RBM, data: Dataset) -> Figure:
    images = {
        "held-out images": _states(rbm, data.x_test[:N_VALUES]),
        "samples": rbm.sample(N_VALUES, SWEEPS_OF_VALUES),
        "noise": _noise(rbm, N_VALUES),
    }
    return plots.free_energy_histograms({name: rbm.free_energy(v) for name, v in images.items()})


def _free_energy_gap(rbm: RBM, data: Dataset) -> Figure:
    return plots.free_energy_gap(rbm.history)


_PICTURES = {
    "filters.png": Picture(f"the couplings of the hidden units, of at most {N_FILTERS}", _filters, is_grey),
    "fantasies.png": Picture(
        "chains that start from noise, as the Gibbs sweeps go on: means of p(v|h)", _fantasies, of_images
    ),
    "one-step.png": Picture("held-out images beside the means of p(v|h) after one Gibbs sweep", _one_step, of_images),
    "free-energies.png": Picture("free energies of held-out images, samples and noise", _free_energies),
    "free-energy-gap.png": Picture(
        "the sign of overfitting, and the likelihood, epoch by epoch",
        _free_energy_gap,
        lambda rbm, data: "free_energy_gap" in rbm.history.columns,  # monitored at least once
    ),
}

FAMILY = Family(_describe, _options, _held_out, _sample, _PICTURES)
