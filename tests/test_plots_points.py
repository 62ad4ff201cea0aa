from __future__ import annotations

import numpy as np
import pytest

from scratchgen import plots
from scratchgen.errors import InputError

X = np.random.Generator(np.random.PCG64(1)).normal(size=(50, 2))


def test_each_set_of_points_has_a_panel_of_its_own_at_one_scale():
    first, second = plots.point_clouds({"data": X, "samples": X[:7].astype("float32") + 5}).axes
    assert (first.get_title(), second.get_title()) == ("data", "samples")
    np.testing.assert_allclose(first.collections[0].get_offsets(), X)
    assert len(second.collections[0].get_offsets()) == 7
    assert first.get_xlim() == second.get_xlim()
    assert first.get_xlim()[0] < X[:, 0].min() < (X[:7, 0] + 5).max() < first.get_xlim()[1]
    assert first.get_ylim()[0] < X[:, 1].min() < (X[:7, 1] + 5).max() < first.get_ylim()[1]


def test_bounds_are_those_of_the_picture():
    (ax,) = plots.point_clouds({"data": X}, bounds=((-4, 4), (-3, 5))).axes
    assert (ax.get_xlim(), ax.get_ylim()) == ((-4, 4), (-3, 5))


def test_one_point_has_a_picture():
    (ax,) = plots.point_clouds({"data": np.zeros((1, 2))}).axes
    assert ax.get_xlim()[0] < 0 < ax.get_xlim()[1]


@pytest.mark.parametrize(
    ("clouds", "message"),
    [
        ({}, "at least one set of points"),
        ({"data": X[:, :1]}, r"data must be points of the plane, \(n, 2\), got shape \(50, 1\)"),
        ({"data": np.full((3, 2), np.nan)}, "data has NaN or infinite values"),
        ({"data": X[:0]}, "data must be an array with at least one element"),
    ],
)
def test_what_is_no_set_of_points_is_refused(clouds, message):
    with pytest.raises(InputError, match=message):
        plots.point_clouds(clouds)
