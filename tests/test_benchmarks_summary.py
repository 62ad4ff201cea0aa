"""The tables of the benchmarks: what they say of a record, and that the README quotes the committed one."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
COMMITTED = ROOT / "benchmarks" / "results" / "amd-epyc-znver5-2-cores.json"


@pytest.fixture
def summary(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.summary")


def record(**medians: float) -> dict[str, Any]:
    names = {"ours": "scratchgen", "theirs": "PyTorch", "limit": "a copy"}
    contenders = [{"name": names[key], "seconds": {"median": seconds}} for key, seconds in medians.items()]
    ratios = [
        {"ratio": "PyTorch / scratchgen", "median": medians["theirs"] / medians["ours"]},
        {"ratio": "scratchgen / a copy", "median": medians["ours"] / medians["limit"]},
        {"ratio": "PyTorch / a copy", "median": 3.0},
    ]
    absent = {"name": "GPU: scratchgen", "absent": "no CuPy"}
    return {"unit": "ms", "per": "step", "contenders": [*contenders, absent], "ratios": ratios}


def test_every_comparison_with_us_is_theirs_over_ours(summary: Any) -> None:
    lines = summary.table({"step": record(ours=2e-3, theirs=5e-3, limit=1e-3)}).splitlines()
    assert lines[2:] == [
        "| `step` | PyTorch | 5 ms | 2 ms | 2.50 |",
        "|  | a copy | 1 ms | 2 ms | 0.50 |",
    ]


def test_only_what_stands_between_the_marks_is_replaced(summary: Any) -> None:
    text = f"before\n{summary.BEGIN}\nold\n{summary.END}\nafter\n"
    assert summary.put_into(text, f"{summary.BEGIN}\nnew\n{summary.END}") == text.replace("old", "new")


def test_the_readme_quotes_the_committed_record(summary: Any) -> None:
    records = json.loads(COMMITTED.read_text())
    assert summary.section(records) in (ROOT / "README.md").read_text(), "python -m benchmarks.summary FILE --readme"


def test_a_picture_is_drawn(summary: Any, tmp_path: Path) -> None:
    summary.plot({name: record(ours=1.0, theirs=2.0, limit=0.5) for name in summary.IN_README}, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 10_000
