from __future__ import annotations

import importlib
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from scratchgen import Stream, gradcheck
from scratchgen.densities.welling_teh import WellingTehPosterior, draw_examples
from scratchgen.errors import InputError
from scratchgen.samplers import run_chains, sgld

POSTERIOR = WellingTehPosterior(draw_examples(Stream(7)))
THETA = np.random.Generator(np.random.PCG64(0)).normal(size=(4, 2))
EDGES = np.linspace(-2, 3, 51), np.linspace(-3, 3, 61)


def normal_density(x, mean, variance):
    return np.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def test_the_log_density_is_that_of_the_model():
    x = POSTERIOR.examples
    differences = []
    for theta, log_p in zip(THETA, POSTERIOR.log_density(THETA), strict=True):
        prior = normal_density(theta[0], 0, 10) * normal_density(theta[1], 0, 1)
        likelihood = 0.5 * normal_density(x, theta[0], 2) + 0.5 * normal_density(x, theta.sum(), 2)
        differences.append(log_p - math.log(prior) - np.log(likelihood).sum())
    np.testing.assert_allclose(differences, math.log(2 * math.pi * math.sqrt(10)), rtol=1e-12)  # the prior's constant


def test_the_gradient_is_that_of_the_log_density():
    assert gradcheck(lambda theta: POSTERIOR.log_density(theta).sum(), THETA, POSTERIOR.grad_log_density)
    assert gradcheck(lambda theta: POSTERIOR.log_prior(theta).sum(), THETA, POSTERIOR.grad_log_prior)


def test_the_gradient_of_a_minibatch_is_that_of_its_log_likelihood():
    batch = POSTERIOR.examples[np.arange(12).reshape(4, 3)]
    assert gradcheck(
        lambda theta: POSTERIOR.log_likelihood(theta, batch).sum(),
        THETA,
        lambda theta: POSTERIOR.grad_log_likelihood(theta, batch),
    )


def test_minibatches_of_one_add_up_to_the_whole_gradient():
    ones = [POSTERIOR.grad_log_likelihood(THETA, x.reshape(1, 1)) for x in POSTERIOR.examples]
    whole = POSTERIOR.grad_log_density(THETA) - POSTERIOR.grad_log_prior(THETA)
    np.testing.assert_allclose(sum(ones), whole, rtol=1e-10)


def test_the_gradient_is_finite_far_from_all_examples():
    assert np.isfinite(POSTERIOR.grad_log_density(np.array([[1e4, -3e4], [-1e6, 1e6]]))).all()


def test_exchanging_the_components_leaves_the_likelihood():
    exchanged = np.stack([THETA.sum(axis=1), -THETA[:, 1]], axis=1)
    every = POSTERIOR.examples[None]
    np.testing.assert_allclose(
        POSTERIOR.log_likelihood(exchanged, every), POSTERIOR.log_likelihood(THETA, every), rtol=1e-12
    )


def test_examples_have_the_mean_and_the_variance_of_the_mixture():
    x = draw_examples(Stream(0), 200_000, theta=(0.5, -2.0))
    assert x.mean() == pytest.approx(-0.5, abs=5 * math.sqrt(3 / 200_000))
    assert x.var() == pytest.approx(2 + 1, abs=5 * math.sqrt(2 * 9 / 200_000))


def test_the_cells_hold_the_integral_of_the_posterior():
    cells = POSTERIOR.cell_probabilities(*EDGES)
    assert cells.shape == (50, 60)
    assert cells.sum() == pytest.approx(1, abs=1e-12)
    finer = POSTERIOR.cell_probabilities(*EDGES, n_points=8)
    assert np.abs(cells - finer).sum() / 2 < 1e-3

    points, weights = np.polynomial.legendre.leggauss(6)

    def integral(i, j):  # over theta_1 in [-2 + 0.1 i, -1.9 + 0.1 i] and theta_2 in [-3 + 0.1 j, -2.9 + 0.1 j]
        t1, t2 = -1.95 + 0.1 * i + 0.05 * points, -2.95 + 0.1 * j + 0.05 * points
        theta = np.stack(np.meshgrid(t1, t2, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.outer(weights, weights).ravel() @ np.exp(POSTERIOR.log_density(theta) + 200)

    for other in ((26, 19), (20, 35)):
        assert finer[15, 41] / finer[other] == pytest.approx(integral(15, 41) / integral(*other), rel=2e-3)


def test_these_examples_leave_two_modes_with_a_valley_between():
    cells = POSTERIOR.cell_probabilities(*EDGES)
    assert 0.4 < cells[:, :30].sum() < 0.6
    along_theta_2 = cells.sum(axis=0)
    assert min(along_theta_2[:30].max(), along_theta_2[30:].max()) > 1.5 * along_theta_2[28:32].max()


@pytest.mark.parametrize("edges", [np.array([0.0, 1.0, 3.0]), np.array([1.0, 0.0]), np.array([0.0]), np.zeros((2, 2))])
def test_edges_that_do_not_rise_evenly_are_refused(edges):
    with pytest.raises(InputError, match="rise evenly"):
        POSTERIOR.cell_probabilities(edges, EDGES[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_examples(Stream(0), 0), "n must be"),
        (lambda: WellingTehPosterior(np.zeros((3, 1))), r"vector.*\(3, 1\)"),
        (lambda: WellingTehPosterior(np.array([0.0, np.nan])), "finite"),
        (lambda: WellingTehPosterior(np.zeros(0)), r"got shape \(0,\)"),
        (lambda: POSTERIOR.cell_probabilities(*EDGES, n_points=0), "n_points.*>= 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_sgld_visits_both_modes_in_proportion(monkeypatch):
    """400 chains whose step falls from 0.005 to 0.0002 in 3,000 updates; the last 2,000 are counted."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # the benchmarks are run from the checkout, not installed
    benchmark = importlib.import_module("benchmarks.welling_teh")
    stream = Stream(0)
    step = partial(
        sgld.step,
        stream,
        grad_log_prior=POSTERIOR.grad_log_prior,
        grad_log_likelihood=POSTERIOR.grad_log_likelihood,
        data=POSTERIOR.examples,
        step_size=sgld.PolynomialStep.between(0.005, 0.0002, 3000),
        batch_size=10,
    )
    _, trace = run_chains(step, sgld.init(stream.normal((400, 2), "float64")), 2000, n_discard=1000, thin=4)
    found = benchmark.count(trace.x, np.full(500, 1 / 500)).mean(axis=0)
    exact = POSTERIOR.cell_probabilities(*EDGES)
    assert benchmark.total_variation(found, exact) < 0.1
    assert found[:, :30].sum() == pytest.approx(exact[:, :30].sum(), abs=0.1)
