"""``scratchgen train cvae``, ``m1``, ``m2`` and ``pc-vae``: options, and the models that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scratchgen.cli.expansion import by_data, expanded
from scratchgen.cli.groups import train
from scratchgen.cli.train_vae import ELBO, DenseNetworks, Distributions
from scratchgen.commands.options import Evaluation, Run
from scratchgen.commands.values import parse_channels, parse_number_of_labels, parse_widths
from scratchgen.errors import InputError

if TYPE_CHECKING:
    from scratchgen.datasets import Dataset

ClassPrior = Annotated[
    str, typer.Option(help="p(y): uniform, or estimated, the frequencies of the labels.", show_default=True)
]
LabelledPerBatch = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Images of a step that have a label.",
        show_default="their share in the data, or a quarter of the step where that is more",
    ),
]


@dataclass(frozen=True)
class Labels:
    """The options of the labels that a model is told."""

    labels: Annotated[
        str, typer.Option(help="How many training images have a label, as many of each class; or all.")
    ] = "100"
    label_seed: Annotated[int, typer.Option(min=0, help="Of the choice of those images.")] = 0

    def choice(self, only_labelled: bool = False) -> Any:
        """Return the choice that the options stand for."""
        from scratchgen.commands.labels import LabelChoice

        return LabelChoice(parse_number_of_labels(self.labels), self.label_seed, only_labelled)


@dataclass(frozen=True)
class Networks(DenseNetworks):
    """The options of networks that are fully connected, or convolutional."""

    channels: Annotated[
        str | None,
        typer.Option(
            help="Maps after each convolution of the encoder, such as 16,32, each of which halves the image; "
            "--hidden follows them.",
            show_default="no convolutions",
        ),
    ] = None

    def settings(self) -> dict[str, Any]:
        """Return what the options stand for, as the models take it."""
        if self.channels is None:
            return {name: value for name, value in super().settings().items() if value is not None}
        if self.decoder_hidden is not None:
            raise InputError("the decoder of a convolutional model mirrors its encoder: leave --decoder-hidden out")
        channels = parse_channels("--channels", self.channels)
        return {"hidden": parse_widths("--hidden", self.hidden), "channels": channels}

    def settings_for(self, data: Dataset) -> dict[str, Any]:
        """Return the settings that depend on the data.

        Raises
        ------
        InputError
            The data have no labels.
        """
        from scratchgen.commands.labels import training_labels
        from scratchgen.commands.train import features_of
        from scratchgen.datasets.dataset import image_shape_of

        training_labels(data)
        images = {} if self.channels is None else {"image_shape": image_shape_of(data)}
        return features_of(data) | {"n_classes": len(data.classes)} | images


_LABELS, _NETWORKS, _ELBO = Labels(), Networks(hidden="500"), ELBO()
_ALL_LABELS = Labels("all")
# The digits are few and have 64 grey pixels: taken as probabilities these say so little that z would not be used.
_DISTRIBUTIONS = by_data(
    Distributions(latent=50, activation="softplus"),
    {"digits": Distributions(latent=10, activation="softplus", likelihood="gaussian", sigma="0.2")},
)
_RUNS = {
    name: by_data(Run(name, out=Path(f"runs/{name}")), {"digits": Run(name, epochs=60, out=Path(f"runs/{name}"))})
    for name in ("cvae", "m1", "m2", "pc-vae")
}
_CLASSIFICATION_WEIGHT = by_data(0.1, {"digits": 10.0})


def _is_given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def _of_pixels(context: typer.Context, distributions: Distributions, elbo: ELBO) -> dict[str, Any]:
    """Return the settings of z and p(x|z), of which those that are given prevail over the defaults of the data."""
    settings = distributions.settings() | elbo.settings()
    if elbo.binarise and not _is_given(context, "likelihood"):
        settings["likelihood"] = "bernoulli"
    if settings["likelihood"] == "bernoulli" and not _is_given(context, "sigma"):
        del settings["sigma"]
    return settings


def _train(
    run: Run,
    model_class: Callable[..., Any],
    settings: dict[str, Any],
    settings_for: Callable[[Dataset], dict[str, Any]],
    labels: Any,
    **fit_options: Any,
) -> None:
    from scratchgen.commands.train import train_model
    from scratchgen.optim import Adam

    optimizer, evaluation = Adam(run.learning_rate), Evaluation(samples=0)
    train_model(run, model_class, settings, optimizer, evaluation, settings_for, labels=labels, **fit_options)


@train.command("cvae")
@expanded
def train_cvae(
    context: typer.Context,
    labels: Labels = _ALL_LABELS,
    networks: Networks = _NETWORKS,
    distributions: Distributions = _DISTRIBUTIONS,
    elbo: ELBO = _ELBO,
    class_prior: ClassPrior = "uniform",
    run: Run = _RUNS["cvae"],
) -> None:
    """Train a conditional VAE, which draws images of a class that is asked for.

    Encoder and decoder see the label. It learns from labelled images alone, and predicts classes by Bayes' rule.
    """
    settings = networks.settings() | _of_pixels(context, distributions, elbo) | {"class_prior": class_prior}
    choice = labels.choice(only_labelled=True)

    from scratchgen.models.semi_supervised.conditional_vae import ConditionalVAE

    _train(run, ConditionalVAE, settings, networks.settings_for, choice)


@train.command("m1")
@expanded
def train_m1(
    context: typer.Context,
    labels: Labels = _LABELS,
    networks: Networks = _NETWORKS,
    distributions: Distributions = _DISTRIBUTIONS,
    elbo: ELBO = _ELBO,
    classifier: Annotated[str, typer.Option(help="Of the codes: logistic (regression), or svm.")] = "logistic",
    run: Run = _RUNS["m1"],
) -> None:
    """Train M1: a VAE on all images, then a classifier on the codes of those with a label.

    Kingma et al. (2014). The classifier is scikit-learn's.
    """
    settings = networks.settings() | _of_pixels(context, distributions, elbo) | {"classifier": classifier}
    choice = labels.choice()

    from scratchgen.models.semi_supervised.m1 import M1

    _train(run, M1, settings, networks.settings_for, choice)


@train.command("m2")
@expanded
def train_m2(
    context: typer.Context,
    labels: Labels = _LABELS,
    labelled_per_batch: LabelledPerBatch = None,
    features: Annotated[
        Path | None,
        typer.Option(
            help="A trained VAE, or M1, whose codes are learnt from in place of the pixels: M1 + M2.",
            show_default="none",
        ),
    ] = None,
    networks: Networks = _NETWORKS,
    distributions: Distributions = _DISTRIBUTIONS,
    elbo: ELBO = _ELBO,
    classification_weight: Annotated[
        float, typer.Option(min=0, help="Of -log q(y|x) of the labelled images in the loss.")
    ] = _CLASSIFICATION_WEIGHT,
    class_prior: ClassPrior = "uniform",
    run: Run = _RUNS["m2"],
) -> None:
    """Train M2: a conditional VAE with a classifier, which infers the labels that it is not told.

    Kingma et al. (2014). With --features it is their M1 + M2: the data are codes of a VAE that stays as it is. The
    options of p(x|z) are then those of the codes, which are Gaussian, with a sigma that is learned by default.
    """
    if features is not None and networks.channels is not None:
        raise InputError("the codes of a VAE are no images: leave --channels out where there are --features")
    settings = networks.settings() | _of_pixels(context, distributions, elbo)
    settings |= {"classification_weight": classification_weight, "class_prior": class_prior}
    choice = labels.choice()

    from scratchgen.models.semi_supervised.m2 import M2
    from scratchgen.models.semi_supervised.stacked import M1M2

    if features is not None:
        for name in ("likelihood", "output_mean", "sigma", "binarise"):  # M1M2 refuses them, or has its own default
            if not _is_given(context, name):
                settings.pop(name, None)
    _train(
        run,
        M2 if features is None else M1M2,
        settings,
        networks.settings_for if features is None else _settings_for_codes(features, networks),
        choice,
        labelled_per_batch=labelled_per_batch,
    )


def _settings_for_codes(features: Path, networks: Networks) -> Callable[[Dataset], dict[str, Any]]:
    """Return what says the settings of M1M2 that depend on the data."""

    def settings_for(data: Dataset) -> dict[str, Any]:
        from scratchgen.commands.features import vae_of_features

        n_classes = networks.settings_for(data)["n_classes"]
        return {"vae": vae_of_features(features, data), "n_classes": n_classes}

    return settings_for


@train.command("pc-vae")
@expanded
def train_pc_vae(
    context: typer.Context,
    labels: Labels = _LABELS,
    labelled_per_batch: LabelledPerBatch = None,
    networks: Networks = _NETWORKS,
    distributions: Distributions = _DISTRIBUTIONS,
    elbo: ELBO = _ELBO,
    prediction_weight: Annotated[float, typer.Option(min=0, help="Of -log p(y|z) of the labelled images.")] = 10.0,
    consistency_weight: Annotated[
        float, typer.Option(min=0, help="Of the agreement of predictions for images and their reconstructions.")
    ] = 10.0,
    aggregate_weight: Annotated[
        float, typer.Option(min=0, help="Of the divergence of p(y) and the mean prediction.")
    ] = 0.0,
    warm_up: Annotated[
        int, typer.Option(min=0, help="Steps in which the weights of consistency and aggregate rise linearly from 0.")
    ] = 0,
    class_prior: ClassPrior = "uniform",
    run: Run = _RUNS["pc-vae"],
) -> None:
    """Train a prediction-constrained VAE, whose codes must tell the labels.

    Hope et al. (2020). A classifier on z predicts the labels; the prediction constraint is a term of the loss, and so
    is, if it has a weight, the consistency of the predictions for an image and for its reconstruction.
    """

    def rising(weight: float) -> Any:
        from scratchgen.schedules import LinearWarmup

        return LinearWarmup(warm_up, stop=weight) if warm_up and weight else weight

    settings = networks.settings() | _of_pixels(context, distributions, elbo)
    settings |= {
        "prediction_weight": prediction_weight,
        "consistency_weight": rising(consistency_weight),
        "aggregate_weight": rising(aggregate_weight),
        "class_prior": class_prior,
    }
    choice = labels.choice()

    from scratchgen.models.semi_supervised.prediction_constrained import PredictionConstrainedVAE

    _train(
        run, PredictionConstrainedVAE, settings, networks.settings_for, choice, labelled_per_batch=labelled_per_batch
    )
