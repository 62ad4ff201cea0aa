"""Autoencoders: the cost and the squared error of reconstructions, those of PCA beside them, and what a penalty did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.commands.families.autoencoder_pictures import OF_AUTOENCODER, OF_CONTRACTIVE, OF_DENOISING, OF_SPARSE
from scratchgen.commands.families.family import Family, HeldOut
from scratchgen.commands.options import Evaluation
from scratchgen.commands.terms import Estimate, estimate
from scratchgen.commands.words import counted, example_of, numbers_of
from scratchgen.models.autoencoders.pca import pca_reconstruction_error

if TYPE_CHECKING:
    from scratchgen.models.autoencoders.autoencoder import Autoencoder
    from scratchgen.models.autoencoders.denoising import DenoisingAutoencoder
    from scratchgen.models.autoencoders.sparse import SparseAutoencoder

NEAR_ZERO = 0.01  # of the largest magnitude in a code
_OF_KIND = ("corruption", "sparsity", "sparsity_target", "sparsity_cost", "contraction_cost")


def _describe(model: Autoencoder) -> str:
    """Return the kind, the widths of encoder and decoder, the likelihood, and what is special to the kind, in words."""
    kind = type(model).__name__.removesuffix("Autoencoder")
    encoder = "-".join(map(str, (model.n_visible, *model.hidden, model.n_code)))
    decoder = "-".join(map(str, (model.n_code, *model.decoder_hidden, model.n_visible)))
    values = {name: model.settings.get(name) for name in _OF_KIND}
    own = [f", {name.replace('_', ' ')} {value}" for name, value in values.items() if value is not None]
    name = f"{kind} autoencoder" if kind else "Autoencoder"
    return f"{name}: encoder {encoder}, decoder {decoder}, {model.likelihood} likelihood{''.join(own)}"


def _options(model: Autoencoder) -> Mapping[str, Any]:
    return model.settings


# ------------------------------------------------------------------------------------------- what held-out images cost


def _held_out(model: Autoencoder, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    terms = {
        "reconstruction": estimate(to_numpy(model.reconstruction_cost(x))),
        "squared error": estimate(to_numpy(model.reconstruction_error(x))),
    }
    numbers = numbers_of(model.n_visible)
    remarks = [f"squared errors are sums over the {numbers}, not nats"]
    if model.n_code >= model.n_visible:
        components = counted(model.n_code, "component")
        remarks.append(f"PCA with {components} would reproduce {model.n_visible} {numbers} without error")
    return HeldOut(terms, tuple(remarks))


def _held_out_and_corrupted(
    model: DenoisingAutoencoder, x: np.ndarray, evaluation: Evaluation, progress: bool
) -> HeldOut:
    examples = f"{example_of(model.n_visible)}s"
    corrupted = to_numpy(model.draw_noise(x, model.streams["sampling"]))
    restored = to_numpy(model.reconstruct(corrupted))
    terms = {
        f"squared error of corrupted {examples}": estimate(((corrupted - x) ** 2).sum(axis=1)),
        "the same, denoised": estimate(((restored - x) ** 2).sum(axis=1)),
    }
    of_clean = _held_out(model, x, evaluation, progress)
    remark = f"reconstruction, squared error and PCA are of {examples} without corruption"
    return HeldOut(terms | of_clean.terms, (*of_clean.remarks, remark))


def _held_out_and_sparsity(model: SparseAutoencoder, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    code = np.abs(to_numpy(model.encode(x)))
    if model.sparsity == "kl":
        means = code.mean(axis=0)
        of_units = f"of single units {means.min():.3f} to {means.max():.3f}"
        found = f"mean activation {means.mean():.3f}, {of_units} (target {model.sparsity_target:g})"
    else:
        largest = code.max()
        share = 100.0 * (code <= NEAR_ZERO * largest).mean()
        found = f"{share:.1f} % of the code is near 0: below {NEAR_ZERO:g} of its largest magnitude, {largest:.3g}"
    terms, remarks = _held_out(model, x, evaluation, progress)
    return HeldOut(terms, (found, *remarks))


def _pca(model: Autoencoder, x_train: np.ndarray, x: np.ndarray) -> dict[str, Estimate]:
    """Return the squared error of PCA with as many components as the code has units, unless that is 0 by necessity."""
    if model.n_code >= min(x_train.shape):
        return {}
    errors = pca_reconstruction_error(x_train, model.n_code, x)
    return {f"squared error of PCA, {counted(model.n_code, 'component')}": estimate(errors)}


FAMILY = Family(_describe, _options, _held_out, None, OF_AUTOENCODER, _pca)
DENOISING = Family(_describe, _options, _held_out_and_corrupted, None, OF_DENOISING, _pca)
SPARSE = Family(_describe, _options, _held_out_and_sparsity, None, OF_SPARSE, _pca)
CONTRACTIVE = Family(_describe, _options, _held_out, None, OF_CONTRACTIVE, _pca)
