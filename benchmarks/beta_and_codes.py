"""What beta does to the codes of a VAE: their correlation, their KL divergence, and the reconstruction, seed by seed.

The VAE has a Gaussian likelihood with a fixed sigma, so that beta says nothing by itself: multiplying beta by 4 and
doubling sigma lead to the same optimum. Whether beta = 4 lowers the correlation against beta = 1 therefore depends on
sigma. With the small one that is the default here the KL divergence hardly counts at beta = 1, the codes are correlated
as those of an autoencoder may be, and a larger beta lowers that in every seed. With ``--sigma 0.2`` the codes of the
digits are less correlated at beta = 1 already, and beta = 4 raises the mean over all pairs: as tutorial 5 finds,
through variables that are hardly used, while the correlation of those in use falls.

Run ``python -m benchmarks.beta_and_codes``; the digits take about half a minute. ``--pictures FOLDER`` draws the table.

Reference: I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational framework",
ICLR 2017.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import scratchgen as sg
from scratchgen import plots
from scratchgen.datasets import Dataset
from scratchgen.latent import kl_per_dimension, mean_absolute_correlation


class Codes(NamedTuple):
    """Of the training data after training: mean absolute correlation, and the two terms in nats an example."""

    correlation: float
    kl: float
    reconstruction: float


def run(data: Dataset, beta: float, seed: int, options: argparse.Namespace) -> Codes:
    """Train one VAE and measure its codes."""
    vae = sg.VAE(
        data.x_train.shape[1],
        options.hidden,
        options.latent,
        likelihood="gaussian",
        output_mean="sigmoid",
        sigma=options.sigma,
        beta=beta,
        seed=seed,
    )
    vae.fit(data.x_train, epochs=options.epochs, batch_size=options.batch, progress=False)
    mean, log_var = vae.encode(data.x_train)
    kl = float(kl_per_dimension(mean, log_var).sum())
    return Codes(mean_absolute_correlation(mean), kl, -float(vae.elbo(data.x_train, 10).mean()) - kl)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beta_and_codes", description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--beta", type=float, nargs="+", default=[0.25, 0.5, 1.0, 2.0, 4.0])
    parser.add_argument("--seeds", type=int, default=3, help="0, 1, ... are run")
    parser.add_argument("--sigma", type=float, default=0.05)
    parser.add_argument("--latent", type=int, default=8)
    parser.add_argument("--hidden", type=int, nargs="+", default=[128])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw the table there")
    options = parser.parse_args(arguments)

    data = sg.datasets.load(options.data)
    rows = []
    print("  beta   mean |correlation| by seed" + " " * (8 * (options.seeds - 3)) + "      KL  reconstruction (means)")
    for beta in options.beta:
        of_seeds = [run(data, beta, seed, options) for seed in range(options.seeds)]
        rows.append(of_seeds)
        correlations = "  ".join(f"{codes.correlation:.4f}" for codes in of_seeds)
        kl, reconstruction = np.mean(of_seeds, axis=0)[1:]
        print(f"{beta:6g}   {correlations:>26}  {kl:6.2f}  {reconstruction:14.2f}", flush=True)
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
        correlation, kl, reconstruction = np.moveaxis(np.array(rows), -1, 0)
        draw = {
            "correlation": plots.against_beta(options.beta, correlation, "mean |correlation| of two latent variables"),
            "rate-distortion": plots.rate_distortion(options.beta, kl, reconstruction),
        }
        for name, figure in draw.items():
            figure.savefig(options.pictures / f"{name}.png", dpi=150)


if __name__ == "__main__":
    main()
