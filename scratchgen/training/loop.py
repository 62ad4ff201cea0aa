"""The training loop of every model here: shuffle, draw noise, loss and gradient, optimiser step."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.environment import describe_environment
from scratchgen.errors import InputError, ReproducibilityWarning
from scratchgen.history import History
from scratchgen.optim import Optimizer
from scratchgen.schedules import value_at
from scratchgen.training.graphs import CapturedStep, Step, training_step
from scratchgen.training.sources import Source
from scratchgen.training.terms import TermRecorder, diverged
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from scratchgen.checkpoint import Saveable
    from scratchgen.models.model import Model

Callback = Callable[[Any], Any]


def fit(
    model: Model,
    x: Any,
    *,
    epochs: int,
    batch_size: int = 128,
    optimizer: Optimizer | None = None,
    validation: Any = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 1,
    checkpoint_of: Saveable | None = None,
    progress: bool = True,
    prepare: Callable[[], None] = lambda: None,
) -> History:
    """Train `model` on `x` and return its history.

    Each epoch visits the examples once, in a fresh random order from the model's shuffling stream; the last batch may
    be short. Training continues from the model's present state: two calls of 5 epochs do what one of 10 does, and
    ``model.reset()`` starts again. A run is reproducible to the bit from its seed on one machine with one number of
    threads, and training stopped after any epoch, saved, loaded and continued equals training that was not stopped.

    A run that ends by an error or by Ctrl-C leaves the model in the midst of an epoch, which neither its epochs nor its
    history count. It can be used as it is; to continue exactly, load the last checkpoint.

    Parameters
    ----------
    x : array (n, n_visible), numpy.memmap, path, OnDisk or callable
        Data that need not fit into memory are one of: a memmap; the path of a folder of .npy files of shapes
        (n_i, n_visible), or of one such file; either of them within `scratchgen.OnDisk`, which can scale the numbers
        and says how much memory shuffling may use; or a function that returns a fresh iterator of arrays, of any number
        of rows each, for each pass. Any real dtype: batches become the model's, and nothing is scaled unasked.
    epochs : int
        Further passes over the data.
    batch_size : int
    optimizer : Adam or SGD, optional
        One that differs from the model's present optimiser replaces it and starts without moments, at step 0 of its
        learning rate. By default the model's own, which is ``Adam(1e-3)`` at first.
    validation : optional
        Data of any kind that `x` may be. Their loss is recorded each epoch. It draws from its own stream: asking for it
        changes nothing else.
    callbacks : sequence of callables
        Each is called with the model after each epoch; training ends after the calls in which one returned True.
    checkpoint : path, optional
        The model is saved there every `checkpoint_every` epochs and at the end. An interrupted run leaves the last one
        whole.
    checkpoint_of : optional
        What is saved there: by default the model; or a larger one, of which `model` is a part.
    progress : bool
        Show a progress bar.
    prepare : callable
        Called once data and options have been found good, before training begins: what a model changes of itself.

    Returns
    -------
    History
        The model's own, with a row for each epoch so far: the means of the terms over the examples, the schedules at
        the epoch's first step, the means over the validation data after it, what else the model monitors, and its
        seconds.

    Raises
    ------
    InputError
        Bad data or options, or a checkpoint that could not be written: before training begins, where it can be seen.
    TrainingError
        A term of the loss or a parameter became NaN or infinite: the message has the step, the terms, and the last
        checkpoint, which was written before that.

    Warns
    -----
    ReproducibilityWarning
        The model was trained so far with another matrix library, core type or number of threads.
    BackendWarning
        CUDA graphs were asked for (``SCRATCHGEN_CUDA_GRAPHS=1``) and cannot be had: the message says why.

    Notes
    -----
    Files are read, checked and brought to the model's backend by a background thread that ends with the pass, at most
    four batches ahead; a bad number is found when its batch is, and the error names file and row. They are shuffled in
    two levels, blocks of rows and then rows within a buffer (`scratchgen.training.disk_source` says what is random in
    that): where the data fit into the buffer, the order is the one that an array is given. Initial values and what a
    model monitors are computed from at most 4,096 rows at equal distances.

    What a function yields is cut and joined to batches in the order in which it comes: to shuffle it, and to repeat it
    exactly when training is resumed, is the function's task. It is called once for each pass, by the thread, and once
    before the first for a sample, the first rows up to 4,096.
    """
    source = model.training_source(x, "x")
    held_out = None if validation is None else model.training_source(validation, "validation")
    check_count("epochs", epochs)
    check_count("checkpoint_every", checkpoint_every)
    if callable(callbacks) or not all(map(callable, callbacks)):
        raise InputError(f"callbacks must be a list of functions of the model, got {callbacks!r}")
    check_count("batch_size", batch_size)
    if optimizer is not None:
        model.use_optimizer(optimizer)
    whole: Any = model if checkpoint_of is None else checkpoint_of
    if checkpoint is not None:
        from scratchgen.checkpoint import check_can_save  # it knows the models, whose base imports this module

        check_can_save(whole, checkpoint)
    prepare()
    _announce_environment(model)
    if model.step == 0:
        model.adapt_to_data_(source.examples())
    last_saved: str | None = None
    step = training_step(model, batch_size)

    n_batches = source.n_batches(batch_size)
    with _progress_bar(progress, None if n_batches is None else epochs * n_batches) as bar:
        for done in range(1, epochs + 1):
            started = time.perf_counter()
            row = _train_epoch(model, source, batch_size, step, last_saved, bar)
            if isinstance(step, CapturedStep):
                step.log_epoch(model.epoch + 1)
            bar.total = bar.total or epochs * bar.n  # known after the first pass, where it was not before
            if held_out is not None:
                row |= {f"validation_{name}": value for name, value in _validate(model, held_out, batch_size).items()}
            with np.errstate(over="ignore", invalid="ignore"):  # where training diverges, the next epoch says so
                row |= model.monitor(source.examples(), None if held_out is None else held_out.examples())
            row["seconds"] = time.perf_counter() - started
            model.epoch += 1
            model.history.append({"epoch": model.epoch} | row)
            bar.set_postfix({name: f"{row[name]:.2f}" for name in model.term_names}, refresh=False)
            stop = any([_is_true(callback(model)) for callback in callbacks])
            if checkpoint is not None and (done % checkpoint_every == 0 or done == epochs or stop):
                whole.save(checkpoint)
                last_saved = f"{checkpoint} (after epoch {model.epoch})"
            if stop:
                break
    return model.history


def _announce_environment(model: Model) -> None:
    present = describe_environment(model.backend)
    if model.environment not in (None, present):
        warnings.warn(
            f"training resumed with {present}; it ran with {model.environment} so far: results agree with those of an "
            "uninterrupted run to rounding, not to the bit",
            ReproducibilityWarning,
            stacklevel=3,
        )
    model.environment = present


def _is_true(value: Any) -> bool:
    """Say whether a callback returned True, Python's or NumPy's: other values, as of a plot, do not end training."""
    return isinstance(value, bool | np.bool_) and bool(value)


@np.errstate(over="ignore", invalid="ignore")  # what comes of it is found by the check of the terms
def _train_epoch(
    model: Model, source: Source, batch_size: int, step: Step, last_saved: str | None, bar: Any
) -> dict[str, float]:
    """Make one pass over the examples; return the mean of each term, and the schedules at the first step."""
    scheduled = model.scheduled_values() | {
        "learning_rate": value_at(model.optimizer.learning_rate, model.optimizer_state.n_steps)
    }
    recorder = TermRecorder(model, source.n_batches(batch_size), last_saved)
    with _one_pass(source.shuffled(batch_size, model.streams["shuffling"])) as batches:
        for batch in batches:
            step(batch, recorder.add)
            bar.update()
    row = recorder.means() | scheduled
    if not bool(model.backend.xp.isfinite(model.theta).all()):  # by the last step: no loss has seen them yet
        raise diverged(f"a parameter became NaN or infinite at step {model.step - 1}", last_saved)
    return row


@np.errstate(over="ignore", invalid="ignore")
def _validate(model: Model, source: Source, batch_size: int) -> dict[str, float]:
    """Return the mean of each term over the examples, with noise from the validation stream."""
    recorder = TermRecorder(model, source.n_batches(batch_size), None, of_training=False)
    with _one_pass(source.in_order(batch_size)) as batches:
        for batch in batches:
            stream = model.streams["validation"]
            batch = model.draw_data(batch, stream)
            recorder.add(model.evaluate_terms(batch, model.draw_batch_noise(batch, stream)), len(batch))
    return recorder.means()


@contextlib.contextmanager
def _one_pass(batches: Iterator[Any]) -> Iterator[Iterator[Any]]:
    """Give the batches, and close what gives them however the pass ends: a thread may be reading ahead for it."""
    try:
        yield batches
    finally:
        if isinstance(batches, Generator):
            batches.close()


@contextlib.contextmanager
def _progress_bar(wanted: bool, total: int | None) -> Iterator[Any]:
    if wanted:
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm  # the other warns in a notebook without widgets

    with tqdm(total=total, disable=not wanted, unit="step", leave=True) as bar:
        yield bar
