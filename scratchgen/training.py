"""The training loop of every model here: shuffle, draw noise, loss and gradient, optimiser step."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import TrainingError
from scratchgen.history import History
from scratchgen.optim import Optimizer
from scratchgen.schedules import value_at
from scratchgen.typing import Array
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
) -> History:
    """Train `model` on `x` and return its history.

    Each epoch visits the examples once, in a fresh random order from the model's shuffling stream; the last batch may
    be short. Training continues from the model's present state: two calls of 5 epochs do what one of 10 does, and
    ``model.reset()`` starts again. A run is reproducible to the bit from its seed on one machine with one number of threads, and training
    stopped after any epoch, saved, loaded and continued equals training that was not stopped.

    Parameters
    ----------
    x : array (n, n_visible)
    epochs : int
        Further passes over the data.
    batch_size : int
    optimizer : Adam or SGD, optional
        One that differs from the model's present optimiser replaces it and starts without moments. By default the
        model's own, which is ``Adam(1e-3)`` at first.
    validation : array (m, n_visible), optional
        Its loss is recorded each epoch. It draws from its own stream: asking for it changes nothing else.
    callbacks : sequence of callables
        Each is called with the model after each epoch; training ends when one returns True.
    checkpoint : path, optional
        The model is saved there every `checkpoint_every` epochs and at the end. An interrupted run leaves the last one
        whole.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        Bad data or options.
    TrainingError
        A term of the loss became NaN or infinite: the message has the step, the term, and the last checkpoint.
    """
    x = model.check_data(x)
    held_out = None if validation is None else model.check_data(validation, "validation")
    check_count("epochs", epochs)
    check_count("checkpoint_every", checkpoint_every)
    batch_size = min(check_count("batch_size", batch_size), x.shape[0])
    if optimizer is not None:
        model.use_optimizer(optimizer)
    if model.step == 0:
        model.adapt_to_data_(x)
    gradient, grads = model.empty_grads()
    n_steps = -(-x.shape[0] // batch_size)
    last_saved: str | None = None

    with _progress_bar(progress, epochs * n_steps) as bar:
        for done in range(1, epochs + 1):
            started = time.perf_counter()
            scheduled = model.scheduled_values() | {
                "learning_rate": value_at(model.optimizer.learning_rate, model.optimizer_state.n_steps)
            }
            recorder = _TermRecorder(model, n_steps, last_saved)
            for batch in _batches(model, x, batch_size):
                noise = model.draw_noise(batch, model.streams["training_noise"])
                terms, _ = model.evaluate_terms_and_grads(batch, noise, out=grads)
                recorder.add(terms, batch.shape[0])
                model.optimizer.step_(model.theta, gradient, model.optimizer_state, model.backend)
                model.step += 1
                bar.update()
            model.epoch += 1
            row = recorder.means() | scheduled
            if held_out is not None:
                row |= {f"validation_{name}": value for name, value in _validate(model, held_out, batch_size).items()}
            row["seconds"] = time.perf_counter() - started
            model.history.append({"epoch": model.epoch} | row)
            bar.set_postfix({name: f"{row[name]:.2f}" for name in model.term_names}, refresh=False)
            stop = any([callback(model) is True for callback in callbacks])
            if checkpoint is not None and (done % checkpoint_every == 0 or done == epochs or stop):
                model.save(checkpoint)
                last_saved = f"{checkpoint} (after epoch {model.epoch})"
            if stop:
                break
    return model.history


def _batches(model: Model, x: Array, batch_size: int) -> Iterator[Array]:
    """Yield the examples in a fresh random order; the last batch may be short."""
    order = model.streams["shuffling"].permutation(x.shape[0])
    for start in range(0, x.shape[0], batch_size):
        yield x[order[start : start + batch_size]]


def _validate(model: Model, x: Array, batch_size: int) -> dict[str, float]:
    """Return the mean of each term over `x`, with noise from the validation stream."""
    batches = [x[start : start + batch_size] for start in range(0, x.shape[0], batch_size)]
    recorder = _TermRecorder(model, len(batches), None, must_be_finite=False)
    for batch in batches:
        noise = model.draw_noise(batch, model.streams["validation"])
        recorder.add(model.evaluate_terms(batch, noise), batch.shape[0])
    return recorder.means()


class _TermRecorder:
    """The terms of each step of an epoch, kept on the device; on a CPU each is checked as it comes."""

    def __init__(self, model: Model, n_steps: int, last_saved: str | None, must_be_finite: bool = True) -> None:
        self.model = model
        self.first_step = model.step
        self.last_saved = last_saved
        self.must_be_finite = must_be_finite
        self.values = model.backend.xp.empty((n_steps, len(model.term_names)), dtype=np.float64)
        self.weights = np.empty(n_steps)
        self.n_added = 0

    def add(self, terms: Any, n_examples: int) -> None:
        for column, name in enumerate(self.model.term_names):
            self.values[self.n_added, column] = getattr(terms, name)
        self.weights[self.n_added] = n_examples
        self.n_added += 1
        # Reading a value from a GPU would make the host wait in every step: there the epoch's end is soon enough.
        if self.must_be_finite and self.model.backend.xp is np:
            self._check(self.values[self.n_added - 1 : self.n_added], self.first_step + self.n_added - 1)

    def means(self) -> dict[str, float]:
        values = to_numpy(self.values)
        if self.must_be_finite:
            self._check(values, self.first_step)
        means = self.weights @ values / self.weights.sum()
        return {name: float(mean) for name, mean in zip(self.model.term_names, means, strict=True)}

    def _check(self, values: np.ndarray, first_step: int) -> None:
        if math.isfinite(values.sum()):
            return
        row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
        saved = f"the last checkpoint is {self.last_saved}" if self.last_saved else "there is no checkpoint of this run"
        raise TrainingError(
            f"the term {self.model.term_names[column]!r} became {values[row, column]} at step {first_step + row}; {saved}. "
            "Try a smaller learning rate, and check the scale of the data"
        )


@contextlib.contextmanager
def _progress_bar(wanted: bool, total: int) -> Iterator[Any]:
    from tqdm.auto import tqdm

    with tqdm(total=total, disable=not wanted, unit="step", leave=True) as bar:
        yield bar
