"""How well a VAE finds the one class that it was not trained on: AUROC by four scores, each class left out in turn.

The held-out examples of the other classes are the normal ones. 0.5 is chance; below it the class that was left out
looks more usual than the rest. Run ``python -m benchmarks.one_digit_left_out``; the digits take under a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

import numpy as np

import scratchgen as sg
from scratchgen.datasets import Dataset
from scratchgen.uses import AnomalyScores, anomaly_scores, area_under_roc, leave_class_out


def run(data: Dataset, label: int, options: argparse.Namespace) -> list[float]:
    """Return the AUROC of each score with one class left out."""
    kept, anomalous = leave_class_out(data, label)
    gaussian = {"likelihood": "gaussian", "output_mean": "sigmoid", "sigma": options.sigma}
    vae = sg.VAE(
        data.x_train.shape[1],
        options.hidden,
        options.latent,
        seed=options.seed,
        **({} if options.sigma is None else gaussian),
    )
    vae.fit(kept.x_train, epochs=options.epochs, batch_size=options.batch, progress=False)
    pairs = zip(anomaly_scores(vae, kept.x_test), anomaly_scores(vae, anomalous), strict=True)
    return [area_under_roc(normal, unusual) for normal, unusual in pairs]


def row(name: str, areas: Iterable[float]) -> str:
    """Return a row of the table in Markdown."""
    return f"| {name} | {' | '.join(f'{area:.3f}' for area in areas)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.one_digit_left_out", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data", default="digits")
    parser.add_argument("--sigma", type=float, help="of a Gaussian likelihood; without it the likelihood is Bernoulli")
    parser.add_argument("--latent", type=int, default=8)
    parser.add_argument("--hidden", type=int, nargs="+", default=[128])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    data = sg.datasets.load(options.data)
    print(f"| left out | {' | '.join(AnomalyScores._fields)} |".replace("_", " "))
    print("| --- |" + " --- |" * len(AnomalyScores._fields))
    rows = []
    for label, name in enumerate(data.classes):
        rows.append(run(data, label, options))
        print(row(name, rows[-1]), flush=True)
    print(row("mean", np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()
