"""How the growth of a cost is measured and explained: on curves that are made up, on the memory of this process."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
SIZES = (1, 4, 16, 64, 256, 1024)


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.scaling_curves")


@pytest.fixture
def scaling_epochs(curves: Any) -> Any:
    return importlib.import_module("benchmarks.scaling_epochs")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak cannot begin anew")
def test_a_peak_that_begins_anew_has_forgotten_what_was_freed(curves: Any) -> None:
    memory = importlib.import_module("benchmarks.memory")
    memory.restart_peak()  # earlier tests have one too
    large = np.ones(20_000_000)
    high = memory.peak_resident_bytes()
    del large
    assert memory.restart_peak() < high - 100e6
    np.ones(10_000_000)
    assert memory.peak_resident_bytes() > high - 100e6


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a child has its parent's peak")
def test_a_childs_peak_is_not_that_of_its_parent(curves: Any) -> None:
    memory = importlib.import_module("benchmarks.memory")
    large = np.ones(20_000_000)
    code = "from benchmarks.memory import peak_resident_bytes; print(peak_resident_bytes())"
    child = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert int(child.stdout) < memory.peak_resident_bytes() - large.nbytes / 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak cannot begin anew")
def test_the_memory_of_an_epoch_grows_with_its_images(scaling_epochs: Any, tmp_path: Path) -> None:
    few, many = 1_000, 20_000
    grown = []
    for n in (few, many):
        np.save(tmp_path / "images.npy", np.zeros((n, 784), dtype=np.float32))
        grown.append(scaling_epochs.measure_epoch(tmp_path / "images.npy", "cpu")["peak_bytes"])
    bytes_more = (many - few) * scaling_epochs.BYTES_PER_IMAGE
    assert 0.8 * bytes_more < grown[1] - grown[0] < 1.5 * bytes_more


def test_an_epochs_process_gets_its_images_alone_and_the_threads_that_were_asked_for(
    scaling_epochs: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def stand_in(command: list[str], env: dict[str, str], **_: Any) -> Any:
        seen.append((np.load(command[3]).shape, command[4], env["OPENBLAS_NUM_THREADS"]))
        return SimpleNamespace(stdout='{"seconds": 1.0, "peak_bytes": 2e6, "device_bytes": 0}')

    monkeypatch.setattr(scaling_epochs.subprocess, "run", stand_in)
    monkeypatch.setattr(scaling_epochs, "load_rows", lambda n: (np.zeros((n, 784)), ""))
    rows = scaling_epochs.epochs((10, 20), ("cpu", "cuda"), threads=3)
    assert seen == [((n, 784), backend, "3") for n in (10, 20) for backend in ("cpu", "cuda")]
    assert [(row["backend"], row["images"]) for row in rows] == [("cpu", 10), ("cuda", 10), ("cpu", 20), ("cuda", 20)]
    assert "cuda" in capsys.readouterr().out


def test_the_examples_of_the_docstrings_are_right(curves: Any) -> None:
    for module in (curves, importlib.import_module("benchmarks.machine")):
        assert doctest.testmod(module).failed == 0


def test_a_cost_with_a_constant_part_is_flat_up_to_where_half_of_it_grows(curves: Any) -> None:
    found = curves.regimes([(n, 10.0 + n) for n in SIZES])
    assert found == curves.Regimes(flat_until=16, linear_from=64)
    assert curves.regimes([(n, float(n)) for n in SIZES]) == curves.Regimes(linear_from=1)


def test_a_curve_that_becomes_steeper_says_where_and_how_steep(curves: Any) -> None:
    found = curves.regimes([(n, float(n) if n <= 64 else n**1.5 / 8) for n in SIZES])
    assert found.leaves_at == 64
    assert found.exponent == pytest.approx(1.5)


def test_one_interval_that_is_off_is_not_the_end_of_linearity(curves: Any) -> None:
    points = [(n, float(n) * (1.4 if n == 64 else 1.0)) for n in SIZES]
    assert curves.regimes(points).leaves_at is None


@pytest.mark.parametrize(
    ("of_products", "whose"), [(1.5, "products 1.50: it is theirs"), (1.0, "products 1.00: it is the passes")]
)
def test_the_products_tell_whose_a_bend_is(curves: Any, of_products: float, whose: str) -> None:
    ours = [(n, float(n) if n <= 64 else n**1.5 / 8) for n in SIZES]
    products = [(n, 0.5 * n if n <= 64 else 0.5 * 64 * (n / 64) ** of_products) for n in SIZES]
    sentence = curves.explanation("batch", {curves.OURS: ours, curves.PRODUCTS: products})
    assert sentence.startswith("batch: linear from 1 to 64; the exponent is 1.50 from there on")
    assert whose in sentence


def test_what_does_not_depend_on_the_size_is_named_with_the_share_of_the_products(curves: Any) -> None:
    by_whom = {curves.OURS: [(n, 10.0 + n) for n in SIZES], curves.PRODUCTS: [(n, 1.1 * n) for n in SIZES]}
    assert curves.explanation("batch", by_whom) == (
        "batch: up to 16 most of it does not depend on the size: calls, and Adam's pass over all parameters "
        "(at 1 its products are 10% of it); linear from 64 on"
    )


def test_a_record_becomes_curves_and_those_who_are_absent_none(curves: Any) -> None:
    contenders = [
        {"name": "scratchgen, width 25", "seconds": {"median": 1.0}},
        {"name": "scratchgen, width 50", "seconds": {"median": 2.0}},
        {"name": "scratchgen GPU, width 25", "absent": "no GPU"},
    ]
    assert curves.curves({"contenders": contenders}) == {"width": {"scratchgen": [(25, 1.0), (50, 2.0)]}}
    epochs = [{"backend": "cuda", "images": 10, "seconds": 1.0}, {"backend": "cpu", "images": 10, "seconds": 2.0}]
    found = curves.epoch_curves({"details": {"epochs": epochs}}, "seconds")
    assert found == {"scratchgen GPU": [(10, 1.0)], "scratchgen": [(10, 2.0)]}


def test_the_gpu_breaks_even_where_it_is_faster_from_then_on(curves: Any) -> None:
    cpu = [(1, 1.0), (2, 2.0), (4, 4.0)]
    assert curves.break_even(cpu, [(1, 0.5), (2, 3.0), (4, 1.0)]) == 4
    assert curves.break_even(cpu, [(1, 9.0), (2, 9.0), (4, 9.0)]) is None


def test_memory_is_what_an_epoch_takes_besides_its_images(curves: Any) -> None:
    points = [(n, n * curves.BYTES_PER_IMAGE + 2.5e6) for n in (1_000, 60_000)]
    assert curves.explanation_of_memory(points) == (
        "memory: besides the images themselves an epoch takes 2.5 MB at 1,000; 2.5 MB at 60,000"
    )


def test_the_picture_says_what_is_printed(curves: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scaling = importlib.import_module("benchmarks.scaling")
    drawn: list[Any] = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *_, **__: drawn.append(figure))
    scaling.plot(record_with_a_gpu(scaling), tmp_path / "scaling.png")
    *panels, legend = drawn[0].axes
    sentences = [panel.get_title(loc="left").replace("\n", " ") for panel in panels]
    found = curves.curves(record_with_a_gpu(scaling))
    assert sentences[:3] == [curves.explanation(what, by_whom) for what, by_whom in found.items()]
    assert [panel.get_ylabel() for panel in panels[3:]] == [
        "seconds for an epoch",
        "MB by which the peak of memory grows",
    ]
    assert "a GPU" in legend.texts[0].get_text()


def record_with_a_gpu(scaling: Any) -> dict[str, Any]:
    """Return a record of costs as a quiet machine might have them, without a measurement."""
    costs = {
        "width": lambda n: (2e-4 + 4e-6 * n * (1 if n <= 800 else (n / 800) ** 0.4), 3e-6 * n, 1e-4 + 1e-7 * n),
        "batch": lambda n: (5e-4 + 1.2e-5 * n, 1e-4 + 1e-5 * n, 1e-4 + 1e-7 * n),
        "chains": lambda n: (2e-4 + 1e-4 * n, 1e-4 + 5e-5 * n, 2e-4 + 1e-6 * n),
    }
    whose = (scaling.OURS, scaling.PRODUCTS, scaling.GPU)
    contenders = [
        {"name": f"{who}, {what} {n}", "seconds": {"median": seconds}}
        for what, cost in costs.items()
        for n in scaling.SIZES[what]
        for who, seconds in zip(whose, cost(n), strict=True)
    ]
    epochs = [
        {"backend": backend, "images": n, "seconds": n / speed + 0.02, "peak_bytes": 3136 * n + 2e6}
        for backend, speed in (("cpu", 6e4), ("cuda", 6e5))
        for n in scaling.IMAGES
    ]
    machine = {"processor": "A", "microarchitecture": "b", "cores": 2, "gpu": {"name": "a GPU"}}
    return {"contenders": contenders, "details": {"epochs": epochs}, "machine": machine, "date": "2026-11-28"}
