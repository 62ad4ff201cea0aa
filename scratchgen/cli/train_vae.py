"""``scratchgen train vae``: options, and the model and optimiser that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import train
from scratchgen.commands.options import Evaluation, Run, Sigma
from scratchgen.commands.values import parse_sigma, parse_widths

_RUN = Run("vae", out=Path("runs/vae"))


@train.command("vae")
@expanded
def train_vae(
    hidden: Annotated[str, typer.Option(help="Widths of the encoder's layers, such as 512,256; '' for none.")] = "400",
    decoder_hidden: Annotated[
        str | None, typer.Option(help="Widths of the decoder's layers.", show_default="those of the encoder, reversed")
    ] = None,
    latent: Annotated[int, typer.Option(min=1, help="Number of latent variables.")] = 20,
    activation: Annotated[
        str, typer.Option(help="Of the hidden layers: relu, tanh, sigmoid, softplus, swish or linear.")
    ] = "relu",
    likelihood: Annotated[str, typer.Option(help="p(x|z): bernoulli or gaussian.")] = "bernoulli",
    output_mean: Annotated[str, typer.Option(help="Mean of a Gaussian p(x|z): linear, tanh or sigmoid.")] = "linear",
    sigma: Sigma = "1",
    beta: Annotated[float, typer.Option(min=0, help="Weight of the KL divergence in the loss.")] = 1.0,
    beta_warmup: Annotated[int, typer.Option(min=0, help="Steps in which beta rises linearly from 0.")] = 0,
    objective: Annotated[
        str, typer.Option(help="elbo, or iwae: the tighter bound that several draws of z an image give.")
    ] = "elbo",
    draws: Annotated[int, typer.Option(min=1, help="Draws of z an image in the loss.")] = 1,
    binarise: Annotated[
        bool, typer.Option("--binarise", help="Draw the pixels of each batch afresh as 0 or 1.")
    ] = False,
    run: Run = _RUN,
) -> None:
    """Train a variational autoencoder.

    Encoder and decoder are fully connected; the optimiser is Adam.
    """
    widths = parse_widths("--hidden", hidden)
    decoder_widths = None if decoder_hidden is None else parse_widths("--decoder-hidden", decoder_hidden)
    sigma_value = parse_sigma(sigma)

    from scratchgen.commands.train import train_model
    from scratchgen.models.vae import VAE
    from scratchgen.optim import Adam
    from scratchgen.schedules import LinearWarmup

    settings = {
        "hidden": widths,
        "decoder_hidden": decoder_widths,
        "n_latent": latent,
        "activation": activation,
        "likelihood": likelihood,
        "output_mean": output_mean,
        "sigma": sigma_value,
        "beta": LinearWarmup(beta_warmup, stop=beta) if beta_warmup else beta,
        "objective": objective,
        "n_samples": draws,
        "binarise": binarise,
    }
    train_model(run, VAE, settings, Adam(run.learning_rate), Evaluation(samples=0))
