"""How chains move: laws that are known exactly for E(x) = x^2 / 2, whose chains are autoregressive."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import InputError, TemperatureWarning
from scratchgen.models.energy.dynamics import Box

CHAINS = 20_000  # independent: the standard error of a variance v is v sqrt(2 / CHAINS), 1 % of it
EVERYWHERE = Box()


def ends(dynamics, n_steps=100, box=EVERYWHERE, start=0.0, grad_x=lambda x: x):
    stream = sg.Stream(3)
    return dynamics.run(np.full((CHAINS, 1), start), grad_x, box, stream, n_steps)


def assert_variance(x, expected):
    assert np.mean(x**2) == pytest.approx(expected, rel=5 * math.sqrt(2 / CHAINS))


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_chains_have_the_temperature_that_was_asked_for(temperature):
    h = 0.2
    assert_variance(ends(sg.Langevin(step_size=h, temperature=temperature)), temperature / (1 - h / 2))


def test_noise_of_the_square_root_of_the_step_samples_at_half_the_temperature():
    h = 0.2
    with pytest.warns(TemperatureWarning, match=r"sample at temperature 0\.5, not 1"):
        dynamics = sg.Langevin(step_size=h, noise=math.sqrt(h))
    assert dynamics.effective_temperature == pytest.approx(0.5)
    assert_variance(ends(dynamics), 0.5 / (1 - h / 2))


def test_a_noise_that_fits_or_any_temperature_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sg.Langevin(step_size=0.02, noise=0.2).sigma == 0.2
        assert sg.Langevin(step_size=10.0, noise=0.005, temperature=None).effective_temperature == pytest.approx(
            1.25e-6
        )


def test_noise_before_the_gradient_has_the_law_of_that_order():
    h = 0.2
    dynamics = sg.Langevin(step_size=h, order="noise-before-gradient")
    kept = (1 - h) ** 2  # x' = (1 - h) (x + sigma xi)
    assert_variance(ends(dynamics), kept * 2 * h / (1 - kept))


def test_the_two_orders_are_one_chain_seen_at_two_moments():
    h, x = 0.2, np.linspace(-1, 1, 6)[:, None]
    after, before = (sg.Langevin(step_size=h, order=f"noise-{name}-gradient") for name in ("after", "before"))
    first, second = sg.Stream(3), sg.Stream(3)
    from_gradient = after.run(x, lambda x: x, EVERYWHERE, first, 5)
    from_noise = before.run(x - h * x, lambda x: x, EVERYWHERE, second, 5)
    np.testing.assert_allclose(from_noise, from_gradient - h * from_gradient, rtol=1e-12)


@pytest.mark.parametrize("order", ["noise-after-gradient", "noise-before-gradient"])
def test_the_gradient_is_clipped_in_both_orders(order):
    dynamics = sg.Langevin(step_size=0.1, temperature=0.0, max_gradient=2.0, order=order)
    np.testing.assert_allclose(ends(dynamics, 3, start=50.0), 50.0 - 3 * 0.1 * 2.0, rtol=1e-12)


@pytest.mark.parametrize("order", ["noise-after-gradient", "noise-before-gradient"])
def test_chains_stay_in_the_box(order):
    gradients_at = []

    def uphill(x):
        gradients_at.append(x)
        return -3 * np.ones_like(x)

    x = ends(sg.Langevin(step_size=0.1, order=order), 20, Box(-0.5, 0.25), grad_x=uphill)
    assert x.min() >= -0.5
    assert x.max() == 0.25
    assert all(seen.min() >= -0.5 and seen.max() <= 0.25 for seen in gradients_at)


def test_a_run_of_k_steps_is_k_runs_of_one_and_leaves_its_start_alone():
    dynamics, start = sg.Langevin(step_size=0.1), np.ones((4, 2), dtype=np.float32)
    first, second = sg.Stream(3), sg.Stream(3)
    whole, x = dynamics.run(start, np.sin, EVERYWHERE, first, 3), start
    for _ in range(3):
        x = dynamics.run(x, np.sin, EVERYWHERE, second, 1)
    np.testing.assert_array_equal(whole, x)
    assert whole.dtype == np.float32
    assert (start == 1).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_steps": 0}, "n_steps must be an integer >= 1"),
        ({"step_size": 0.0}, "step_size must be a finite number > 0"),
        ({"temperature": -1.0}, "temperature must be a finite number >= 0"),
        ({"noise": -1.0}, "noise must be a finite number >= 0"),
        ({"noise": math.nan, "temperature": None}, "noise must be a finite number >= 0"),
        ({"temperature": None}, "give a temperature, or a noise"),
        ({"max_gradient": 0}, "max_gradient must be a finite number > 0 or None"),
        ({"order": "noise"}, "order must be one of 'noise-after-gradient', 'noise-before-gradient'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        sg.Langevin(**settings)
