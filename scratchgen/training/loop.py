"""The training loop of every model here: shuffle, draw noise, loss and gradient, optimiser step."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.environment import describe_environment
from scratchgen.errors import InputError, ReproducibilityWarning
from scratchgen.history import History
from scratchgen.optim import Optimizer
from scratchgen.schedules import value_at
from scratchgen.training.graphs import Step, training_step
from scratchgen.training.sources import Source
from scratchgen.training.terms import TermRecorder, diverged
from scratchgen.validation import check_count

if TYPE_CHECKING:
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
    x : array (n, n_visible)
    epochs : int
        Further passes over the data.
    batch_size : int
    optimizer : Adam or SGD, optional
        One that differs from the model's present optimiser replaces it and starts without moments, at step 0 of its
        learning rate. By default the model's own, which is ``Adam(1e-3)`` at first.
    validation : array (m, n_visible), optional
        Its loss is recorded each epoch. It draws from its own stream: asking for it changes nothing else.
    callbacks : sequence of callables
        Each is called with the model after each epoch; training ends after the calls in which one returned True.
    checkpoint : path, optional
        The model is saved there every `checkpoint_every` epochs and at the end. An interrupted run leaves the last one
        whole.
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
    if checkpoint is not None:
        from scratchgen.checkpoint import check_can_save  # it knows the models, whose base imports this module

        check_can_save(model, checkpoint)
    prepare()
    _announce_environment(model)
    if model.step == 0:
        model.adapt_to_data_(source.examples())
    last_saved: str | None = None
    step = training_step(model, batch_size)

    with _progress_bar(progress, epochs * source.n_batches(batch_size)) as bar:
        for done in range(1, epochs + 1):
            started = time.perf_counter()
            row = _train_epoch(model, source, batch_size, step, last_saved, bar)
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
                model.save(checkpoint)
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
    for batch in source.shuffled(batch_size, model.streams["shuffling"]):
        step(batch, recorder.add)
        bar.update()
    row = recorder.means() | scheduled
    if not bool(model.backend.xp.isfinite(model.theta).all()):  # by the last step: no loss has seen them yet
        raise diverged(f"a parameter became NaN or infinite at step {model.step - 1}", last_saved)
    return row


@np.errstate(over="ignore", invalid="ignore")
def _validate(model: Model, source: Source, batch_size: int) -> dict[str, float]:
    """Return the mean of each term over the examples, with noise from the validation stream."""
    recorder = TermRecorder(model, source.n_batches(batch_size), None, must_be_finite=False)
    for batch in source.in_order(batch_size):
        stream = model.streams["validation"]
        batch = model.draw_data(batch, stream)
        recorder.add(model.evaluate_terms(batch, model.draw_noise(batch, stream)), len(batch))
    return recorder.means()


@contextlib.contextmanager
def _progress_bar(wanted: bool, total: int) -> Iterator[Any]:
    if wanted:
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm  # the other warns in a notebook without widgets

    with tqdm(total=total, disable=not wanted, unit="step", leave=True) as bar:
        yield bar
