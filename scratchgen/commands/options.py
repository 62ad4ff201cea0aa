"""Options that several commands take, as Typer reads them, and what they make together; nothing heavy is imported here.

`scratchgen.cli.expansion` turns the fields of `Run`, `Fit`, `Evaluation` and `Sampling` into options, each stated once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from scratchgen.errors import InputError

Weights = Annotated[Path, typer.Argument(metavar="FILE", help="A weights file (.safetensors).", show_default=False)]
BackendName = Annotated[
    str, typer.Option("--backend", help="auto, numpy, cpu or cuda; auto takes a working GPU, else the CPU.")
]
DataName = Annotated[str, typer.Option("--data", help="A data set: see 'scratchgen data'.")]
Seed = Annotated[int, typer.Option(min=0, help="Of all random numbers.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
Sigma = Annotated[str, typer.Option(help="Standard deviation of Gaussian pixels: a number, or learned.")]
Binarise = Annotated[
    bool | None,
    typer.Option(
        "--binarise/--greys",
        help="Draw the pixels of each batch afresh as 0 or 1, or train on the grey values.",
        show_default="binarise, unless pixels are Gaussian",
    ),
]
Dtype = Annotated[str, typer.Option(help="float32 or float64.")]
Out = Annotated[Path, typer.Option(help="Folder for the files; made if it is not there.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the run in the folder.")]
AISChains = Annotated[
    int, typer.Option("--ais-chains", help="Chains of AIS, where log Z of an RBM cannot be enumerated; 0 for none.")
]
AISTemperatures = Annotated[int, typer.Option("--ais-temperatures", min=2, help="Inverse temperatures of AIS.")]


@dataclass(frozen=True)
class Run:
    """How to train, whatever the model.

    Attributes
    ----------
    model : str
        The name of the command, which the weights file takes too. No option.
    """

    model: str
    data: DataName = "digits"
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training data, in all.")] = 10
    batch_size: Annotated[int, typer.Option(min=1, help="Images a step.")] = 128
    learning_rate: Annotated[float, typer.Option(min=0, help="Of the optimiser.")] = 1e-3
    seed: Seed = 0
    dtype: Dtype = "float32"
    backend: BackendName = "auto"
    out: Out = Path("runs")
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Epochs between checkpoints.")] = 1
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False
    overwrite: Overwrite = False
    quiet: Quiet = False


@dataclass(frozen=True)
class Fit:
    """How to fit a model in closed form; `model` is the name of the command, which the weights file takes too."""

    model: str
    data: DataName = "digits"
    seed: Seed = 0
    dtype: Dtype = "float32"
    backend: BackendName = "auto"
    out: Out = Path("runs")
    overwrite: Overwrite = False


@dataclass(frozen=True)
class Evaluation:
    """How much work to put into log p(x) of test images; a kind of model looks at what concerns it."""

    samples: Annotated[int, typer.Option(min=0, help="Draws of z an image for log p(x) of a VAE; 0 for none.")] = 500
    ais_chains: AISChains = 100
    ais_temperatures: AISTemperatures = 1451

    def __post_init__(self) -> None:
        if self.ais_chains < 0 or self.ais_chains == 1:
            raise InputError(f"--ais-chains takes 0 for no AIS, or at least 2 chains, got {self.ais_chains}")


@dataclass(frozen=True)
class Sampling:
    """How to draw new images; a kind of model looks at what concerns it."""

    mean: Annotated[
        bool, typer.Option("--mean/--draw", help="The mean of p(x|z), or of p(v|h) of an RBM; or a draw from it.")
    ] = True
    sweeps: Annotated[int, typer.Option(min=1, help="Gibbs sweeps that lead to an image of an RBM.")] = 1000
    steps: Annotated[int, typer.Option(min=1, help="Langevin steps that lead to one of an energy-based model.")] = 1000
