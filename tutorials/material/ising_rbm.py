"""An RBM that has seen nothing but Ising configurations has their energies and magnetisations.

The `ising` data set holds independent configurations of an 8 x 8 lattice at the critical temperature. A centred RBM is
trained on its 5,000 training configurations with persistent chains and samples itself; the samples are compared with
the 1,000 configurations held out:

    python tutorials/material/ising_rbm.py --out ising_rbm.png

It takes about a minute and draws the distributions of energy per spin and absolute magnetisation.

Source: G. Torlai, R. G. Melko, "Learning thermodynamics with Boltzmann machines", Phys. Rev. B 94, 165134, 2016.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import scratchgen as sg
from scratchgen.samplers import ising
from scratchgen.schedules import LinearDecay

BATCH_SIZE = 100
INDIGO, GREY = "#332288", "#888888"


def train(x: np.ndarray, n_hidden: int, epochs: int, seed: int) -> sg.RBM:
    """Return an RBM trained by PCD-5, at a learning rate that falls to zero."""
    rbm = sg.RBM(x.shape[1], n_hidden, centred=True, seed=seed)
    n_steps = epochs * -(-len(x) // BATCH_SIZE)
    falling = sg.SGD(LinearDecay(n_steps, start=0.4))
    rbm.fit(x, epochs=epochs, batch_size=BATCH_SIZE, method="pcd", k=5, n_chains=512, optimizer=falling)
    return rbm


def observables(pixels: np.ndarray, image_shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return energy per spin and absolute magnetisation of each row of pixels, which are (1 + spin) / 2."""
    spins = (2 * pixels - 1).reshape(-1, *image_shape)
    return {"energy per spin": ising.energy_per_spin(spins), "|magnetisation|": abs(ising.magnetisation(spins))}


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Return the mean of independent values, and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def compare(held_out: dict[str, np.ndarray], drawn: dict[str, np.ndarray]) -> None:
    """Print means with standard errors, and their difference in units of its own standard error."""
    print(f"{'':16}  Ising, held out    RBM                difference / its standard error")
    for name, values in held_out.items():
        (mean, error), (rbm_mean, rbm_error) = mean_and_error(values), mean_and_error(drawn[name])
        z = (rbm_mean - mean) / np.hypot(error, rbm_error)
        print(f"{name:16}  {mean:7.4f} ± {error:.4f}   {rbm_mean:7.4f} ± {rbm_error:.4f}   {z:5.1f}")


def picture(held_out: dict[str, np.ndarray], drawn: dict[str, np.ndarray], n_spins: int) -> Figure:
    """Draw the histograms of both observables, a bin to each value that a lattice of this size can have."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for ax, name, quanta in zip(panels, held_out, (4, 2), strict=True):
        spacing = quanta / n_spins  # a flip changes the energy by multiples of 4, the sum of the spins by 2
        for values, colour, style, label in (
            (held_out[name], GREY, "o-", f"Ising at $T_c$, {len(held_out[name]):,} held out"),
            (drawn[name], INDIGO, "-", f"RBM, {len(drawn[name]):,} samples"),
        ):
            levels, counts = np.unique(np.rint(values / spacing), return_counts=True)
            ax.plot(levels * spacing, counts / len(values), style, color=colour, markersize=4, label=label)
        ax.set(xlabel=name, ylim=(0, None))
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("probability")
    panels[1].legend(frameon=False)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, sample, compare and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--hidden", type=int, default=128, help="hidden units")
    parser.add_argument("--epochs", type=int, default=200, help="passes over the training configurations")
    parser.add_argument("--samples", type=int, default=5000, help="of the RBM, each from a chain of its own")
    parser.add_argument("--sweeps", type=int, default=1000, help="of each of these chains")
    parser.add_argument("--seed", type=int, default=0, help="of the RBM")
    parser.add_argument("--out", type=Path, default=Path("ising_rbm.png"), help="where the picture goes")
    options = parser.parse_args(arguments)

    data = sg.datasets.load("ising")
    rbm = train(data.x_train, options.hidden, options.epochs, options.seed)
    held_out = observables(data.x_test, data.image_shape)
    drawn = observables(rbm.sample(options.samples, options.sweeps), data.image_shape)
    compare(held_out, drawn)
    picture(held_out, drawn, data.x_test.shape[1]).savefig(options.out, dpi=150)
    print(f"picture: {options.out}")


if __name__ == "__main__":
    main()
