"""Pictures of energy-based models: the learnt energy beside the true one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._plane import Bounds, check_bounds, grid_points
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_positive

Energy = Callable[[np.ndarray], Array]
PANEL_INCHES, BAR_INCHES, LABEL_INCHES = 3.4, 0.9, 0.6


def energy_landscapes(
    true_energy: Energy, learnt_energy: Energy, bounds: Bounds, n_grid: int = 200, highest: float = 12.0
) -> Figure:
    """Draw two energies of the plane side by side, in one scale of colours.

    Each is shown as -log p in nats, with its constant such that p = exp(-E) / Z has the integral 1 over the picture:
    energies that differ by a constant are the same model, and look the same.

    Parameters
    ----------
    true_energy, learnt_energy : callable
        Take points (n_grid^2, 2), a NumPy array of float64, and return (n_grid^2,); each is called once.
    bounds : ((low, high), (low, high))
        Of the picture, in x_1 and in x_2.
    n_grid : int
        Points on each side.
    highest : float
        Nats above the lowest true energy from which on all has the last colour: there is next to no probability.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        The bounds do not rise; `highest` is no positive number; or an energy does not return a number for each point
        that is above minus infinity, and finite somewhere.
    """
    (left, right), (bottom, top) = check_bounds(bounds)
    check_positive("highest", highest)
    sides = [np.linspace(*side, check_count("n_grid", n_grid, least=2)) for side in bounds]
    cell = (right - left) * (top - bottom) / n_grid**2
    names = ("true", "learnt")
    energies = [
        _normalised(name, energy, sides, cell) for name, energy in zip(names, (true_energy, learnt_energy), strict=True)
    ]
    lowest = energies[0].min()

    height = PANEL_INCHES * float(np.clip((top - bottom) / (right - left), 0.4, 1.4))
    figure = Figure(figsize=(2 * PANEL_INCHES + BAR_INCHES, height + LABEL_INCHES), layout="compressed")
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, name, energy in zip(axes, names, energies, strict=True):
        image = ax.imshow(
            energy,
            extent=(left, right, bottom, top),
            origin="lower",
            cmap="viridis",
            vmin=lowest,
            vmax=lowest + highest,
            interpolation="bilinear",
        )
        ax.set_title(name)
        ax.set_xlabel("$x_1$")
    axes[0].set_ylabel("$x_2$")
    figure.colorbar(image, ax=axes, label="$-\\log p$ (nats)", extend="both")
    return figure


def _normalised(name: str, energy: Energy, sides: list[np.ndarray], cell: float) -> np.ndarray:
    """Return -log p on the grid, x_1 along the rows of the array; its integral over the picture is 1."""
    points = grid_points(*sides)
    values = to_numpy(energy(points)).astype(np.float64)
    if values.shape != (len(points),):
        raise InputError(f"the {name} energy must return shape {(len(points),)}, got {values.shape}")
    lowest = values.min()
    if not np.isfinite(lowest):  # a NaN anywhere makes it NaN
        raise InputError(f"the {name} energy must be above minus infinity in the picture, and finite somewhere in it")
    log_Z = np.log(np.exp(lowest - values).sum() * cell) - lowest
    return (values + log_Z).reshape(len(sides[1]), len(sides[0]))
