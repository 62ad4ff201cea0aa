"""Pictures of a latent space: what the decoder makes of its plane, and where the encoder puts the labels.

Symbols: n examples, Z latent variables z_1 ... z_Z with the prior N(0, I), D visible variables.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._mosaic import BLACK, as_images, gap_width, mosaic, show
from scratchgen.plots._style import CATEGORICAL, new_axis, open_frame, whole_figure
from scratchgen.typing import Array
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


PLANE_INCHES, TICK_AND_AXIS_LABEL_INCHES = 6.0, 0.5
CLUSTERS_INCHES = 6.0
NAME_BOX = {"boxstyle": "round,pad=0.25", "facecolor": "white", "linewidth": 1.5, "alpha": 0.9}


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
    z1, z2 = np.meshgrid(quantiles, quantiles[::-1])  # the first row of the picture is its top: the largest z_2
    z = np.stack([z1.ravel(), z2.ravel()], axis=1)  # (m^2, 2)
    try:
        images = decode(z)
    except InputError as error:
        raise InputError(f"the latent plane needs a decoder with n_latent = 2: {error}") from error
    shown = as_images(images, image_shape, value_range)
    if len(shown) != len(z):
        raise InputError(f"expected one image from decode for each of {len(z)} points, got {len(shown)}")

    gap = gap_width(image_shape)
    canvas = mosaic(shown, n_per_axis, gap, gap, background=BLACK)
    height, width = canvas.shape[:2]
    if ax is None:
        scale = PLANE_INCHES / max(height, width)
        ax = new_axis(width * scale + TICK_AND_AXIS_LABEL_INCHES, height * scale + TICK_AND_AXIS_LABEL_INCHES)
    show(ax, canvas)
    shares = np.array([prior.cdf(level) for level in (-2.0, -1.0, 0.0, 1.0, 2.0)])
    names = ["−2", "−1", "0", "1", "2"]
    # A share s of the prior lies at s of the way across the cells, each an image with half a gap on all sides.
    ax.set_xticks(shares * (width + gap) - (gap + 1) / 2, names)
    ax.set_yticks((1 - shares) * (height + gap) - (gap + 1) / 2, names)
    ax.set_xlabel("$z_1$")
    ax.set_ylabel("$z_2$")
    return whole_figure(ax)


def latent_clusters(mean: Array, labels: Array, ax: Axes | None = None) -> Figure:
    """Draw each example at its posterior mean in the colour of its label, and each label's name at its median.

    With two latent variables the axes are z_1 and z_2. With more they are the first two principal components of the
    means, in units of z, and the axis labels say which share of their variance each holds.

    Parameters
    ----------
    mean : (n, Z)
        The posterior means, ``vae.encode(x)[0]``, with Z at least 2: a NumPy or CuPy array.
    labels : (n,)
        One label an example, numbers or strings. The colours repeat after ten labels.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        `mean` is not a matrix of finite numbers with two columns or more, or `labels` is not one label an example.
    """
    points, labels = to_numpy(mean), to_numpy(labels)
    if points.ndim != 2 or points.shape[0] < 1 or points.shape[1] < 2:
        raise InputError(f"expected posterior means of shape (n, n_latent) with n_latent >= 2, got {points.shape}")
    if points.dtype.kind not in "uif" or not np.isfinite(points).all():
        raise InputError(f"expected finite posterior means, got NaN, infinity or dtype {points.dtype}")
    if labels.shape != points.shape[:1]:
        raise InputError(f"expected one label for each of {len(points)} examples, got labels of shape {labels.shape}")
    if labels.dtype == object:  # strings from a table; objects need not have an order
        labels = labels.astype(str)
    x_name, y_name = "$z_1$", "$z_2$"
    if points.shape[1] > 2:
        points, shares = _principal_components(points)
        x_name, y_name = (f"principal component {i + 1} of $z$ ({s:.0%} of variance)" for i, s in enumerate(shares))
    x, y = points.T

    classes, class_of = np.unique(labels, return_inverse=True)
    colours = np.array([CATEGORICAL[k % len(CATEGORICAL)] for k in range(len(classes))])
    if ax is None:
        ax = new_axis(CLUSTERS_INCHES, CLUSTERS_INCHES * _height_of_width(x, y))
    # One call in the order of the data, so that no label hides the others; as pixels, because vectors would be huge.
    ax.scatter(x, y, c=colours[class_of], s=np.clip(2e4 / len(x), 3.0, 20.0), alpha=0.7, linewidths=0, rasterized=True)
    for k, name in enumerate(classes):
        own = class_of == k
        box = NAME_BOX | {"edgecolor": colours[k]}
        ax.text(
            np.median(x[own]),
            np.median(y[own]),
            str(name),
            ha="center",
            va="center",
            weight="bold",
            bbox=box,
            parse_math=False,
        )
    ax.set_aspect("equal", "datalim")
    ax.set_xlabel(x_name)
    ax.set_ylabel(y_name)
    open_frame(ax)
    return whole_figure(ax)


def _height_of_width(x: np.ndarray, y: np.ndarray) -> float:
    """Return the height, for a width of 1, of a figure that the points fill at equal scales, but never a strip."""
    width, height = np.ptp(x), np.ptp(y)
    return float(np.clip(height / width, 0.6, 1.2)) if width > 0 else 1.0


def _principal_components(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates (n, 2) on the first two principal components, and their shares of the variance."""
    centred = points - points.mean(axis=0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred)  # ascending
    variances = np.maximum(variances, 0.0)  # rounding can leave -1e-17 where there is none
    first_two = directions[:, [-1, -2]]
    # An eigenvector's sign is arbitrary: with its largest entry positive the picture is the same on every machine.
    first_two = first_two * np.sign(first_two[np.abs(first_two).argmax(axis=0), [0, 1]])
    total = variances.sum()
    shares = variances[[-1, -2]] / total if total > 0 else np.zeros(2)  # a collapsed posterior has one mean for all
    return centred @ first_two, shares
