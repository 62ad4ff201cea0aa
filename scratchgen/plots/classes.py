"""Pictures of images class by class: samples with a row for each class, and one style in every class.

Symbols: n images, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.labels import check_labels
from scratchgen.plots._mosaic import WHITE, as_images, gap_width, mosaic, show, size_in_inches
from scratchgen.plots._style import new_axis, whole_figure
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_INCHES, LETTER_INCHES = 0.12, 0.08  # beside the rows: at least, and for each letter of the longest name
HEADING_INCHES = 0.2
LETTERS_PER_IMAGE = 8


def class_samples(
    images: Array,
    labels: Any,
    image_shape: tuple[int, ...],
    classes: Sequence[str] | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    """Draw images in rows, one for each class from the first to the last, in the order in which they come.

    Parameters
    ----------
    images : (n, features) or (n, *image_shape)
        A NumPy or CuPy array, such as of `ConditionalVAE.sample`.
    labels : (n,)
        The class of each image: 0, 1, ...
    image_shape, value_range
        As for `image_grid`.
    classes : sequence of str, optional
        The names of the classes; by default their numbers.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        The labels are not one number >= 0 for each image, or above the last name; further as for `image_grid`.
    """
    shown = as_images(images, image_shape, value_range)
    y = to_numpy(check_labels(to_numpy(labels), len(shown)))
    if y.min() < 0:
        raise InputError("expected a class for each image, got the label -1")
    names = _names(classes, int(y.max()) + 1)
    n_columns = int(np.bincount(y).max())
    cells = np.full((len(names), n_columns, *shown.shape[1:]), WHITE)
    for label in range(len(names)):
        own = shown[y == label]
        cells[label, : len(own)] = own
    return _draw_table(cells, image_shape, ax, row_names=names)


def style_transfer(
    x: Array,
    transferred: Array,
    image_shape: tuple[int, ...],
    classes: Sequence[str] | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    """Draw each original at the left of a row, and beside it its style in every class.

    Parameters
    ----------
    x : (n, features) or (n, *image_shape)
        Originals: a NumPy or CuPy array.
    transferred : (n, C, features)
        The same latent variables decoded with every class, ``model.transfer(x, y)``.
    image_shape, value_range
        As for `image_grid`.
    classes : sequence of str, optional
        The names of the C classes; by default their numbers.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        `transferred` does not have C images for each original, or there are not C names; further as for `image_grid`.
    """
    originals, others = as_images(x, image_shape, value_range), to_numpy(transferred)
    if others.ndim != 3 or len(others) != len(originals) or not others.shape[1]:
        raise InputError(f"expected transferred of shape ({len(originals)}, C, features), got {others.shape}")
    n_classes = others.shape[1]
    styles = as_images(others.reshape(-1, others.shape[2]), image_shape, value_range)
    names = _names(classes, n_classes)
    if len(names) != n_classes:
        raise InputError(f"expected a name for each of {n_classes} classes, got {len(names)}")
    styles = styles.reshape(len(originals), n_classes, *originals.shape[1:])
    empty = np.full_like(originals, WHITE)[:, None]  # sets the originals apart
    cells = np.concatenate([originals[:, None], empty, styles], axis=1)
    return _draw_table(cells, image_shape, ax, column_names=("original", "", *names))


def _names(classes: Sequence[str] | None, n_classes: int) -> tuple[str, ...]:
    """Return the names of the classes, at least `n_classes`."""
    names = tuple(map(str, range(n_classes) if classes is None else classes))
    if len(names) < n_classes:
        raise InputError(f"expected a name for each of {n_classes} classes, got {len(names)}")
    return names


def _draw_table(
    cells: np.ndarray,
    image_shape: tuple[int, ...],
    ax: Axes | None,
    row_names: Sequence[str] = (),
    column_names: Sequence[str] = (),
) -> Figure:
    """Draw images (rows, columns, *image_shape) with names beside the rows, or above the columns."""
    gap, (n_rows, n_columns) = gap_width(image_shape), cells.shape[:2]
    canvas = mosaic(cells.reshape(-1, *cells.shape[2:]), n_columns, gap, gap)
    if ax is None:
        width, height = size_in_inches(canvas, image_shape)
        beside = NAME_INCHES + LETTER_INCHES * max(map(len, row_names)) if row_names else 0.0
        ax = new_axis(width + beside, height + _heading_inches(column_names))
    show(ax, canvas)
    h, w = image_shape[:2]
    ax.set_yticks([r * (h + gap) + (h - 1) / 2 for r in range(n_rows)] if row_names else [], row_names)
    ax.set_xticks([c * (w + gap) + (w - 1) / 2 for c in range(n_columns)] if column_names else [], column_names)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.tick_params(axis="x", labelrotation=90 if _are_long(column_names) else 0)
    return whole_figure(ax)


def _are_long(names: Sequence[str]) -> bool:
    """Say whether names need more room than an image has: then they stand upright."""
    return max(map(len, names), default=0) > LETTERS_PER_IMAGE


def _heading_inches(names: Sequence[str]) -> float:
    if not names:
        return 0.0
    return NAME_INCHES + LETTER_INCHES * max(map(len, names)) if _are_long(names) else HEADING_INCHES
