"""``scratchgen train``: train a model on a data set and leave weights, history and pictures in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchgen import datasets
from scratchgen.checkpoint import load
from scratchgen.commands.announcements import announce_backend
from scratchgen.commands.evaluate import describe
from scratchgen.commands.folders import interruptible, prepare_folder, print_contents
from scratchgen.commands.pictures import save_pictures
from scratchgen.commands.terms import bound_terms, print_terms
from scratchgen.datasets import Dataset
from scratchgen.errors import InputError
from scratchgen.models.vae import VAE
from scratchgen.optim import Adam


@dataclass(frozen=True)
class Run:
    """How to train, whatever the model.

    Attributes
    ----------
    data : str
        The name of a data set.
    out : Path
        The folder for the files.
    epochs : int
        Passes over the data in all, those before an interruption included.
    resume : bool
        Continue from the weights in `out`.
    overwrite : bool
        Replace the weights in `out`.
    """

    data: str
    out: Path
    epochs: int
    batch_size: int
    learning_rate: float
    checkpoint_every: int
    backend: str
    resume: bool
    overwrite: bool
    progress: bool


def run_vae(run: Run, **settings: Any) -> None:
    """Train a VAE with these settings; print what the test images cost, and leave the files of the run.

    Raises
    ------
    InputError
        Bad settings, data or folder: before training begins.
    TrainingError
        The loss became NaN or infinite.
    """
    backend = announce_backend(run.backend)
    data = datasets.load(run.data)
    vae = VAE(n_visible=data.x_train.shape[1], **settings, backend=backend)
    optimizer = Adam(run.learning_rate)
    prepare_folder(run.out)
    weights = run.out / "vae.safetensors"
    if run.resume:
        vae = _saved(weights, vae, run.epochs)
    elif weights.exists():
        if not run.overwrite:
            raise InputError(f"{weights} exists: --resume continues that run, --overwrite replaces it")
        weights.unlink()

    print(f"{describe(vae)}, on {len(data.x_train):,} images of {data.name}")
    with interruptible(weights, advice="; the same command with --resume continues"):
        _fit(vae, data, optimizer, weights, run)
        vae.history.to_csv(run.out / "history.csv")
        print(f"\n{len(data.x_test):,} test images; nats per image, mean ± standard error over the images")
        print_terms({"": bound_terms(vae, data.x_test)})
        files = {weights.name: "the model and the whole state of its training"}
        files |= {"history.csv": "the terms of the loss, epoch by epoch"} | save_pictures(vae, data, run.out)
    print_contents(run.out, files)
    print(f"\nlog p(x) of the test images: scratchgen evaluate {weights} --data {data.name}")


def _fit(vae: VAE, data: Dataset, optimizer: Adam, weights: Path, run: Run) -> None:
    vae.fit(
        data.x_train,
        epochs=run.epochs - vae.epoch,
        batch_size=run.batch_size,
        optimizer=optimizer,
        validation=data.x_test,
        checkpoint=weights,
        checkpoint_every=run.checkpoint_every,
        progress=run.progress,
    )


def _saved(weights: Path, asked: VAE, epochs: int) -> VAE:
    """Return the model in `weights`, if it is the one that was asked for and has epochs to go."""
    saved: VAE = load(weights, asked.backend)
    for name, value in asked.settings.items():
        if saved.settings[name] != value:
            raise InputError(
                f"{weights} was trained with {name} {saved.settings[name]!r}, not {value!r}: "
                "resume a run with the options that it began with"
            )
    if saved.epoch >= epochs:
        raise InputError(f"{weights} has been trained for {saved.epoch} epochs: ask for more by --epochs")
    return saved
