"""``scratchgen train vae`` and ``iwae``: options, and the models and optimisers that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import train
from scratchgen.commands.options import Binarise, Evaluation, Run, Sigma
from scratchgen.commands.values import parse_sigma, parse_widths


@dataclass(frozen=True)
class DenseNetworks:
    """The options of fully connected networks."""

    hidden: Annotated[str, typer.Option(help="Widths of the encoder's layers, such as 512,256; '' for none.")] = "400"
    decoder_hidden: Annotated[
        str | None, typer.Option(help="Widths of the decoder's layers.", show_default="those of the encoder, reversed")
    ] = None

    def settings(self) -> dict[str, Any]:
        """Return what the options stand for, as the models take it."""
        decoder = self.decoder_hidden
        return {
            "hidden": parse_widths("--hidden", self.hidden),
            "decoder_hidden": None if decoder is None else parse_widths("--decoder-hidden", decoder),
        }


@dataclass(frozen=True)
class Distributions:
    """The options of z and of p(x|z)."""

    latent: Annotated[int, typer.Option(min=1, help="Number of latent variables.")] = 20
    activation: Annotated[
        str, typer.Option(help="Of the hidden layers: relu, tanh, sigmoid, softplus, swish or linear.")
    ] = "relu"
    likelihood: Annotated[str, typer.Option(help="p(x|z): bernoulli or gaussian.")] = "bernoulli"
    output_mean: Annotated[str, typer.Option(help="Mean of a Gaussian p(x|z): linear, tanh or sigmoid.")] = "linear"
    sigma: Sigma = "1"

    def settings(self) -> dict[str, Any]:
        """Return what the options stand for, as the models take it."""
        return {
            "n_latent": self.latent,
            "activation": self.activation,
            "likelihood": self.likelihood,
            "output_mean": self.output_mean,
            "sigma": parse_sigma(self.sigma),
        }


@dataclass(frozen=True)
class ELBO:
    """The options of the evidence lower bound, and of the data that it is taken of."""

    beta: Annotated[float, typer.Option(min=0, help="Weight of the KL divergence in the loss.")] = 1.0
    beta_warmup: Annotated[int, typer.Option(min=0, help="Steps in which beta rises linearly from 0.")] = 0
    draws: Annotated[int, typer.Option(min=1, help="Draws of z an image in the loss.")] = 1
    binarise: Annotated[bool, typer.Option("--binarise", help="Draw the pixels of each batch afresh as 0 or 1.")] = (
        False
    )

    def settings(self) -> dict[str, Any]:
        """Return what the options stand for, as the models take it."""
        from scratchgen.schedules import LinearWarmup

        return {
            "beta": LinearWarmup(self.beta_warmup, stop=self.beta) if self.beta_warmup else self.beta,
            "n_samples": self.draws,
            "binarise": self.binarise,
        }


_DENSE, _DISTRIBUTIONS, _ELBO = DenseNetworks(), Distributions(), ELBO()
_OF_BURDA = DenseNetworks(hidden="200,200"), Distributions(latent=50, activation="tanh")
_BURDA_EPSILON = 1e-4  # of Adam
_RUNS = {
    "vae": Run("vae", out=Path("runs/vae")),
    "iwae": Run("iwae", batch_size=20, out=Path("runs/iwae")),
}


@train.command("vae")
@expanded
def train_vae(
    networks: DenseNetworks = _DENSE,
    distributions: Distributions = _DISTRIBUTIONS,
    elbo: ELBO = _ELBO,
    run: Run = _RUNS["vae"],
) -> None:
    """Train a variational autoencoder.

    Encoder and decoder are fully connected; the optimiser is Adam. Intensities are in [0, 1], where a sigmoid mean is
    at home. A model of shifted images, such as that of the lectures with tanh means of images in [-0.5, 0.5], is one
    for Python: VAE(...).fit(x - 0.5). 'evaluate' and 'sample' know of no shift.
    """
    settings = networks.settings() | distributions.settings() | elbo.settings()

    from scratchgen.commands.train import train_model
    from scratchgen.models.vae import VAE
    from scratchgen.optim import Adam

    train_model(run, VAE, settings, Adam(run.learning_rate), Evaluation(samples=0))


@train.command("iwae")
@expanded
def train_iwae(
    networks: DenseNetworks = _OF_BURDA[0],
    distributions: Distributions = _OF_BURDA[1],
    draws: Annotated[
        int, typer.Option(min=1, help="Draws of z an image in the loss: the more, the tighter the bound.")
    ] = 5,
    binarise: Binarise = None,
    run: Run = _RUNS["iwae"],
) -> None:
    """Train a VAE by the importance-weighted bound.

    That is the logarithm of the mean weight of several draws of z an image. Encoder and decoder are fully connected.
    The defaults are those of Burda et al. (2016), Adam's epsilon of 1e-4 too; their rate falls to 1e-4 in 3,280 epochs.
    """
    settings = networks.settings() | distributions.settings()
    settings |= {
        "objective": "iwae",
        "n_samples": draws,
        "binarise": distributions.likelihood == "bernoulli" if binarise is None else binarise,
    }

    from scratchgen.commands.train import train_model
    from scratchgen.models.vae import VAE
    from scratchgen.optim import Adam

    # log p(x) from as many draws as the loss has is the bound itself
    train_model(run, VAE, settings, Adam(run.learning_rate, epsilon=_BURDA_EPSILON), Evaluation(samples=draws))
