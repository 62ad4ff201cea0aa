from __future__ import annotations

import numpy as np

from scratchgen import plots

BOUNDS = ((-2.0, 2.0), (-1.0, 3.0))


def halved(x):
    return 0.5 * x


def field(reconstruct, **options):
    (ax,) = plots.reconstruction_field(reconstruct, BOUNDS, 5, **options).axes
    return ax, ax.collections[-1]


def test_an_arrow_begins_at_each_point_of_the_grid_and_ends_at_its_reconstruction():
    ax, arrows = field(lambda x: 0.9 * x)
    points = np.stack([arrows.X, arrows.Y], axis=1)
    expected = {(x, y) for x in (-2.0, -1.0, 0.0, 1.0, 2.0) for y in (-1.0, 0.0, 1.0, 2.0, 3.0)}
    assert set(map(tuple, points)) == expected
    np.testing.assert_allclose(np.stack([arrows.U, arrows.V], axis=1), -0.1 * points, atol=1e-15)
    assert (arrows.angles, arrows.scale_units, arrows.scale) == ("xy", "xy", 1)
    assert (ax.get_xlim(), ax.get_ylim()) == BOUNDS


def test_longer_arrows_are_cut_to_the_distance_of_two_points_and_keep_their_direction():
    _, arrows = field(lambda x: x + np.array([3.0, 4.0]))
    np.testing.assert_allclose(arrows.U, 0.6, rtol=1e-14)
    np.testing.assert_allclose(arrows.V, 0.8, rtol=1e-14)


def test_a_perfect_copy_has_no_field():
    _, arrows = field(lambda x: x)
    assert not arrows.U.any()
    assert not arrows.V.any()


def test_data_lie_below_the_arrows():
    x = np.random.default_rng(0).normal(size=(30, 2))
    ax, _ = field(halved, x=x)
    points, _ = ax.collections
    np.testing.assert_array_equal(points.get_offsets(), x)
