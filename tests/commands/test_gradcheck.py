from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from scratchgen import check
from scratchgen.backend import get_backend
from scratchgen.check import PieceReport
from scratchgen.commands import gradcheck

from .conftest import SCRATCHGEN, Run

RIGHT = PieceReport("right", "x 2×3", 1e-9, "2.00", True, "right passed")
WRONG = PieceReport("wrong", "x 2×3", 1e-3, "1.00", False, "wrong FAILED: worst at x[1, 2]")


@pytest.fixture
def two_pieces(monkeypatch: pytest.MonkeyPatch) -> list[PieceReport]:
    reports = [RIGHT, WRONG]

    def checked(pattern: str | None, backend: str) -> Iterator[PieceReport]:
        return iter(reports)

    monkeypatch.setattr(gradcheck.check, "run", checked)
    return reports


def test_a_wrong_gradient_ends_with_one_and_its_report(two_pieces: list[PieceReport], run: Run) -> None:
    result = run("gradcheck", "--backend", "numpy")
    assert (result.exit_code, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    assert [line.endswith("FAILED") for line in lines if "x 2×3" in line] == [False, True]
    assert WRONG.detail in lines
    assert RIGHT.detail not in lines
    assert lines[-1].startswith("1 of 2 gradients are right")


def test_right_gradients_end_with_zero(two_pieces: list[PieceReport], run: Run) -> None:
    two_pieces.pop()
    assert run("gradcheck", "--backend", "numpy").exit_code == 0


def test_each_piece_has_one_line_with_name_shapes_error_and_order(run: Run) -> None:
    lines = run("gradcheck", "--filter", "mlp", "--backend", "numpy").stdout.splitlines()
    (report,) = check.run("mlp", "numpy")
    (line,) = (line for line in lines if line.startswith("mlp"))
    assert line.split() == ["mlp", *report.shapes.split(), f"{report.worst_relative_error:.1e}", report.order]


def test_columns_are_wide_enough_for_the_whole_table() -> None:
    command = [*SCRATCHGEN, "gradcheck", "--backend", "numpy"]  # in this process types are checked: slow
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    header, *rows = answer.stdout.splitlines()[1:-2]
    assert len(rows) == len(check.pieces(get_backend("numpy")))
    assert {len(row) for row in rows} == {len(header)}


def test_a_filter_chooses_pieces(run: Run) -> None:
    rows = run("gradcheck", "--filter", "activation*", "--backend", "numpy").stdout.splitlines()[2:-2]
    assert rows
    assert all(row.startswith("activation") for row in rows)
