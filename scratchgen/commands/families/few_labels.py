"""Models that learn from labels: the classes that they predict, bounds of log p(x), samples and styles class by class.

For those that decode z and a class - the conditional VAE, M2, M1 + M2 - the bound is

    log p(x) = log sum_y p(y) p(x|y) >= log sum_y p(y) exp(ELBO(x, y)).

M1 and the prediction-constrained VAE have a VAE, of which everything is said that is said of one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen import plots
from scratchgen.backend import to_numpy
from scratchgen.commands.families import vae
from scratchgen.commands.families.examples import N_COLUMNS, examples, of_images
from scratchgen.commands.families.family import GREYS_WERE_DRAWN, Family, HeldOut, Images, Picture, Visible, visible_of
from scratchgen.commands.options import Evaluation, Sampling
from scratchgen.commands.terms import estimate
from scratchgen.datasets import Dataset
from scratchgen.datasets.dataset import image_shape_of
from scratchgen.inference.parameters import are_states
from scratchgen.random import Stream
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgen.models.semi_supervised.conditional_vae import ConditionalVAE
    from scratchgen.models.semi_supervised.m1 import M1
    from scratchgen.models.semi_supervised.m2 import M2
    from scratchgen.models.semi_supervised.prediction_constrained import PredictionConstrainedVAE
    from scratchgen.models.semi_supervised.stacked import M1M2

    OfVAE = M1 | PredictionConstrainedVAE

N_EACH = 10  # samples of a class
N_STYLES = 10
CLASSIFIERS = {"logistic": "logistic regression", "svm": "support-vector machine"}

# ------------------------------------------------------------------------------------------------------ in words


def _describe_conditional(model: ConditionalVAE) -> str:
    encoder, decoder = f"{model.encoder_network}-{model.n_latent}", model.decoder_network
    return f"conditional VAE: encoder {encoder}, decoder {decoder}, {model.likelihood} likelihood"


def _describe_m2(model: M2) -> str:
    classifier = f"{model.classifier_network}-{model.n_classes}"
    return f"M2: {_describe_conditional(model)}; classifier {classifier}"


def _describe_stacked(model: M1M2) -> str:
    return f"M1 + {_describe_m2(model)}; its data are the codes of {vae.FAMILY.describe(model.vae)}"


def _describe_m1(model: M1) -> str:
    return f"M1: {vae.FAMILY.describe(model.vae)}; {CLASSIFIERS[model.classifier]} of the codes"


def _describe_constrained(model: PredictionConstrainedVAE) -> str:
    return f"prediction-constrained {vae.FAMILY.describe(model.vae)}; classifier {model.classifier_network}"


def _options_of_codes(model: M1M2) -> dict[str, Any]:
    """Return the settings, and what tells one VAE from another of the same settings."""
    digest = hashlib.sha256(to_numpy(model.vae.theta).tobytes()).hexdigest()[:8]
    return model.settings | {"features of a VAE whose parameters have the SHA-256": digest}


# ------------------------------------------------------------------------------------------- what held-out images cost


def _predict_by_bayes(model: ConditionalVAE, x: np.ndarray) -> Array:
    return model.predict(x, stream=Stream(0, model.backend))  # the same each time


def _held_out(model: ConditionalVAE, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    seen = model.draw_examples(model.check_examples(x), model.streams["sampling"])  # as in training
    drawn = (GREYS_WERE_DRAWN,) if model.binarise and not are_states(x) else ()
    return HeldOut(_terms(model, seen, "x", evaluation), (*drawn, *_remarks_on_activity(model, seen)))


def _held_out_codes(model: M1M2, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    remark = "p is the density of the VAE's codes, not of images: it compares models on the same VAE"
    terms = _terms(model, model.vae.encode(x)[0], "code", evaluation)
    return HeldOut(terms, (remark, *_remarks_on_activity(model, x)))


def _remarks_on_activity(model: ConditionalVAE, x: Array) -> tuple[str, ...]:
    return vae.remarks_on_activity(model.encode(x, 0)[0])  # told one class for all: what varies is the style


def _terms(model: ConditionalVAE, x: Array, name: str, evaluation: Evaluation) -> dict[str, Any]:
    terms = {f"bound of log p({name})": estimate(_sum_over_classes(model, lambda y: model.elbo(x, y)))}
    if evaluation.samples:
        n = max(1, evaluation.samples // model.n_classes)  # as much work as for a VAE
        values = _sum_over_classes(model, lambda y: model.log_likelihood(x, y, n))
        terms[f"log p({name}), {n:,} samples a class"] = estimate(values)
    return terms


def _sum_over_classes(model: ConditionalVAE, log_p: Callable[[int], Array]) -> np.ndarray:
    """Return log sum_y p(y) exp(log_p(y)) of each example."""
    prior = np.log(to_numpy(model.p_y).astype(np.float64))
    return np.logaddexp.reduce([to_numpy(log_p(y)) + prior[y] for y in range(model.n_classes)])


def _of_vae(model: OfVAE, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    return vae.FAMILY.held_out(model.vae, x, evaluation, progress)


# ------------------------------------------------------------------------------------------------- samples, pictures


def _sample(model: ConditionalVAE, n: int, sampling: Sampling, stream: Stream | None) -> Images:
    """Draw images class by class, as many of each, or one more of the first ones."""
    labels = np.sort(np.arange(n) % model.n_classes)
    x = model.sample(n, labels, sampling.mean, stream)
    what = "the means of p(x|y,z)" if sampling.mean else "drawn from p(x|y,z)"
    return Images(x, f"{what}, class by class", labels)


def _sample_from_vae(model: OfVAE, n: int, sampling: Sampling, stream: Stream | None) -> Images:
    return vae.sample(model.vae, n, sampling, stream)


def _visible_of_vae(model: Any) -> Visible:
    return visible_of(model.vae)


def _visible_of_conditional(model: ConditionalVAE) -> Visible:
    return Visible(model.n_visible, None if model.images is None else model.images.shape)


def _styles(model: ConditionalVAE, data: Dataset) -> Figure:
    x, y = _first_of_each_class(data)
    return plots.style_transfer(x, model.transfer(x, y), image_shape_of(data), data.classes)


def _first_of_each_class(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    assert data.y_test is not None  # else the model could not have been trained on these data
    first = np.unique(data.y_test, return_index=True)[1][:N_STYLES]
    return data.x_test[first], data.y_test[first]


def _class_samples(model: ConditionalVAE, data: Dataset) -> Figure:
    labels = np.repeat(np.arange(model.n_classes), N_EACH)
    return plots.class_samples(model.sample(len(labels), labels, mean=True), labels, image_shape_of(data), data.classes)


def _reconstructions(model: ConditionalVAE, data: Dataset) -> Figure:
    x = examples(data)
    again = model.reconstruct(x, model.predict(x))
    return plots.reconstructions(x, again, image_shape_of(data), n_columns=N_COLUMNS)


def _style_clusters(model: ConditionalVAE, data: Dataset) -> Figure:
    mean = model.encode(data.x_test, data.y_test)[0]
    return plots.latent_clusters(mean, np.array(data.classes)[data.y_test])


def _curves(description: str, compared: Sequence[str] | None = None) -> Picture:
    """Return the picture of the terms, and of the accuracy where it is recorded; `compared` as of the plot."""

    def draw(model: Any, data: Dataset) -> Figure:
        accuracy = ("accuracy",) if "accuracy" in model.history.columns else ()
        return plots.training_curves(model.history, (*model.term_names, *accuracy), compared=compared)

    return Picture(description, draw)


def _drawn_of_vae(picture: Picture) -> Picture:
    """Return a picture of the VAE that a model has."""
    return Picture(
        picture.description,
        lambda model, data: picture.draw(model.vae, data),
        lambda model, data: picture.suits(model.vae, data),
    )


_OF_CLASSES = {
    "style-transfer.png": Picture("held-out images, and the same z with every class", _styles, of_images),
    "class-samples.png": Picture("new images, a row for each class: means of p(x|y,z)", _class_samples, of_images),
    "reconstructions.png": Picture(
        "held-out images above what the model makes of them and the class that it predicts", _reconstructions, of_images
    ),
    "style-clusters.png": Picture(
        "where the encoder, told the class, puts the held-out images: style, which need not tell the classes apart",
        _style_clusters,
        lambda model, data: model.n_latent >= 2,
    ),
    "training-curves.png": _curves("the terms of the loss, epoch by epoch"),
}
# The validation data have all their labels: what is asked of examples without one is nothing there, or another thing.
_PARTLY = "the terms of the loss, epoch by epoch; of validation data those that mean the same with all labels known"
_OF_M2 = _OF_CLASSES | {"training-curves.png": _curves(_PARTLY, ("reconstruction", "kl", "classification", "accuracy"))}
_OF_VAE = {name: _drawn_of_vae(picture) for name, picture in vae.FAMILY.pictures.items()}
_OF_CONSTRAINED = _OF_VAE | {
    "training-curves.png": _curves(_PARTLY, ("reconstruction", "kl", "prediction", "accuracy"))
}


def _settings(model: Any) -> Mapping[str, Any]:
    return model.settings


def _predict(model: Any, x: np.ndarray) -> Array:
    return model.predict(x)


CONDITIONAL = Family(
    _describe_conditional,
    _settings,
    _held_out,
    _sample,
    _OF_CLASSES,
    predict=_predict_by_bayes,
    visible=_visible_of_conditional,
)
M2_FAMILY = Family(
    _describe_m2, _settings, _held_out, _sample, _OF_M2, predict=_predict, visible=_visible_of_conditional
)
STACKED = Family(
    _describe_stacked,
    _options_of_codes,
    _held_out_codes,
    _sample,
    _OF_M2,
    predict=_predict,
    visible=_visible_of_vae,
)
M1_FAMILY = Family(
    _describe_m1, _settings, _of_vae, _sample_from_vae, _OF_VAE, predict=_predict, visible=_visible_of_vae
)
CONSTRAINED = Family(
    _describe_constrained,
    _settings,
    _of_vae,
    _sample_from_vae,
    _OF_CONSTRAINED,
    predict=_predict,
    visible=_visible_of_vae,
)
