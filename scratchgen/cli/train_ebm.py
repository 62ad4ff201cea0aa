"""``scratchgen train ebm``: options, and the model, loss, dynamics and optimiser that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import train
from scratchgen.commands.options import Evaluation, Run
from scratchgen.commands.values import parse_widths

_RUN = Run("ebm", out=Path("runs/ebm"))


@train.command("ebm")
@expanded
def train_ebm(
    hidden: Annotated[str, typer.Option(help="Widths of the energy's layers, such as 256,256.")] = "256,256",
    activation: Annotated[str, typer.Option(help="swish, softplus, tanh or sigmoid.")] = "swish",
    input_scale: Annotated[float, typer.Option(help="Factor of the pixels in front of the network.")] = 2.0,
    loss: Annotated[str, typer.Option(help="contrastive or score-matching.")] = "contrastive",
    regularisation: Annotated[float, typer.Option(help="Weight of the squared energies.")] = 1e-4,
    buffer: Annotated[int, typer.Option(min=1, help="Chains that the contrastive loss keeps.")] = 5000,
    reinitialised: Annotated[float, typer.Option(help="Share of the chains that begin anew from noise.")] = 0.05,
    data_noise: Annotated[
        float, typer.Option(help="Standard deviation of the noise on the images: that of score matching too.")
    ] = 0.07,
    steps: Annotated[int, typer.Option(min=1, help="Langevin steps a training step.")] = 60,
    step_size: Annotated[float, typer.Option(help="Of the Langevin steps, on the gradient.")] = 1e-3,
    temperature: Annotated[float, typer.Option(help="Of the Langevin steps; 1 is the model's own.")] = 1.0,
    max_gradient: Annotated[float | None, typer.Option(help="Bound for each component of that gradient.")] = None,
    max_norm: Annotated[float | None, typer.Option(help="Bound for the norm of the parameters' gradient.")] = None,
    decay_steps: Annotated[
        int, typer.Option(min=0, help="Steps in which the learning rate falls linearly to 0; 0 keeps it constant.")
    ] = 0,
    run: Run = _RUN,
) -> None:
    """Train an energy-based model.

    The energy is a multilayer perceptron, the pixels stay in [0, 1], and the optimiser is Adam.
    """
    widths = parse_widths("--hidden", hidden)

    from scratchgen.commands.train import train_model
    from scratchgen.models.energy.contrastive import Contrastive
    from scratchgen.models.energy.dynamics import Langevin
    from scratchgen.models.energy.energy_model import EnergyModel
    from scratchgen.models.energy.score_matching import ScoreMatching
    from scratchgen.optim import Adam
    from scratchgen.schedules import LinearDecay
    from scratchgen.validation import check_choice

    contrastive = check_choice("--loss", loss, ("contrastive", "score-matching")) == "contrastive"
    description = (
        Contrastive(regularisation, buffer, reinitialised, data_noise) if contrastive else ScoreMatching(data_noise)
    )
    settings = {
        "hidden": widths,
        "activation": activation,
        "input_scale": input_scale,
        "loss": description,
        "dynamics": Langevin(steps, step_size, temperature, max_gradient=max_gradient),
        "box": (0.0, 1.0),
        "max_norm": max_norm,
    }
    rate = LinearDecay(decay_steps, start=run.learning_rate) if decay_steps else run.learning_rate
    train_model(run, EnergyModel, settings, Adam(rate), Evaluation())
