from __future__ import annotations

import io

import numpy as np
import pytest

from scratchgen import plots
from scratchgen.plots.trajectories import SHARES

BOUNDS = ((-4.0, 4.0), (-3.0, 5.0))
PATHS = np.random.default_rng(0).normal(size=(30, 12, 2))


def log_density(x):
    """N((0, 1), diag(1, 1/4)), with a constant that no picture should depend on."""
    return -(x[:, 0] ** 2 + 4 * (x[:, 1] - 1) ** 2) / 2 + 1000


def test_each_path_begins_at_a_ring_and_ends_at_a_disc_of_its_colour():
    (ax,) = plots.chain_paths(PATHS, log_density, BOUNDS).axes
    assert len(ax.lines) == 3 * 12
    for chain in range(12):
        path, ring, disc = ax.lines[3 * chain : 3 * chain + 3]
        np.testing.assert_array_equal(path.get_xydata(), PATHS[:, chain])
        np.testing.assert_array_equal(ring.get_xydata(), PATHS[:1, chain])
        np.testing.assert_array_equal(disc.get_xydata(), PATHS[-1:, chain])
        assert path.get_color() == ring.get_color() == disc.get_color()
        assert (ring.get_markerfacecolor(), disc.get_markerfacecolor()) == ("white", disc.get_color())
    assert len({path.get_color() for path in ax.lines}) == 10
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["start", "end"]


def test_the_contours_hold_their_shares_of_the_probability():
    """A share exp(-r^2 / 2) of a Gaussian in the plane lies outside r standard deviations."""
    (ax,) = plots.chain_paths(PATHS, log_density, BOUNDS, n_grid=400).axes
    filled, lines = ax.collections
    assert len(filled.get_paths()) == len(lines.get_paths()) == len(SHARES)
    for share, line in zip(SHARES, lines.get_paths(), strict=True):
        radius = np.hypot(line.vertices[:, 0], 2 * (line.vertices[:, 1] - 1))
        np.testing.assert_allclose(radius, np.sqrt(-2 * np.log(1 - share)), rtol=0.02)
    darkness = filled.get_facecolor()[:, :3].sum(axis=1)
    assert (np.diff(darkness) < 0).all()


def test_the_axes_are_the_bounds_at_equal_scales():
    (ax,) = plots.chain_paths(PATHS, log_density, BOUNDS).axes
    assert (ax.get_xlim(), ax.get_ylim()) == BOUNDS
    assert ax.get_aspect() == 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")


@pytest.mark.parametrize(
    "density",
    [
        lambda x: np.zeros(len(x)),
        lambda x: np.where(np.abs(x).max(axis=1) < 0.5, 0.0, -np.inf),
        lambda x: -1e6 * (x**2).sum(axis=1),
    ],
    ids=["uniform", "uniform in a square", "narrower than the grid"],
)
def test_a_density_of_few_levels_can_be_drawn(density):
    plots.chain_paths(PATHS[:1, :1], density, BOUNDS, n_grid=50).savefig(io.BytesIO())
