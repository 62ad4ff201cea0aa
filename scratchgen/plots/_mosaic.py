"""Many images as one: check them, bring them to [0, 1], lay them out in rows, show them without a frame.

Symbols: n images, h height, w width, c channels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.typing import Array
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

INCHES_PER_IMAGE = 0.55
LAYOUT_PADDING_INCHES = 0.042  # what Matplotlib's layout keeps free at each edge of a figure
BLACK, WHITE = 0.0, 1.0


def as_images(images: Array, image_shape: tuple[int, ...], value_range: tuple[float, float]) -> np.ndarray:
    """Return `images` as (n, *image_shape), with `value_range` mapped to [0, 1] and values outside it clipped.

    Raises
    ------
    InputError
        `image_shape` is neither (h, w) nor (h, w, c) with c 1 or 3; the images are none, not real numbers, not finite,
        or of another shape; `value_range` does not increase.
    """
    image_shape = tuple(image_shape)
    if len(image_shape) not in (2, 3) or min(image_shape) < 1 or image_shape[2:] not in ((), (1,), (3,)):
        raise InputError(f"expected image_shape (h, w), or (h, w, c) with c 1 or 3, got {image_shape}")
    low, high = value_range
    if not low < high:
        raise InputError(f"expected value_range (low, high) with low < high, got {value_range}")
    values = to_numpy(images)
    n_features = math.prod(image_shape)
    if values.ndim == 0 or len(values) == 0 or values.shape[1:] not in ((n_features,), image_shape):
        raise InputError(
            f"expected at least one image, of shape (n, {n_features}) or (n, {', '.join(map(str, image_shape))}) "
            f"for image_shape {image_shape}, got {values.shape}"
        )
    if values.dtype.kind not in "buif" or not np.isfinite(values).all():
        raise InputError(f"expected images of finite real numbers, got NaN, infinity or dtype {values.dtype}")
    return np.clip((values.reshape(-1, *image_shape) - low) / (high - low), 0.0, 1.0)


def mosaic(images: np.ndarray, n_columns: int, row_gap: int, column_gap: int, background: float = WHITE) -> np.ndarray:
    """Return `images` as one, in reading order, with gaps of so many pixels; gaps and spare cells are background."""
    n, h, w = images.shape[:3]
    n_rows = math.ceil(n / n_columns)
    height, width = n_rows * (h + row_gap) - row_gap, n_columns * (w + column_gap) - column_gap
    canvas = np.full((height, width, *images.shape[3:]), background)
    for i, image in enumerate(images):
        row, column = divmod(i, n_columns)
        top, left = row * (h + row_gap), column * (w + column_gap)
        canvas[top : top + h, left : left + w] = image
    return canvas


def gap_width(image_shape: tuple[int, ...]) -> int:
    """Return a gap in pixels that sets images of this shape apart and takes little room."""
    return max(1, round(max(image_shape[:2]) / 16))


def size_in_inches(canvas: np.ndarray, image_shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the width and height of a figure that shows a mosaic, its longer side 2 to 10 inches, and nothing else."""
    height, width = canvas.shape[:2]
    longest = max(height, width)
    wanted = longest * INCHES_PER_IMAGE / max(image_shape[:2])
    scale = min(max(wanted, 2.0), 10.0) / longest
    return width * scale + 2 * LAYOUT_PADDING_INCHES, height * scale + 2 * LAYOUT_PADDING_INCHES


def columns_of_grid(n_columns: int | None, n: int) -> int:
    """Return how many of `n` images to put in a row: `n_columns`, or without that so many that the grid is square."""
    return math.ceil(math.sqrt(n)) if n_columns is None else min(check_count("n_columns", n_columns), n)


def show(ax: Axes, canvas: np.ndarray, cmap: str = "gray", limits: tuple[float, float] = (0.0, 1.0)) -> AxesImage:
    """Draw a mosaic on `ax` with its first row on top; pixel (row, column) is centred on y = row, x = column."""
    low, high = limits
    image = ax.imshow(
        canvas, cmap=cmap, vmin=low, vmax=high, origin="upper", aspect="equal", interpolation="antialiased"
    )
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    return image
