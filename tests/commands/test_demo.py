from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import scratchgen as sg
from scratchgen.check import PieceReport
from scratchgen.commands import gradcheck
from scratchgen.commands.families import FAMILIES

from .conftest import SCRATCHGEN, Run

WEIGHTS = ("vae.safetensors", "vae-2d.safetensors")
OF_RBM = {"rbm.safetensors", "rbm-history.csv", *(f"rbm-{name}" for name in FAMILIES["RBM"].pictures)}


def test_the_demo_from_end_to_end(tmp_path: Path) -> None:
    options = ("--epochs", "2", "--out", str(tmp_path), "--backend", "numpy", "--seed", "5")
    command = [*SCRATCHGEN, "demo", *options]  # in this process types are checked: slow
    demo = subprocess.run(command, capture_output=True, text=True, check=True)
    files = {*WEIGHTS, "history.csv", "history-2d.csv", *FAMILIES["VAE"].pictures} | OF_RBM
    assert {path.name for path in tmp_path.iterdir()} == files
    assert all(f"  {name} " in demo.stdout for name in files)
    assert "reconstruction" in demo.stdout
    assert "log p(x), 1,000 samples" in demo.stdout
    assert "VAE learned sigma" in demo.stdout  # a line of the table of gradient checks
    assert "46/46" in demo.stderr  # steps: two epochs of 23
    assert "free energy" in demo.stdout
    for name, n_latent in zip(WEIGHTS, (10, 2), strict=True):
        vae = sg.load(tmp_path / name)
        assert (vae.n_latent, vae.epoch, vae.seed) == (n_latent, 2, 5)
    rbm = sg.load(tmp_path / "rbm.safetensors")
    assert (rbm.epoch, rbm.seed, rbm.optimizer.learning_rate(rbm.step)) == (8, 5, 0.0)


def test_nothing_is_trained_while_a_gradient_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = PieceReport("wrong", "", 1.0, "1.00", False, "")
    monkeypatch.setattr(gradcheck.check, "run", lambda pattern, backend: iter([wrong]))
    assert run("demo", "--out", "out", "--backend", "numpy").exit_code == 1
    assert not list(Path("out").iterdir())


def test_a_folder_that_cannot_be_written_is_found_first(run: Run) -> None:
    Path("file").touch()
    assert "file is not a folder" in run("demo", "--out", "file", "--backend", "numpy").error
