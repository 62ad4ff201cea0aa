from __future__ import annotations

import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba

from scratchgen import plots
from scratchgen.history import History


def pixels(figure):
    """Return the array behind the only image of the only axis."""
    (ax,) = figure.axes
    (image,) = ax.images
    return np.asarray(image.get_array())


def blocks(canvas, n_rows, n_columns, h, w):
    """Cut the images out of a mosaic, whatever its gaps are: (n_rows, n_columns, h, w, ...)."""
    down = (canvas.shape[0] - h) // max(n_rows - 1, 1)
    right = (canvas.shape[1] - w) // max(n_columns - 1, 1)
    return np.array([[canvas[r * down :, c * right :][:h, :w] for c in range(n_columns)] for r in range(n_rows)])


def distribution_function(z):
    return np.array([(1 + math.erf(value / math.sqrt(2))) / 2 for value in z])


def decode_to_shares(z):
    """Decode to images of 1 x 2 pixels: the shares of the prior below z_1 and below z_2."""
    return np.stack([distribution_function(z[:, 0]), distribution_function(z[:, 1])], axis=1)


def history(n_epochs=5, validation=True):
    epochs = np.arange(1.0, n_epochs + 1)
    columns = {"loss": 9 + 3 / epochs, "reconstruction": 7 + 4 / epochs, "kl": 2 - 1 / epochs}
    if validation:
        columns |= {f"validation_{name}": values + 0.5 for name, values in columns.items()}
    return History({"epoch": epochs, **columns})


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 9),
    n_columns=st.integers(1, 10),
    h=st.integers(1, 30),
    w=st.integers(1, 30),
    channels=st.sampled_from([(), (1,), (3,)]),
    flat=st.booleans(),
)
def test_a_grid_holds_each_image_in_reading_order_on_white(n, n_columns, h, w, channels, flat):
    images = np.random.default_rng(0).random((n, h, w, *channels)) / 2
    canvas = pixels(plots.image_grid(images.reshape(n, -1) if flat else images, (h, w, *channels), n_columns=n_columns))
    n_columns = min(n, n_columns)
    n_rows = -(-n // n_columns)
    if channels == (1,):
        images = images[..., 0]  # shown as grey
    found = blocks(canvas, n_rows, n_columns, h, w).reshape(n_rows * n_columns, *images.shape[1:])
    np.testing.assert_array_equal(found[:n], images)
    assert (found[n:] == 1).all()
    assert np.count_nonzero(canvas != 1) == images.size


@pytest.mark.parametrize(("n", "side"), [(1, 1), (7, 3), (60, 8)])
def test_a_grid_is_about_square_by_default(n, side):
    canvas = pixels(plots.image_grid(np.zeros((n, 4)), (2, 2)))
    assert canvas.shape[0] == canvas.shape[1]
    assert (blocks(canvas, side, side, 2, 2).reshape(side * side, -1)[:n] == 0).all()


def test_values_outside_the_range_are_clipped_and_its_ends_are_black_and_white():
    canvas = pixels(plots.image_grid([[-0.7, -0.5, 0.0, 0.5, 0.7]], (1, 5), value_range=(-0.5, 0.5)))
    np.testing.assert_allclose(canvas, [[0.0, 0.0, 0.5, 1.0, 1.0]])


@pytest.mark.parametrize("n", [3, 4, 7])
def test_each_reconstruction_stands_under_its_original_in_the_row_that_says_so(n):
    x, x_reconstructed = np.split(np.random.default_rng(0).random((2 * n, 4, 5, 3)), 2)
    figure = plots.reconstructions(x, x_reconstructed, (4, 5, 3), n_columns=3)
    canvas, ticks = pixels(figure), figure.axes[0].get_yticks()
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["original", "reconstruction"] * math.ceil(n / 3)
    assert list(ticks) == sorted(ticks)
    right = (canvas.shape[1] - 5) // 2
    for row, (centre, images) in enumerate(zip(ticks, [x, x_reconstructed] * math.ceil(n / 3), strict=True)):
        top = round(centre - 1.5)  # rows 0 to 3 of an image are centred on 1.5
        for column, image in enumerate(images[row // 2 * 3 :][:3]):
            np.testing.assert_array_equal(canvas[top : top + 4, column * right :][:, :5], image)


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize("names", [("one",), ("one", "two", "three")])
def test_versions_of_an_image_stand_below_each_other_in_the_rows_that_say_so(names, n):
    versions = dict(zip(names, np.random.default_rng(0).random((len(names), n, 4, 5)), strict=True))
    figure = plots.image_rows(versions, (4, 5), n_columns=3)
    canvas, ticks = pixels(figure), figure.axes[0].get_yticks()
    n_groups = math.ceil(n / 3)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [*names] * n_groups
    assert list(ticks) == sorted(ticks)
    right = (canvas.shape[1] - 5) // 2
    for row, (centre, name) in enumerate(zip(ticks, [*names] * n_groups, strict=True)):
        top = round(centre - 1.5)  # rows 0 to 3 of an image are centred on 1.5
        for column, image in enumerate(versions[name][row // len(names) * 3 :][:3]):
            np.testing.assert_array_equal(canvas[top : top + 4, column * right :][:, :5], image)


@pytest.mark.parametrize("m", [1, 4, 5])
def test_the_latent_plane_has_equal_shares_of_the_prior_with_z1_to_the_right_and_z2_up(m):
    calls = []
    figure = plots.latent_plane(lambda z: calls.append(z) or decode_to_shares(z), (1, 2), n_per_axis=m)
    assert [z.shape for z in calls] == [(m * m, 2)]
    found = blocks(pixels(figure), m, m, 1, 2)[:, :, 0]  # (row from the top, column, z_1 or z_2)
    shares = (np.arange(m) + 0.5) / m
    np.testing.assert_allclose(found[:, :, 0], np.broadcast_to(shares, (m, m)), atol=1e-12)
    np.testing.assert_allclose(found[:, :, 1], np.broadcast_to(shares[::-1, None], (m, m)), atol=1e-12)
    assert figure.axes[0].get_xlabel() == "$z_1$"
    assert figure.axes[0].get_ylabel() == "$z_2$"


def test_the_ticks_of_the_latent_plane_stand_where_z_has_their_value():
    m, h, w = 20, 3, 5
    figure = plots.latent_plane(lambda z: np.zeros((len(z), h, w)), (h, w), n_per_axis=m)
    canvas, ax = pixels(figure), figure.axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["−2", "−1", "0", "1", "2"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["−2", "−1", "0", "1", "2"]
    below = distribution_function([-2.0, -1.0, 0.0, 1.0, 2.0])
    for ticks, shares, size, length in (
        (ax.get_xticks(), below, w, canvas.shape[1]),
        (ax.get_yticks(), 1 - below, h, canvas.shape[0]),  # pixel rows count downwards
    ):
        first, last = (size - 1) / 2, length - 1 - (size - 1) / 2  # centres of the images of shares 1/(2m), 1 - 1/(2m)
        np.testing.assert_allclose(ticks, first + (last - first) * (shares - 0.5 / m) / (1 - 1 / m), atol=1e-9)


@pytest.mark.parametrize("n_latent", [2, 3])
def test_the_axes_of_clusters_bear_the_symbol_of_the_codes(n_latent):
    codes = np.random.default_rng(0).normal(size=(12, n_latent))
    for options, symbol in (({}, "z"), ({"symbol": "h"}, "h")):
        (ax,) = plots.latent_clusters(codes, np.arange(12) % 3, **options).axes
        for k, label in ((1, ax.get_xlabel()), (2, ax.get_ylabel())):
            assert label == f"${symbol}_{k}$" or label.startswith(f"principal component {k} of ${symbol}$ (")


@pytest.mark.parametrize(
    "labels", [[3, 1, 2], ["sandal", "$\\bag$", "coat"], [None, "coat", 2]], ids=["numbers", "strings", "objects"]
)
def test_clusters_show_each_mean_in_the_colour_of_its_label_and_name_the_label_at_its_median(labels):
    mean = np.random.default_rng(0).normal(size=(12, 2))
    labels = np.array(labels)[np.arange(12) % 3]
    names = labels.astype(str)
    figure = plots.latent_clusters(mean, labels)
    figure.draw_without_rendering()  # a name is never read as mathematics
    (ax,) = figure.axes
    (points,) = ax.collections
    np.testing.assert_array_equal(points.get_offsets(), mean)
    assert {text.get_text() for text in ax.texts} == set(names)
    for text in ax.texts:
        own = names == text.get_text()
        np.testing.assert_allclose(text.xy, np.median(mean[own], axis=0))
        edge = to_rgba(text.get_bbox_patch().get_edgecolor(), alpha=1)
        shown = points.get_facecolor()[:, :3]
        assert (shown[own] == edge[:3]).all()
        assert (shown[~own] != edge[:3]).any(axis=1).all()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$z_1$", "$z_2$")
    assert ax.get_aspect() == 1


def test_more_than_two_latent_variables_are_drawn_on_their_principal_components():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(50, 4))
    scores, _ = np.linalg.qr(scores - scores.mean(axis=0))  # uncorrelated, of mean 0 and sum of squares 1
    scores *= np.sqrt([0.1, 0.6, 0.05, 0.25])
    rotation, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    mean = scores @ rotation.T + 7.0

    (ax,) = plots.latent_clusters(mean, np.zeros(50)).axes
    drawn = ax.collections[0].get_offsets()
    np.testing.assert_allclose(np.abs(drawn), np.abs(scores[:, [1, 3]]), atol=1e-9)
    assert "principal component 1" in ax.get_xlabel()
    assert "60%" in ax.get_xlabel()
    assert "principal component 2" in ax.get_ylabel()
    assert "25%" in ax.get_ylabel()


@pytest.mark.parametrize("n_latent", [2, 3])
def test_a_collapsed_posterior_can_be_drawn(n_latent):
    plots.latent_clusters(np.zeros((5, n_latent)), np.arange(5)).savefig(io.BytesIO())


def test_more_labels_than_colours_can_be_drawn():
    mean = np.random.default_rng(0).normal(size=(23, 2))
    assert len(plots.latent_clusters(mean, np.arange(23)).axes[0].texts) == 23


def test_training_curves_are_solid_and_validation_dashed_in_nats():
    recorded = history(n_epochs=3)
    figure = plots.training_curves(recorded)
    assert [ax.get_title() for ax in figure.axes] == ["loss", "reconstruction", "KL"]
    assert figure.axes[0].get_ylabel() == "nats per example"
    for ax, term in zip(figure.axes, ("loss", "reconstruction", "kl"), strict=True):
        training, validation = ax.lines
        for line, name in ((training, term), (validation, f"validation_{term}")):
            np.testing.assert_array_equal(line.get_xdata(), recorded.columns["epoch"])
            np.testing.assert_array_equal(line.get_ydata(), recorded.columns[name])
        assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
        assert (ax.get_xticks() % 1 == 0).all()
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["training", "validation"]


def test_without_validation_there_is_one_curve_and_no_legend():
    for ax in plots.training_curves(history(validation=False)).axes:
        assert len(ax.lines) == 1
        assert ax.get_legend() is None


def test_one_epoch_is_seen_as_a_point():
    (ax,) = plots.training_curves(history(n_epochs=1, validation=False), terms=["kl"]).axes
    (line,) = ax.lines
    assert (ax.get_xticks() % 1 == 0).all()
    assert line.get_marker() == "o"


def test_terms_without_a_unit_are_called_so():
    assert plots.training_curves(history(), terms=["loss"], unit="").axes[0].get_ylabel() == "per example"


def test_terms_of_several_units_have_each_its_own_beside_its_panel():
    units = {"loss": "nats per example", "kl": "bits"}
    figure = plots.training_curves(history(), ["loss", "reconstruction", "kl"], units)
    assert [ax.get_ylabel() for ax in figure.axes] == ["nats per example", "", "bits"]
    figure = plots.training_curves(history(), ["loss", "kl"], "bits")
    assert [ax.get_ylabel() for ax in figure.axes] == ["bits per example", ""]


def test_validation_is_drawn_where_it_is_asked_for_and_the_legend_stands_there():
    figure = plots.training_curves(history(), compared=["kl"])
    assert [len(ax.lines) for ax in figure.axes] == [1, 1, 2]
    assert [ax.get_legend() is None for ax in figure.axes] == [True, True, False]


@pytest.mark.parametrize(
    ("n", "n_columns"), [(1, [1]), (3, [3]), (4, [4]), (5, [3, 2]), (6, [3, 3]), (7, [4, 3]), (9, [3] * 3)]
)
def test_panels_wrap_into_rows_of_at_most_four(n, n_columns):
    names = [f"term_{i}" for i in range(n)]
    figure = plots.training_curves(History({"epoch": [1, 2], **{name: [2.0, 1.0] for name in names}}), names)
    rows = [ax.get_subplotspec().rowspan.start for ax in figure.axes]
    assert [rows.count(row) for row in sorted(set(rows))] == n_columns
    named = [ax.get_ylabel() for ax in figure.axes]
    assert [bool(name) for name in named] == [ax.get_subplotspec().is_first_col() for ax in figure.axes]


def test_an_accuracy_has_no_nats():
    columns = {"loss": [2.0, 1.0], "class_kl": [1.0, 1.0], "accuracy": [0.5, 0.75], "validation_accuracy": [0.5, 0.6]}
    figure = plots.training_curves(History({"epoch": [1, 2], **columns}), ["loss", "class_kl", "accuracy"])
    assert [ax.get_title() for ax in figure.axes] == ["loss", "class KL", "accuracy"]
    assert [ax.get_ylabel() for ax in figure.axes] == ["nats per example", "", "share predicted rightly"]


def test_energies_of_each_kind_are_drawn_and_of_nothing_else():
    columns = {"energy_of_data": [1.0, 2.0], "energy_of_validation": [1.5, 2.5], "energy_of_noise": [9.0, 8.0]}
    (ax,) = plots.energy_curves(History({"epoch": [3, 4], "loss": [0.0, 0.0], **columns})).axes
    assert [line.get_label() for line in ax.lines] == ["data", "validation", "noise"]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "-"]
    for line, values in zip(ax.lines, columns.values(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([[3, 4], values], axis=1))
    assert len({line.get_color() for line in ax.lines}) == 3


def test_any_column_can_be_drawn():
    recorded = History({"epoch": [1, 2], "pseudo_log_likelihood": [-3.0, -2.0]})
    (ax,) = plots.training_curves(recorded, terms=("pseudo_log_likelihood",)).axes
    assert ax.get_title() == "pseudo log likelihood"
