"""``scratchgen train ebm``: options, and the model, loss, dynamics and optimiser that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import train
from scratchgen.commands.options import Evaluation, Run
from scratchgen.commands.values import parse_channels, parse_widths
from scratchgen.errors import InputError

if TYPE_CHECKING:
    from scratchgen.datasets import Dataset
    from scratchgen.models.energy.contrastive import Contrastive
    from scratchgen.models.energy.score_matching import ScoreMatching

_RUN = Run("ebm", out=Path("runs/ebm"))


class Defaults(NamedTuple):
    """Options that are not given: densities of the plane are thin, and their modes so far apart that chains mislead."""

    hidden: str
    input_scale: float
    loss: str
    data_noise: float
    reinitialised: float
    steps: int
    step_size: float

    @classmethod
    def of(cls, data: Dataset) -> Defaults:
        """Return the defaults for these data."""
        return OF_POINTS if data.image_shape is None else OF_IMAGES


OF_IMAGES = Defaults("256,256", 2.0, "contrastive", 0.07, 0.05, 30, 2e-3)
OF_POINTS = Defaults("128,128", 3.0, "score-matching", 0.1, 0.0, 20, 5e-3)
_SHOWN = {name: f"{getattr(OF_IMAGES, name)}; for points {getattr(OF_POINTS, name)}" for name in Defaults._fields}


@train.command("ebm")
@expanded
def train_ebm(
    hidden: Annotated[
        str | None, typer.Option(help="Widths of the energy's dense layers.", show_default=_SHOWN["hidden"])
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
    input_scale: Annotated[
        float | None,
        typer.Option(help="Factor of the initial weights of the first layer.", show_default=_SHOWN["input_scale"]),
    ] = None,
    loss: Annotated[
        str | None, typer.Option(help="contrastive or score-matching.", show_default=_SHOWN["loss"])
    ] = None,
    regularisation: Annotated[float, typer.Option(help="Weight of the squared energies.")] = 1e-4,
    buffer: Annotated[int, typer.Option(min=1, help="Chains that the contrastive loss keeps.")] = 5000,
    reinitialised: Annotated[
        float | None,
        typer.Option(help="Share of the chains that begin anew from noise.", show_default=_SHOWN["reinitialised"]),
    ] = None,
    data_noise: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of the noise on the data: that of score matching too.",
            show_default=_SHOWN["data_noise"],
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Langevin steps a training step.", show_default=_SHOWN["steps"])
    ] = None,
    step_size: Annotated[
        float | None, typer.Option(help="Of the Langevin steps, on the gradient.", show_default=_SHOWN["step_size"])
    ] = None,
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
    from scratchgen.datasets.dataset import image_shape_of
    from scratchgen.models.energy.conv_energy_model import ConvEnergyModel
    from scratchgen.models.energy.dynamics import Langevin
    from scratchgen.models.energy.energy_model import EnergyModel
    from scratchgen.optim import Adam
    from scratchgen.schedules import LinearDecay

    given: dict[str, Any] = {
        "hidden": hidden,
        "input_scale": input_scale,
        "loss": loss,
        "data_noise": data_noise,
        "reinitialised": reinitialised,
        "steps": steps,
        "step_size": step_size,
    }
    if temperature is None and noise is None:
        temperature = 1.0

    def settings_for(data: Dataset) -> dict[str, Any]:
        chosen = Defaults.of(data)._replace(**{name: value for name, value in given.items() if value is not None})
        settings: dict[str, Any] = {
            "activation": activation,
            "input_scale": chosen.input_scale,
            "loss": _loss(chosen, regularisation, buffer),
            "dynamics": Langevin(chosen.steps, chosen.step_size, temperature, noise, max_gradient, order),
            "box": _box_of(data),
            "max_norm": max_norm,
        }
        if channels is None:
            return settings | {"n_visible": data.x_train.shape[1], "hidden": parse_widths("--hidden", chosen.hidden)}
        network = {"channels": parse_channels("--channels", channels), "n_dense": 64 if dense is None else dense}
        return settings | network | {"image_shape": image_shape_of(data)}

    rate = LinearDecay(decay_steps, start=run.learning_rate) if decay_steps else run.learning_rate
    model_class = EnergyModel if channels is None else ConvEnergyModel
    train_model(run, model_class, {}, Adam(rate), Evaluation(), settings_for)


def _loss(chosen: Defaults, regularisation: float, buffer: int) -> Contrastive | ScoreMatching:
    from scratchgen.models.energy.contrastive import Contrastive
    from scratchgen.models.energy.score_matching import ScoreMatching
    from scratchgen.validation import check_choice

    if check_choice("--loss", chosen.loss, ("contrastive", "score-matching")) == "contrastive":
        return Contrastive(regularisation, buffer, chosen.reinitialised, chosen.data_noise)
    return ScoreMatching(chosen.data_noise)


def _box_of(data: Dataset) -> tuple[float, float]:
    """Return [0, 1] for pixels; for points an interval that holds all coordinates, with a margin of a tenth."""
    if data.image_shape is not None:
        return 0.0, 1.0
    low = float(min(data.x_train.min(), data.x_test.min()))
    high = float(max(data.x_train.max(), data.x_test.max()))
    margin = 0.1 * (high - low)
    return low - margin, high + margin
