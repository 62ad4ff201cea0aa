from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import plots

from .conftest import Run


def _draw(run: Run, weights: Path, *options: str) -> np.ndarray:
    result = run("sample", weights, "--out", "x.npy", "--backend", "numpy", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    return np.load("x.npy")


def test_the_number_of_images_is_the_one_asked_for(trained: Path, run: Run) -> None:
    assert _draw(run, trained).shape == (64, 64)
    assert _draw(run, trained, "-n", "5").shape == (5, 64)


def test_means_lie_between_and_draws_are_zero_or_one(trained: Path, run: Run) -> None:
    mean, draw = _draw(run, trained, "--mean"), _draw(run, trained, "--draw")
    assert mean.min() > 0
    assert mean.max() < 1
    assert set(np.unique(draw)) == {0.0, 1.0}


def test_a_seed_chooses_the_images(trained: Path, run: Run) -> None:
    first, again, other = (_draw(run, trained, "--seed", seed) for seed in ("1", "1", "2"))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_a_seed_the_images_are_the_models_next(trained: Path, run: Run) -> None:
    np.testing.assert_array_equal(_draw(run, trained, "-n", "3"), sg.load(trained, "numpy").sample(3, mean=True))


def test_two_names_give_two_files(trained: Path, run: Run) -> None:
    result = run("sample", trained, "--out", "new/a.png", "--out", "new/a.npy", "--backend", "numpy")
    assert result.stdout.count("wrote") == 2
    assert Path("new/a.png").read_bytes().startswith(b"\x89PNG")
    assert np.load("new/a.npy").shape == (64, 64)


def test_the_picture_is_called_samples_png_by_default(trained: Path, run: Run) -> None:
    run("sample", trained, "--backend", "numpy")
    assert Path("samples.png").read_bytes().startswith(b"\x89PNG")


def test_images_that_are_not_square_need_a_shape(run: Run) -> None:
    sg.VAE(n_visible=6, hidden=(3,), n_latent=2, backend="numpy").save("six.safetensors")
    sample = ("sample", "six.safetensors", "--backend", "numpy")
    assert "has 6 numbers an image and no square image does: give height and width" in run(*sample).error
    assert "has 6 numbers an image and 2 x 2 images do not" in run(*sample, "--shape", "2x2").error
    assert "and 2 x 2 x 3 images do not" in run(*sample, "--shape", "2x2x3").error
    assert run(*sample, "--shape", "2x3").exit_code == 0
    assert run(*sample, "--out", "x.npy").exit_code == 0  # an array needs none


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return a list that will have the shape of each image that is drawn."""
    shapes: list[tuple[int, ...]] = []
    original = plots.image_grid
    monkeypatch.setattr(plots, "image_grid", lambda x, shape: shapes.append(shape) or original(x, shape))
    return shapes


def test_a_shape_with_channels_draws_colours(drawn: list[tuple[int, ...]], run: Run) -> None:
    sg.VAE(n_visible=48, hidden=(3,), n_latent=2, backend="numpy").save("colours.safetensors")
    sample = ("sample", "colours.safetensors", "--backend", "numpy")
    assert run(*sample, "--shape", "4x4x3").exit_code == 0
    assert run(*sample, "--shape", "6x8x1").exit_code == 0
    assert drawn == [(4, 4, 3), (6, 8, 1)]


def test_a_convolutional_model_knows_the_shape_of_its_images(drawn: list[tuple[int, ...]], run: Run) -> None:
    for image_shape in ((4, 4, 3), (2, 8)):
        sg.ConvVAE(image_shape, channels=(2,), n_dense=3, backend="numpy").save("conv.safetensors")
        assert run("sample", "conv.safetensors", "--backend", "numpy").exit_code == 0
    assert drawn == [(4, 4, 3), (2, 8)]


@pytest.mark.parametrize("shape", ["-8x-8", "0x0"])
def test_sides_of_an_image_are_positive(shape: str, trained: Path, run: Run) -> None:
    assert "--shape takes height x width" in run("sample", trained, f"--shape={shape}", "--backend", "numpy").error
