from __future__ import annotations

import csv
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.models.boltzmann.negative_phase import (
    ContrastiveDivergence,
    ParallelTempering,
    PersistentContrastiveDivergence,
)
from scratchgen.schedules import LinearDecay

from .conftest import Result, Run

EVERY_RUN = {"rbm.safetensors", "history.csv", "filters.png", "fantasies.png", "one-step.png", "free-energies.png"}
SMALL = ("--data", "bars-and-stripes", "--hidden", "5", "--backend", "numpy", "--quiet")


Train = Callable[..., Result]


def _rbm(run: Run, *options: str) -> Result:
    return run("train", "rbm", *SMALL, "--epochs", "1", "--out", "out", *options)


@pytest.fixture
def train(run: Run, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train an RBM without drawing pictures, which takes longer than to train it."""
    monkeypatch.setattr("scratchgen.commands.train.save_pictures", lambda model, data, folder: {})
    return partial(_rbm, run)


def _printed(text: str) -> dict[str, float]:
    return {name: float(mean) for name, mean in re.findall(r"^(\S.*?) +(-?[\d.]+) ± [\d.]+$", text, re.MULTILINE)}


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ((), {"free-energy-gap.png"}),
        (("--data", "digits", "--hidden", "30", "--ais-chains", "0", "--batch-size", "500"), {"free-energy-gap.png"}),
        (("--visible", "gaussian", "--sigma", "learned"), {"free-energy-gap.png"}),
        (("--monitor-every", "2"), set()),  # the only epoch has not been monitored
    ],
)
def test_a_run_leaves_its_files_and_lists_them(options: tuple[str, ...], more: set[str], run: Run) -> None:
    result = _rbm(run, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert {path.name for path in Path("out").iterdir()} == EVERY_RUN | more
    assert set(re.findall(r"^  (\S+)", result.stdout, re.MULTILINE)) == EVERY_RUN | more
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("out").glob("*.png"))


def test_options_reach_the_model(train: Train) -> None:
    options = (
        "--hidden 7 --greys --centred --weight-decay 0.01 --sparsity-target 0.2 --sparsity-cost 0.3 --method pt --k 2 "
        "--chains 3 --temperatures 4 --momentum 0.8 --learning-rate 0.02 --decay-steps 9 --batch-size 10 --seed 4 "
        "--dtype float64"
    )
    train(*options.split())
    rbm = sg.load("out/rbm.safetensors")
    settings: dict[str, Any] = {
        "n_visible": 16,
        "n_hidden": 7,
        "visible": "bernoulli",
        "binarise": False,
        "centred": True,
        "weight_decay": 0.01,
        "sparsity_target": 0.2,
        "sparsity_cost": 0.3,
        "seed": 4,
        "dtype": "float64",
    }
    assert rbm.settings | settings == rbm.settings
    assert rbm.negative_phase == ParallelTempering(k=2, n_chains=3, n_temperatures=4)
    assert rbm.optimizer == sg.SGD(LinearDecay(9, start=0.02), momentum=0.8)
    assert rbm.step == 3  # 30 patterns in batches of 10
    assert rbm.optimizer.learning_rate(9) == 0.0


@pytest.mark.parametrize(
    ("options", "visible", "sigma", "binarise", "negative_phase"),
    [
        ((), "bernoulli", 1.0, True, PersistentContrastiveDivergence()),
        (("--method", "cd"), "bernoulli", 1.0, True, ContrastiveDivergence()),
        (("--visible", "gaussian", "--sigma", "0.5"), "gaussian", 0.5, False, PersistentContrastiveDivergence()),
    ],
)
def test_what_is_not_asked_for_is_the_default_of_the_library(
    options: tuple[str, ...], visible: str, sigma: float, binarise: bool, negative_phase: Any, train: Train
) -> None:
    train(*options)
    rbm = sg.load("out/rbm.safetensors")
    assert (rbm.visible, rbm.sigma, rbm.binarise, rbm.negative_phase) == (visible, sigma, binarise, negative_phase)


def test_training_is_that_of_the_library(train: Train) -> None:
    train("--epochs", "3", "--k", "2")
    x = sg.datasets.load("bars-and-stripes").x_train
    rbm = sg.RBM(16, 5, binarise=True, backend="numpy")
    rbm.fit(x, epochs=3, method="pcd", k=2, optimizer=sg.SGD(0.05, momentum=0.5), progress=False)
    np.testing.assert_array_equal(sg.load("out/rbm.safetensors").theta, rbm.theta)


def test_history_has_a_row_an_epoch(train: Train) -> None:
    train("--epochs", "3", "--monitor-every", "2")
    with Path("out/history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["log_likelihood"] != "nan" for row in rows] == [False, True, False]
    assert {"loss", "validation_loss", "free_energy_gap", "pseudo_log_likelihood"} <= rows[0].keys()


def test_a_small_machine_has_an_exact_likelihood(train: Train) -> None:
    result = train()
    rbm, x = sg.load("out/rbm.safetensors"), sg.datasets.load("bars-and-stripes").x_test
    values = {
        "free energy": rbm.free_energy(x),
        "pseudo-log p(x)": rbm.pseudo_log_likelihood(x),
        "log p(x), exact": rbm.log_likelihood(x),
    }
    assert _printed(result.stdout) == pytest.approx({name: v.mean() for name, v in values.items()}, abs=0.0051)
    assert "AIS" not in result.stdout


def test_a_gaussian_machine_has_no_pseudo_likelihood(train: Train) -> None:
    assert list(_printed(train("--visible", "gaussian").stdout)) == ["free energy", "log p(x), exact"]


def test_resuming_equals_not_stopping(train: Train) -> None:
    for method in (("cd",), ("pcd", "--centred"), ("pt", "--chains", "5")):
        options = ("--method", *method, "--batch-size", "15", "--decay-steps", "100")
        whole, stopped = ("--out", f"{method[0]}-whole"), ("--out", f"{method[0]}-stopped")
        train(*options, "--epochs", "4", *whole)
        train(*options, "--epochs", "2", *stopped)
        assert train(*options, "--epochs", "4", *stopped, "--resume").exit_code == 0
        one, two = (sg.load(f"{folder}/rbm.safetensors") for folder in (whole[1], stopped[1]))
        np.testing.assert_array_equal(one.theta, two.theta)
        assert one.history.loss == two.history.loss


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hidden", "6"), "was trained with n_hidden 5, not 6"),
        (("--k", "2"), "PersistentContrastiveDivergence(k=1, n_chains=64), not PersistentContrastiveDivergence(k=2"),
    ],
)
def test_resuming_asks_for_the_same_model_and_method(options: tuple[str, str], message: str, train: Train) -> None:
    train()
    assert message in train("--epochs", "2", "--resume", *options).error


def test_a_model_of_another_kind_is_not_resumed(trained: Path, train: Train) -> None:
    Path("out").mkdir()
    Path("out/rbm.safetensors").write_bytes(trained.read_bytes())
    assert "holds a model of another kind, VAE" in train("--resume").error


def test_an_earlier_run_is_replaced_only_on_demand(train: Train) -> None:
    train()
    assert "--resume continues that run, --overwrite replaces it" in train("--seed", "1").error
    assert train("--seed", "1", "--overwrite").exit_code == 0
    assert sg.load("out/rbm.safetensors").seed == 1


def test_a_loss_that_is_not_finite_is_one_line(train: Train) -> None:
    assert "became NaN or infinite" in train("--learning-rate", "1e39").error
