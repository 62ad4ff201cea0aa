"""How far energy-based models of rings and of eight Gaussians are from the truth: KL from data to model, in nats.

Samples of the exact densities train a small network by denoising score matching or by the contrastive loss. The model's
density exp(-E) is then normalised on a grid over its box, as the exact one is, and KL(data || model) is a sum over the
grid. Score matching learns the data blurred by its noise of width 0.1, so that its KL has a floor: 0.03 nats for rings
of width 0.15, and 0.01 for Gaussians of width 0.25. The chains of the contrastive loss never begin anew; with the loss
"restarts" 5 % of them do: tutorial 9 shows what goes wrong then where modes are far apart. Seconds are those of the
processor.

Run ``python -m benchmarks.energy_toys``; a model takes 15 s on one core, with chains 85 s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import scratchgen as sg
from scratchgen import densities, plots
from scratchgen.schedules import LinearDecay

BOX = (-4.0, 4.0)
DENSITIES = {"rings": densities.three_rings, "eight Gaussians": densities.eight_gaussians}
LOSSES = {
    "score-matching": sg.ScoreMatching(sigma=0.1),
    "contrastive": sg.Contrastive(regularisation=1e-4, buffer_size=4096, reinitialised=0.0),
    "restarts": sg.Contrastive(regularisation=1e-4, buffer_size=4096, reinitialised=0.05),
}
N_EXAMPLES, BATCH_SIZE, RATE = 20_000, 256, 2e-3


def train(density: densities.Density, loss: str, seed: int, epochs: int) -> sg.EnergyModel:
    """Return a model trained with a learning rate that falls to a hundredth."""
    x = density.sample(N_EXAMPLES, sg.Stream(seed).child(1))
    model = sg.EnergyModel(
        2,
        hidden=(128, 128),
        input_scale=3.0,
        loss=LOSSES[loss],
        dynamics=sg.Langevin(n_steps=20, step_size=0.005),
        box=BOX,
        max_norm=10.0,
        seed=seed,
    )
    rate = LinearDecay(epochs * -(-N_EXAMPLES // BATCH_SIZE), start=RATE, stop=RATE / 100)
    model.fit(x, epochs=epochs, batch_size=BATCH_SIZE, optimizer=sg.Adam(rate), progress=False)
    return model


def kl_on_grid(density: densities.Density, model: sg.EnergyModel, n_grid: int = 400) -> float:
    """Return KL(data || model) in nats, both normalised over the midpoints of a grid."""
    edges = np.linspace(*BOX, n_grid + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    points = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
    log_p, log_q = normalised(density.log_density(points)), normalised(-model.energy(points))
    return float(np.exp(log_p) @ (log_p - log_q))


def normalised(log_density: np.ndarray) -> np.ndarray:
    """Return the logarithms of probabilities that sum to 1."""
    shifted = log_density.astype(np.float64) - log_density.max()
    return shifted - np.log(np.exp(shifted).sum())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.energy_toys", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="0, 1, ... are run")
    parser.add_argument("--loss", choices=LOSSES, default="score-matching")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where to write true and learnt energies")
    options = parser.parse_args(arguments)

    print(f"{options.loss}, {options.epochs} epochs of {N_EXAMPLES} examples; aim: KL below 0.1 nats")
    print("density          seed  KL (nats)  seconds")
    for name, make in DENSITIES.items():
        for seed in range(options.seeds):
            started, density = time.process_time(), make()
            model = train(density, options.loss, seed, options.epochs)
            seconds = time.process_time() - started
            print(f"{name:15}  {seed:4}  {kl_on_grid(density, model):9.4f}  {seconds:7.0f}", flush=True)
            if options.pictures is not None:
                figure = plots.energy_landscapes(density.energy, model.energy, (BOX, BOX))
                figure.savefig(options.pictures / f"{name.replace(' ', '_')}_{seed}.png", dpi=150)


if __name__ == "__main__":
    main()
