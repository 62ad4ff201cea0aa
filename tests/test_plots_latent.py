"""What the pictures of latent spaces show: each image, bar and point stands where its value says."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from scratchgen import plots
from scratchgen.history import History
from scratchgen.latent import code_correlation, interpolate_linear, interpolate_spherical, kl_per_dimension
from scratchgen.plots._style import CATEGORICAL

RNG = np.random.default_rng(1)


def decode(z):
    """Decode to images of 1 x 2 pixels: the sigmoids of z_1 and z_2."""
    return 1 / (1 + np.exp(-z[:, :2]))


def rows_of(figure, n_columns):
    """Return the images of 1 x 2 pixels of a mosaic by the rows that its ticks are at, (n_rows, n_columns, 2)."""
    (ax,) = figure.axes
    canvas = np.asarray(ax.images[0].get_array())
    right = (canvas.shape[1] - 2) // (n_columns - 1)
    return np.array([[canvas[round(y), c * right :][:2] for c in range(n_columns)] for y in ax.get_yticks()])


def tick_names(ticks):
    return [text.get_text() for text in ticks]


@pytest.mark.parametrize(("m", "limit"), [(2, 1.0), (5, 2.5), (30, 1.0)])
def test_the_linear_latent_plane_has_even_steps_with_z1_to_the_right_and_z2_up(m, limit):
    figure = plots.linear_latent_plane(decode, (1, 2), n_per_axis=m, limit=limit)
    (ax,) = figure.axes
    canvas = np.asarray(ax.images[0].get_array())
    down, right = (canvas.shape[0] - 1) // (m - 1), (canvas.shape[1] - 2) // (m - 1)
    values = np.linspace(-limit, limit, m)
    found = np.array([[canvas[r * down, c * right :][:2] for c in range(m)] for r in range(m)])
    z1, z2 = np.meshgrid(values, values[::-1])
    np.testing.assert_allclose(found, decode(np.stack([z1, z2], axis=-1).reshape(-1, 2)).reshape(m, m, 2))
    ends = [f"{value:g}".replace("-", "−") for value in (-limit, limit)]
    for names, ticks, first, last in (
        (tick_names(ax.get_xticklabels()), ax.get_xticks(), 0.5, (m - 1) * right + 0.5),
        (tick_names(ax.get_yticklabels()), ax.get_yticks(), (m - 1) * down, 0),
    ):
        assert [names[0], names[-1]] == ends
        np.testing.assert_allclose(ticks, np.linspace(first, last, 5))


def test_a_traversal_has_a_row_for_each_variable_and_a_column_for_each_value():
    z, values = np.array([0.5, -1.0, 2.0]), (-2.0, 0.0, 1.0, 3.0)
    figure = plots.latent_traversals(decode, z, (1, 2), values)
    found = rows_of(figure, 4)
    np.testing.assert_allclose(found[0, :, 0], decode(np.array(values)[:, None])[:, 0])
    np.testing.assert_allclose(found[1, :, 1], decode(np.array(values)[:, None])[:, 0])
    for row, column in ((0, 1), (1, 0), (2, 0), (2, 1)):  # z_3 is not decoded
        np.testing.assert_allclose(found[row, :, column], decode(z[None])[0, column])
    (ax,) = figure.axes
    assert tick_names(ax.get_yticklabels()) == ["$z_{1}$", "$z_{2}$", "$z_{3}$"]
    assert tick_names(ax.get_xticklabels()) == ["−2", "0", "1", "3"]


def test_interpolations_have_for_each_pair_the_line_above_the_arc():
    start, end = RNG.normal(size=(2, 3, 2))
    figure = plots.interpolations(decode, start, end, (1, 2), n_points=5)
    found = rows_of(figure, 5)
    for pair in range(3):
        for row, interpolate in ((2 * pair, interpolate_linear), (2 * pair + 1, interpolate_spherical)):
            np.testing.assert_allclose(found[row], decode(interpolate(start[pair], end[pair], 5)))
    assert tick_names(figure.axes[0].get_yticklabels()) == ["linear", "spherical"] * 3
    to_the_next = np.diff(figure.axes[0].get_yticks())
    assert to_the_next[::2].max() < to_the_next[1::2].min()  # the pairs are set apart


def test_compared_planes_share_the_circle_of_the_prior_and_name_labels_only_where_they_are_apart():
    mean, labels = RNG.normal(size=(30, 2)), np.arange(30) % 3
    figure = plots.compared_latent_planes({"wide": 20 * mean, "collapsed": 1e-3 * mean, "both": mean}, labels)
    assert [ax.get_title() for ax in figure.axes] == ["wide", "collapsed", "both"]
    assert [len(ax.texts) for ax in figure.axes] == [3, 0, 3]
    for ax, scale in zip(figure.axes, (20, 1e-3, 1), strict=True):
        (circle,) = ax.patches
        assert (circle.get_radius(), tuple(circle.center)) == (3.0, (0, 0))
        points = ax.collections[0].get_offsets()
        np.testing.assert_allclose(points, scale * mean)
        reach = max(3.0, np.abs(points).max())
        assert reach < ax.get_xlim()[1] < 1.1 * reach
        assert ax.get_xlim() == ax.get_ylim() == (-ax.get_xlim()[1], ax.get_xlim()[1])


def test_histograms_stack_the_labels_to_the_density_of_all_codes():
    codes, labels = RNG.normal(size=(200, 5)) * [1, 1, 0.1, 1, 5], np.arange(200) % 4
    figure = plots.code_histograms(codes, labels, n_bins=20)
    assert [ax.get_xlabel() for ax in figure.axes] == [f"$z_{{{k}}}$" for k in range(1, 6)]
    for k, ax in enumerate(figure.axes):
        top, edges, bottom = (
            np.array(parts) for parts in zip(*(steps.get_data() for steps in ax.patches), strict=True)
        )
        left, height, width = edges[:, :-1], top - bottom, np.diff(edges, axis=1)  # (4, 20)
        np.testing.assert_allclose(bottom, np.cumsum(height, axis=0) - height, atol=1e-12)
        assert (height * width).sum() == pytest.approx(1)
        np.testing.assert_allclose((height * width).sum(axis=1), 1 / 4)
        middle = left[0] + width[0] / 2
        for label in range(4):
            own = codes[labels == label, k]
            assert (height[label] * width[label] * middle).sum() * 4 == pytest.approx(own.mean(), abs=width[0, 0] / 2)
            assert to_rgb(ax.patches[label].get_facecolor()) == to_rgb(CATEGORICAL[label])
        z, prior = ax.lines[0].get_data()
        np.testing.assert_allclose(prior, np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
    assert figure.get_supylabel() == "density, stacked by label"
    assert tick_names(figure.legends[0].get_texts()) == ["prior", "3", "2", "1", "0"]  # from the top, as in the stack


def test_the_correlation_matrix_has_blue_for_1_red_for_minus_1_and_grey_for_none():
    u, v = RNG.normal(size=(2, 50))
    codes = np.stack([u, -u, u + 0.5 * v, np.zeros(50)], axis=1)
    (ax,) = plots.correlation_matrix(codes).axes
    (mesh,) = ax.collections
    shown = mesh.get_array().reshape(4, 4)
    rho = code_correlation(codes)
    np.testing.assert_allclose(shown.filled(np.nan), rho)
    assert mesh.get_clim() == (-1, 1)
    red, blue = mesh.cmap(0.0), mesh.cmap(1.0)
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # row 1 on top
    numbers = {text.get_position(): text.get_text() for text in ax.texts}
    assert numbers[(2, 1)] == "−1.00"
    assert numbers[(3, 1)] == f"{rho[0, 2]:.2f}"
    assert len(numbers) == 9  # none for the variable that never varies


def test_no_correlation_is_written_as_minus_zero():
    codes = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.001], [-1.0, -1.0]])
    assert -0.005 < code_correlation(codes)[0, 1] < 0
    (ax,) = plots.correlation_matrix(codes).axes
    assert tick_names(ax.texts) == ["1.00", "0.00", "0.00", "1.00"]


def test_kl_bars_are_the_kl_of_each_variable_and_the_title_their_sum():
    mean, log_var = RNG.normal(size=(2, 7, 4))
    (ax,) = plots.kl_bars(mean, log_var).axes
    kl = kl_per_dimension(mean, log_var)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], kl)
    np.testing.assert_allclose([bar.get_x() + bar.get_width() / 2 for bar in ax.patches], [1, 2, 3, 4])
    assert ax.get_title() == f"{kl.sum():.2f} nats in all"


def test_a_quantity_against_beta_has_a_point_for_each_seed_and_the_mean_in_the_order_of_beta():
    (ax,) = plots.against_beta([4.0, 1.0], [[1.0, 3.0], [5.0, 9.0]], "correlation").axes
    mean, seeds = ax.lines
    np.testing.assert_array_equal(mean.get_xydata(), [[1, 7], [4, 2]])
    assert {tuple(point) for point in seeds.get_xydata()} == {(4, 1), (4, 3), (1, 5), (1, 9)}
    assert ax.get_xscale() == "log"
    assert ax.get_ylabel() == "correlation"


def test_rate_and_distortion_have_lines_of_equal_elbo():
    (ax,) = plots.rate_distortion([1.0, 4.0], [[10.0, 12.0], [4.0, 6.0]], [[20.0, 22.0], [30.0, 34.0]]).axes
    means, seeds, *grey = ax.lines
    np.testing.assert_array_equal(means.get_xydata(), [[11, 21], [5, 32]])
    assert {tuple(point) for point in seeds.get_xydata()} == {(10, 20), (12, 22), (4, 30), (6, 34)}
    assert {text.get_text(): text.xy for text in ax.texts}.keys() == {"1", "4"}
    assert len(grey) > 3
    for line in grey:
        (x1, y1), (x2, y2) = line.get_xydata()
        assert x1 + y1 == pytest.approx(x2 + y2)


def test_the_manifold_has_each_point_joined_to_its_reconstruction_and_the_line_of_pca():
    x = RNG.normal(size=(40, 1)) * [[3.0, 4.0]] + [1.0, 2.0]  # on a line of slope 4/3
    figure = plots.reconstruction_manifold(x, lambda x: x**2)
    (ax,) = figure.axes
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_array_equal(lines["data"], x)
    np.testing.assert_array_equal(lines["reconstruction"], x**2)
    np.testing.assert_array_equal(ax.collections[0].get_segments(), np.stack([x, x**2], axis=1))
    (x1, y1), (x2, y2) = lines["PCA"]
    assert (y2 - y1) / (x2 - x1) == pytest.approx(4 / 3)
    assert sorted([x1, x2]) == pytest.approx([x[:, 0].min(), x[:, 0].max()])  # as long as the data


def test_reconstruction_functions_are_drawn_over_the_diagonal_with_the_data_on_it():
    figure = plots.reconstruction_function([[-0.5], [0.5]], {"square": np.square, "half": lambda x: x / 2}, (-1, 1))
    (ax,) = figure.axes
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_array_equal(lines["$r(x) = x$"], [[-1, -1], [1, 1]])
    np.testing.assert_array_equal(lines["data"], [[-0.5, -0.5], [0.5, 0.5]])
    np.testing.assert_allclose(lines["square"][:, 1], lines["square"][:, 0] ** 2)
    np.testing.assert_allclose(lines["half"][:, 1], lines["half"][:, 0] / 2)
    assert ax.get_xlim() == ax.get_ylim() == (-1, 1)


def test_annealing_curves_have_a_panel_for_each_term_and_a_line_for_each_history():
    epochs = [1, 2, 3]
    histories = {
        "constant": History({"epoch": epochs, "beta": [1, 1, 1], "kl": [3, 2, 1], "reconstruction": [9, 8, 7]}),
        "warm-up": History({"epoch": epochs, "beta": [0, 0.5, 1], "kl": [9, 6, 3], "reconstruction": [5, 5, 6]}),
    }
    figure = plots.annealing_curves(histories)
    for ax, term in zip(figure.axes, ("beta", "kl", "reconstruction"), strict=True):
        for line, (name, history) in zip(ax.lines, histories.items(), strict=True):
            assert line.get_label() == name
            np.testing.assert_array_equal(line.get_xydata(), np.stack([epochs, history.columns[term]], axis=1))
    assert tick_names(figure.legends[0].get_texts()) == ["constant", "warm-up"]
