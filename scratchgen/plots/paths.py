"""Pictures of paths through a latent space: one variable at a time, and from one example to another.

Symbols: Z latent variables z_1 ... z_Z, D visible variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.latent.paths import interpolate_linear, interpolate_spherical, traverse
from scratchgen.plots._mosaic import as_images, gap_width, mosaic, show, size_in_inches
from scratchgen.plots._style import new_axis, whole_figure
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL_INCHES = 0.9
AXIS_INCHES = 0.5
VALUES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def latent_traversals(
    decode: Callable[[np.ndarray], Array],
    z: Any,
    image_shape: tuple[int, ...],
    values: Sequence[float] = VALUES,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    """Draw what the decoder makes of one code while one latent variable after another moves: a row for each variable.

    Variables that the decoder does not use have rows of equal images.

    Parameters
    ----------
    decode : callable
        Takes codes (Z * n_values, Z), a NumPy array of float64, and returns as many images (Z * n_values, D). It is
        called once.
    z : (Z,)
        The code that the variables are changed in: zeros, or the code of an example.
    image_shape : (h, w), (h, w, 1) or (h, w, 3)
        Grey images, or colours in the last dimension; D is its product.
    values : sequence of float
        What each variable is set to, a column each.
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
        `z` or `values` is not a vector of finite numbers, or `decode` does not return one image for each code.
    """
    codes = traverse(to_numpy(z).astype(np.float64, copy=False), np.asarray(values, dtype=np.float64))
    names = [f"$z_{{{k + 1}}}$" for k in range(len(codes))]
    ax, columns = _show_rows(decode, codes, image_shape, value_range, names, 0, ax)
    ax.set_xticks(columns, [f"{value:g}".replace("-", "−") for value in values])
    ax.set_xlabel("value of the latent variable")
    return whole_figure(ax)


def interpolations(
    decode: Callable[[np.ndarray], Array],
    start: Any,
    end: Any,
    image_shape: tuple[int, ...],
    n_points: int = 11,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    """Draw the decoded paths between pairs of codes: for each pair the straight line above the arc.

    See `scratchgen.latent.interpolate_linear` and `scratchgen.latent.interpolate_spherical`.

    Parameters
    ----------
    decode : callable
        Takes codes (2 n_pairs n_points, Z), a NumPy array of float64, and returns as many images. It is called once.
    start, end : (n_pairs, Z) or (Z,)
        The codes at both ends, such as ``vae.encode(x)[0]``.
    image_shape : (h, w), (h, w, 1) or (h, w, 3)
        Grey images, or colours in the last dimension.
    n_points : int
        Images of each path, its ends included.
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
        The codes cannot be interpolated, or `decode` does not return one image for each code.
    """
    first, last = (np.atleast_2d(to_numpy(z)).astype(np.float64, copy=False) for z in (start, end))
    if first.ndim != 2:
        raise InputError(f"expected start of shape (n_pairs, n_latent), got {first.shape}")
    paths = [interpolate(first, last, n_points) for interpolate in (interpolate_linear, interpolate_spherical)]
    codes = np.stack(paths, axis=1).transpose(2, 1, 0, 3)  # (pair, kind, point, Z)
    names = ["linear", "spherical"] * len(first)
    rows = codes.reshape(-1, *codes.shape[2:])
    ax, columns = _show_rows(decode, rows, image_shape, value_range, names, 2, ax)
    ax.set_xticks(columns[[0, -1]], ["start", "end"])
    return whole_figure(ax)


def _show_rows(
    decode: Callable[[np.ndarray], Array],
    codes: np.ndarray,
    image_shape: tuple[int, ...],
    value_range: tuple[float, float],
    names: list[str],
    rows_in_group: int,
    ax: Axes | None,
) -> tuple[Axes, np.ndarray]:
    """Draw decoded codes (n_rows, n_columns, Z) with a name for each row; return where the columns are centred.

    Groups of so many rows are set apart; 0 makes no groups.
    """
    n_rows, n_columns, n_latent = codes.shape
    images = as_images(decode(codes.reshape(-1, n_latent)), image_shape, value_range)
    if len(images) != n_rows * n_columns:
        raise InputError(f"expected one image from decode for each of {n_rows * n_columns} codes, got {len(images)}")
    h, w = image_shape[:2]
    gap = gap_width(image_shape)
    rows = [mosaic(row, n_columns, gap, gap) for row in images.reshape(n_rows, n_columns, *image_shape)]
    group_gap = gap + 1 + h // 3
    tops, top = [], 0
    for k in range(n_rows):
        tops.append(top)
        top += h + (group_gap if rows_in_group and (k + 1) % rows_in_group == 0 else gap)
    canvas = np.ones((tops[-1] + h, *rows[0].shape[1:]))
    for top, row in zip(tops, rows, strict=True):
        canvas[top : top + h] = row
    if ax is None:
        width, height = size_in_inches(canvas, image_shape)
        ax = new_axis(width + LABEL_INCHES, height + AXIS_INCHES)
    show(ax, canvas)
    ax.set_yticks(np.array(tops) + (h - 1) / 2, names)
    ax.tick_params(length=0)
    return ax, np.arange(n_columns) * (w + gap) + (w - 1) / 2
