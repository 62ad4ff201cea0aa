"""``scratchgen train conv-vae``: options, and the model and optimiser that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import train
from scratchgen.cli.train_vae import ELBO
from scratchgen.commands.options import Evaluation, Run
from scratchgen.commands.values import parse_channels, parse_sigma

if TYPE_CHECKING:
    from scratchgen.datasets import Dataset

_ELBO, _RUN = ELBO(), Run("conv-vae", out=Path("runs/conv-vae"))


class Defaults(NamedTuple):
    """Options that are not given: grey images are put on a plane, for its pictures; a plane cannot hold colour images.

    After 4 epochs on 4,000 images of CIFAR-10 the squared error of unseen ones was 85 and 87 (two seeds), with a
    Bernoulli likelihood 114 and 95, with the options of grey images 145 and 143; that of the mean image is 188.
    """

    channels: tuple[int, ...]
    n_dense: int
    n_latent: int
    likelihood: str

    @classmethod
    def of(cls, data: Dataset) -> Defaults:
        """Return the defaults for these data."""
        from scratchgen.datasets.dataset import image_shape_of

        return OF_GREYS if len(image_shape_of(data)) == 2 else OF_COLOURS


OF_GREYS = Defaults((32, 64), 128, 2, "bernoulli")
OF_COLOURS = Defaults((32, 64, 128), 256, 64, "gaussian")
OF_GAUSSIAN = {"output_mean": "sigmoid", "sigma": 0.1}  # under a sigma of 1, z costs more than it gains


def _shown(name: str) -> str:
    greys, colours = (
        ",".join(map(str, value)) if isinstance(value, tuple) else value
        for value in (getattr(OF_GREYS, name), getattr(OF_COLOURS, name))
    )
    return f"{greys}; for colours {colours}"


@train.command("conv-vae")
@expanded
def train_conv_vae(
    channels: Annotated[
        str | None,
        typer.Option(
            help="Maps after each convolution of the encoder, each of which halves the image.",
            show_default=_shown("channels"),
        ),
    ] = None,
    kernel: Annotated[int, typer.Option(min=1, help="Height and width of all kernels.")] = 3,
    dense: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Width of the encoder's dense layer; 16 is that of the Keras example, most of which often die.",
            show_default=_shown("n_dense"),
        ),
    ] = None,
    latent: Annotated[
        int | None, typer.Option(min=1, help="Number of latent variables.", show_default=_shown("n_latent"))
    ] = None,
    activation: Annotated[
        str, typer.Option(help="Of the hidden layers: relu, tanh, sigmoid, softplus, swish or linear.")
    ] = "relu",
    likelihood: Annotated[
        str | None, typer.Option(help="p(x|z): bernoulli or gaussian.", show_default=_shown("likelihood"))
    ] = None,
    output_mean: Annotated[
        str | None,
        typer.Option(
            help="Mean of a Gaussian p(x|z): linear, tanh or sigmoid.", show_default=OF_GAUSSIAN["output_mean"]
        ),
    ] = None,
    sigma: Annotated[
        str | None,
        typer.Option(
            help="Standard deviation of Gaussian pixels: a number, or learned.", show_default=str(OF_GAUSSIAN["sigma"])
        ),
    ] = None,
    elbo: ELBO = _ELBO,
    run: Run = _RUN,
) -> None:
    """Train a convolutional VAE, on grey or colour images.

    The decoder goes the encoder's way back by transposed convolutions; the optimiser is Adam. For grey images the
    networks are those of the Keras example (F. Chollet), with a wider dense layer.
    """
    given: dict[str, Any] = {
        "channels": None if channels is None else parse_channels("--channels", channels),
        "n_dense": dense,
        "n_latent": latent,
        "likelihood": likelihood,
    }
    of_gaussian = {"output_mean": output_mean, "sigma": None if sigma is None else parse_sigma(sigma)}
    settings = {"kernel": kernel, "activation": activation} | elbo.settings()

    from scratchgen.commands.train import train_model
    from scratchgen.datasets.dataset import image_shape_of
    from scratchgen.models.conv_vae import ConvVAE
    from scratchgen.optim import Adam

    def settings_for(data: Dataset) -> dict[str, Any]:
        chosen = Defaults.of(data)._replace(**_without_none(given))
        gaussian = OF_GAUSSIAN if chosen.likelihood == "gaussian" else {}
        return {"image_shape": image_shape_of(data), **chosen._asdict(), **gaussian, **_without_none(of_gaussian)}

    train_model(run, ConvVAE, settings, Adam(run.learning_rate), Evaluation(samples=0), settings_for)


def _without_none(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
