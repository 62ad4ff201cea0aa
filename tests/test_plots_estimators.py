from __future__ import annotations

import io

import numpy as np
import pytest

from scratchgen import plots
from scratchgen.densities import gaussian
from scratchgen.errors import InputError
from scratchgen.inference.estimators import LikelihoodErrors
from scratchgen.inference.gradient_estimators import ELBOGradient, GradientDraws
from scratchgen.inference.variational import MeanFieldGaussian

Q = MeanFieldGaussian(np.array([0.5, -0.2]), np.array([0.25, 4.0]))
DRAWS = GradientDraws(*[ELBOGradient(np.zeros((5, 2, 3)), None)] * 3)


def test_each_approximation_has_ellipses_of_one_and_two_standard_deviations():
    p = gaussian((0.0, 0.0), ((1.0, 0.6), (0.6, 1.0)))
    (ax,) = plots.mean_field(p, {"narrow": Q, "wide": Q}).axes
    assert [(ellipse.get_center(), ellipse.width, ellipse.height) for ellipse in ax.patches] == [
        ((0.5, -0.2), 1.0, 4.0),
        ((0.5, -0.2), 2.0, 8.0),
    ] * 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["narrow", "wide"]


def test_frame_holds_the_density_and_all_ellipses():
    p = gaussian((0.0, 0.0), ((1.0, 0.6), (0.6, 1.0)))
    inside = MeanFieldGaussian(np.zeros(2), np.ones(2))
    (ax,) = plots.mean_field(p, {"inside": inside}).axes
    assert (ax.get_xlim(), ax.get_ylim()) == p.bounds
    outside = MeanFieldGaussian(np.array([-3.0, 1.0]), np.array([4.0, 9.0]))
    (ax,) = plots.mean_field(p, {"inside": inside, "outside": outside}).axes
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert left < -7
    assert bottom < -5
    assert top > 7
    assert right == 4


def test_regions_of_a_gaussian_are_its_ellipses():
    p = gaussian((0.0, 0.0), ((1.0, 0.6), (0.6, 1.0)))
    (ax,) = plots.mean_field(p, {"q": Q}).axes
    precision = np.linalg.inv(p.covariances[0])
    for radius, path in zip((3.0, 2.5, 2.0, 1.5), ax.collections[0].get_paths()[:4], strict=True):
        distance = np.sqrt(np.einsum("ni,ij,nj->n", path.vertices, precision, path.vertices))
        # a region begins at one radius and ends at the next; the last vertex of a path only closes it
        assert distance[distance > 0].max() == pytest.approx(radius, rel=0.02)


def test_the_errors_are_drawn_over_the_dimension_on_logarithmic_scales():
    rows = [LikelihoodErrors(0.1, 0.01, 0.2), LikelihoodErrors(3.0, 0.02, 0.4)]
    (ax,) = plots.estimator_errors([1, 8], rows).axes
    np.testing.assert_array_equal([line.get_ydata() for line in ax.lines], [[0.1, 3.0], [0.01, 0.02], [0.2, 0.4]])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("latent variables", "RMS error of log p(x) in nats")
    names = ["direct Monte Carlo", "importance sampling", "ELBO"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    assert [line.get_label() for line in ax.lines] == names
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "8"]


def test_the_spread_of_each_rule_is_a_panel_that_says_its_variance():
    generator = np.random.default_rng(0)
    unit = generator.normal(size=500)
    unit /= unit.std()
    rules = [ELBOGradient(scale * np.tile(unit[:, None, None], (2, 3)), None) for scale in (1.0, 50.0, 0.5)]
    figure = plots.gradient_spread(GradientDraws(*rules), np.full((2, 3), 0.25), example=1, unit=2)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "reparameterised: variance 1",
        "score function: variance 2500",
        "score function with baseline: variance 0.25",
    ]
    for ax in figure.axes:
        (mark,) = ax.lines
        assert mark.get_xdata() == [0.25]
        assert mark.get_ydata()[0] * ax.get_ylim()[1] > max(bar.get_height() for bar in ax.patches)  # hides none
    assert "example 1" in figure.axes[-1].get_xlabel()
    assert "unit 2" in figure.axes[-1].get_xlabel()
    figure.savefig(io.BytesIO())
    label = figure.axes[-1].xaxis.label.get_window_extent()
    assert figure.bbox.x0 <= label.x0 < label.x1 <= figure.bbox.x1


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.mean_field(gaussian(), {}), "expected 1 to 10 approximations, got 0"),
        (lambda: plots.estimator_errors([1, 2], []), "one row of errors for each of 2 dimensions, got 0"),
        (lambda: plots.estimator_errors([], []), "one row of errors for each of 0 dimensions"),
        (lambda: plots.gradient_spread(DRAWS, example=9), "example must be an integer from 0 to 1, got 9"),
        (lambda: plots.gradient_spread(DRAWS, example=-1), "example must be an integer from 0 to 1, got -1"),
        (lambda: plots.gradient_spread(DRAWS, unit=3), "unit must be an integer from 0 to 2, got 3"),
        (lambda: plots.gradient_spread(DRAWS, unit=0.0), "unit must be an integer from 0 to 2, got 0.0"),
        (lambda: plots.gradient_spread(DRAWS, np.zeros(3)), r"exact must have shape \(2, 3\), got \(3,\)"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
