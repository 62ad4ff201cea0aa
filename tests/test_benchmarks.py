"""The benchmarks' harness, on clocks and turns that are made up: nothing here depends on how long anything takes."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchgen.errors import ScratchgenError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)  # the benchmarks are run from the checkout, not installed
    module = importlib.import_module("benchmarks.harness")
    monkeypatch.setattr(module, "REST_SECONDS", 0)
    return module


@pytest.fixture
def report(harness: Any) -> Any:
    return importlib.import_module("benchmarks.report")


def test_only_the_calls_after_the_warm_up_are_timed_and_each_includes_its_synchronisation(harness: Any) -> None:
    clock = FakeClock()
    durations = iter([100.0] * harness.WARM_UP_CALLS + [1.0, 2.0, 5.0])
    seconds = harness.time_calls(lambda: clock.pass_(next(durations)), lambda: clock.pass_(0.5), 3, clock)
    assert seconds == [1.5, 2.5, 5.5]


def test_a_warm_up_of_short_calls_lasts_as_long_as_threads_take_to_find_their_cores(harness: Any) -> None:
    clock, n_calls = FakeClock(), 0

    def call() -> None:
        nonlocal n_calls
        n_calls += 1
        clock.pass_(harness.WARM_UP_SECONDS / 16)

    assert harness.time_calls(call, lambda: None, 3, clock) == pytest.approx([harness.WARM_UP_SECONDS / 16] * 3)
    assert n_calls == 16 + 3


def test_a_long_call_needs_no_warm_up(harness: Any) -> None:
    clock = FakeClock()
    assert harness.time_calls(lambda: clock.pass_(7.0), lambda: None, 1, clock, warm_up=0) == [7.0]
    assert clock.now == 7.0


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def test_contenders_take_turns_in_every_round(harness: Any) -> None:
    order: list[str] = []
    times: Iterator[float] = iter([1.0, 10.0, 2.0, 20.0, 3.0, 30.0])

    def turn(name: str) -> float:
        order.append(name)
        return next(times)

    results = harness.interleave({name: partial(turn, name) for name in "AB"}, rounds=3)
    assert order == ["A", "B"] * 3
    assert results == {"A": [1.0, 2.0, 3.0], "B": [10.0, 20.0, 30.0]}


def test_spread_is_median_and_quartiles(harness: Any) -> None:
    assert harness.Spread.of([5.0, 1.0, 4.0, 2.0, 3.0]) == harness.Spread(median=3.0, lower=2.0, upper=4.0)


def test_ratios_are_taken_within_each_round(harness: Any) -> None:
    slow, fast = harness.Timing("slow", [4.0, 40.0, 6.0]), harness.Timing("fast", [2.0, 10.0, 1.0])
    assert harness.ratios(slow, fast) == [2.0, 4.0, 6.0]
    assert harness.ratios(slow, harness.Timing("absent", absent="not installed")) == []


def test_a_run_records_who_took_part_and_who_is_absent(
    harness: Any, report: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "machine.json"
    report.write(out, "another", {"kept": True})
    benchmark = report.Benchmark(
        name="adding",
        title="Adding numbers.",
        unit="ns",
        per="sum",
        contenders=[
            harness.Contender("sum", partial(partial, np.sum, [1.0, 2.0])),
            harness.Contender("no such library", partial(importlib.import_module, "no_such_library")),
        ],
        ratios=[report.Ratio("sum", "sum", at_most=1.0), report.Ratio("sum", "no such library")],
    )
    record = report.run(benchmark, argparse.Namespace(rounds=2, calls=3, threads=1, out=out))
    present, absent = record["contenders"]
    assert len(present["rounds"]) == 2
    assert present["libraries"]["numpy"] == np.__version__
    assert {pool["num_threads"] for pool in present["thread_pools"]} <= {1}
    assert absent == {"name": "no such library", "absent": "No module named 'no_such_library'"}
    assert record["ratios"] == [{"ratio": "sum / sum", "median": 1, "lower": 1, "upper": 1, "aim": "at most 1: yes"}]
    assert record["command"] == "python -m benchmarks.adding --calls=3 --rounds=2 --threads=1"
    assert json.loads(out.read_text()) == {"another": {"kept": True}, "adding": record}
    assert "absent: No module named 'no_such_library'" in capsys.readouterr().out


def test_a_contender_that_fails_leaves_the_others_their_figures_and_is_an_error(
    harness: Any, report: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contenders = [
        harness.Contender("fails", partial(int, "/home/somebody")),
        harness.Contender("sum", partial(partial, np.sum, [1.0, 2.0]), warm_up=0, at_most=60.0),
    ]
    benchmark = report.Benchmark("adding", "Adding.", "s", "sum", contenders, [report.Ratio("fails", "sum")])
    with pytest.raises(ScratchgenError, match="adding: failed, see above: fails"):
        report.run(benchmark, argparse.Namespace(rounds=2, calls=1, threads=1, out=tmp_path / "out.json"))
    failed, present = json.loads((tmp_path / "out.json").read_text())["adding"]["contenders"]
    assert failed == {"name": "fails", "absent": "failed: ValueError"}
    assert present["aim"] == "at most 60 s: yes"
    assert "invalid literal" in capsys.readouterr().err


def test_the_command_of_a_record_has_the_options_and_no_paths(report: Any) -> None:
    options = argparse.Namespace(rounds=2, memory=True, quick=False, plot=Path("/home/somebody/a.png"), epoch=None)
    assert report.command_of("gibbs", options) == "python -m benchmarks.gibbs --memory --rounds=2"
