"""What `evaluate` and `sample` make of the weights of a restricted Boltzmann machine."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

import scratchgen as sg

from .conftest import Run

NUMPY = ("--backend", "numpy")


def _terms(text: str) -> dict[str, tuple[float, float]]:
    rows = re.findall(r"^(\S.*?) +(-?[\d.]+) ± ([\d.]+)$", text, re.MULTILINE)
    return {name: (float(mean), float(error)) for name, mean, error in rows}


def test_log_p_comes_from_ais_with_its_setting_and_its_error(trained_rbm: Path, run: Run) -> None:
    setting = ("--ais-chains", "40", "--ais-temperatures", "300")
    result = run("evaluate", trained_rbm, *setting, *NUMPY, "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    terms = _terms(result.stdout)
    log_z = "log Z, AIS: 40 chains, 300 temperatures"
    assert list(terms) == ["free energy", "pseudo-log p(x)", log_z, "log p(x) with that log Z"]
    assert terms["log p(x) with that log Z"][0] == pytest.approx(-terms["free energy"][0] - terms[log_z][0], abs=0.011)
    longer = sg.load(trained_rbm, "numpy").annealed_importance_sampling(200, stream=sg.Stream(0, "numpy"))
    assert terms[log_z][0] == pytest.approx(longer.log_partition, abs=4 * terms[log_z][1] + 0.01)
    assert "AIS tends to find log Z too small" in result.stdout


def test_grey_images_are_drawn_as_states_and_that_is_said(trained_rbm: Path, run: Run) -> None:
    result = run("evaluate", trained_rbm, "--ais-chains", "0", *NUMPY)
    assert "grey pixels were drawn as 0 or 1" in result.stdout
    rbm, x = sg.load(trained_rbm, "numpy"), sg.datasets.load("digits").x_test
    states = rbm.streams["sampling"].bernoulli(x)
    values = {"free energy": rbm.free_energy(states), "pseudo-log p(x)": rbm.pseudo_log_likelihood(states)}
    terms = _terms(result.stdout)
    assert terms.keys() == values.keys()
    for name, of_images in values.items():
        expected = of_images.mean(), of_images.std(ddof=1) / math.sqrt(len(x))
        assert terms[name] == pytest.approx(expected, abs=0.0051)


def test_a_costly_pseudo_likelihood_is_that_of_the_first_images(
    trained_rbm: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scratchgen.commands.families.boltzmann._FLIPS", 64 * 30 * 20)
    terms = _terms(run("evaluate", trained_rbm, "--ais-chains", "0", *NUMPY).stdout)
    assert list(terms) == ["free energy", "pseudo-log p(x), first 20 images"]
    rbm, x = sg.load(trained_rbm, "numpy"), sg.datasets.load("digits").x_test
    of_first = rbm.pseudo_log_likelihood(rbm.streams["sampling"].bernoulli(x)[:20])
    assert terms["pseudo-log p(x), first 20 images"][0] == pytest.approx(of_first.mean(), abs=0.0051)


def test_ais_shows_progress_unless_quiet(trained_rbm: Path, run: Run) -> None:
    evaluate = ("evaluate", trained_rbm, "--ais-chains", "2", "--ais-temperatures", "20", *NUMPY)
    assert "20/20" in run(*evaluate).stderr
    assert run(*evaluate, "--quiet").stderr == ""


def _draw(run: Run, weights: Path, *options: str) -> np.ndarray:
    result = run("sample", weights, "--out", "x.npy", *NUMPY, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    return np.load("x.npy")


@pytest.mark.parametrize("mean", [True, False])
def test_samples_are_those_of_the_library(mean: bool, trained_rbm: Path, run: Run) -> None:
    images = _draw(run, trained_rbm, "-n", "5", "--sweeps", "3", "--mean" if mean else "--draw", "--seed", "2")
    rbm = sg.load(trained_rbm, "numpy")
    np.testing.assert_array_equal(images, rbm.sample(5, 3, mean, sg.Stream(2, "numpy")))
    assert set(np.unique(images)) == {0.0, 1.0} or mean


def test_samples_are_told_by_their_sweeps(trained_rbm: Path, run: Run) -> None:
    text = run("sample", trained_rbm, "--sweeps", "2", "--draw", *NUMPY).stdout
    assert "64 images, drawn from p(v|h) after 2 Gibbs sweeps" in text
    assert Path("samples.png").read_bytes().startswith(b"\x89PNG")
