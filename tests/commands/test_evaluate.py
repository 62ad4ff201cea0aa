from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import scratchgen as sg
from scratchgen.commands.families import FAMILIES, family_of
from scratchgen.commands.terms import estimate

from .conftest import TINY, Run

NUMBER = r"(-?[\d.]+) ± ([\d.]+)"


def _terms(text: str) -> dict[str, tuple[float, float]]:
    rows = re.findall(rf"^(\S.*?) +{NUMBER}$", text, re.MULTILINE)
    return {name: (float(mean), float(error)) for name, mean, error in rows}


def test_standard_error_is_that_of_the_mean() -> None:
    assert estimate(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx((2.5, math.sqrt(5 / 3) / 2))


def test_models_are_described_by_their_layers() -> None:
    dense = sg.VAE(6, (5, 4), 2, decoder_hidden=(3,), backend="numpy")
    assert family_of(dense).describe(dense) == "VAE: encoder 6-5-4-2, decoder 2-3-6, bernoulli likelihood"
    convolutional = sg.ConvVAE((8, 8), channels=(3, 4), n_dense=5, backend="numpy")
    assert family_of(convolutional).describe(convolutional) == (
        "ConvVAE: encoder 8×8×1-conv 3-conv 4-5-2, decoder 2-2×2×4-transposed 4-transposed 3-8×8×1, "
        "bernoulli likelihood"
    )
    for sigma, words in ((1.0, "sigma 1"), ("learned", "sigma learned")):
        gaussian = sg.VAE(6, (5,), 2, likelihood="gaussian", sigma=sigma, backend="numpy")
        assert family_of(gaussian).describe(gaussian).endswith(f"decoder 2-5-6, gaussian likelihood, {words}")


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_learned_sigma_is_told_and_one_that_was_given_is_not_told_twice(command: str, run: Run) -> None:
    train = ("train", "vae", *TINY, "--epochs", "1", "--likelihood", "gaussian", "--overwrite", "--out", "out")
    for sigma, times in (("learned", 1), ("0.5", 0)):
        result = run(*train, "--sigma", sigma)
        vae = sg.load("out/vae.safetensors", "numpy")
        if command == "evaluate":
            result = run("evaluate", "out/vae.safetensors", "--samples", "0", "--backend", "numpy")
        assert f"gaussian likelihood, sigma {sigma}, " in result.stdout
        learned = float(np.exp(vae.params.log_sigma[0])) if sigma == "learned" else 0.5
        assert result.stdout.count(f"sigma is {learned:.3g}\n") == times


def test_terms_are_those_of_the_library(trained: Path, run: Run) -> None:
    result = run("evaluate", trained, "--samples", "50", "--backend", "numpy", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    vae, x = sg.load(trained, "numpy"), sg.datasets.load("digits").x_test
    elbo = vae.elbo(x)
    log_likelihood = np.concatenate([vae.log_likelihood(x[i : i + 100], 50) for i in range(0, len(x), 100)])
    terms = _terms(result.stdout)
    assert list(terms) == ["reconstruction", "KL", "ELBO", "log p(x), 50 samples"]
    for name, values in {"ELBO": elbo, "log p(x), 50 samples": log_likelihood}.items():
        expected = values.mean(), values.std(ddof=1) / math.sqrt(len(x))
        assert terms[name] == pytest.approx(expected, abs=0.0051)
    assert terms["reconstruction"][0] + terms["KL"][0] == pytest.approx(-terms["ELBO"][0], abs=0.011)


def test_more_samples_bring_log_p_nearer_from_below(trained: Path, run: Run) -> None:
    def log_p(n_samples: int) -> float:
        text = run("evaluate", trained, "--samples", str(n_samples), "--limit", "100", "--backend", "numpy").stdout
        return _terms(text)[f"log p(x), {n_samples} samples"][0]

    assert log_p(1) < log_p(200)


def test_without_samples_there_is_the_bound_alone(trained: Path, run: Run) -> None:
    text = run("evaluate", trained, "--samples", "0", "--backend", "numpy").stdout
    assert list(_terms(text)) == ["reconstruction", "KL", "ELBO"]


def test_a_limited_evaluation_says_so(trained: Path, run: Run) -> None:
    text = run("evaluate", trained, "--samples", "1", "--limit", "20", "--backend", "numpy").stdout
    assert "digits: 20 test images (the first of 355)" in text


def test_the_progress_bar_counts_images_unless_quiet(trained: Path, run: Run) -> None:
    evaluate = ("evaluate", trained, "--samples", "1", "--limit", "20", "--backend", "numpy")
    assert "20/20" in run(*evaluate).stderr
    assert run(*evaluate, "--quiet").stderr == ""


def test_another_data_set_is_refused_with_the_names_of_those_that_fit(trained: Path, run: Run) -> None:
    result = run("evaluate", trained, "--data", "bars-and-stripes", "--backend", "numpy")
    assert "is a model of 64 pixels, bars-and-stripes has 16: choose --data digits" in result.error


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "foreign"])
@pytest.mark.parametrize("command", ["evaluate", "sample"])
def test_a_file_that_is_no_weights_file_is_named_and_left_alone(
    damage: str, command: str, trained: Path, run: Run
) -> None:
    file, whole = Path("damaged.safetensors"), trained.read_bytes()
    if damage == "foreign":
        save_file({"weight": np.zeros(3, np.float32)}, file)
    else:
        file.write_bytes({"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"weights, honestly"}[damage])
    before = file.read_bytes()
    assert "damaged.safetensors" in run(command, file, "--backend", "numpy").error
    assert file.read_bytes() == before


def test_a_model_that_the_commands_do_not_know_is_refused_by_its_name(
    trained: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(FAMILIES, "VAE")
    assert "not VAE: load such a file in Python" in run("evaluate", trained, "--backend", "numpy").error
