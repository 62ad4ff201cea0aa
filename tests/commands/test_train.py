from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import plots
from scratchgen.models.vae import VAE
from scratchgen.schedules import LinearWarmup

from .conftest import TINY, Result, Run

EVERY_RUN = {"vae.safetensors", "history.csv", "reconstructions.png", "samples.png", "training-curves.png"}
OF_SEVERAL = {"latent-kl.png", "latent-correlation.png"}  # latent variables


def _vae(run: Run, *options: str) -> Result:
    return run("train", "vae", *TINY, "--epochs", "1", "--out", "out", *options)


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ((), {"latent-plane.png", "latent-plane-linear.png", "latent-clusters.png", "latent-histograms.png"}),
        (("--latent", "3"), OF_SEVERAL | {"latent-clusters.png", "latent-histograms.png"}),
        (("--latent", "21"), OF_SEVERAL | {"latent-clusters.png"}),  # too many histograms
        (("--latent", "1"), {"latent-histograms.png"}),
        (("--data", "bars-and-stripes"), {"latent-plane.png", "latent-plane-linear.png"}),  # it has no labels
        (("--data", "bars-and-stripes", "--latent", "3"), OF_SEVERAL),
    ],
)
def test_a_run_leaves_its_files_and_lists_them(options: tuple[str, ...], more: set[str], run: Run) -> None:
    result = _vae(run, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert {path.name for path in Path("out").iterdir()} == EVERY_RUN | more
    assert set(re.findall(r"^  (\S+)", result.stdout, re.MULTILINE)) == EVERY_RUN | more
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("out").glob("*.png"))


def test_pictures_of_the_codes_are_of_the_held_out_images(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Any] = {}
    for name in ("linear_latent_plane", "code_histograms", "correlation_matrix"):
        original = getattr(plots, name)

        def record(*arguments: Any, name: str = name, original: Any = original, **options: Any) -> Any:
            drawn[name] = (arguments, options)
            return original(*arguments, **options)

        monkeypatch.setattr(plots, name, record)
    data = sg.datasets.load("digits")
    for latent in ("2", "3"):
        _vae(run, "--latent", latent, "--overwrite")
        mean = sg.load("out/vae.safetensors", "numpy").encode(data.x_test)[0]
        (codes, labels), _ = drawn["code_histograms"]
        np.testing.assert_array_equal(codes, mean)
        np.testing.assert_array_equal(labels, data.y_test.astype(str))
    np.testing.assert_array_equal(drawn["correlation_matrix"][0][0], mean)
    (_, image_shape), options = drawn["linear_latent_plane"]
    assert (image_shape, options) == ((8, 8), {"limit": 3.0})


def test_options_reach_the_model(run: Run) -> None:
    options = (
        "--hidden 7,6 --decoder-hidden 5 --latent 3 --activation tanh --likelihood gaussian --output-mean sigmoid "
        "--sigma learned --beta 0.5 --beta-warmup 9 --draws 2 --seed 4 --dtype float64 --batch-size 100 "
        "--learning-rate 0.002"
    )
    _vae(run, *options.split())
    vae = sg.load("out/vae.safetensors")
    settings: dict[str, Any] = {
        "hidden": (7, 6),
        "decoder_hidden": (5,),
        "n_latent": 3,
        "activation": "tanh",
        "likelihood": "gaussian",
        "output_mean": "sigmoid",
        "sigma": "learned",
        "beta": LinearWarmup(9, stop=0.5),
        "n_samples": 2,
        "objective": "elbo",
        "binarise": False,
        "seed": 4,
        "dtype": "float64",
    }
    assert vae.settings | settings == vae.settings
    assert vae.optimizer == sg.Adam(0.002)
    assert vae.step == 15  # 1,442 images in batches of 100


def test_what_was_trained_on_draws_of_the_pixels_is_tested_on_draws(run: Run) -> None:
    result = _vae(run, "--binarise")
    assert "grey pixels were drawn as 0 or 1" in result.stdout
    vae, x = sg.load("out/vae.safetensors", "numpy"), sg.datasets.load("digits").x_test
    elbo = vae.elbo(vae.streams["sampling"].bernoulli(x)).mean()
    assert re.search(r"^ELBO +(-[\d.]+)", result.stdout, re.MULTILINE)[1] == f"{elbo:.2f}"
    assert "grey pixels" not in _vae(run, "--binarise", "--data", "bars-and-stripes", "--overwrite").stdout


def test_empty_widths_mean_no_hidden_layer(run: Run) -> None:
    _vae(run, "--hidden", "")
    assert sg.load("out/vae.safetensors").hidden == ()


def test_history_has_a_row_an_epoch(run: Run) -> None:
    _vae(run, "--epochs", "3")
    with Path("out/history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"loss", "reconstruction", "kl", "validation_loss"} <= rows[0].keys()


def test_the_printed_terms_are_those_of_the_test_images(run: Run) -> None:
    printed = dict(re.findall(r"^(\w+) +(-?[\d.]+) ±", _vae(run).stdout, re.MULTILINE))
    elbo = sg.load("out/vae.safetensors").elbo(sg.datasets.load("digits").x_test).mean()
    assert printed["ELBO"] == f"{elbo:.2f}"
    parts = float(printed["reconstruction"]) + float(printed["KL"])
    assert float(printed["ELBO"]) == pytest.approx(-parts, abs=0.011)  # of rounding


def test_resuming_equals_not_stopping(run: Run) -> None:
    _vae(run, "--epochs", "4")
    _vae(run, "--epochs", "2", "--out", "stopped")
    assert _vae(run, "--epochs", "4", "--out", "stopped", "--resume").exit_code == 0
    whole, resumed = (sg.load(f"{folder}/vae.safetensors") for folder in ("out", "stopped"))
    np.testing.assert_array_equal(whole.theta, resumed.theta)
    assert whole.history.loss == resumed.history.loss


def test_resuming_asks_for_the_same_model(run: Run) -> None:
    _vae(run)
    assert "was trained with n_latent 2, not 3" in _vae(run, "--epochs", "2", "--resume", "--latent", "3").error


def test_resuming_asks_for_further_epochs(run: Run) -> None:
    _vae(run)
    assert "has been trained for 1 epochs" in _vae(run, "--resume").error


def test_an_earlier_run_is_replaced_only_on_demand(run: Run) -> None:
    _vae(run)
    before = Path("out/vae.safetensors").read_bytes()
    assert "--resume continues that run, --overwrite replaces it" in _vae(run, "--seed", "1").error
    assert Path("out/vae.safetensors").read_bytes() == before
    assert _vae(run, "--seed", "1", "--overwrite").exit_code == 0
    assert sg.load("out/vae.safetensors").seed == 1


def test_a_folder_that_cannot_be_written_is_found_before_training(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VAE, "fit", lambda *arguments, **options: pytest.fail("trained"))
    Path("file").touch()
    assert "file is not a folder" in _vae(run, "--out", "file").error
    assert "cannot write to the folder file/below: Not a directory" in _vae(run, "--out", "file/below").error


def test_a_folder_that_takes_no_files_is_found_before_training(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(VAE, "fit", lambda *arguments, **options: pytest.fail("trained"))
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)  # permissions do not stop a test that runs as root
    assert "cannot write to the folder out: Permission denied" in _vae(run).error


def test_ctrl_c_says_what_is_saved(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_once_and_stop(vae: VAE, *arguments: Any, checkpoint: Path, **options: Any) -> None:
        vae.epoch = 7
        vae.save(checkpoint)
        raise KeyboardInterrupt

    monkeypatch.setattr(VAE, "fit", save_once_and_stop)
    line = f"scratchgen: interrupted: {Path('out/vae.safetensors')} holds the model after epoch 7; "
    assert _vae(run)[::2] == (130, line + "the same command with --resume continues\n")


def test_ctrl_c_before_the_first_checkpoint_says_that_nothing_is_saved(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    _vae(run)
    monkeypatch.setattr(VAE, "fit", stop)
    result = _vae(run, "--overwrite")  # what an earlier run left is not passed off as this one's
    assert result[::2] == (130, "scratchgen: interrupted: before the first checkpoint, nothing was saved\n")


def test_a_loss_that_is_not_finite_is_one_line(run: Run) -> None:
    assert "became NaN or infinite" in _vae(run, "--learning-rate", "1e30").error
