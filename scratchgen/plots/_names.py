"""Names of classes in a picture: boxes that hide neither each other nor the places that they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.transforms import IdentityTransform

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

BOX = {"boxstyle": "round,pad=0.25", "facecolor": "white", "linewidth": 1.5, "alpha": 0.9}
HALO = withStroke(linewidth=2.4, foreground="white")
LEADER: dict[str, Any] = {"color": "0.2", "linewidth": 0.8, "zorder": 2.9, "path_effects": [HALO]}
GAP_POINTS = 3.0  # between two boxes, and between a box and a place that another one names
ANGLES = 2 * np.pi * np.arange(32) / 32
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


class NamedPlace(NamedTuple):
    """A point of the picture, in its coordinates, with the name and the colour of what is there."""

    name: str
    xy: np.ndarray
    colour: str


def draw_names(ax: Axes, places: Sequence[NamedPlace]) -> None:
    """Write each name at its place, or beside it where it would hide another name or place, with a line to it."""
    names = [
        ax.annotate(
            place.name,
            tuple(place.xy),
            xytext=(0.0, 0.0),
            textcoords="offset points",
            ha="center",
            va="center",
            weight="bold",
            bbox=BOX | {"edgecolor": place.colour},
            parse_math=False,
        )
        for place in places
    ]
    leaders = [ax.add_line(Line2D([], [], transform=IdentityTransform(), **LEADER)) for _ in places]
    for artist in (*names, *leaders):
        artist.set_in_layout(False)  # they end up within the axes
    ax.add_artist(_Arrangement(names, leaders))


class _Arrangement(Artist):
    """What moves names apart when the axes are drawn: before that nobody knows how large they and their axes are."""

    def __init__(self, names: Sequence[Annotation], leaders: Sequence[Line2D]) -> None:
        super().__init__()
        self._names, self._leaders = names, leaders
        self.set_zorder(LEADER["zorder"] - 0.1)  # before either is drawn
        self.set_in_layout(False)

    def draw(self, renderer: Any) -> None:
        """Move the names and the lines; nothing is drawn."""
        assert self.axes is not None
        in_pixels, bounds = self.axes.transData.transform, self.axes.bbox
        left = [(k, name) for k, name in enumerate(self._names) if name.axes is not None]  # some may have been removed
        shown = [k for k, name in left if bounds.contains(*in_pixels(name.xy))]
        for leader in self._leaders:
            leader.set_data([], [])
        if shown:
            places = in_pixels([self._names[k].xy for k in shown])
            sizes = np.array([_box_size(self._names[k], renderer) for k in shown])
            pixels = renderer.points_to_pixels(1.0)  # of a point
            centres = arranged(places, sizes + GAP_POINTS * pixels, bounds.get_points())
            for k, place, centre, size in zip(shown, places, centres, sizes, strict=True):
                self._names[k].xyann = tuple((centre - place) / pixels)
                if (np.abs(centre - place) > size / 2).any():
                    self._leaders[k].set_data(*zip(centre, place, strict=True))
        self.stale = False


def _box_size(name: Annotation, renderer: Any) -> tuple[float, float]:
    """Return width and height of the box around a name, in pixels."""
    name.update_bbox_position_size(renderer)
    box = name.get_bbox_patch()
    assert box is not None
    extent = box.get_window_extent(renderer)
    return extent.width, extent.height


def arranged(places: np.ndarray, sizes: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return the centres of rectangles that do not overlap, each as near to its place as the others leave room for.

    None covers the place of another. Those that are in nobody's way stay; the others are put, one by one, on the first
    of growing circles around their places on which there is room.

    Parameters
    ----------
    places : (n, 2)
    sizes : (n, 2)
        Widths and heights.
    bounds : (2, 2)
        The lower left and the upper right corner of what all rectangles lie in. One for which no room is left in it
        stays and hides others.

    Returns
    -------
    array (n, 2)
    """
    half = sizes / 2
    low, high = bounds[0] + half, bounds[1] - half
    centres = np.clip(places, low, high)
    in_the_way = _within(centres[:, None] - centres, half[:, None] + half)
    in_the_way |= _within(centres[:, None] - places, half[:, None])
    radii = np.arange(0.0, np.linalg.norm(bounds[1] - bounds[0]), sizes[:, 1].min() / 4)
    done = np.zeros(len(places), dtype=bool)
    for k in np.argsort(in_the_way.sum(axis=1), kind="stable"):
        others = np.delete(places, k, axis=0)
        for radius in radii:  # 0 at first: the place itself
            candidates = centres[k] + radius * CIRCLE
            hidden = _within(candidates[:, None] - centres[done], half[k] + half[done]).any(axis=1)
            hidden |= _within(candidates[:, None] - others, half[k]).any(axis=1)
            free = candidates[~hidden & (low[k] <= candidates).all(axis=1) & (candidates <= high[k]).all(axis=1)]
            if len(free):
                centres[k] = free[0]
                break
        done[k] = True
    return centres


def _within(differences: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Say which differences (..., 2) are those of a rectangle's centre to a point in it."""
    return (np.abs(differences) < half).all(axis=-1)
