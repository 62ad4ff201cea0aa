"""``scratchgen train linear``: options, and the model that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import train
from scratchgen.commands.options import Fit

_FIT = Fit("linear", out=Path("runs/linear"))


@train.command("linear")
@expanded
def train_linear(
    latent: Annotated[int, typer.Option(min=1, help="Number of latent variables, below that of pixels.")] = 10,
    run: Fit = _FIT,
) -> None:
    """Fit the linear Gaussian model, probabilistic PCA, in closed form.

    Its log p(x) is exact. There are no epochs: the eigenvectors of the data's covariance give the maximum of the
    likelihood.
    """
    from scratchgen.commands.train import fit_in_closed_form
    from scratchgen.models.linear import LinearGaussianModel

    fit_in_closed_form(run, LinearGaussianModel, {"n_latent": latent})
