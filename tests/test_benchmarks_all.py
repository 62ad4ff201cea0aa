"""``python -m benchmarks``: all run, whatever one of them does, and their records become what the README shows."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
MACHINE = {"processor": "A B", "microarchitecture": "c", "cores": 2, "variables": {}}
RECORD = {
    "unit": "ns",
    "date": "2026-11-20 12:00 UTC",
    "machine": MACHINE,
    "contenders": [{"name": who, "seconds": {"median": s}} for who, s in (("scratchgen", 1e-9), ("NumPy", 4e-9))],
    "ratios": [{"ratio": "NumPy / scratchgen", "median": 4.0, "lower": 3.9, "upper": 4.1, "aim": "at least 5: no"}],
}


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return the command with benchmarks that are stubs, a folder of results and a README of its own."""
    monkeypatch.syspath_prepend(ROOT)
    command = importlib.import_module("benchmarks.__main__")
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(command, "describe_machine", lambda: MACHINE)
    monkeypatch.setattr(command.summary, "README", tmp_path / "README.md")
    monkeypatch.setattr(command, "import_module", lambda name: stub(name.partition(".")[2]))
    command.summary.README.write_text(f"{command.summary.BEGIN}\nold\n{command.summary.END}\n")
    return command


def stub(name: str) -> Any:
    """Return a benchmark that writes a record and draws a picture; one of them fails, one refuses."""

    def main(arguments: list[str]) -> None:
        if name == "gibbs":
            raise RuntimeError("a chain is broken")
        if name == "bigger_than_memory":
            raise SystemExit("no room")
        report = importlib.import_module("benchmarks.report")
        report.write(Path(arguments[0].partition("=")[2]), name, RECORD)

    return SimpleNamespace(main=main, plot=lambda record, path: path.write_text("a picture"))


def test_all_are_run_whatever_one_of_them_does(everything: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="failed, see above: gibbs, bigger_than_memory"):
        everything.main([])
    written = json.loads((everything.RESULTS / "a-b-c-2-cores.json").read_text())
    assert written.keys() == set(everything.NAMES) - {"gibbs", "bigger_than_memory"}
    assert "a chain is broken" in capsys.readouterr().err


def test_pictures_and_table_are_made_from_the_records(everything: Any, capsys: pytest.CaptureFixture[str]) -> None:
    everything.main(["philox", "scaling"])
    assert {path.name for path in everything.RESULTS.glob("*.png")} == {"scaling.png", "speed.png"}
    assert "| `philox` | NumPy | 4 ns | 1 ns | 4.00 | ≥ 5, **missed** |" in everything.summary.README.read_text()
    assert "`scaling`" in capsys.readouterr().out  # the table of all of them


def test_results_of_ones_own_leave_the_readme_alone(everything: Any, tmp_path: Path) -> None:
    everything.main(["philox", f"--out={tmp_path / 'own' / 'mine.json'}"])
    assert (tmp_path / "own" / "speed.png").exists()
    assert "old" in everything.summary.README.read_text()


def test_results_of_ones_own_leave_the_pictures_of_the_readme_alone(everything: Any) -> None:
    everything.RESULTS.mkdir()
    for name in ("scaling.png", "speed.png"):
        (everything.RESULTS / name).write_text("of the README")
    everything.main(["philox", "scaling", f"--out={everything.RESULTS / 'mine.json'}"])
    assert {path.read_text() for path in everything.RESULTS.glob("*.png")} == {"of the README"}
    assert (everything.RESULTS / "mine.json").exists()


def test_every_benchmark_that_is_named_exists_and_can_be_run(everything: Any) -> None:
    for name in everything.NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        with pytest.raises(SystemExit) as stopped:
            module.main(["--help"])
        assert stopped.value.code == 0
        assert hasattr(module, "plot") == (name in everything.WITH_PICTURES)


def test_ratios_are_of_contenders_that_there_are(everything: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scaling.epochs", lambda *_: [])
    monkeypatch.setattr("benchmarks.scaling.has_gpu", lambda: True)
    monkeypatch.setattr("benchmarks.scaling.print_curves", lambda _: None)
    monkeypatch.setattr("benchmarks.conv_vae_step.print_breakdown", lambda *_: None)  # which takes steps
    for name in set(everything.NAMES) - {"bigger_than_memory"}:
        module, described = importlib.import_module(f"benchmarks.{name}"), []
        monkeypatch.setattr(module, "run", lambda benchmark, _, described=described: described.append(benchmark))
        if hasattr(module, "load_rows"):
            monkeypatch.setattr(module, "load_rows", lambda n: (np.zeros((n, 784), dtype=np.float32), "zeros"))
        module.main([])
        (benchmark,) = described
        assert benchmark.name == name
        contenders = [contender.name for contender in benchmark.contenders]
        assert len(set(contenders)) == len(contenders)
        assert {who for ratio in benchmark.ratios for who in (ratio.numerator, ratio.denominator)} <= set(contenders)


FOUND = {
    "data_bytes": 20.1e9,
    "batches": 12_800,
    "peak_bytes_before": 3e8,
    "peak_bytes_after": 4e8,
    "bytes_a_second": 1e8,
    "seconds_a_batch": 2e-3,
    "seconds_a_batch_in_memory": 1e-3,
}


@pytest.mark.parametrize("peak", [4e8, 2e9])
def test_data_larger_than_the_memory_leave_a_record_also_where_it_was_too_much(
    everything: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, peak: float
) -> None:
    module = importlib.import_module("benchmarks.bigger_than_memory")
    monkeypatch.setattr(module, "write_shards", lambda folder, n_bytes: n_bytes)
    output = SimpleNamespace(stdout=json.dumps(FOUND | {"peak_bytes_after": peak}))
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: output)
    monkeypatch.setattr(module, "start_record", lambda *_: {})
    out = tmp_path / "own.json"
    if peak > module.LIMIT:
        with pytest.raises(SystemExit, match="above 1000 MB"):
            module.main(["--gigabytes=0.001", f"--out={out}"])
    else:
        module.main(["--gigabytes=0.001", f"--out={out}"])
    assert json.loads(out.read_text())["bigger_than_memory"]["details"]["peak_bytes_after"] == peak


def test_a_disk_is_not_filled(everything: Any, tmp_path: Path) -> None:
    module = importlib.import_module("benchmarks.bigger_than_memory")
    with pytest.raises(SystemExit, match="need a folder with more room"):
        module.require_room(tmp_path, 1e18)
