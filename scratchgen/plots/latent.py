"""Pictures of a latent plane: what the decoder makes of the points of a grid, spaced by the prior or evenly.

Symbols: m images on each side, latent variables z_1 and z_2 with the prior N(0, I), D visible variables.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from scratchgen.errors import InputError
from scratchgen.plots._mosaic import BLACK, as_images, gap_width, mosaic, show
from scratchgen.plots._style import new_axis, whole_figure
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


PLANE_INCHES, TICK_AND_AXIS_LABEL_INCHES = 6.0, 0.5


def latent_plane(
    decode: Callable[[np.ndarray], Array],
    image_shape: tuple[int, ...],
    n_per_axis: int = 20,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    r"""Draw the decoder's mean over a plane of two latent variables, z_1 growing to the right and z_2 upwards.

    The points are quantiles of the prior, so that each image stands for the same share of its probability [1]_:

    .. math:: z = \Phi^{-1}\left(\frac{i + 1/2}{m}\right), \quad i = 0, \dots, m - 1

    on each axis, with Phi the distribution function of N(0, 1) and m = `n_per_axis`. The ticks stand at the integers,
    which is why they crowd towards the rim.

    Parameters
    ----------
    decode : callable
        Takes points z (m^2, 2), a NumPy array of float64, and returns images (m^2, D): ``vae.decode`` of a model
        with ``n_latent = 2``. It is called once.
    image_shape : (h, w), (h, w, 1) or (h, w, 3)
        Grey images, or colours in the last dimension; D is its product.
    n_per_axis : int
        Images on each side.
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
        `decode` refuses points of two latent variables or does not return one image of this shape for each;
        `n_per_axis` is not a positive integer.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014, arXiv:1312.6114, figure 4.
    """
    check_count("n_per_axis", n_per_axis)
    prior = NormalDist()
    quantiles = np.array([prior.inv_cdf((i + 0.5) / n_per_axis) for i in range(n_per_axis)])
    canvas, gap = _decoded_plane(decode, quantiles, image_shape, value_range)
    height, width = canvas.shape[:2]
    ax = _show_plane(canvas, ax)
    shares = np.array([prior.cdf(level) for level in (-2.0, -1.0, 0.0, 1.0, 2.0)])
    names = ["−2", "−1", "0", "1", "2"]
    # A share s of the prior lies at s of the way across the cells, each an image with half a gap on all sides.
    ax.set_xticks(shares * (width + gap) - (gap + 1) / 2, names)
    ax.set_yticks((1 - shares) * (height + gap) - (gap + 1) / 2, names)
    return whole_figure(ax)


def linear_latent_plane(
    decode: Callable[[np.ndarray], Array],
    image_shape: tuple[int, ...],
    n_per_axis: int = 30,
    limit: float = 1.0,
    value_range: tuple[float, float] = (0.0, 1.0),
    ax: Axes | None = None,
) -> Figure:
    """Draw the decoder's mean over the square [-limit, limit]^2 at even distances, z_1 to the right and z_2 upwards.

    Unlike `latent_plane`, which spreads its images as the prior does, it shows distances as they are: where the images
    change fast along an axis and where slowly. It suits a model whose codes are not normal, such as an autoencoder's.

    Parameters
    ----------
    decode : callable
        Takes points z (m^2, 2), a NumPy array of float64, and returns images (m^2, D). It is called once.
    image_shape : (h, w), (h, w, 1) or (h, w, 3)
        Grey images, or colours in the last dimension; D is its product.
    n_per_axis : int
        m, images on each side: at least 2, the first at -limit and the last at limit.
    limit : float
        In units of z, above 0.
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
        As for `latent_plane`, or `limit` is not a finite number > 0.
    """
    check_positive("limit", limit)
    levels = np.linspace(-limit, limit, check_count("n_per_axis", n_per_axis, 2))
    canvas, _ = _decoded_plane(decode, levels, image_shape, value_range)
    ax = _show_plane(canvas, ax)
    values = np.linspace(-limit, limit, 5)
    names = [f"{value:g}".replace("-", "−") for value in values]
    for size, length, set_ticks, places in (
        (image_shape[1], canvas.shape[1], ax.set_xticks, values),
        (image_shape[0], canvas.shape[0], ax.set_yticks, -values),  # pixel rows count downwards
    ):
        first, last = (size - 1) / 2, length - 1 - (size - 1) / 2  # the centres of the first and the last image
        set_ticks(first + (last - first) * (places + limit) / (2 * limit), names)
    return whole_figure(ax)


def _decoded_plane(
    decode: Callable[[np.ndarray], Array],
    levels: np.ndarray,
    image_shape: tuple[int, ...],
    value_range: tuple[float, float],
) -> tuple[np.ndarray, int]:
    """Return the images at all pairs of levels as one, z_2 falling from row to row, and the gap between them."""
    z1, z2 = np.meshgrid(levels, levels[::-1])  # the first row of the picture is its top: the largest z_2
    z = np.stack([z1.ravel(), z2.ravel()], axis=1)  # (m^2, 2)
    try:
        images = decode(z)
    except InputError as error:
        raise InputError(f"the latent plane needs a decoder with n_latent = 2: {error}") from error
    shown = as_images(images, image_shape, value_range)
    if len(shown) != len(z):
        raise InputError(f"expected one image from decode for each of {len(z)} points, got {len(shown)}")
    gap = gap_width(image_shape)
    return mosaic(shown, len(levels), gap, gap, background=BLACK), gap


def _show_plane(canvas: np.ndarray, ax: Axes | None) -> Axes:
    if ax is None:
        height, width = canvas.shape[:2]
        scale = PLANE_INCHES / max(height, width)
        ax = new_axis(width * scale + TICK_AND_AXIS_LABEL_INCHES, height * scale + TICK_AND_AXIS_LABEL_INCHES)
    show(ax, canvas)
    ax.set_xlabel("$z_1$")
    ax.set_ylabel("$z_2$")
    return ax
