"""What the commands say of a VAE whose latent variables are not in use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.commands.families.vae import remarks_on_activity
from scratchgen.datasets import Dataset

from .conftest import Run

NONE = "warning: none of the 3 latent variables is in use"
OPTIONS = {
    "vae": ("--hidden", "4"),
    "iwae": ("--hidden", "4", "--draws", "2"),
    "conv-vae": ("--channels", "2", "--dense", "4"),
    "cvae": ("--hidden", "4"),
    "m1": ("--hidden", "4", "--labels", "4"),
    "m2": ("--hidden", "4", "--labels", "4"),
    "pc-vae": ("--hidden", "4", "--labels", "4"),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_training_that_uses_no_latent_variable_says_so(kind: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = np.ones((40, 64), dtype=np.float32), np.arange(40) % 2  # images of which there is nothing to tell
    data = Dataset("greys", x[:30], labels[:30], x[30:], labels[30:], (8, 8), ("even", "odd"))
    monkeypatch.setattr("scratchgen.datasets.load", lambda name: data)
    monkeypatch.setattr("scratchgen.commands.train.save_pictures", lambda model, data, folder: {})
    options = ("--latent", "3", "--epochs", "1", "--backend", "numpy", "--quiet", "--out", "out")
    result = run("train", kind, *OPTIONS[kind], *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert NONE in result.stdout


def test_evaluation_says_so_too(run: Run, trained: Path) -> None:
    limits = ("--samples", "2", "--limit", "50", "--backend", "numpy", "--quiet")
    assert "warning" not in run("evaluate", trained, *limits).stdout
    vae = sg.load(trained, "numpy")
    vae.params.heads.mean.W[...] = 0  # so that the mean of q(z|x) does not depend on x
    vae.save("dead.safetensors")
    assert NONE.replace("3", "2") in run("evaluate", "dead.safetensors", *limits).stdout


@pytest.mark.parametrize(
    ("n_active", "n_latent", "remark"),
    [
        (0, 1, "none of the 1 latent variables is"),
        (1, 1, ""),
        (0, 2, "none of the 2 latent variables is"),
        (1, 2, "only 1 of the 2 latent variables is"),
        (2, 2, ""),
        (1, 20, "only 1 of the 20 latent variables is"),
        (2, 20, ""),
        (4, 50, "only 4 of the 50 latent variables are"),
        (5, 50, ""),
    ],
)
def test_fewer_than_two_or_a_tenth_of_them_are_few(n_active: int, n_latent: int, remark: str) -> None:
    mean = np.zeros((8, n_latent))
    mean[::2, :n_active] = 1
    remarks = remarks_on_activity(mean)
    assert len(remarks) == bool(remark)
    assert all(text.startswith(f"warning: {remark} in use") for text in remarks)
