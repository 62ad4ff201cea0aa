"""The benchmark of few labels: paired differences, the division of the data, cells that are kept."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_1samp

ROOT = Path(__file__).parent.parent
RAW = "(a) logistic regression on pixels"


@pytest.fixture
def few_labels(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)  # the benchmarks are run from the checkout, not installed
    return importlib.import_module("benchmarks.few_labels")


def test_interval_is_that_of_students_t(few_labels: Any) -> None:
    differences = np.array([-2.0, -1.0, -2.5, 0.5])
    low, high = ttest_1samp(differences, 0).confidence_interval(0.95)
    assert few_labels.interval(differences) == f"{(low + high) / 2:+.2f} ± {(high - low) / 2:.2f}"
    assert few_labels.interval(differences[:1]) == ""


def test_the_80_20_split_uses_every_example_once_and_differs_between_draws(few_labels: Any) -> None:
    data = few_labels.sg.datasets.load("digits")
    first, second = (few_labels.divided(data, few_labels.SPLIT, draw) for draw in (0, 1))
    assert len(first.x_train) == round(0.8 * (len(data.x_train) + len(data.x_test)))
    pooled = np.concatenate([first.x_train, first.x_test])
    together = np.concatenate([data.x_train, data.x_test])
    np.testing.assert_array_equal(pooled[np.lexsort(pooled.T)], together[np.lexsort(together.T)])
    assert not np.array_equal(first.x_test, second.x_test)
    assert few_labels.divided(data, "100", 0) is data


def test_cells_are_kept_and_every_method_runs(few_labels: Any, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "cells.json"
    arguments = ["--labels", "100", "--draws", "2", "--scale", "0.01", f"--out={out}"]
    few_labels.main([*arguments, "--methods", RAW])
    cells = json.loads(out.read_text())
    assert len(cells) == 2
    out.write_text(json.dumps({key: cell | {"seconds": -1} for key, cell in cells.items()}))
    few_labels.main([*arguments, "--draws", "1"])
    cells = json.loads(out.read_text())
    assert len(cells) == 2 + len(few_labels.METHODS) - 1
    assert sum(cell["seconds"] == -1 for cell in cells.values()) == 2
    table = capsys.readouterr().out.split("digits, 100 labels")[-1]
    assert all(f"| {method} |" in table for method in few_labels.METHODS)
