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


def test_published_figures_are_those_of_table_1(table: Any) -> None:
    vae, iwae = {1: 86.76, 5: 86.47, 50: 86.35}, {1: 86.76, 5: 85.54, 50: 84.78}
    assert table.PUBLISHED == {("elbo", k): nll for k, nll in vae.items()} | {("iwae", k): iwae[k] for k in iwae}


@pytest.mark.parametrize("objective", ["elbo", "iwae"])
@pytest.mark.parametrize("k", [1, 5, 50])
def test_model_is_that_of_the_paper(objective: str, k: int, table: Any) -> None:
    vae = table.new_model(objective, k, 3, "numpy")
    expected = {
        "n_visible": 784,
        "hidden": (200, 200),
        "decoder_hidden": (200, 200),
        "n_latent": 50,
        "activation": "tanh",
        "likelihood": "bernoulli",
        "objective": objective,
        "n_samples": k,
        "beta": 1.0,
        "binarise": True,
    }
    assert {name: getattr(vae, name) for name in expected} == expected


def test_every_stage_is_trained_with_the_published_optimiser(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vae, calls = table.new_model("iwae", 1, 0, "numpy"), []

    def fit(x: Any, epochs: int, **settings: Any) -> None:
        calls.append((epochs, settings))
        vae.epoch += epochs
        vae.history.append({"loss": 100.0})

    monkeypatch.setattr(vae, "fit", fit)
    table.train(vae, np.zeros((40, 784)), 3, None)
    assert [epochs for epochs, _ in calls] == [1, 3, 9]
    optimizers = [settings.pop("optimizer") for _, settings in calls]
    assert [settings for _, settings in calls] == 3 * [{"batch_size": 20, "checkpoint": None, "progress": False}]
    np.testing.assert_allclose([adam.learning_rate for adam in optimizers], [1e-3, 10**-3.5, 1e-4], rtol=1e-12)
    assert {(adam.beta1, adam.beta2, adam.epsilon) for adam in optimizers} == {(0.9, 0.999, 1e-4)}


def test_a_scaled_run_says_so(table: Any) -> None:
    assert table.scale_of(3280, 9_840_000, 10_000, 5000) == "the whole published setting"
    assert table.scale_of(4, 12_000, 100, 5000) == (
        "SCALED DOWN: 4 of 3,280 epochs, 12,000 of 9,840,000 updates, 100 of 10,000 test images"
    )


@pytest.fixture
def run(table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs the benchmark on 40 images, and returns what it printed and reported."""
    x = np.random.Generator(np.random.PCG64(0)).uniform(size=(40, 784)).astype("float32")
    labels = np.zeros(40, dtype=np.int64)
    monkeypatch.setattr(table.datasets, "load", lambda name: Dataset(name, x, labels, x[:5], labels[:5], (28, 28)))

    def run(*options: str) -> tuple[list[str], list[str]]:
        folder = ("--weights", str(tmp_path), "--backend", "numpy", "--evaluation-draws", "10")
        table.main(["--objectives", "iwae", *folder, *options])
        printed, reported = capsys.readouterr()
        return printed.splitlines(), reported.splitlines()

    return run


def test_a_run_continues_where_its_weights_stand_and_is_labelled_by_what_they_were_trained_on(run: Any) -> None:
    scale = (
        "SCALED DOWN: {} of 3,280 epochs, {} of 9,840,000 updates, 5 of 10,000 test images, 10 of 5,000 draws an image"
    )
    printed, reported = run("--draws", "5", "--stages", "2")
    assert printed[0] == scale.format(4, 8)
    assert printed[2].split()[:3] == ["IWAE", "5", "4"]
    assert "85.54" in printed[2].split()
    assert [line.split(",")[0] for line in reported] == ["IWAE k=5: epoch 1", "IWAE k=5: epoch 4"]  # one a stage
    printed, reported = run("--draws", "5", "1", "--stages", "1")
    assert printed[0] == scale.format(4, 8)
    assert printed[2].split()[:3] == ["IWAE", "5", "4"]
    assert printed[3] == scale.format(1, 2)
    assert printed[5].split()[:3] == ["IWAE", "1", "1"]
    assert [line.split(",")[0] for line in reported] == ["IWAE k=1: epoch 1"]


def test_likelihood_is_estimated_with_the_draws_that_are_asked_for(
    run: Any, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def log_likelihood(vae: Any, x: np.ndarray, n_samples: int) -> np.ndarray:
        seen.append((x, n_samples))
        return np.array([-80.0, -90.0])

    monkeypatch.setattr(table.VAE, "log_likelihood", log_likelihood)
    printed, _ = run("--draws", "1", "--stages", "1", "--test-images", "3")
    assert "85.00" in printed[-1].split()
    ((x, n_samples),) = seen
    assert (len(x), n_samples) == (3, 10)
    assert set(np.unique(x)) == {0, 1}  # binarised, once


@pytest.mark.parametrize(
    ("option", "least"), [("--stages", 1), ("--training-images", 1), ("--test-images", 2), ("--evaluation-draws", 1)]
)
@pytest.mark.parametrize("number", ["below", "-3", "some"])
def test_a_number_that_is_too_small_is_refused(
    option: str, least: int, number: str, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    number = str(least - 1) if number == "below" else number
    with pytest.raises(SystemExit):
        table.main([option, number])
    assert f"argument {option}: must be an integer >= {least}, got {number}" in capsys.readouterr().err
