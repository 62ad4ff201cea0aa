from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgba

from scratchgen import plots

RNG = np.random.default_rng(3)


def test_mean_activations_fall_from_unit_to_unit_and_the_target_is_a_line():
    code = RNG.random((40, 7)) * np.linspace(0.1, 1, 7)
    (ax,) = plots.mean_activations(code, 0.05).axes
    units, target = ax.lines
    np.testing.assert_array_equal(units.get_xdata(), np.arange(1, 8))
    np.testing.assert_allclose(units.get_ydata(), np.sort(code.mean(axis=0))[::-1], rtol=1e-12)
    assert set(target.get_ydata()) == {0.05}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["units of the code", "target, 0.05"]
    assert ax.get_ylim()[0] == 0


def test_codes_of_both_signs_are_active_by_their_magnitude_and_need_no_target():
    code = RNG.normal(size=(40, 3))
    (ax,) = plots.mean_activations(code).axes
    (units,) = ax.lines
    np.testing.assert_allclose(units.get_ydata(), np.sort(np.abs(code).mean(axis=0))[::-1], rtol=1e-12)
    assert ax.get_ylabel() == "mean of $|h_k|$"
    assert ax.get_legend() is None


def test_the_spectrum_is_the_mean_over_the_examples_of_ordered_singular_values_and_a_band_of_their_spread():
    jacobian = RNG.normal(size=(21, 4, 6))
    (ax,) = plots.jacobian_spectrum(jacobian).axes
    values = np.sqrt(np.linalg.eigvalsh(jacobian @ jacobian.swapaxes(1, 2)))[:, ::-1]
    (mean,) = ax.lines
    np.testing.assert_array_equal(mean.get_xdata(), [1, 2, 3, 4])
    np.testing.assert_allclose(mean.get_ydata(), values.mean(axis=0), rtol=1e-10)
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    for rank in range(4):
        at_rank = corners[corners[:, 0] == rank + 1, 1]
        np.testing.assert_allclose([at_rank.min(), at_rank.max()], np.quantile(values[:, rank], [0.1, 0.9]), rtol=1e-10)
    assert to_rgba(mean.get_color())[:3] == tuple(band.get_facecolor()[0][:3])


def test_a_code_of_one_unit_is_seen():
    for figure in (plots.jacobian_spectrum(RNG.normal(size=(5, 1, 2))), plots.mean_activations(RNG.random((5, 1)))):
        (ax,) = figure.axes
        assert ax.lines[0].get_marker() == "o"
        assert (ax.get_xticks() % 1 == 0).all()
