"""``train ebm``, and what `evaluate` and `sample` make of its weights."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import scratchgen as sg

from .conftest import Run

SMALL = ("--data", "bars-and-stripes", "--hidden", "5", "--steps", "2", "--buffer", "20", "--backend", "numpy")
RUN = ("train", "ebm", *SMALL, "--quiet", "--epochs", "1", "--out", "out")
FILES = {"ebm.safetensors", "history.csv", "chains.png", "energies.png", "energy-curves.png", "training-curves.png"}


def test_a_run_leaves_its_files_and_prints_energies_of_images_and_of_what_is_none(run: Run) -> None:
    result = run(*RUN)
    assert (result.exit_code, result.stderr) == (0, "")
    assert {path.name for path in Path("out").iterdir()} == FILES
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("out").glob("*.png"))
    assert re.findall(r"^energy of (.+?) {2,}", result.stdout, re.MULTILINE) == [
        "test images",
        "the same inverted",
        "uniform noise",
    ]
    assert (
        result.stdout.splitlines()[-1] == "new images: scratchgen sample out/ebm.safetensors"
    )  # log p(x) is not known


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scratchgen.commands.train.save_pictures", lambda model, data, folder: {})


@pytest.mark.usefixtures("no_pictures")
def test_options_reach_the_model(run: Run) -> None:
    options = (
        "--activation tanh --input-scale 3 --regularisation 0.1 --reinitialised 0.2 --data-noise 0.3 --step-size 0.02 "
        "--temperature 0.5 --max-gradient 0.7 --max-norm 4 --learning-rate 0.01 --decay-steps 9 --seed 3"
    )
    run(*RUN, *options.split())
    model = sg.load("out/ebm.safetensors")
    assert model.hidden == (5,)
    assert (model.activation, model.input_scale, model.max_norm) == ("tanh", 3.0, 4.0)
    assert model.loss == sg.Contrastive(regularisation=0.1, buffer_size=20, reinitialised=0.2, data_noise=0.3)
    assert model.dynamics == sg.Langevin(n_steps=2, step_size=0.02, temperature=0.5, max_gradient=0.7)
    assert model.optimizer == sg.Adam(sg.schedules.LinearDecay(9, start=0.01))
    assert (model.settings["seed"], model.epoch) == (3, 1)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.filterwarnings("always::scratchgen.TemperatureWarning")
def test_noise_is_as_given_or_that_of_the_temperature_and_a_pair_that_does_not_match_is_announced(
    run: Run,
) -> None:
    run(*RUN)
    assert sg.load("out/ebm.safetensors").dynamics == sg.Langevin(n_steps=2, step_size=2e-3, temperature=1.0)
    of_images = ("--step-size", "10", "--noise", "0.005", "--max-gradient", "0.03", "--order", "noise-before-gradient")
    result = run(*RUN, *of_images, "--out", "images")
    assert (result.exit_code, result.stderr) == (0, "")
    dynamics = sg.load("images/ebm.safetensors").dynamics
    assert dynamics == sg.Langevin(2, 10.0, None, noise=0.005, max_gradient=0.03, order="noise-before-gradient")
    assert dynamics.effective_temperature == pytest.approx(1.25e-6)
    announced = run(*RUN, "--step-size", "0.1", "--noise", "0.1", "--temperature", "1", "--out", "announced")
    assert announced.exit_code == 0
    assert "warning: step_size 0.1 and noise 0.1 sample at temperature 0.05, not 1" in announced.stderr


@pytest.mark.usefixtures("no_pictures")
def test_weights_can_be_evaluated_sampled_and_trained_further(run: Run) -> None:
    run(*RUN, "--loss", "score-matching", "--data-noise", "0.2")
    assert sg.load("out/ebm.safetensors").loss == sg.ScoreMatching(0.2)
    assert run("evaluate", "out/ebm.safetensors", "--data", "bars-and-stripes").exit_code == 0
    assert run("sample", "out/ebm.safetensors", "-n", "3", "--steps", "5", "--out", "x.npy").exit_code == 0
    assert np.load("x.npy").shape == (3, 16)
    again = run(*RUN, "--loss", "score-matching", "--data-noise", "0.2", "--epochs", "2", "--resume")
    assert again.exit_code == 0
    assert sg.load("out/ebm.safetensors").epoch == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--loss", "nce"), "--loss must be one of 'contrastive', 'score-matching', got 'nce'"),
        (("--activation", "relu"), "the activation of an energy must be smooth"),
        (("--step-size", "-1"), "step_size"),
        (("--noise", "-1"), "noise must be a finite number >= 0"),
        (("--order", "noise-first"), "order must be one of 'noise-after-gradient', 'noise-before-gradient'"),
        (("--data-noise", "0", "--loss", "score-matching"), "sigma"),
        (("--hidden", "a"), "--hidden takes layer widths"),
    ],
)
def test_bad_options_are_one_clear_line(options: tuple[str, ...], message: str, run: Run) -> None:
    result = run(*RUN, *options)
    assert result.exit_code == 2
    assert message in result.error
    assert not Path("out/ebm.safetensors").exists()


# ---- convolutions ----

CONVOLUTIONAL = tuple(option for option in RUN if option not in ("--hidden", "5"))


@pytest.mark.usefixtures("no_pictures")
def test_an_image_data_set_gives_a_convolutional_energy_its_shape(run: Run) -> None:
    result = run(*CONVOLUTIONAL, "--channels", "2,3", "--dense", "4")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "energy-based model: 4×4×1-conv 2-conv 3-4-1, swish" in result.stdout
    model = sg.load("out/ebm.safetensors")
    assert isinstance(model, sg.ConvEnergyModel)
    assert (model.image_shape, model.channels, model.n_dense, model.settings["box"]) == ((4, 4), (2, 3), 4, (0.0, 1.0))
    assert run("evaluate", "out/ebm.safetensors", "--data", "bars-and-stripes").exit_code == 0
    assert run("sample", "out/ebm.safetensors", "-n", "3", "--steps", "5", "--out", "x.png").exit_code == 0
    again = run(*CONVOLUTIONAL, "--channels", "2,3", "--dense", "4", "--epochs", "2", "--resume")
    assert again.exit_code == 0
    other = run(*CONVOLUTIONAL, "--channels", "2,2", "--dense", "4", "--epochs", "2", "--resume")
    assert "was trained with channels (2, 3), not (2, 2)" in other.error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dense", "4"), "--dense is the layer after convolutions"),
        (("--channels", "2,3", "--hidden", "4"), "--hidden is for an energy without convolutions"),
        (("--channels", "a"), "--channels takes numbers of maps"),
        (("--channels", "2,3", "--data", "rings"), "rings holds points of the plane, not images"),
    ],
)
def test_options_of_convolutions_that_do_not_fit_are_one_clear_line(
    options: tuple[str, ...], message: str, run: Run
) -> None:
    assert message in run(*CONVOLUTIONAL, *options).error
    assert not Path("out/ebm.safetensors").exists()


# ---- points of the plane ----

POINTS = ("--data", "double-well", "--hidden", "4", "--steps", "1", "--buffer", "9", "--backend", "numpy", "--quiet")


def test_points_are_trained_on_and_drawn_beside_the_truth(run: Run) -> None:
    result = run("train", "ebm", *POINTS, "--epochs", "1", "--batch-size", "5000", "--out", "out")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "on 20,000 points of double-well" in result.stdout
    assert "4,000 test points; nats per point" in result.stdout
    assert re.findall(r"^energy of (.+?) {2,}", result.stdout, re.MULTILINE) == ["test examples", "uniform noise"]
    pictures = {"landscape.png", "paths.png", "points.png", "energies.png", "energy-curves.png", "training-curves.png"}
    assert {path.name for path in Path("out").glob("*.png")} == pictures
    data, (low, high) = sg.datasets.load("double-well"), sg.load("out/ebm.safetensors").settings["box"]
    assert low < min(data.x_train.min(), data.x_test.min())
    assert high > max(data.x_train.max(), data.x_test.max())
    drawn = run("sample", "out/ebm.safetensors", "-n", "3", "--steps", "2", "--out", "x.png", "--backend", "numpy")
    assert drawn.stdout.splitlines()[-1].startswith("wrote x.png: 3 points, ")
    assert Path("x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("no_pictures")
def test_what_is_not_given_depends_on_the_data(run: Run) -> None:
    def trained(*options: str) -> sg.EnergyModel:
        result = run("train", "ebm", *options, "--backend", "numpy", "--quiet", "--epochs", "1", "--overwrite")
        assert (result.exit_code, result.stderr) == (0, "")
        model = sg.load("runs/ebm/ebm.safetensors")
        assert isinstance(model, sg.EnergyModel)
        return model

    points = trained("--data", "double-well", "--batch-size", "5000")
    assert (points.hidden, points.input_scale, points.loss) == ((128, 128), 3.0, sg.ScoreMatching(0.1))
    images = trained("--data", "bars-and-stripes", "--buffer", "20")
    assert (images.hidden, images.input_scale) == ((256, 256), 2.0)
    assert images.loss == sg.Contrastive(regularisation=1e-4, buffer_size=20, reinitialised=0.05, data_noise=0.07)
    assert images.dynamics == sg.Langevin(n_steps=30, step_size=2e-3)
    given = ("--loss", "contrastive", "--hidden", "3", "--buffer", "9", "--batch-size", "5000", "--steps", "1")
    contrastive = trained("--data", "double-well", *given)
    assert contrastive.hidden == (3,)
    assert contrastive.loss == sg.Contrastive(regularisation=1e-4, buffer_size=9, reinitialised=0.0, data_noise=0.1)
    assert contrastive.dynamics == sg.Langevin(n_steps=1, step_size=5e-3)


@pytest.mark.parametrize("model", ["vae", "rbm", "autoencoder"])
def test_models_of_intensities_refuse_points(model: str, run: Run) -> None:
    result = run("train", model, "--data", "double-well", "--backend", "numpy", "--quiet", "--out", "out")
    assert "x must lie in [0, 1] for a Bernoulli model" in result.error
    assert not list(Path("out").glob("*.safetensors"))


@pytest.mark.parametrize(
    ("model", "pictures"),
    [
        ("vae", {"training-curves.png", "latent-kl.png", "latent-correlation.png"}),
        ("rbm", {"free-energies.png", "free-energy-gap.png"}),
        ("autoencoder", {"manifold.png", "training-curves.png"}),
    ],
)
def test_gaussian_models_take_points_and_draw_no_images(model: str, pictures: set[str], run: Run) -> None:
    gaussian = ("--visible", "gaussian") if model == "rbm" else ("--likelihood", "gaussian")
    options = ("--data", "double-well", "--hidden", "3", "--backend", "numpy", "--quiet", "--batch-size", "5000")
    result = run("train", model, *gaussian, *options, "--epochs", "1", "--out", "out")
    assert (result.exit_code, result.stderr) == (0, "")
    assert {path.name for path in Path("out").glob("*.png")} == pictures
