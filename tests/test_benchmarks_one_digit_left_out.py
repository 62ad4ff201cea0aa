"""One class left out, on a toy: a class of bright images among dark ones is found by its reconstruction."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchgen.datasets import Dataset
from scratchgen.uses import AnomalyScores

ROOT = Path(__file__).parent.parent


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)  # the benchmarks are run from the checkout, not installed
    module = importlib.import_module("benchmarks.one_digit_left_out")
    y = np.arange(60) % 3
    x = (0.1 * np.random.default_rng(0).random((60, 6)) + 0.85 * (y == 2)[:, None]).astype(np.float32)
    toy = Dataset("toy", x, y, x[:30], y[:30], (2, 3), ("dark", "dark too", "bright"))
    monkeypatch.setattr(module.sg.datasets, "load", lambda name: toy)
    return module


@pytest.mark.parametrize("likelihood", [[], ["--sigma", "0.2"]], ids=["bernoulli", "gaussian"])
def test_each_class_is_left_out_once_and_the_last_row_is_the_mean(
    benchmark: Any, likelihood: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark.main(["--hidden", "4", "--latent", "2", "--epochs", "2", *likelihood])
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert head == ["left out", *(name.replace("_", " ") for name in AnomalyScores._fields)]
    assert [row[0] for row in rows] == ["dark", "dark too", "bright", "mean"]
    areas = np.array([row[1:] for row in rows], dtype=float)
    np.testing.assert_allclose(areas[-1], areas[:-1].mean(axis=0), atol=1e-3)
    found = dict(zip(head[1:], areas[2], strict=True))
    assert found["reconstruction"] == found["log likelihood"] == 1
