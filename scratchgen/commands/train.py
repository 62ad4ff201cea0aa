"""``scratchgen train``: train a model on a data set and leave weights, history and pictures in a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchgen import datasets
from scratchgen.checkpoint import load
from scratchgen.commands.announcements import announce_backend
from scratchgen.commands.evaluate import print_costs, print_errors
from scratchgen.commands.families import family_of
from scratchgen.commands.folders import interruptible, prepare_folder, print_contents
from scratchgen.commands.labels import LabelChoice, check_same_labels, labels_beside
from scratchgen.commands.options import Evaluation, Fit, Run
from scratchgen.commands.pictures import save_pictures
from scratchgen.commands.terms import print_terms
from scratchgen.datasets import Dataset
from scratchgen.errors import InputError
from scratchgen.labels import Labelled
from scratchgen.models.model import Model
from scratchgen.optim import Optimizer

N_LABELLED = 1000  # labelled examples whose predictions are counted


def features_of(data: Dataset) -> dict[str, Any]:
    """Return the setting that a model without a sense of images needs to know of its data."""
    return {"n_visible": data.x_train.shape[1]}


def train_model(
    run: Run,
    model_class: Callable[..., Any],
    settings: Mapping[str, Any],
    optimizer: Optimizer,
    evaluation: Evaluation,
    settings_for: Callable[[Dataset], Mapping[str, Any]] = features_of,
    prepare: Callable[[Any], None] = lambda model: None,
    labels: LabelChoice | None = None,
    **fit_options: Any,
) -> None:
    """Train a model; print what the test images cost, and leave the files of the run.

    Parameters
    ----------
    run : Run
    model_class : callable
        Makes the model from all settings, seed, dtype and backend.
    settings : mapping
    optimizer : Optimizer
    evaluation : Evaluation
        How closely to look at the test examples.
    settings_for : callable, optional
        Takes the data; returns the settings that depend on them, by default n_visible.
    prepare : callable, optional
        Called with a model that begins its training.
    labels : LabelChoice, optional
        Of a model that learns from labels: which it is told.
    **fit_options
        Of the model's own ``fit``.

    Raises
    ------
    InputError
        Bad settings, data or folder: before training begins.
    TrainingError
        The loss became NaN or infinite.
    """
    data, model = _begin(run, model_class, settings, settings_for)
    prepare(model)
    training, validation = _examples(data, labels)
    weights = _weights(run)
    if run.resume:
        model = _saved(weights, model, run.epochs)
        if labels is not None:
            check_same_labels(labels_beside(weights), labels.of(data))
    elif weights.exists():
        if not run.overwrite:
            raise InputError(f"{weights} exists: --resume continues that run, --overwrite replaces it")
        weights.unlink()

    if labels is not None:
        np.save(labels_beside(weights), labels.of(data))
    _announce(model, data, training)
    with interruptible(weights, advice="; the same command with --resume continues"):
        model.fit(
            training,
            epochs=run.epochs - model.epoch,
            batch_size=run.batch_size,
            optimizer=optimizer,
            validation=validation,
            checkpoint=weights,
            checkpoint_every=run.checkpoint_every,
            progress=not run.quiet,
            **fit_options,
        )
        model.history.to_csv(run.out / "history.csv")
        if isinstance(training, Labelled):
            _print_errors(model, data, training)
        print_costs(model, data, f"\n{len(data.x_test):,} test {data.example}s", evaluation, progress=not run.quiet)
        files = {weights.name: "the model and the whole state of its training"}
        files |= {"history.csv": "the terms of the loss, epoch by epoch"}
        if labels is not None:
            files[labels_beside(weights).name] = "the labels that the model was told, -1 for the others"
        files |= save_pictures(model, data, run.out)
    print_contents(run.out, files)
    if family_of(model).sample is not None:  # it has a p(x)
        if family_of(model).normalised:
            print(f"\nlog p(x) of the test {data.example}s: scratchgen evaluate {weights} --data {data.name}")
        else:
            print(f"\nnew {data.example}s: scratchgen sample {weights}")


def fit_in_closed_form(run: Fit, model_class: Callable[..., Any], settings: Mapping[str, Any]) -> None:
    """Fit a model whose ``fit`` takes no steps; print what training and test images cost, and leave the files.

    Raises
    ------
    InputError
        Bad settings, data or folder.
    """
    data, model = _begin(run, model_class, settings)
    model.check_can_fit()
    weights = _weights(run)
    if weights.exists() and not run.overwrite:
        raise InputError(f"{weights} exists: --overwrite replaces it")

    _announce(model, data, data.x_train)
    model.fit(data.x_train)
    model.save(weights)
    parts = {"training": data.x_train, "test": data.x_test}
    found = {part: family_of(model).held_out(model, x, Evaluation(), False) for part, x in parts.items()}
    print(f"\nnats per {data.example}, mean ± standard error over the {data.example}s")
    print_terms({f"{part} {data.example}s": held_out.terms for part, held_out in found.items()})
    for remark in found["test"].remarks:
        print(remark)
    print_contents(run.out, {weights.name: "the model"} | save_pictures(model, data, run.out))


def _begin(
    run: Run | Fit,
    model_class: Callable[..., Any],
    settings: Mapping[str, Any],
    settings_for: Callable[[Dataset], Mapping[str, Any]] = features_of,
) -> tuple[Dataset, Any]:
    """Return the data and a new model for them."""
    backend = announce_backend(run.backend)
    data = datasets.load(run.data)
    return data, model_class(**settings_for(data), **settings, seed=run.seed, dtype=run.dtype, backend=backend)


def _weights(run: Run | Fit) -> Path:
    """Return the name of the weights file, in a folder that can be written to."""
    prepare_folder(run.out)
    return run.out / f"{run.model}.safetensors"


def _examples(data: Dataset, labels: LabelChoice | None) -> tuple[Any, Any]:
    """Return the examples to train on and those to validate with, as the model takes them."""
    return (data.x_train, data.x_test) if labels is None else (labels.examples(data), (data.x_test, data.y_test))


def _announce(model: Model, data: Dataset, training: Any) -> None:
    told = f", {training.n_labelled:,} of them labelled" if isinstance(training, Labelled) else ""
    print(f"{family_of(model).describe(model)}, on {len(training):,} {data.example}s of {data.name}{told}")


def _print_errors(model: Any, data: Dataset, training: Labelled) -> None:
    """Print how many of the test examples and of the labelled ones are classified rightly."""
    n = min(training.n_labelled, N_LABELLED)
    which = "labelled" if n == training.n_labelled else f"of {training.n_labelled:,} labelled"
    of_labels = f"{n:,} {which} {data.example}s"
    assert data.y_test is not None  # else there was no choice of labels
    print()
    print_errors(
        model,
        {
            f"{len(data.x_test):,} test {data.example}s": (data.x_test, data.y_test),
            of_labels: (training.x[:n], training.y[:n]),
        },
    )


def _saved(weights: Path, asked: Model, epochs: int) -> Model:
    """Return the model in `weights`, if it is the one that was asked for and has epochs to go."""
    saved: Model = load(weights, asked.backend)
    if type(saved) is not type(asked):
        raise InputError(f"{weights} holds a model of another kind, {type(saved).__name__}: choose another --out")
    of_saved, of_asked = (family_of(asked).options(model) for model in (saved, asked))
    for name, value in of_asked.items():
        if of_saved[name] != value:
            raise InputError(
                f"{weights} was trained with {name} {of_saved[name]!r}, not {value!r}: "
                "resume a run with the options that it began with"
            )
    if saved.epoch >= epochs:
        raise InputError(f"{weights} has been trained for {saved.epoch} epochs: ask for more by --epochs")
    return saved
