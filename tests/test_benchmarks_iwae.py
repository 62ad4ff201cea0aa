"""The schedule of the IWAE table and what it says of itself; nothing is trained here but a toy."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchgen.datasets import Dataset

ROOT = Path(__file__).parent.parent


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)  # the benchmarks are run from the checkout, not installed
    return importlib.import_module("benchmarks.iwae_table")


def test_the_whole_schedule_has_3280_epochs_at_rates_from_1e_3_to_1e_4(table: Any) -> None:
    epochs, rates = zip(*table.schedule(8), strict=True)
    assert epochs == (1, 4, 13, 40, 121, 364, 1093, 3280)
    np.testing.assert_allclose(rates, 1e-3 * 10 ** (-np.arange(8) / 7), rtol=1e-12)
    assert [rate for _, rate in table.schedule(2)] == [pytest.approx(1e-3), pytest.approx(1e-4)]


def test_a_scaled_run_says_so(table: Any) -> None:
    assert table.scale_of(8, 60_000, 10_000, 5000) == "the whole published setting"
    assert table.scale_of(2, 60_000, 100, 5000) == "SCALED DOWN: 4 of 3,280 epochs, 100 of 10,000 test images"


def test_a_run_continues_where_its_weights_stand(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.Generator(np.random.PCG64(0)).uniform(size=(40, 784)).astype("float32")
    labels = np.zeros(40, dtype=np.int64)
    monkeypatch.setattr(table.datasets, "load", lambda name: Dataset(name, x, labels, x[:5], labels[:5], (28, 28)))
    options = ["--objectives", "iwae", "--draws", "5", "--evaluation-draws", "10", "--weights", str(tmp_path)]
    table.main([*options, "--stages", "1"])
    table.main([*options, "--stages", "2"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("IWAE")]
    assert [row[:3] for row in rows] == [["IWAE", "5", "1"], ["IWAE", "5", "4"]]
    assert "85.54" in rows[0]
