from __future__ import annotations

import numpy as np
import pytest

from scratchgen import plots

RNG = np.random.default_rng(0)
H, W = 8, 6  # the gap is one pixel


def _canvas(figure):
    (ax,) = figure.axes
    return np.asarray(ax.images[0].get_array())


def _cell(canvas, row, column):
    return canvas[row * (H + 1) :, column * (W + 1) :][:H, :W]


def test_a_class_has_a_row_with_its_samples_in_their_order():
    images, labels = RNG.random((6, H * W)) / 2, np.array([2, 0, 2, 2, 0, 3])
    figure = plots.class_samples(images, labels, (H, W), ("a", "b", "c", "d", "e"))
    canvas = _canvas(figure)
    assert canvas.shape == (5 * (H + 1) - 1, 3 * (W + 1) - 1)
    shown = {(0, 0): 1, (0, 1): 4, (2, 0): 0, (2, 1): 2, (2, 2): 3, (3, 0): 5}  # row and column: number of the image
    for row in range(5):
        for column in range(3):
            expected = images[shown[row, column]].reshape(H, W) if (row, column) in shown else 1.0
            np.testing.assert_array_equal(_cell(canvas, row, column), np.broadcast_to(expected, (H, W)))
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c", "d", "e"]
    assert np.diff(ax.get_yticks()).tolist() == [H + 1] * 4
    assert ax.get_yticks()[0] == (H - 1) / 2


def test_classes_are_numbered_where_they_have_no_names():
    (ax,) = plots.class_samples(np.zeros((2, 4)), [0, 2], (2, 2)).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "2"]


def test_an_original_is_followed_by_its_style_in_every_class():
    x, styles = RNG.random((2, H * W)) / 2, RNG.random((2, 3, H * W)) / 2
    figure = plots.style_transfer(x, styles, (H, W), ("a", "b", "c"))
    canvas = _canvas(figure)
    for row in range(2):
        np.testing.assert_array_equal(_cell(canvas, row, 0), x[row].reshape(H, W))
        assert (_cell(canvas, row, 1) == 1).all()
        for label in range(3):
            np.testing.assert_array_equal(_cell(canvas, row, 2 + label), styles[row, label].reshape(H, W))
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["original", "", "a", "b", "c"]
    np.testing.assert_array_equal(ax.get_xticks(), np.arange(5) * (W + 1) + (W - 1) / 2)


def test_styles_keep_their_colours():
    x, styles = RNG.random((1, H * W * 3)), RNG.random((1, 2, H * W * 3))
    canvas = _canvas(plots.style_transfer(x, styles, (H, W, 3)))
    np.testing.assert_array_equal(_cell(canvas, 0, 3), styles[0, 1].reshape(H, W, 3))


@pytest.mark.parametrize(("names", "rotation"), [(("a", "b"), 0), (("a", "automobile"), 90)])
def test_long_names_stand_upright(names, rotation):
    (ax,) = plots.style_transfer(np.zeros((1, 4)), np.zeros((1, 2, 4)), (2, 2), names).axes
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {rotation}


def test_models_of_any_number_of_latent_variables_are_compared_panel_by_panel():
    flat, deep, labels = RNG.normal(size=(12, 2)), RNG.normal(size=(12, 5)), np.arange(12) % 3
    figure = plots.compared_latent_clusters({"M1": flat, "M2": deep}, labels)
    assert [ax.get_title() for ax in figure.axes] == ["M1", "M2"]
    for ax, mean in zip(figure.axes, (flat, deep), strict=True):
        (alone,) = plots.latent_clusters(mean, labels).axes
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), alone.collections[0].get_offsets())
        assert [text.get_text() for text in ax.texts] == ["0", "1", "2"]
    assert figure.axes[0].get_xlabel() == "$z_1$"
    assert figure.axes[1].get_xlabel().startswith("component 1 of $z$")


def test_many_models_are_compared_in_rows_of_at_most_four():
    figure = plots.compared_latent_clusters({str(k): RNG.normal(size=(6, 2)) for k in range(7)}, np.arange(6) % 2)
    assert [ax.get_subplotspec().rowspan.start for ax in figure.axes] == 4 * [0] + 3 * [1]
    width, height = figure.get_size_inches()
    assert width < 2.5 * height


def test_many_methods_stand_beside_each_other_and_their_names_beside_the_graph():
    figure = plots.against_labels([100, 1000], {f"M{k}": [[1.0, 2.0], [3.0, 4.0]] for k in range(10)})
    (ax,) = figure.axes
    x = np.array([bars.lines[0].get_xdata() for bars in ax.containers])  # (methods, numbers)
    assert (np.diff(x, axis=0) > 0).all()
    np.testing.assert_allclose(np.exp(np.log(x).mean(axis=0)), [100, 1000])
    assert np.ptp(np.log(x), axis=0).max() < 0.2
    figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
    assert ax.get_legend().get_window_extent().x1 <= figure.bbox.x1
    assert plots.against_labels([100], {"M1": [1.0], "M2": [2.0]}).axes[0].containers[1].lines[0].get_xdata() == [100]


def test_a_method_has_the_mean_and_one_standard_deviation_over_the_repetitions():
    values = np.array([[4.0, 6.0, np.nan], [10.0, 14.0, 12.0]])
    (ax,) = plots.against_labels([1000, 100], {"M1": values, "M2": [3.0, 8.0]}, "error").axes
    first, second = ax.containers
    np.testing.assert_array_equal(first.lines[0].get_xydata(), [[100, 12], [1000, 5]])
    segments = np.array(first.lines[2][0].get_segments())  # (numbers of labels, ends, x and y)
    np.testing.assert_allclose(segments[:, :, 1], [[10, 14], [5 - np.sqrt(2), 5 + np.sqrt(2)]])
    np.testing.assert_array_equal(second.lines[0].get_xydata(), [[100, 8], [1000, 3]])
    assert np.ptp(np.array(second.lines[2][0].get_segments())[:, :, 1], axis=1).tolist() == [0, 0]
    assert (ax.get_xscale(), ax.get_ylabel()) == ("log", "error")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["100", "1,000"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["M1", "M2"]
