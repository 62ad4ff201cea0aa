"""Schedules at their corners, and as a checkpoint writes them."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen import SGD, Adam, FileFormatError, InputError
from scratchgen.schedules import CyclicalWarmup, Delay, LinearDecay, LinearWarmup, check_schedule, value_at
from scratchgen.specification import from_specification, to_specification

BAD_NUMBERS: list[Any] = [-1e-9, math.nan, math.inf, True, None, "1", 10**400, np.float32("nan")]


def test_linear_warmup_rises_from_start_to_stop_and_stays() -> None:
    warmup = LinearWarmup(4, start=1.0, stop=3.0)
    assert [warmup(step) for step in (0, 1, 2, 3, 4, 5, 10**9)] == [1.0, 1.5, 2.0, 2.5, 3.0, 3.0, 3.0]
    assert LinearWarmup(1)(0) == 0.0
    assert [LinearWarmup(2, start=1.0, stop=0.0)(step) for step in range(4)] == [1.0, 0.5, 0.0, 0.0]


@given(st.integers(1, 10**6), st.floats(0, 1e6), st.floats(0, 1e6), st.integers(0, 2 * 10**6))
def test_linear_warmup_stays_between_its_ends_and_reaches_both_exactly(
    n_steps: int, start: float, stop: float, step: int
) -> None:
    warmup = LinearWarmup(n_steps, start, stop)
    slack = 1e-12 * max(start, stop)
    assert min(start, stop) - slack <= warmup(step) <= max(start, stop) + slack
    assert (warmup(0), warmup(n_steps)) == (start, stop)


def test_cyclical_warmup_rises_in_the_first_part_of_every_period() -> None:
    warmup = CyclicalWarmup(10, fraction=0.5, maximum=2.0)
    one_period = [0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert [warmup(step) for step in range(30)] == pytest.approx(3 * one_period)
    assert [CyclicalWarmup(4, fraction=1.0)(step) for step in range(5)] == [0.0, 0.25, 0.5, 0.75, 0.0]


def test_linear_decay_falls_from_start_to_stop_and_stays() -> None:
    assert [LinearDecay(2, start=4.0)(step) for step in (0, 1, 2, 3, 10**9)] == [4.0, 2.0, 0.0, 0.0, 0.0]
    assert LinearDecay(4, start=1.0, stop=0.5)(2) == 0.75


def test_a_delay_is_zero_before_its_step() -> None:
    assert [Delay(2, then=3.0)(step) for step in range(4)] == [0.0, 0.0, 3.0, 3.0]
    assert Delay(1)(1) == 1.0


def test_a_decay_does_not_rise() -> None:
    with pytest.raises(InputError, match=r"from start=1.0 to stop=2.0 rises: use LinearWarmup"):
        LinearDecay(3, start=1.0, stop=2.0)


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_numbers_that_are_no_schedule_are_refused(bad: Any) -> None:
    for make in (
        lambda: check_schedule("beta", bad),
        lambda: LinearWarmup(3, start=bad),
        lambda: LinearWarmup(3, stop=bad),
        lambda: CyclicalWarmup(3, maximum=bad),
        lambda: LinearDecay(3, start=bad),
        lambda: LinearDecay(3, start=1.0, stop=bad),
    ):
        with pytest.raises(InputError, match="must be a finite number >= 0"):
            make()


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.5, math.nan, "half", None])
def test_a_fraction_of_a_period_is_in_0_to_1(fraction: Any) -> None:
    with pytest.raises(InputError, match=r"fraction must be in \(0, 1\]"):
        CyclicalWarmup(3, fraction=fraction)


@pytest.mark.parametrize("schedule", [LinearWarmup, CyclicalWarmup, partial(LinearDecay, start=1)])
@pytest.mark.parametrize("n_steps", [0, -1, 2.0, True, None])
def test_a_period_is_a_whole_number_of_steps(schedule: Any, n_steps: Any) -> None:
    with pytest.raises(InputError, match="n_steps must be an integer >= 1"):
        schedule(n_steps)


def test_values_are_floats_whatever_the_schedule_is() -> None:
    for schedule in (1, 2.5, np.float32(0.5), np.int64(3), lambda step: np.float32(step), LinearWarmup(np.int64(5))):
        assert type(value_at(check_schedule("beta", schedule), 3)) is float


# ------------------------------------------------------------------------------------------------ as specifications

SPECIFIED = [
    LinearWarmup(7, 0.5, 2.0),
    CyclicalWarmup(9, 0.25, 4.0),
    LinearDecay(9, 0.5, 0.125),
    Adam(),
    Adam(LinearWarmup(3), 0.8, 0.99, 1e-4),
    SGD(CyclicalWarmup(3), 0.9),
    {"kept": [SGD(0.5), None, "text", True, 3]},
]


@pytest.mark.parametrize("value", SPECIFIED)
def test_what_is_specified_comes_back_equal_from_json(value: Any) -> None:
    assert from_specification(json.loads(json.dumps(to_specification(value)))) == value


def test_numbers_of_numpy_become_those_of_python() -> None:
    found = to_specification([np.float32(0.1), np.int64(3), np.float64(0.25), (np.uint8(4),)])
    assert json.loads(json.dumps(found)) == [float(np.float32(0.1)), 3, 0.25, [4]]


@pytest.mark.parametrize("value", [lambda step: 1.0, Adam(lambda step: 1.0), object(), np.ones(2), {1, 2}])
def test_what_a_file_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"a checkpoint cannot hold .* train without a checkpoint"):
        to_specification(value)


@pytest.mark.parametrize(
    "specification",
    [
        {"kind": "os.system", "command": "true"},
        {"kind": "Adam", "rate": 1e-3},
        {"kind": "Adam", "learning_rate": -1.0},
        {"kind": "Adam", "learning_rate": {"kind": "LinearWarmup"}},
        {"kind": ["Adam"]},
        {"kind": None},
    ],
)
def test_an_unknown_specification_is_refused(specification: Any) -> None:
    with pytest.raises(FileFormatError, match="not the description of an optimiser or a schedule"):
        from_specification(specification)
