from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from scratchgen import plots
from scratchgen.history import History

from .test_plots_content import blocks, pixels


def test_each_hidden_unit_has_its_couplings_as_an_image_in_reading_order():
    W = np.random.default_rng(0).normal(size=(6, 5))
    found = blocks(pixels(plots.filters(W, (2, 3), n_columns=3)), 2, 3, 2, 3).reshape(6, 2, 3)
    np.testing.assert_array_equal(found[:5], W.T.reshape(5, 2, 3))
    assert np.ma.getmaskarray(np.ma.masked_invalid(found[5])).all()  # a spare cell shows nothing


def test_red_excites_blue_inhibits_and_zero_is_nearly_white():
    (image,) = plots.filters(np.array([[1.0, -1.0], [0.0, 0.0]]), (1, 2)).axes[0].images
    low, high = image.get_clim()
    assert low == -high
    red, zero, blue = image.cmap(image.norm([1.0, 0.0, -1.0]))[:, :3]
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert zero.min() > 0.95


def test_the_scale_of_couplings_leaves_out_the_few_largest():
    W = np.random.default_rng(0).uniform(-1, 1, size=(100, 100))
    W[3, 7] = 50.0
    (image,) = plots.filters(W, (10, 10)).axes[0].images
    assert 0.9 < image.get_clim()[1] < 1.1


def test_an_untrained_machine_without_couplings_can_be_drawn():
    (image,) = plots.filters(np.zeros((4, 2)), (2, 2)).axes[0].images
    assert image.get_clim() == (-1.0, 1.0)


def test_filters_have_a_scale_with_a_name():
    for options, label in (({}, "coupling $W_{ij}$"), ({"label": "weight"}, "weight")):
        (bar,) = plots.filters(np.eye(4), (2, 2), **options).axes[0].child_axes
        assert bar.get_ylabel() == label


def test_a_row_is_a_chain_and_a_column_a_number_of_sweeps():
    states = list(np.random.default_rng(0).random((3, 4, 6)))  # three numbers of sweeps, four chains
    figure = plots.fantasy_particles(states, (0, 10, 1000), (2, 3))
    canvas, (ax,) = pixels(figure), figure.axes
    found = blocks(canvas, 4, 3, 2, 3)
    for column, v in enumerate(states):
        np.testing.assert_array_equal(found[:, column], v.reshape(4, 2, 3))
    assert [text.get_text() for text in ax.get_xticklabels()] == ["start", "10", "1,000"]
    np.testing.assert_allclose(ax.get_xticks(), [1, canvas.shape[1] / 2 - 0.5, canvas.shape[1] - 2])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Gibbs sweeps", "chains")


def test_grids_stand_side_by_side_under_their_names():
    data, samples = np.random.default_rng(0).random((2, 4, 6))
    figure = plots.image_grids({"data": data, "samples": samples}, (2, 3))
    assert [ax.get_title() for ax in figure.axes] == ["data", "samples"]
    for ax, images in zip(figure.axes, (data, samples), strict=True):
        canvas = np.asarray(ax.images[0].get_array())
        np.testing.assert_array_equal(blocks(canvas, 2, 2, 2, 3).reshape(4, 6), images)


def test_histograms_share_their_bins_and_show_shares_of_unequal_sets():
    rng = np.random.default_rng(0)
    sets = {"data": rng.normal(-90, 5, 300), "samples": rng.normal(-88, 5, 100), "noise": rng.normal(0, 20, 1000)}
    (ax,) = plots.free_energy_histograms(sets).axes
    lines = [patch for patch in ax.patches if patch.get_label() in sets]
    assert [line.get_label() for line in lines] == list(sets)
    assert len({to_rgba(line.get_edgecolor()) for line in lines}) == 3
    for line, values in zip(lines, sets.values(), strict=True):
        shares, edges, _ = line.get_data()
        np.testing.assert_allclose(shares, np.histogram(values, edges)[0] / len(values))
        assert shares.sum() == pytest.approx(1.0)  # no value lies outside
        np.testing.assert_array_equal(edges, lines[0].get_data().edges)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(sets)
    assert "nats" in ax.get_xlabel()


def _history(**columns):
    return History({"epoch": [1, 2, 3, 4], "free_energy_gap": [np.nan, 0.1, np.nan, 0.3], **columns})


def test_the_gap_has_a_point_for_each_monitored_epoch_and_a_line_at_zero():
    (ax,) = plots.free_energy_gap(_history()).axes
    gap, zero = ax.lines
    np.testing.assert_array_equal(gap.get_xdata(), [2, 4])
    np.testing.assert_array_equal(gap.get_ydata(), [0.1, 0.3])
    assert set(zero.get_ydata()) == {0.0}
    assert ax.get_title() == "free-energy gap"


@pytest.mark.parametrize(
    ("columns", "title"),
    [
        (("pseudo_log_likelihood",), "pseudo-log-likelihood of training data"),
        (("pseudo_log_likelihood", "log_likelihood"), "log-likelihood of training data"),
    ],
)
def test_beside_the_gap_stands_the_best_likelihood_there_is(columns, title):
    values = {name: [np.nan, -k - 3.0, np.nan, -k - 2.0] for k, name in enumerate(columns)}
    _, ax = plots.free_energy_gap(_history(**values)).axes
    assert ax.get_title() == title
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), [-len(columns) - 2.0, -len(columns) - 1.0])
