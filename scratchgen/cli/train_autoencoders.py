"""``scratchgen train autoencoder``, ``denoising``, ``sparse`` and ``contractive``: options, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import train
from scratchgen.commands.options import Evaluation, Run
from scratchgen.commands.values import parse_corruption, parse_widths


@dataclass(frozen=True)
class Networks:
    """The options that the kinds of autoencoders share."""

    hidden: Annotated[
        str, typer.Option(help="Widths of the encoder's layers below the code, such as 512,256; '' for none.")
    ] = "400"
    decoder_hidden: Annotated[
        str | None, typer.Option(help="Widths of the decoder's layers.", show_default="those of the encoder, reversed")
    ] = None
    code: Annotated[int, typer.Option(min=1, help="Units of the code.")] = 20
    activation: Annotated[
        str, typer.Option(help="Of the hidden layers: relu, tanh, sigmoid, softplus, swish or linear.")
    ] = "relu"
    code_activation: Annotated[str, typer.Option(help="Of the code, one of the same.")] = "linear"
    likelihood: Annotated[str, typer.Option(help="p(x|code): bernoulli, or gaussian for squared error.")] = "bernoulli"
    output_mean: Annotated[str, typer.Option(help="Mean of a Gaussian: linear, tanh or sigmoid.")] = "linear"
    weight_decay: Annotated[float, typer.Option(min=0, help="Weight of half the sum of squared weights.")] = 0.0

    def settings(self) -> dict[str, Any]:
        """Return what the options stand for, as the models take it."""
        decoder = self.decoder_hidden
        return {
            "hidden": parse_widths("--hidden", self.hidden),
            "decoder_hidden": None if decoder is None else parse_widths("--decoder-hidden", decoder),
            "n_code": self.code,
            "activation": self.activation,
            "code_activation": self.code_activation,
            "likelihood": self.likelihood,
            "output_mean": self.output_mean,
            "weight_decay": self.weight_decay,
        }


_NETWORKS = Networks()
_SPARSE = Networks(hidden="", code=100, code_activation="sigmoid", weight_decay=1e-4)
_CONTRACTIVE = Networks(hidden="", code=100, activation="sigmoid", code_activation="sigmoid", weight_decay=1e-4)
_RUNS = {
    "autoencoder": Run("autoencoder", out=Path("runs/autoencoder")),
    "denoising": Run("denoising", out=Path("runs/denoising")),
    # a sigmoid code learns more slowly than a linear one
    "sparse": Run("sparse", batch_size=32, learning_rate=0.01, out=Path("runs/sparse")),
    "contractive": Run("contractive", learning_rate=0.01, out=Path("runs/contractive")),
}


@train.command("autoencoder")
@expanded
def train_autoencoder(networks: Networks = _NETWORKS, run: Run = _RUNS["autoencoder"]) -> None:
    """Train an autoencoder whose only constraint is the width of its code.

    Encoder and decoder are fully connected; the optimiser is Adam.
    """
    settings = networks.settings()

    from scratchgen.models.autoencoders.autoencoder import Autoencoder

    _train(run, Autoencoder, settings)


@train.command("denoising")
@expanded
def train_denoising(
    corruption: Annotated[
        str,
        typer.Option(
            help="masking (a fixed proportion of the pixels is 0), independent-masking, gaussian or salt-and-pepper."
        ),
    ] = "masking",
    level: Annotated[
        float | None,
        typer.Option(
            help="Proportion, or probability, of corrupted pixels; of gaussian the standard deviation.",
            show_default="0.25; 0.5 of gaussian",
        ),
    ] = None,
    networks: Networks = _NETWORKS,
    run: Run = _RUNS["denoising"],
) -> None:
    """Train an autoencoder to undo a corruption.

    Encoder and decoder are fully connected; the optimiser is Adam.
    """
    settings = networks.settings() | {"corruption": parse_corruption(corruption, level)}

    from scratchgen.models.autoencoders.denoising import DenoisingAutoencoder

    _train(run, DenoisingAutoencoder, settings)


@train.command("sparse")
@expanded
def train_sparse(
    sparsity: Annotated[
        str, typer.Option(help="The penalty: kl, of the mean activations, or l1, of the code itself.")
    ] = "kl",
    sparsity_cost: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Weight of the penalty: the larger, the nearer kl comes to its target.",
            show_default="10 of kl, 0.1 of l1",
        ),
    ] = None,
    sparsity_target: Annotated[
        float | None,
        typer.Option(help="Wanted mean activation of a unit of the code, for kl.", show_default="0.05"),
    ] = None,
    networks: Networks = _SPARSE,
    run: Run = _RUNS["sparse"],
) -> None:
    """Train an autoencoder most units of whose code are near zero for most images.

    Encoder and decoder are fully connected; the optimiser is Adam. By default the code is one layer away from the
    images.
    """
    settings = networks.settings() | {
        "sparsity": sparsity,
        "sparsity_cost": sparsity_cost,
        "sparsity_target": sparsity_target,
    }

    from scratchgen.models.autoencoders.sparse import SparseAutoencoder

    _train(run, SparseAutoencoder, settings)


@train.command("contractive")
@expanded
def train_contractive(
    contraction_cost: Annotated[
        float, typer.Option(min=0, help="Weight of the squared Frobenius norm of the encoder's Jacobian.")
    ] = 0.1,
    networks: Networks = _CONTRACTIVE,
    run: Run = _RUNS["contractive"],
) -> None:
    """Train an autoencoder whose code changes little where the data are.

    Encoder and decoder are fully connected; the optimiser is Adam. By default the code is one layer away from the
    images: hidden layers make the penalty costly.
    """
    settings = networks.settings() | {"contraction_cost": contraction_cost}

    from scratchgen.models.autoencoders.contractive import ContractiveAutoencoder

    _train(run, ContractiveAutoencoder, settings)


def _train(run: Run, model_class: Any, settings: dict[str, Any]) -> None:
    from scratchgen.commands.train import train_model
    from scratchgen.optim import Adam

    train_model(run, model_class, settings, Adam(run.learning_rate), Evaluation())
