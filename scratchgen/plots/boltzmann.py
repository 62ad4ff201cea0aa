r"""Pictures of a Boltzmann machine: what its hidden units look at, where its chains go, which images it expects.

Symbols: n images, D visible and H hidden units, W couplings (D, H), F free energy, v visible units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._mosaic import as_images, columns_of_grid, gap_width, mosaic, show, size_in_inches
from scratchgen.plots._style import CATEGORICAL, new_axis, open_frame, whole_figure
from scratchgen.typing import Array
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOUR_BAR_INCHES = 0.8
ROW_LABEL_INCHES, COLUMN_LABEL_INCHES = 0.25, 0.45
HISTOGRAM_INCHES = (6.4, 3.6)
N_BINS = 80
_SHARE_IN_SCALE = 99.5  # percent of the couplings: a few very large ones would make all others pale


def filters(
    W: Array,
    image_shape: tuple[int, ...],
    n_columns: int | None = None,
    label: str = "coupling $W_{ij}$",
    ax: Axes | None = None,
) -> Figure:
    """Draw the couplings of each hidden unit to the visible ones as an image: red excites, blue inhibits, white is 0.

    All units share one scale, symmetric about 0, which half a percent of the couplings exceed in magnitude: a unit that
    has learnt nothing is pale.

    Parameters
    ----------
    W : (D, H)
        Couplings, ``rbm.W``: a NumPy or CuPy array. Choose units by columns, ``rbm.W[:, :100]``.
    image_shape : (h, w)
        D is its product.
    n_columns : int, optional
        Images in a row; by default the grid is about square.
    label : str
        What the colours stand for, for weights of another model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        W is not a matrix of finite numbers whose columns are such images; or `n_columns` is not a positive integer.
    """
    couplings = to_numpy(W)
    if couplings.ndim != 2 or len(image_shape) != 2:
        raise InputError(
            f"expected couplings (n_visible, n_hidden) and image_shape (h, w), got {couplings.shape} and {image_shape}"
        )
    as_images(couplings.T, image_shape, (0.0, 1.0))  # for its checks
    limit = float(np.percentile(np.abs(couplings), _SHARE_IN_SCALE)) or 1.0
    gap = gap_width(image_shape)
    n_columns = columns_of_grid(n_columns, couplings.shape[1])
    canvas = mosaic(couplings.T.reshape(-1, *image_shape), n_columns, gap, gap, background=np.nan)
    if ax is None:
        width, height = size_in_inches(canvas, image_shape)
        ax = new_axis(width + COLOUR_BAR_INCHES, height)
    image = show(ax, canvas, "RdBu_r", (-limit, limit))
    # An inset is as high as the images whatever the layout, and belongs to `ax`, not to the figure.
    bar = whole_figure(ax).colorbar(image, cax=ax.inset_axes((1.02, 0.0, 0.025, 1.0)), extend="both")
    bar.set_label(label)
    bar.outline.set_visible(False)
    return whole_figure(ax)


def fantasy_particles(
    states: Sequence[Array],
    n_sweeps: Sequence[int],
    image_shape: tuple[int, ...],
    value_range: tuple[float, float] = (0.0, 1.0),
    unit: str = "Gibbs sweeps",
    ax: Axes | None = None,
) -> Figure:
    """Draw Markov chains as a strip: a row a chain, a column a number of sweeps, or other steps, since the start.

    Parameters
    ----------
    states : sequence of (n, features) or (n, *image_shape)
        NumPy or CuPy arrays, row i of each being chain i: its state, or the mean that this state was drawn from.
    n_sweeps : sequence of int
        The sweeps after which each of `states` was seen; 0 is where the chains started, labelled "start".
    image_shape : (h, w), (h, w, 1) or (h, w, 3)
        Grey images, or colours in the last dimension.
    value_range : (low, high)
        The values shown as black and as white; values outside are clipped.
    unit : str
        What is counted below the columns: "Langevin steps" for an energy-based model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        The images do not have this shape or are not finite; there is not one array of equally many chains for each
        entry of `n_sweeps`.
    """
    counts = [check_count("each entry of n_sweeps", k, least=0) for k in n_sweeps]
    columns = [as_images(v, image_shape, value_range) for v in states]
    if len(columns) != len(counts) or len({len(column) for column in columns}) != 1:
        raise InputError(
            f"expected equally many chains for each of {len(counts)} numbers of sweeps, "
            f"got {', '.join(str(len(column)) for column in columns) or 'none'}"
        )
    gap = gap_width(image_shape)
    strip = np.stack(columns, axis=1)  # (chains, columns, h, w)
    canvas = mosaic(strip.reshape(-1, *strip.shape[2:]), len(columns), gap, gap)
    if ax is None:
        width, height = size_in_inches(canvas, image_shape)
        ax = new_axis(width + ROW_LABEL_INCHES, height + COLUMN_LABEL_INCHES)
    show(ax, canvas)
    w = image_shape[1]
    centres = np.arange(len(counts)) * (w + gap) + (w - 1) / 2
    ax.set_xticks(centres, ["start" if k == 0 else f"{k:,}" for k in counts])
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel(unit)
    ax.set_ylabel("chains")
    return whole_figure(ax)


def free_energy_histograms(
    free_energies: Mapping[str, Array], label: str = "free energy $F(v)$", ax: Axes | None = None
) -> Figure:
    """Draw the distributions of the free energy F(v) over several sets of images, such as data, samples and noise.

    Where F is low, images are likely. A good model gives its samples the distribution of the data, and noise much more.

    Parameters
    ----------
    free_energies : mapping of str to (n,)
        In nats, ``rbm.free_energy(v)`` for each set; the keys name the sets. NumPy or CuPy arrays.
    label : str
        What is written along the axis: that of an energy-based model, which has no hidden units, is "energy $E(x)$".
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        There is no set, or one is not a vector of finite numbers.
    """
    values = {name: to_numpy(f) for name, f in free_energies.items()}
    for name, f in values.items():
        if f.ndim != 1 or f.size == 0 or f.dtype.kind not in "uif" or not np.isfinite(f).all():
            raise InputError(f"expected finite free energies (n,) of {name}, got shape {f.shape} of {f.dtype}")
    if not values:
        raise InputError("expected free energies of at least one set of images, got none")
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), bins=N_BINS)
    if ax is None:
        ax = new_axis(*HISTOGRAM_INCHES)
    for k, (name, f) in enumerate(values.items()):
        colour = CATEGORICAL[k % len(CATEGORICAL)]
        shares = np.histogram(f, edges)[0] / f.size
        ax.stairs(shares, edges, color=colour, alpha=0.35, fill=True)
        ax.stairs(shares, edges, color=colour, linewidth=1.5, label=name)
    ax.set_xlabel(f"{label} in nats")
    ax.set_ylabel("share of examples")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    open_frame(ax)
    return whole_figure(ax)
