"""What beta and its schedule do to the codes of a VAE: correlation, units in use, KL and reconstruction, seed by seed.

Two settings, by ``--data``. The digits have a Gaussian likelihood with a fixed sigma, so that beta says nothing by
itself: multiplying beta by 4 and doubling sigma lead to the same optimum. Whether beta = 4 lowers the correlation
against beta = 1 therefore depends on sigma (``--sigma``). MNIST has a Bernoulli likelihood, and beside each constant
beta there is one that rises linearly from 0 in the first two thirds of the training.

A latent variable is in use where its KL divergence is above 0.1 nats, and active where the variance of its mean is
above 0.01. Correlations of variables that are not in use say nothing, but count in the mean over all pairs: beside it
is that over the pairs in use, or a dash where fewer than two are. Everything is of the training images but the ELBO,
which has beta = 1.

Run ``python -m benchmarks.beta_and_codes``; on one core the digits take 7 seconds, ``--data mnist`` a minute.
``--pictures FOLDER`` draws the rows with a constant beta.

Reference: I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational framework",
ICLR 2017.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import scratchgen as sg
from scratchgen import plots
from scratchgen.latent import active_units, kl_per_dimension, mean_absolute_correlation
from scratchgen.schedules import LinearWarmup, Schedule

SETTINGS: dict[str, dict[str, Any]] = {
    "digits": {
        "likelihood": "gaussian",
        "hidden": [128],
        "latent": 8,
        "beta": [0.25, 0.5, 1.0, 2.0, 4.0],
        "warm_up": [],
        "images": None,
        "epochs": 40,
        "batch": 64,
    },
    "mnist": {
        "likelihood": "bernoulli",
        "hidden": [400],
        "latent": 20,
        "beta": [1.0, 4.0],
        "warm_up": [4.0],
        "images": 10_000,
        "epochs": 12,
        "batch": 128,
    },
}
LEAST_KL = 0.1  # nats, of a variable in use
WARM_UP_SHARE = 2 / 3
N_DRAWS = 10  # of z, an example
COLUMNS = ("correlation", "in use", "correlation in use", "active", "KL", "reconstruction", "test ELBO")


class Codes(NamedTuple):
    """Of a trained model, in the order of `COLUMNS`: the codes of the training data, and bounds in nats an example."""

    correlation: float
    n_in_use: int
    correlation_in_use: float  # NaN where fewer than two are in use
    n_active: int
    kl: float
    reconstruction: float
    test_elbo: float


def run(x: np.ndarray, x_test: np.ndarray, beta: Schedule, seed: int, options: argparse.Namespace) -> Codes:
    """Train one VAE and measure its codes."""
    gaussian = {"output_mean": "sigmoid", "sigma": options.sigma} if options.likelihood == "gaussian" else {}
    vae = sg.VAE(
        x.shape[1],
        options.hidden,
        options.latent,
        likelihood=options.likelihood,
        beta=beta,
        seed=seed,
        **gaussian,
    )
    vae.fit(x, epochs=options.epochs, batch_size=options.batch, progress=False)
    mean, log_var = vae.encode(x)
    kl = kl_per_dimension(mean, log_var)
    in_use = kl > LEAST_KL
    return Codes(
        mean_absolute_correlation(mean),
        int(in_use.sum()),
        mean_absolute_correlation(mean, in_use) if in_use.sum() > 1 else math.nan,
        int(active_units(mean).sum()),
        float(kl.sum()),
        -float(vae.elbo(x, N_DRAWS).mean() + kl.sum()),
        float(vae.elbo(x_test, N_DRAWS).mean()),
    )


def row(name: str, of_seeds: Sequence[Codes]) -> str:
    """Return a row of the table in Markdown: a figure for each seed, or a dash where there is none."""
    formats = ("{:.3f}", "{}", "{:.3f}", "{}", "{:.1f}", "{:.1f}", "{:.1f}")
    cells = [
        " ".join("–" if math.isnan(value) else style.format(value) for value in column)
        for style, column in zip(formats, zip(*of_seeds, strict=True), strict=True)
    ]
    return f"| {name} | {' | '.join(cells)} |"


def draw(betas: Sequence[float], codes: Sequence[Sequence[Codes]], folder: Path) -> None:
    """Draw the rows with a constant beta; the correlation where in all seeds two variables are in use."""
    columns = dict(zip(Codes._fields, np.moveaxis(np.array(codes, dtype=np.float64), -1, 0), strict=True))
    figures = {"rate-distortion": plots.rate_distortion(betas, columns["kl"], columns["reconstruction"])}
    correlation = columns["correlation_in_use"]
    shown = np.isfinite(correlation).all(axis=1)
    if shown.any():
        name = "mean |correlation| in use"
        figures["correlation"] = plots.against_beta(np.array(betas)[shown], correlation[shown], name)
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=150)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.beta_and_codes",
        description=__doc__.splitlines()[0],
        epilog="What is not said is as `SETTINGS` has it for the data.",
    )
    parser.add_argument("--data", choices=list(SETTINGS), default="digits")
    parser.add_argument("--seeds", type=int, default=3, help="0, 1, ... are run")
    parser.add_argument("--beta", type=float, nargs="+", help="constant ones")
    parser.add_argument("--warm-up", type=float, nargs="*", help="beta at the end of a rise from 0")
    parser.add_argument("--likelihood", choices=["bernoulli", "gaussian"])
    parser.add_argument("--sigma", type=float, default=0.05, help="of a Gaussian likelihood (default: %(default)s)")
    parser.add_argument("--latent", type=int)
    parser.add_argument("--hidden", type=int, nargs="+")
    parser.add_argument("--images", type=int, help="to train on, the first ones")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw the rows with a constant beta there")
    parser.set_defaults(**SETTINGS[parser.parse_args(arguments).data])
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    data = sg.datasets.load(options.data)
    x = data.x_train[: options.images]
    n_steps = options.epochs * math.ceil(len(x) / options.batch)
    constant: dict[str, Schedule] = {f"{beta:g}": beta for beta in options.beta}
    rising: dict[str, Schedule] = {
        f"0 to {beta:g}": LinearWarmup(round(WARM_UP_SHARE * n_steps), stop=beta) for beta in options.warm_up
    }
    print(f"| beta | {' | '.join(COLUMNS)} |")
    print("| --- " * (1 + len(COLUMNS)) + "|", flush=True)
    codes = {}
    for name, beta in (constant | rising).items():
        codes[name] = [run(x, data.x_test, beta, seed, options) for seed in range(options.seeds)]
        print(row(name, codes[name]), flush=True)
    if options.pictures is not None:
        draw(options.beta, [codes[name] for name in constant], options.pictures)


if __name__ == "__main__":
    main()
