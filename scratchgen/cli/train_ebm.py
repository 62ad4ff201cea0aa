"""``scratchgen train ebm``: options, and the model, loss, dynamics and optimiser that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import train
from scratchgen.commands.options import Evaluation, Run
from scratchgen.commands.values import parse_channels, parse_widths
from scratchgen.errors import InputError

if TYPE_CHECKING:
    from scratchgen.datasets import Dataset

_RUN = Run("ebm", out=Path("runs/ebm"))


@train.command("ebm")
@expanded
def train_ebm(
    hidden: Annotated[
        str | None, typer.Option(help="Widths of the energy's dense layers.", show_default="256,256")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(help="Maps after each convolution, such as 16,32,64,64: a convolutional energy, for images."),
    ] = None,
    dense: Annotated[
        int | None,
        typer.Option(min=1, help="Width of the dense layer after the convolutions.", show_default="64"),
    ] = None,
    activation: Annotated[str, typer.Option(help="swish, softplus, tanh or sigmoid.")] = "swish",
    input_scale: Annotated[float, typer.Option(help="Factor of the initial weights of the first layer.")] = 2.0,
    loss: Annotated[str, typer.Option(help="contrastive or score-matching.")] = "contrastive",
    regularisation: Annotated[float, typer.Option(help="Weight of the squared energies.")] = 1e-4,
    buffer: Annotated[int, typer.Option(min=1, help="Chains that the contrastive loss keeps.")] = 5000,
    reinitialised: Annotated[float, typer.Option(help="Share of the chains that begin anew from noise.")] = 0.05,
    data_noise: Annotated[
        float, typer.Option(help="Standard deviation of the noise on the data: that of score matching too.")
    ] = 0.07,
    steps: Annotated[int, typer.Option(min=1, help="Langevin steps a training step.")] = 60,
    step_size: Annotated[float, typer.Option(help="Of the Langevin steps, on the gradient.")] = 1e-3,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Of the Langevin steps; 1 is the model's own, and meant where no --noise is given.", show_default="1"
        ),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of the noise of a step instead of sqrt(2 h T); with --temperature, a warning "
            "where they do not match."
        ),
    ] = None,
    order: Annotated[str, typer.Option(help="noise-after-gradient or noise-before-gradient.")] = "noise-after-gradient",
    max_gradient: Annotated[float | None, typer.Option(help="Bound for each component of that gradient.")] = None,
    max_norm: Annotated[float | None, typer.Option(help="Bound for the norm of the parameters' gradient.")] = None,
    decay_steps: Annotated[
        int, typer.Option(min=0, help="Steps in which the learning rate falls linearly to 0; 0 keeps it constant.")
    ] = 0,
    run: Run = _RUN,
) -> None:
    """Train an energy-based model.

    The energy is a multilayer perceptron, or convolutional with --channels; pixels stay in [0, 1], points of the plane
    in a box around the data; the optimiser is Adam.
    """
    if channels is None and dense is not None:
        raise InputError("--dense is the layer after convolutions: give --channels too, or --hidden instead")
    if channels is not None and hidden is not None:
        raise InputError("--hidden is for an energy without convolutions: with --channels give --dense")

    from scratchgen.commands.train import train_model
    from scratchgen.models.energy.contrastive import Contrastive
    from scratchgen.models.energy.conv_energy_model import ConvEnergyModel
    from scratchgen.models.energy.dynamics import Langevin
    from scratchgen.models.energy.energy_model import EnergyModel
    from scratchgen.models.energy.score_matching import ScoreMatching
    from scratchgen.optim import Adam
    from scratchgen.schedules import LinearDecay
    from scratchgen.validation import check_choice

    if temperature is None and noise is None:
        temperature = 1.0
    contrastive = check_choice("--loss", loss, ("contrastive", "score-matching")) == "contrastive"
    description = (
        Contrastive(regularisation, buffer, reinitialised, data_noise) if contrastive else ScoreMatching(data_noise)
    )
    settings = {
        "activation": activation,
        "input_scale": input_scale,
        "loss": description,
        "dynamics": Langevin(steps, step_size, temperature, noise, max_gradient, order),
        "max_norm": max_norm,
    }
    rate = LinearDecay(decay_steps, start=run.learning_rate) if decay_steps else run.learning_rate
    if channels is None:
        settings["hidden"] = parse_widths("--hidden", "256,256" if hidden is None else hidden)
        train_model(run, EnergyModel, settings, Adam(rate), Evaluation(), _settings_for_rows)
    else:
        settings |= {"channels": parse_channels("--channels", channels), "n_dense": 64 if dense is None else dense}
        train_model(run, ConvEnergyModel, settings, Adam(rate), Evaluation(), _settings_for_images)


def _settings_for_rows(data: Dataset) -> dict[str, Any]:
    return {"n_visible": data.x_train.shape[1], "box": _box_of(data)}


def _settings_for_images(data: Dataset) -> dict[str, Any]:
    from scratchgen.datasets.dataset import image_shape_of

    return {"image_shape": image_shape_of(data), "box": _box_of(data)}


def _box_of(data: Dataset) -> tuple[float, float]:
    """Return [0, 1] for pixels; for points an interval that holds all coordinates, with a margin of a tenth."""
    if data.image_shape is not None:
        return 0.0, 1.0
    low = float(min(data.x_train.min(), data.x_test.min()))
    high = float(max(data.x_train.max(), data.x_test.max()))
    margin = 0.1 * (high - low)
    return low - margin, high + margin
