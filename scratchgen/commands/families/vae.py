"""Variational autoencoders: the terms of the bound, log p(x) itself, and pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scratchgen import plots
from scratchgen.backend import to_numpy
from scratchgen.commands.families.examples import N_COLUMNS, examples, of_images
from scratchgen.commands.families.family import GREYS_WERE_DRAWN, Family, HeldOut, Images, Picture
from scratchgen.commands.options import Evaluation, Sampling
from scratchgen.commands.terms import Estimate, estimate
from scratchgen.datasets import Dataset
from scratchgen.datasets.dataset import image_shape_of
from scratchgen.inference.parameters import are_states
from scratchgen.latent import active_units
from scratchgen.ops.divergences import kl_standard_normal_forward
from scratchgen.random import Stream
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgen.models.linear import LinearGaussianModel
    from scratchgen.models.vae import VAE

_BLOCK = 100  # examples between two updates of the progress bar
N_SAMPLES = 100
PLANE_LIMIT = 3.0  # of z: as far as most codes are
MOST_HISTOGRAMS = 20


def _describe(vae: VAE) -> str:
    """Return the layers of encoder and decoder, and the likelihood, in words."""
    encoder, decoder = f"{vae.encoder_network}-{vae.n_latent}", vae.decoder_network
    layers = f"{type(vae).__name__}: encoder {encoder}, decoder {decoder}"
    if vae.likelihood == "bernoulli":
        return f"{layers}, bernoulli likelihood"
    return f"{layers}, gaussian likelihood, sigma {vae.sigma if vae.sigma == 'learned' else format(vae.sigma, 'g')}"


# ------------------------------------------------------------------------------------------- what held-out images cost


def _held_out(vae: VAE, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    seen = vae.draw_data(vae.check_data(x), vae.streams["sampling"])  # as in training
    mean, log_var = vae.encode(seen)
    terms = _bound_terms(to_numpy(vae.elbo(seen)), to_numpy(kl_standard_normal_forward(mean, log_var)[0]))
    if evaluation.samples:
        terms |= _log_likelihood_term(vae, seen, evaluation.samples, progress)
    remarks = [GREYS_WERE_DRAWN] if vae.binarise and not are_states(x) else []
    if vae.likelihood == "gaussian" and vae.sigma == "learned":
        remarks.append(f"sigma is {math.exp(float(vae.params.log_sigma[0])):.3g}")
    remarks += remarks_on_activity(mean)
    return HeldOut(terms, tuple(remarks))


def remarks_on_activity(mean: Array) -> tuple[str, ...]:
    """Return a warning where the posterior means (n, n_latent) of few latent variables depend on the example.

    Few are fewer than two, or than a tenth: of 50 latent variables a good VAE may use 20, but a model that uses one
    draws the points of a line, and one that uses none draws the same image again and again.
    """
    n_active, n_latent = int(active_units(to_numpy(mean)).sum()), mean.shape[1]
    if n_active >= max(min(2, n_latent), n_latent / 10):
        return ()
    which = f"only {n_active} of the {n_latent}" if n_active else f"none of the {n_latent}"
    verb = "are" if n_active > 1 else "is"
    advice = "another --seed, wider layers, --beta-warmup or, of Gaussian pixels, a smaller --sigma may help"
    return (f"warning: {which} latent variables {verb} in use (the posterior means of others hardly vary): {advice}",)


def _bound_terms(elbo: np.ndarray, kl: np.ndarray) -> dict[str, Estimate]:
    """Return reconstruction, KL and ELBO of examples, with one draw of z for each: ELBO = -(reconstruction + KL)."""
    return {"reconstruction": estimate(-elbo - kl), "KL": estimate(kl), "ELBO": estimate(elbo)}


def _log_likelihood_term(vae: VAE, x: Array, n_samples: int, progress: bool) -> dict[str, Estimate]:
    """Return log p(x), importance-sampled with `n_samples` draws of z an example."""
    from tqdm.auto import tqdm

    values = []
    with tqdm(total=len(x), desc="log p(x)", unit="image", disable=not progress) as bar:
        for start in range(0, len(x), _BLOCK):
            values.append(to_numpy(vae.log_likelihood(x[start : start + _BLOCK], n_samples)))
            bar.update(len(values[-1]))
    return {f"log p(x), {n_samples:,} samples": estimate(np.concatenate(values))}


# ------------------------------------------------------------------------------------------------------------ pictures


def sample(vae: VAE | LinearGaussianModel, n: int, sampling: Sampling, stream: Stream | None) -> Images:
    """Draw new images: z from the prior, then x."""
    x = vae.sample(n, mean=sampling.mean, stream=stream)
    return Images(x, "the means of p(x|z)" if sampling.mean else "drawn from p(x|z)")


def _reconstructions(vae: VAE | LinearGaussianModel, data: Dataset) -> Figure:
    x = examples(data)
    return plots.reconstructions(x, vae.reconstruct(x), image_shape_of(data), n_columns=N_COLUMNS)


def _samples(vae: VAE | LinearGaussianModel, data: Dataset) -> Figure:
    return plots.image_grid(vae.sample(N_SAMPLES, mean=True), image_shape_of(data))


def _training_curves(vae: VAE, data: Dataset) -> Figure:
    return plots.training_curves(vae.history)


def _latent_plane(vae: VAE | LinearGaussianModel, data: Dataset) -> Figure:
    return plots.latent_plane(vae.decode, image_shape_of(data))


def _latent_clusters(vae: VAE | LinearGaussianModel, data: Dataset) -> Figure:
    return plots.latent_clusters(vae.encode(data.x_test)[0], np.array(data.classes)[data.y_test])


def _linear_plane(vae: VAE, data: Dataset) -> Figure:
    return plots.linear_latent_plane(vae.decode, image_shape_of(data), limit=PLANE_LIMIT)


def _histograms(vae: VAE, data: Dataset) -> Figure:
    return plots.code_histograms(vae.encode(data.x_test)[0], np.array(data.classes)[data.y_test])


def _correlation(vae: VAE, data: Dataset) -> Figure:
    return plots.correlation_matrix(vae.encode(data.x_test)[0])


def _kl_bars(vae: VAE, data: Dataset) -> Figure:
    return plots.kl_bars(*vae.encode(data.x_test))


PICTURES = {  # of the linear Gaussian model too
    "reconstructions.png": Picture("held-out images above what the model makes of them", _reconstructions, of_images),
    "samples.png": Picture("new images: z from the prior, then the mean of p(x|z)", _samples, of_images),
    "latent-plane.png": Picture(
        "what the decoder makes of each point of the plane",
        _latent_plane,
        lambda vae, data: of_images(vae, data) and vae.n_latent == 2,
    ),
    "latent-clusters.png": Picture(
        "where the encoder puts the held-out images, by label",
        _latent_clusters,
        lambda vae, data: vae.n_latent >= 2 and data.y_test is not None,
    ),
}
_OF_VAE = {
    "training-curves.png": Picture("the terms of the loss, epoch by epoch", _training_curves),
    "latent-kl.png": Picture(
        "what each latent variable adds to the KL divergence: those without a bar are not in use",
        _kl_bars,
        lambda vae, data: vae.n_latent > 2,
    ),
    "latent-correlation.png": Picture(
        "the correlation of each pair of latent variables over the held-out images",
        _correlation,
        lambda vae, data: vae.n_latent > 2,
    ),
    "latent-histograms.png": Picture(
        "how each latent variable of the held-out images is distributed, by label",
        _histograms,
        lambda vae, data: vae.n_latent <= MOST_HISTOGRAMS and data.y_test is not None,
    ),
    "latent-plane-linear.png": Picture(
        f"what the decoder makes of points at even distances, up to {PLANE_LIMIT:g} from the middle along each axis",
        _linear_plane,
        PICTURES["latent-plane.png"].suits,
    ),
}

FAMILY = Family(_describe, lambda vae: vae.settings, _held_out, sample, PICTURES | _OF_VAE)
