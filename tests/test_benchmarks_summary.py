"""The tables of the benchmarks: what they say of a record, and that the README quotes the committed one."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def summary(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.summary")


@pytest.fixture
def speed_plot(summary: Any) -> Any:
    return importlib.import_module("benchmarks.speed_plot")


def record(**medians: float) -> dict[str, Any]:
    names = {"ours": "scratchgen", "theirs": "PyTorch", "limit": "a copy"}
    contenders = [{"name": names[key], "seconds": {"median": seconds}} for key, seconds in medians.items()]
    ratios = [
        spread("PyTorch / scratchgen", medians["theirs"] / medians["ours"], "at least 2: yes"),
        spread("scratchgen / a copy", medians["ours"] / medians["limit"], "at most 1.25: no"),
        spread("PyTorch / a copy", 3.0, ""),
    ]
    absent = {"name": "GPU: scratchgen", "absent": "no CuPy"}
    machine = {"processor": "A", "microarchitecture": "b", "cores": 2, "variables": {}}
    kept = {"date": "2026-11-20 12:00 UTC", "machine": machine}
    return {"unit": "ms", "per": "step", "contenders": [*contenders, absent], "ratios": ratios, **kept}


def spread(ratio: str, median: float, aim: str) -> dict[str, Any]:
    return {"ratio": ratio, "median": median, "lower": 0.9 * median, "upper": 1.2 * median, "aim": aim}


def test_every_comparison_with_us_is_theirs_over_ours_and_so_is_its_aim(summary: Any) -> None:
    lines = summary.table({"step": record(ours=2e-3, theirs=5e-3, limit=1e-3)}).splitlines()
    assert lines[2:] == [
        "| `step` | PyTorch | 5 ms | 2 ms | 2.50 | ≥ 2 |",
        "|  | a copy | 1 ms | 2 ms | 0.50 | ≥ 0.8, **missed** |",
    ]


def test_what_a_contender_misses_by_itself_is_marked_too(summary: Any) -> None:
    found = record(ours=2e-3, theirs=5e-3, limit=1e-3)
    found["contenders"][0]["aim"] = "at most 0.001 s: no"
    assert "|  | scratchgen | 2 ms |  |  | ≤ 1 ms, **missed** |" in summary.table({"step": found})


def test_a_limit_is_known_and_its_quartiles_are_turned_with_its_ratio(summary: Any) -> None:
    theirs, limit = summary.comparisons({"step": record(ours=2e-3, theirs=5e-3, limit=1e-3)})
    assert not theirs.is_limit
    assert limit.is_limit
    assert (limit.lower, limit.upper) == pytest.approx((1 / 2.4, 1 / 1.8))


def test_only_what_stands_between_the_marks_is_replaced(summary: Any) -> None:
    text = f"before\n{summary.BEGIN}\nold\n{summary.END}\nafter\n"
    assert summary.put_into(text, f"{summary.BEGIN}\nnew\n{summary.END}") == text.replace("old", "new")


def test_the_readme_quotes_the_committed_record(summary: Any) -> None:
    text = (ROOT / "README.md").read_text()
    name = re.search(r"\[record\]\((benchmarks/results/[\w-]+\.json)\)", text)
    assert name, "the table of the README names no record: python -m benchmarks.summary FILE --readme"
    records = json.loads((ROOT / name[1]).read_text())
    assert summary.section(records) in text, f"python -m benchmarks.summary {name[1]} --readme"
    if "bigger_than_memory" in records:
        assert summary.sentence_about_memory(records) in text, f"python -m benchmarks.summary {name[1]} --readme"


def test_the_readme_is_written_as_far_as_there_are_records(
    summary: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "README", tmp_path / "README.md")
    text = f"{summary.BEGIN}\n{summary.END}\n{summary.BEGIN_MEMORY}337 MB{summary.END_MEMORY}\n"
    summary.README.write_text(text)
    summary.write_readme({"philox": record(ours=1.0, theirs=2.0, limit=0.5)})
    assert "| `philox` | PyTorch |" in summary.README.read_text()
    assert "337 MB" in summary.README.read_text()
    summary.write_readme({"bigger_than_memory": {"details": {"data_bytes": 20.1e9, "peak_bytes_after": 333.4e6}}})
    assert "20 GB trained with a peak of 333 MB of resident memory" in summary.README.read_text()


def test_a_picture_is_drawn(summary: Any, speed_plot: Any, tmp_path: Path) -> None:
    speed_plot.plot(
        {name: record(ours=1.0, theirs=2.0, limit=0.5) for name in summary.IN_README}, tmp_path / "speed.png"
    )
    assert (tmp_path / "speed.png").stat().st_size > 10_000


def test_the_picture_shows_spread_aims_machine_and_date(
    speed_plot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *_, **__: drawn.append(figure))
    speed_plot.plot({"philox": record(ours=2.0, theirs=5.0, limit=1.0)}, tmp_path / "speed.png")
    (axes,) = drawn[0].axes
    lines = {tuple(line.get_xdata()): line.get_color() for line in axes.lines}
    assert {(2.25, 3.0): "black", (2.0, 2.0): speed_plot.MET, (0.8, 0.8): speed_plot.MISSED}.items() <= lines.items()
    assert len({bar.get_facecolor() for bar in axes.patches}) == 2
    assert [text.get_text() for text in drawn[0].texts] == ["2 cores of an A (b), 2026-11-20"]
