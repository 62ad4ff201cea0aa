"""Interpolations and traversals: their ends, their lengths, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.errors import InputError
from scratchgen.latent import interpolate_linear, interpolate_spherical, traverse

INTERPOLATIONS = (interpolate_linear, interpolate_spherical)
each_interpolation = pytest.mark.parametrize("interpolate", INTERPOLATIONS)


def codes(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@each_interpolation
@given(n_points=st.integers(2, 9), n_latent=st.integers(2, 6), n=st.integers(1, 3), dtype=st.sampled_from(["f4", "f8"]))
def test_a_path_leads_from_start_to_end_and_backwards_is_the_path_of_the_opposite_direction(
    interpolate, n_points, n_latent, n, dtype
):
    start, end = codes(n_latent, 2, n, n_latent).astype(dtype)
    path = interpolate(start, end, n_points)
    assert path.shape == (n_points, n, n_latent)
    assert path.dtype == dtype
    tolerance = 1e-5 if dtype == "f4" else 1e-12
    np.testing.assert_allclose(path[[0, -1]], [start, end], atol=tolerance)
    np.testing.assert_allclose(interpolate(end, start, n_points), path[::-1], atol=tolerance)


@each_interpolation
def test_several_paths_at_once_are_those_of_each_pair(interpolate):
    start, end = codes(0, 2, 4, 3)
    paths = interpolate(start, end, 5)
    for i in range(4):
        np.testing.assert_allclose(paths[:, i], interpolate(start[i], end[i], 5), atol=1e-14)


def test_the_linear_path_has_equal_steps():
    steps = np.diff(interpolate_linear(*codes(1, 2, 5), 7), axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-14)


def test_the_spherical_path_turns_by_equal_angles_and_keeps_the_length():
    start, end = codes(2, 2, 5)
    path = interpolate_spherical(3 * start / np.linalg.norm(start), 3 * end / np.linalg.norm(end), 7)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 3, rtol=1e-12)
    cosines = (path[1:] * path[:-1]).sum(axis=1) / 9
    angle = np.arccos(start @ end / np.linalg.norm(start) / np.linalg.norm(end))
    np.testing.assert_allclose(cosines, np.cos(angle / 6), rtol=1e-12)


def test_halfway_between_draws_of_the_prior_the_line_is_short_and_the_arc_is_not():
    start, end = codes(3, 2, 200, 100)
    straight, arc = (np.linalg.norm(f(start, end, 3)[1], axis=1).mean() for f in INTERPOLATIONS)
    assert straight == pytest.approx(np.sqrt(100 / 2), rel=0.02)
    assert arc == pytest.approx(np.sqrt(100), rel=0.02)


@pytest.mark.parametrize("angle", [0.0, 1e-300, 1e-9, 1e-4])
def test_the_spherical_path_between_nearly_equal_codes_is_the_straight_one(angle):
    start, end = np.array([2.0, 0.0]), np.array([2 * np.cos(angle), 2 * np.sin(angle)])
    np.testing.assert_allclose(
        interpolate_spherical(start, end, 5), interpolate_linear(start, end, 5), rtol=1e-7, atol=1e-320
    )


def test_a_traversal_changes_one_variable_and_no_other():
    z, values = codes(4, 3), np.linspace(-2, 2, 5)
    z_before = z.copy()
    codes_of_traversal = traverse(z, values)
    assert codes_of_traversal.shape == (3, 5, 3)
    for k in range(3):
        np.testing.assert_array_equal(codes_of_traversal[k, :, k], values)
        others = np.delete(codes_of_traversal[k], k, axis=1)
        np.testing.assert_array_equal(others, np.broadcast_to(np.delete(z, k), others.shape))
    np.testing.assert_array_equal(z, z_before)


BAD_INPUT = {
    "shapes": (lambda: interpolate_linear([1.0], [1.0, 2.0], 3), r"same shape, got \(1,\) and \(2,\)"),
    "one point": (lambda: interpolate_linear([1.0], [2.0], 1), "n_points.*>= 2, got 1"),
    "NaN": (lambda: interpolate_spherical([1.0, np.nan], [1.0, 2.0], 3), "start has NaN"),
    "number": (lambda: interpolate_linear(1.0, 2.0, 3), r"at least one element, got shape \(\)"),
    "empty": (lambda: interpolate_linear([], [], 3), r"at least one element, got shape \(0,\)"),
    "text": (lambda: interpolate_linear(["a"], ["b"], 3), "real numbers"),
    "zero": (lambda: interpolate_spherical([0.0, 0.0], [1.0, 0.0], 3), "length 0"),
    "opposite": (lambda: interpolate_spherical([1.0, 0.0], [-2.0, 0.0], 3), "opposite directions"),
    "matrix": (lambda: traverse(np.zeros((2, 3)), [0.0]), r"vectors, got shapes \(2, 3\)"),
    "values": (lambda: traverse([0.0], [np.inf]), "values has NaN or infinite"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, message):
    with pytest.raises(InputError, match=message):
        call()
