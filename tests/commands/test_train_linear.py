"""`train linear`: a fit without epochs, and what `evaluate` and `sample` make of it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import plots
from scratchgen.models.linear import LinearGaussianModel

from .conftest import Result, Run

NUMPY = ("--backend", "numpy")
PICTURES = {"reconstructions.png", "samples.png", "variances.png", "components.png"}


def _train(run: Run, *options: str) -> Result:
    return run("train", "linear", "--latent", "3", "--out", "out", *NUMPY, *options)


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scratchgen.commands.train.save_pictures", lambda model, data, folder: {})


def _columns(text: str) -> dict[str, tuple[float, ...]]:
    rows = re.findall(r"^(\S.*?) {2,}(-?[\d.]+ ± .*)$", text, re.MULTILINE)
    return {name: tuple(float(n) for n in re.findall(r"(-?[\d.]+) ±", values)) for name, values in rows}


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ((), {"latent-clusters.png"}),
        (("--latent", "2"), {"latent-clusters.png", "latent-plane.png"}),
        (("--data", "bars-and-stripes"), set()),  # it has no labels
    ],
)
def test_a_fit_leaves_its_files_and_lists_them(options: tuple[str, ...], more: set[str], run: Run) -> None:
    result = _train(run, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    files = {"linear.safetensors"} | PICTURES | more
    assert {path.name for path in Path("out").iterdir()} == files
    assert set(re.findall(r"^  (\S+)", result.stdout, re.MULTILINE)) == files
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("out").glob("*.png"))


def test_log_p_of_training_and_test_images_is_exact(run: Run, without_pictures: None) -> None:
    columns = _columns(_train(run, "--dtype", "float64", "--seed", "5").stdout)
    data = sg.datasets.load("digits")
    model = LinearGaussianModel(64, 3, seed=5, dtype="float64", backend="numpy")
    model.fit(data.x_train)
    for k, x in enumerate((data.x_train, data.x_test)):
        assert columns["log p(x), exact"][k] == pytest.approx(model.log_likelihood(x).mean(), abs=0.0051)
        errors = ((model.reconstruct(x) - x) ** 2).sum(axis=1)
        assert columns["squared error"][k] == pytest.approx(errors.mean(), abs=0.0051)
    saved = sg.load("out/linear.safetensors", "numpy")
    np.testing.assert_array_equal(saved.theta, model.theta)
    assert saved.settings == model.settings


def test_evaluate_says_the_same_again(run: Run, without_pictures: None) -> None:
    of_training = _columns(_train(run).stdout)
    result = run("evaluate", "out/linear.safetensors", *NUMPY)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "linear Gaussian model: 3 latent variables, 64 visible ones, fitted in closed form" in result.stdout
    assert _columns(result.stdout) == {name: values[1:] for name, values in of_training.items()}
    sigma = math.exp(sg.load("out/linear.safetensors").params.log_sigma[0])
    assert f"sigma is {sigma:.3g};" in result.stdout


@pytest.mark.parametrize("mean", [True, False])
def test_samples_are_those_of_the_library(mean: bool, run: Run, without_pictures: None) -> None:
    _train(run)
    options = ("-n", "5", "--seed", "2", "--mean" if mean else "--draw", "--out", "x.npy", "--out", "x.png")
    result = run("sample", "out/linear.safetensors", *options, *NUMPY)
    assert (result.exit_code, result.stderr) == (0, "")
    expected = sg.load("out/linear.safetensors", "numpy").sample(5, mean, sg.Stream(2, "numpy"))
    np.testing.assert_array_equal(np.load("x.npy"), expected)


def test_an_earlier_fit_is_replaced_only_on_demand(run: Run, without_pictures: None) -> None:
    _train(run)
    before = Path("out/linear.safetensors").read_bytes()
    error = _train(run, "--latent", "4").error
    assert "out/linear.safetensors exists: --overwrite replaces it" in error
    assert "--resume" not in error
    assert Path("out/linear.safetensors").read_bytes() == before
    assert _train(run, "--latent", "4", "--overwrite").exit_code == 0
    assert sg.load("out/linear.safetensors").n_latent == 4


def test_a_fit_that_fails_leaves_the_earlier_one(run: Run, without_pictures: None) -> None:
    _train(run, "--data", "bars-and-stripes")
    before = Path("out/linear.safetensors").read_bytes()
    error = _train(run, "--data", "bars-and-stripes", "--latent", "7", "--overwrite").error  # the data span 6
    assert "lie in a plane of 7 dimensions" in error
    assert Path("out/linear.safetensors").read_bytes() == before


def test_as_many_latent_variables_as_pixels_are_an_error_that_leaves_the_earlier_fit(
    run: Run, without_pictures: None
) -> None:
    _train(run)
    before = Path("out/linear.safetensors").read_bytes()
    assert "n_latent must be below n_visible = 64, got 64" in _train(run, "--latent", "64", "--overwrite").error
    assert Path("out/linear.safetensors").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_found_before_the_fit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinearGaussianModel, "fit", lambda *arguments: pytest.fail("fitted"))
    Path("file").touch()
    assert "file is not a folder" in _train(run, "--out", "file").error
    assert "cannot write to the folder file/below: Not a directory" in _train(run, "--out", "file/below").error


def test_the_pictures_are_of_this_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Any] = {}
    for name in ("filters", "latent_clusters", "variance_spectrum", "reconstructions"):
        original = getattr(plots, name)

        def record(*arguments: Any, name: str = name, original: Any = original, **options: Any) -> Any:
            drawn[name] = arguments
            return original(*arguments, **options)

        monkeypatch.setattr(plots, name, record)
    _train(run)
    model, data = sg.load("out/linear.safetensors", "numpy"), sg.datasets.load("digits")
    np.testing.assert_array_equal(drawn["filters"][0], model.params.W.T)
    np.testing.assert_array_equal(drawn["latent_clusters"][0], model.encode(data.x_test)[0][:, :2])
    np.testing.assert_array_equal(drawn["latent_clusters"][1], data.y_test.astype(str))
    np.testing.assert_array_equal(drawn["variance_spectrum"][0], data.x_train)
    np.testing.assert_array_equal(drawn["variance_spectrum"][1], model.params.W)
    assert drawn["variance_spectrum"][2] == pytest.approx(math.exp(model.params.log_sigma[0]))
    np.testing.assert_array_equal(drawn["reconstructions"][1], model.reconstruct(drawn["reconstructions"][0]))


def test_points_are_called_points(run: Run) -> None:
    result = run("train", "linear", "--data", "rings", "--latent", "1", "--backend", "numpy", "--out", "out")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "nats per point, mean ± standard error over the points" in result.stdout
    assert "squared errors are sums over the coordinates, not nats" in result.stdout
    assert not re.search("pixel|image", result.stdout)
