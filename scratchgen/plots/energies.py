"""Pictures of energy-based models: the learnt energy beside the true one, and images that form out of noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._bounds import Bounds, check_bounds, grid_points
from scratchgen.plots._mosaic import as_images, gap_width, mosaic, show, size_in_inches
from scratchgen.plots._style import new_axis, whole_figure
from scratchgen.typing import Array
from scratchgen.validation import check_count, is_finite_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Energy = Callable[[np.ndarray], Array]
PANEL_INCHES, BAR_INCHES, LABEL_INCHES = 3.4, 0.9, 0.6
STEP_LABEL_INCHES = 0.5


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
    if not is_finite_number(highest) or highest <= 0:
        raise InputError(f"highest must be a finite number > 0, got {highest!r}")
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


def chains_through_time(
    states: Array,
    image_shape: tuple[int, ...],
    n_steps: Sequence[int],
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    """Draw what chains of images look like after so many steps: a row a chain, time from left to right.

    Parameters
    ----------
    states : (n_times, n_chains, features) or (n_times, n_chains, *image_shape)
        A NumPy or CuPy array.
    image_shape : (h, w), (h, w, 1) or (h, w, 3)
    n_steps : sequence of int
        The number of steps of each time, written above its column.
    value_range : (low, high)
        The values shown as black and as white; values outside are clipped.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        The states do not have this shape or are not finite, or there is not one number of steps for each time.
    """
    shown = to_numpy(states)
    if shown.ndim < 3 or shown.shape[0] != len(n_steps):
        raise InputError(
            f"expected states (n_times, n_chains, features) and n_times numbers of steps, got {shown.shape} and "
            f"{len(n_steps)}"
        )
    n_times, n_chains = shown.shape[:2]
    rows = shown.swapaxes(0, 1).reshape(n_times * n_chains, *shown.shape[2:])
    gap = gap_width(image_shape)
    canvas = mosaic(as_images(rows, image_shape, value_range), n_times, gap, gap)
    if ax is None:
        inches, height = size_in_inches(canvas, image_shape)
        ax = new_axis(inches, height + STEP_LABEL_INCHES)
    show(ax, canvas)
    width = image_shape[1]
    centres = np.arange(n_times) * (width + gap) + (width - 1) / 2
    ax.set_xticks(centres, [str(n) for n in n_steps])
    ax.tick_params(axis="x", length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.set_xlabel("Langevin steps")
    ax.xaxis.set_label_position("top")
    return whole_figure(ax)


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
