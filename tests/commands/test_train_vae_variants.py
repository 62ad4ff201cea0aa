"""`train iwae` and `train conv-vae`: from the options to the files, and what `evaluate` and `sample` make of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.commands.families import FAMILIES
from scratchgen.datasets import Dataset
from scratchgen.models.conv_vae import ConvVAE
from scratchgen.schedules import LinearWarmup

from .conftest import Result, Run

SMALL = {
    "iwae": ("--hidden", "8", "--latent", "3", "--draws", "2", "--batch-size", "128"),
    "conv-vae": ("--channels", "2,3", "--dense", "4"),
}
EVERY_RUN = {"history.csv", "reconstructions.png", "samples.png", "training-curves.png"}
OF_PLANE = {"latent-plane.png", "latent-plane-linear.png"}
OF_SEVERAL = {"latent-kl.png", "latent-correlation.png"}  # latent variables
OF_LABELS = {"latent-clusters.png", "latent-histograms.png"}
NUMPY = ("--backend", "numpy", "--quiet")

Train = Callable[..., Result]
both = pytest.mark.parametrize("kind", SMALL)


def _train(run: Run, kind: str, *options: str) -> Result:
    return run("train", kind, *SMALL[kind], *NUMPY, "--epochs", "1", "--out", "out", *options)


@pytest.fixture
def train(run: Run, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train a small model without drawing pictures, which takes longer than to train it."""
    monkeypatch.setattr("scratchgen.commands.train.save_pictures", lambda model, data, folder: {})
    return lambda kind, *options: _train(run, kind, *options)


def _saved(kind: str, folder: str = "out") -> Any:
    return sg.load(f"{folder}/{kind}.safetensors", "numpy")


def _printed(text: str) -> dict[str, float]:
    return {name: float(mean) for name, mean in re.findall(r"^(\S.*?) +(-?[\d.]+) ±", text, re.MULTILINE)}


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Let every data set be 40 colour images of 4 x 6 pixels, 10 of them held out."""
    x = np.random.default_rng(0).random((40, 72), dtype=np.float32)
    labels = np.arange(40) % 2
    data = Dataset("colours", x[:30], labels[:30], x[30:], labels[30:], (4, 6, 3), ("even", "odd"))
    monkeypatch.setattr("scratchgen.datasets.load", lambda name: data)
    return data


# ------------------------------------------------------------------------------------------------------------ training


@pytest.mark.parametrize(
    ("kind", "options", "more"),
    [
        ("iwae", (), OF_LABELS | OF_SEVERAL),
        ("iwae", ("--latent", "2"), OF_LABELS | OF_PLANE),
        ("conv-vae", (), OF_LABELS | OF_PLANE),
        ("conv-vae", ("--latent", "3", "--data", "bars-and-stripes"), OF_SEVERAL),  # it has no labels
    ],
)
def test_a_run_leaves_its_files_and_lists_them(kind: str, options: tuple[str, ...], more: set[str], run: Run) -> None:
    result = _train(run, kind, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    files = EVERY_RUN | {f"{kind}.safetensors"} | more
    assert {path.name for path in Path("out").iterdir()} == files
    assert set(re.findall(r"^  (\S+)", result.stdout, re.MULTILINE)) == files
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("out").glob("*.png"))
    assert f"scratchgen evaluate out/{kind}.safetensors" in result.stdout


@both
def test_options_reach_the_model(kind: str, train: Train) -> None:
    options = (
        "--latent 3 --activation softplus --likelihood gaussian --output-mean sigmoid --sigma learned --draws 4 "
        "--seed 4 --dtype float64 --batch-size 100 --learning-rate 0.002"
    )
    own: dict[str, tuple[str, dict[str, Any]]] = {
        "iwae": (
            "--hidden 7,6 --decoder-hidden 5",
            {"hidden": (7, 6), "decoder_hidden": (5,), "objective": "iwae", "beta": 1.0, "n_visible": 64},
        ),
        "conv-vae": (
            "--channels 3,2 --dense 5 --kernel 2 --beta 0.5 --beta-warmup 9",
            {
                "channels": (3, 2),
                "n_dense": 5,
                "kernel": 2,
                "image_shape": (8, 8),
                "objective": "elbo",
                "beta": LinearWarmup(9, stop=0.5),
            },
        ),
    }
    train(kind, *options.split(), *own[kind][0].split())
    model = _saved(kind)
    settings = own[kind][1] | {
        "n_latent": 3,
        "activation": "softplus",
        "likelihood": "gaussian",
        "output_mean": "sigmoid",
        "sigma": "learned",
        "n_samples": 4,
        "binarise": False,
        "seed": 4,
        "dtype": "float64",
    }
    assert model.settings | settings == model.settings
    assert model.optimizer.learning_rate == 0.002
    assert model.step == 15  # 1,442 images in batches of 100


def test_the_importance_weighted_model_is_that_of_burda_et_al_by_default(run: Run) -> None:
    run("train", "iwae", "--data", "bars-and-stripes", "--epochs", "1", *NUMPY)
    vae = _saved("iwae", "runs/iwae")
    assert (vae.hidden, vae.decoder_hidden, vae.n_latent, vae.activation) == ((200, 200), (200, 200), 50, "tanh")
    assert (vae.objective, vae.n_samples, vae.likelihood, vae.binarise) == ("iwae", 5, "bernoulli", True)
    assert vae.optimizer == sg.Adam(1e-3, epsilon=1e-4)
    assert vae.step == 2  # 30 images in batches of 20


def test_the_convolutional_model_is_that_of_keras_with_a_wider_dense_layer_by_default(run: Run) -> None:
    run("train", "conv-vae", "--data", "bars-and-stripes", "--epochs", "1", *NUMPY)
    vae = _saved("conv-vae", "runs/conv-vae")
    assert type(vae) is ConvVAE
    assert vae.settings == ConvVAE((4, 4), n_dense=128, backend="numpy").settings


GAUSSIAN = {"likelihood": "gaussian", "output_mean": "sigmoid", "sigma": 0.1}
LARGE = {"channels": (32, 64, 128), "n_dense": 256, "n_latent": 64}


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("", LARGE | GAUSSIAN),
        ("--latent 3 --sigma learned", LARGE | GAUSSIAN | {"n_latent": 3, "sigma": "learned"}),
        ("--likelihood bernoulli", LARGE),
    ],
)
def test_colour_images_have_defaults_of_their_own(
    options: str, settings: dict[str, Any], colours: Dataset, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scratchgen.commands.train.save_pictures", lambda model, data, folder: {})
    result = run("train", "conv-vae", *options.split(), "--epochs", "1", *NUMPY)
    assert (result.exit_code, result.stderr) == (0, "")
    assert _saved("conv-vae", "runs/conv-vae").settings == ConvVAE((4, 6, 3), **settings, backend="numpy").settings


def test_gaussian_pixels_are_scaled_like_intensities(train: Train) -> None:
    train("conv-vae", "--likelihood", "gaussian")
    assert _saved("conv-vae").settings | GAUSSIAN | {"n_latent": 2} == _saved("conv-vae").settings


@pytest.mark.parametrize(
    ("options", "binarise"), [((), True), (("--greys",), False), (("--likelihood", "gaussian"), False)]
)
def test_pixels_are_binarised_where_they_are_bernoulli(options: tuple[str, ...], binarise: bool, train: Train) -> None:
    assert ("grey pixels were drawn" in train("iwae", *options).stdout) is binarise
    assert _saved("iwae").binarise is binarise


@both
def test_resuming_equals_not_stopping(kind: str, train: Train) -> None:
    train(kind, "--epochs", "3")
    train(kind, "--epochs", "2", "--out", "stopped")
    assert train(kind, "--epochs", "3", "--out", "stopped", "--resume").exit_code == 0
    np.testing.assert_array_equal(_saved(kind).theta, _saved(kind, "stopped").theta)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("iwae", ("--draws", "3"), "was trained with n_samples 2, not 3"),
        ("conv-vae", ("--channels", "2"), "was trained with channels (2, 3), not (2,)"),
        ("conv-vae", ("--data", "bars-and-stripes"), "was trained with image_shape (8, 8), not (4, 4)"),
    ],
)
def test_resuming_asks_for_the_same_model(kind: str, options: tuple[str, ...], message: str, train: Train) -> None:
    train(kind)
    assert message in train(kind, "--epochs", "2", "--resume", *options).error


def test_the_bound_of_the_training_is_printed(train: Train) -> None:
    terms = _printed(train("iwae").stdout)
    vae, x = _saved("iwae"), sg.datasets.load("digits").x_test
    states = vae.streams["sampling"].bernoulli(x)
    assert list(terms) == ["reconstruction", "KL", "ELBO", "log p(x), 2 samples"]
    assert terms["ELBO"] == pytest.approx(vae.elbo(states).mean(), abs=0.0051)
    bounds = np.concatenate([vae.log_likelihood(states[i : i + 100], 2) for i in range(0, len(x), 100)])
    assert terms["log p(x), 2 samples"] == pytest.approx(bounds.mean(), abs=0.0051)


# ------------------------------------------------------------------------------------------------------------- colours


def test_colour_images_are_learnt_drawn_and_sampled(colours: Dataset, run: Run) -> None:
    result = _train(run, "conv-vae", "--latent", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "conv 3-4-2, decoder 2-1×2×3-transposed 3-transposed 2-4×6×3" in result.stdout
    assert {path.name for path in Path("out").glob("*.png")} == {
        "reconstructions.png",
        "samples.png",
        "training-curves.png",
        *OF_PLANE,
        *OF_LABELS,
    }
    sampled = run("sample", "out/conv-vae.safetensors", "-n", "3", "--out", "x.npy", "--out", "x.png", *NUMPY[:2])
    assert sampled.exit_code == 0
    assert np.load("x.npy").shape == (3, 72)


def test_weights_of_colour_images_are_not_drawn(colours: Dataset, run: Run) -> None:
    result = run("train", "autoencoder", "--hidden", "20", "--epochs", "1", "--out", "out", *NUMPY)
    assert (result.exit_code, result.stderr) == (0, "")
    assert not Path("out/filters.png").exists()
    assert not FAMILIES["RBM"].pictures["filters.png"].suits(None, colours)
    assert not FAMILIES["LinearGaussianModel"].pictures["components.png"].suits(None, colours)


# ---------------------------------------------------------------------------------------------------------- evaluating


@both
def test_evaluate_prints_the_bound_and_log_p(kind: str, train: Train, run: Run) -> None:
    train(kind)
    limit = ("--limit", "80", "--samples", "20")
    result = run("evaluate", f"out/{kind}.safetensors", *limit, *NUMPY)
    assert (result.exit_code, result.stderr) == (0, "")
    vae, x = _saved(kind), sg.datasets.load("digits").x_test[:80]
    x = vae.streams["sampling"].bernoulli(x) if kind == "iwae" else x
    terms = _printed(result.stdout)
    assert terms["ELBO"] == pytest.approx(vae.elbo(x).mean(), abs=0.0051)
    assert terms["log p(x), 20 samples"] == pytest.approx(vae.log_likelihood(x, 20).mean(), abs=0.0051)
    assert math.isfinite(terms["KL"])
