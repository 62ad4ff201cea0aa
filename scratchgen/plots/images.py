"""Pictures of images: a grid of them, several grids side by side, versions of each image one below the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from scratchgen.errors import InputError
from scratchgen.plots._mosaic import WHITE, as_images, columns_of_grid, gap_width, mosaic, show, size_in_inches
from scratchgen.plots._style import new_axis, whole_figure
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABEL_INCHES, LETTER_INCHES = 0.1, 0.065  # of the name of a row: at least, and for each letter
TITLE_INCHES = 0.4
GRID_INCHES = 3.6  # width of each of several grids
GAP_OF_GRIDS = 0.05  # of their widths


def image_grid(
    images: Array,
    image_shape: tuple[int, ...],
    n_columns: int | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    """Draw images side by side in reading order: data, samples from the prior, or the weights of hidden units.

    Parameters
    ----------
    images : (n, features) or (n, *image_shape)
        A NumPy or CuPy array.
    image_shape : (h, w), (h, w, 1) or (h, w, 3)
        Grey images, or colours in the last dimension.
    n_columns : int, optional
        Images in a row; by default the grid is about square.
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
        The images do not have this shape or are not finite, or `n_columns` is not a positive integer.
    """
    shown = as_images(images, image_shape, value_range)
    gap = gap_width(image_shape)
    canvas = mosaic(shown, columns_of_grid(n_columns, len(shown)), gap, gap)
    if ax is None:
        ax = new_axis(*size_in_inches(canvas, image_shape))
    show(ax, canvas)
    return whole_figure(ax)


def image_grids(
    grids: Mapping[str, Array],
    image_shape: tuple[int, ...],
    n_columns: int | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
) -> Figure:
    """Draw several grids of images side by side, each under its name: real images and what a model makes of them.

    Parameters
    ----------
    grids : mapping of str to (n, features) or (n, *image_shape)
        NumPy or CuPy arrays of equally many images; the keys name the grids.
    image_shape, n_columns, value_range
        As for `image_grid`, the same for all.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        There is no grid, the numbers of images differ, or as for `image_grid`.
    """
    shown = {name: as_images(images, image_shape, value_range) for name, images in grids.items()}
    _check_equally_many("grid", shown)
    figure = Figure(layout=ConstrainedLayoutEngine(compress=True, wspace=GAP_OF_GRIDS))
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for ax, (name, images) in zip(axes, shown.items(), strict=True):
        image_grid(images, image_shape, n_columns, ax=ax)
        ax.set_title(name)
    height, width = axes[0].images[0].get_array().shape[:2]
    figure.set_size_inches(GRID_INCHES * len(shown), GRID_INCHES * height / width + TITLE_INCHES)
    return figure


def reconstructions(
    x: Array,
    x_reconstructed: Array,
    image_shape: tuple[int, ...],
    n_columns: int = 10,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    """Draw originals and, right below each, its reconstruction, in as many pairs of rows as they need.

    Parameters
    ----------
    x, x_reconstructed : (n, features) or (n, *image_shape)
        NumPy or CuPy arrays; row i of the second belongs to row i of the first.
    image_shape : (h, w), (h, w, 1) or (h, w, 3)
        Grey images, or colours in the last dimension.
    n_columns : int
        Pairs side by side.
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
        The images do not have this shape, are not finite or not equally many, or `n_columns` is not a positive integer.
    """
    original, reconstructed = (as_images(images, image_shape, value_range) for images in (x, x_reconstructed))
    if len(original) != len(reconstructed):
        raise InputError(
            f"expected one reconstruction for each original, got {len(reconstructed)} for {len(original)}: "
            "pass the same rows of both"
        )
    return _draw_rows({"original": original, "reconstruction": reconstructed}, image_shape, n_columns, ax)


def image_rows(
    rows: Mapping[str, Array],
    image_shape: tuple[int, ...],
    n_columns: int = 10,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    """Draw several versions of each image one below the other: as it is, corrupted, and restored.

    Parameters
    ----------
    rows : mapping of str to (n, features) or (n, *image_shape)
        NumPy or CuPy arrays of equally many images, from top to bottom; the keys name them.
    image_shape, n_columns, value_range, ax
        As for `reconstructions`.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        There is nothing to draw, the numbers of images differ, or as for `reconstructions`.
    """
    shown = {name: as_images(images, image_shape, value_range) for name, images in rows.items()}
    _check_equally_many("row", shown)
    return _draw_rows(shown, image_shape, n_columns, ax)


def _check_equally_many(what: str, shown: Mapping[str, np.ndarray]) -> None:
    if len({len(images) for images in shown.values()}) != 1:
        numbers = ", ".join(f"{len(images)} of {name}" for name, images in shown.items()) or f"no {what}"
        raise InputError(f"expected {what}s of equally many images, got {numbers}")


def _draw_rows(
    shown: Mapping[str, np.ndarray], image_shape: tuple[int, ...], n_columns: int, ax: Axes | None
) -> Figure:
    """Draw images as `as_images` gives them, those of each key in rows of their own."""
    n_columns = columns_of_grid(n_columns, len(next(iter(shown.values()))))
    h, gap = image_shape[0], gap_width(image_shape)
    row_gap = h // 3 + gap
    parts: list[np.ndarray] = []
    for images in shown.values():
        between = np.full_like(images[:, :1], WHITE).repeat(gap, axis=1)
        parts += [between, images] if parts else [images]
    groups = np.concatenate(parts, axis=1)  # (n, k h + (k - 1) gap, w) of k versions
    canvas = mosaic(groups, n_columns, row_gap, gap)
    if ax is None:
        width, height = size_in_inches(canvas, image_shape)
        ax = new_axis(width + LABEL_INCHES + LETTER_INCHES * max(map(len, shown)), height)
    show(ax, canvas)

    tops = np.arange(0, len(canvas), groups.shape[1] + row_gap)
    centres = tops[:, None] + np.arange(len(shown)) * (h + gap) + (h - 1) / 2  # (rows of groups, k)
    ax.set_yticks(centres.ravel(), [*shown] * len(tops))
    ax.tick_params(axis="y", length=0)
    return whole_figure(ax)
