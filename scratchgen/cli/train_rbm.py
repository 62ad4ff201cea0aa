"""``scratchgen train rbm``: options, and the model, method and optimiser that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import train
from scratchgen.commands.options import AISChains, AISTemperatures, Binarise, Evaluation, Run, Sigma
from scratchgen.commands.values import parse_sigma

_RUN = Run("rbm", batch_size=64, learning_rate=0.05, out=Path("runs/rbm"))


@train.command("rbm")
@expanded
def train_rbm(
    hidden: Annotated[int, typer.Option(min=1, help="Number of hidden units.")] = 100,
    visible: Annotated[str, typer.Option(help="Visible units: bernoulli or gaussian.")] = "bernoulli",
    sigma: Sigma = "1",
    binarise: Binarise = None,
    method: Annotated[
        str, typer.Option(help="Negative samples: cd, pcd (persistent chains) or pt (parallel tempering).")
    ] = "pcd",
    k: Annotated[int, typer.Option("--k", min=1, help="Gibbs sweeps a step.")] = 1,
    chains: Annotated[
        int | None,
        typer.Option(min=1, help="Persistent chains of pcd; of pt at each temperature.", show_default="64"),
    ] = None,
    temperatures: Annotated[int | None, typer.Option(min=2, help="Temperatures of pt.", show_default="10")] = None,
    centred: Annotated[bool, typer.Option("--centred", help="Follow the centred gradient.")] = False,
    weight_decay: Annotated[float, typer.Option(min=0, help="Weight of half the sum of squared couplings.")] = 0.0,
    sparsity_target: Annotated[float, typer.Option(help="Wanted mean activity of a hidden unit.")] = 0.1,
    sparsity_cost: Annotated[float, typer.Option(min=0, help="Weight of the divergence from that activity.")] = 0.0,
    momentum: Annotated[float, typer.Option(help="Of SGD, in [0, 1).")] = 0.5,
    decay_steps: Annotated[
        int,
        typer.Option(min=0, help="Steps in which the learning rate falls linearly to 0; 0 keeps it constant."),
    ] = 0,
    monitor_every: Annotated[
        int, typer.Option(min=1, help="Epochs between two reports of likelihood and free-energy gap in the history.")
    ] = 1,
    ais_chains: AISChains = Evaluation.ais_chains,
    ais_temperatures: AISTemperatures = Evaluation.ais_temperatures,
    run: Run = _RUN,
) -> None:
    """Train a restricted Boltzmann machine.

    The hidden units are Bernoulli; the optimiser is SGD. Gaussian visible units bear smaller learning rates only.
    """
    sigma_value = parse_sigma(sigma)

    from scratchgen.commands.train import train_model
    from scratchgen.models.boltzmann.negative_phase import negative_phase_of
    from scratchgen.models.boltzmann.rbm import RBM
    from scratchgen.optim import SGD
    from scratchgen.schedules import LinearDecay

    settings = {
        "n_hidden": hidden,
        "visible": visible,
        "sigma": sigma_value,
        "binarise": visible == "bernoulli" if binarise is None else binarise,
        "centred": centred,
        "weight_decay": weight_decay,
        "sparsity_target": sparsity_target,
        "sparsity_cost": sparsity_cost,
    }
    method_options = {"k": k, "n_chains": chains, "n_temperatures": temperatures}
    negative_phase = negative_phase_of(method, {n: value for n, value in method_options.items() if value is not None})
    rate = LinearDecay(decay_steps, start=run.learning_rate) if decay_steps else run.learning_rate
    train_model(
        run,
        RBM,
        settings,
        SGD(rate, momentum),
        Evaluation(ais_chains=ais_chains, ais_temperatures=ais_temperatures),
        prepare=lambda rbm: rbm.use_negative_phase(negative_phase),
        monitor_every=monitor_every,
    )
