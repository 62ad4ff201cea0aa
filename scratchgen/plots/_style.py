"""What all pictures share: a fresh axis on its own figure, and the colours.

The style is set on each artist, never through ``rcParams``: a reader's own fonts and sizes stay in force, and drawing
changes nothing outside the figure.

References
----------
.. [1] P. Tol, "Colour schemes", SRON technical note SRON/EPS/TN/09-002 (2021), scheme "muted": nine colours that stay
   apart under the common colour-vision deficiencies; black makes them ten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INDIGO, ROSE = "#332288", "#cc6677"
CATEGORICAL = (INDIGO, ROSE, "#117733", "#ddcc77", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499", "#000000")

MOST_COLUMNS = 4  # of panels


def new_axis(width: float, height: float) -> Axes:
    """Return the only axis of a new figure of `width` x `height` inches that no window or ``pyplot`` knows of."""
    # Not "constrained": where the aspect is fixed, it clips the labels beside the axis.
    return Figure(figsize=(width, height), layout="compressed").subplots()


def columns_of(n: int) -> int:
    """Return how many of `n` panels stand in a row: four at most, and the rows are as full as may be."""
    return -(-n // -(-n // MOST_COLUMNS))


def panels(n: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a new figure and its `n` axes of `width` x `height` inches, row by row."""
    n_columns = columns_of(n)
    n_rows = -(-n // n_columns)
    figure = Figure(figsize=(width * n_columns, height * n_rows), layout="constrained")
    return figure, [figure.add_subplot(n_rows, n_columns, k + 1) for k in range(n)]


def whole_figure(ax: Axes) -> Figure:
    """Return the figure that `ax` is drawn on, also where the axis sits in a ``SubFigure`` of it."""
    return ax.figure.figure


def open_frame(ax: Axes) -> None:
    """Leave only the axes themselves of the frame around a graph."""
    ax.spines[["top", "right"]].set_visible(False)
