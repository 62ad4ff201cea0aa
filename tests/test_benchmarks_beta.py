"""The table and the pictures of beta and the codes, on a toy: what they show, and that nothing is cut off."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from scratchgen.datasets import Dataset

ROOT = Path(__file__).parent.parent
TOY = ["--hidden", "4", "--latent", "3", "--epochs", "1", "--seeds", "2"]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)  # the benchmarks are run from the checkout, not installed
    module = importlib.import_module("benchmarks.beta_and_codes")
    x = np.random.default_rng(0).random((40, 6), dtype=np.float32)
    monkeypatch.setattr(module.sg.datasets, "load", lambda name: Dataset(name, x, None, x[:5], None, (2, 3)))
    return module


@pytest.mark.parametrize(
    ("data", "betas"), [("digits", ["0.25", "0.5", "1", "2", "4"]), ("mnist", ["1", "4", "0 to 4"])]
)
def test_each_beta_has_a_row_with_a_figure_for_each_seed(
    benchmark: Any, data: str, betas: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark.main(["--data", data, *TOY])
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert head == ["beta", *benchmark.COLUMNS]
    assert [row[0] for row in rows] == betas
    for row in rows:
        assert all(len(cell.split()) == 2 for cell in row[1:])


def test_there_is_a_dash_for_the_correlation_where_no_two_variables_are_in_use(benchmark: Any) -> None:
    codes = [benchmark.Codes(0.5, n, value, 3, 1.0, 2.0, -3.0) for n, value in ((1, math.nan), (2, 0.25))]
    assert benchmark.row("4", codes) == ("| 4 | 0.500 0.500 | 1 2 | – 0.250 | 3 3 | 1.0 1.0 | 2.0 2.0 | -3.0 -3.0 |")


def test_the_labels_of_the_pictures_lie_within_their_figures(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: dict[str, Figure] = {}
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, dpi: drawn.update({path.name: figure}))
    codes = [[benchmark.Codes(0.5, 3, value, 3, 10.0, 2.0, -3.0)] * 2 for value in (0.1, math.nan, 0.2)]
    benchmark.draw([1.0, 2.0, 4.0], codes, tmp_path / "new")
    assert set(drawn) == {"correlation.png", "rate-distortion.png"}
    for figure in drawn.values():
        figure.draw_without_rendering()
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
    means = drawn["correlation.png"].axes[0].lines[0]
    np.testing.assert_allclose(means.get_xydata(), [[1, 0.1], [4, 0.2]])
