"""The schedule and the base of annealed importance sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scratchgen.errors import InputError
from scratchgen.inference.annealing import bernoulli_base_bias, salakhutdinov_murray_schedule


def test_the_schedule_is_that_of_salakhutdinov_and_murray() -> None:
    betas = salakhutdinov_murray_schedule()
    published = np.concatenate([np.arange(0, 500) * 1e-3, 0.5 + np.arange(4000) * 1e-4, 0.9 + np.arange(10001) * 1e-5])
    assert betas.shape == (14501,)
    np.testing.assert_allclose(betas, published, atol=1e-14)
    assert (betas[0], betas[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("coarsening", [1, 7, 10, 1000, 10**6])
def test_a_coarser_schedule_still_rises_from_0_to_1_and_keeps_its_stretches(coarsening: int) -> None:
    betas = salakhutdinov_murray_schedule(coarsening)
    assert (betas[0], betas[-1]) == (0.0, 1.0)
    assert (np.diff(betas) > 0).all()
    assert {0.5, 0.9} <= set(betas)
    assert betas.size == 1 + sum(max(1, n // coarsening) for n in (500, 4000, 10000))


@pytest.mark.parametrize("coarsening", [0, -1, 1.5])
def test_a_coarsening_that_is_no_positive_integer_is_refused(coarsening: Any) -> None:
    with pytest.raises(InputError, match="coarsening must be an integer >= 1"):
        salakhutdinov_murray_schedule(coarsening)


def test_the_base_has_the_means_of_the_data_and_finite_biases_for_constant_pixels() -> None:
    x = np.array([[0.0, 1.0, 1.0, 0.5], [0.0, 1.0, 0.0, 0.5]], dtype=np.float32)
    bias = bernoulli_base_bias(x)
    np.testing.assert_allclose(1 / (1 + np.exp(-bias)), [1 / 4, 3 / 4, 2 / 4, 2 / 4], rtol=1e-15)


@pytest.mark.parametrize(
    ("x", "message"),
    [(np.full((2, 2), 1.5), r"lie in \[0, 1\]"), (np.zeros(3), r"\(n, 3\)"), (np.zeros((0, 2)), "rows")],
)
def test_data_that_are_no_bernoulli_data_are_refused(x: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        bernoulli_base_bias(x)
