"""The command line in this process: what it prints, how it ends, and a small trained model for it to read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import scratchgen as sg
from scratchgen.cli import main

SCRATCHGEN = (sys.executable, "-P", "-m", "scratchgen")  # as a process
TINY = ("--hidden", "8", "--latent", "2", "--backend", "numpy", "--quiet")  # nothing to compile


class Result(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """What an error says; it is one line, and nothing else is on stderr."""
        assert self.exit_code == 2
        assert self.stderr.startswith("scratchgen: error: ")
        assert self.stderr.count("\n") == 1
        return self.stderr


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        assert isinstance(end.value.code, int)
        return Result(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights of a small VAE that has seen the digits twice."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.raises(SystemExit, match="0"):
        main(["train", "vae", *TINY, "--epochs", "2", "--out", str(folder)])
    return folder / "vae.safetensors"


@pytest.fixture(scope="session")
def trained_rbm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights of an RBM too large to be enumerated that has seen the digits twice."""
    path = tmp_path_factory.mktemp("trained-rbm") / "rbm.safetensors"
    rbm = sg.RBM(64, 30, binarise=True, backend="numpy")
    rbm.fit(sg.datasets.load("digits").x_train, epochs=2, method="pcd", progress=False)
    rbm.save(path)
    return path
