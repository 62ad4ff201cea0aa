from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen.errors import InputError
from scratchgen.samplers import effective_temperature, noise_scale

positive = st.floats(1e-6, 1e3)


@given(h=positive, temperature=positive)
def test_the_noise_of_a_temperature_has_that_temperature(h, temperature):
    assert effective_temperature(h, noise_scale(h, temperature), asked=temperature) == pytest.approx(temperature)


@pytest.mark.parametrize(
    ("h", "noise", "temperature"),
    [
        (0.01 / 2, math.sqrt(0.01), 1.0),
        (0.3**2 / 2, 0.3, 1.0),
        (0.2, math.sqrt(0.2), 0.5),
        (10.0, 0.005, 1.25e-6),
        (0.1, 0.0, 0.0),
    ],
    ids=["SGLD", "leapfrog", "lecture", "image models", "ascent"],
)
def test_other_forms_of_the_update_have_the_temperatures_in_the_table(h, noise, temperature):
    assert effective_temperature(h, noise, asked=None) == pytest.approx(temperature)


def test_a_step_and_a_noise_of_another_temperature_are_announced_with_what_would_fit():
    with pytest.warns(sg.TemperatureWarning) as record:
        effective_temperature(10.0, 0.005)
    message = str(record[0].message)
    assert "sample at temperature 1.25e-06, not 1: that takes noise 4.47" in message
    assert "or step_size 1.25e-05 with this noise" in message
    assert record[0].filename == __file__
    with pytest.warns(sg.TemperatureWarning, match="not 0: that takes noise 0 with this step_size$"):
        effective_temperature(0.1, 0.1, asked=0.0)


def test_a_noise_that_was_rounded_is_not_announced():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        effective_temperature(0.1, 0.447)
    with pytest.warns(sg.TemperatureWarning):
        effective_temperature(0.1, 0.45)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: noise_scale(0.0), "step_size.*> 0"),
        (lambda: noise_scale(0.1, -1.0), "temperature.*>= 0"),
        (lambda: effective_temperature(-0.1, 0.1), "step_size.*> 0"),
        (lambda: effective_temperature(0.1, -0.1), "noise.*>= 0"),
        (lambda: effective_temperature(0.1, 0.1, asked=-1.0), "asked.*>= 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
