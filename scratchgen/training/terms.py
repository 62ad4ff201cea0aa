"""The terms of the loss through an epoch: their means, and the error when one is no number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import TrainingError

if TYPE_CHECKING:
    from scratchgen.models.model import Model


_FIRST_ROOM = 1024  # steps, where nobody knows how many there will be


class TermRecorder:
    """The terms of each step of an epoch, kept on the device; on a CPU each is checked as it comes.

    `n_steps` may be None: room for more steps is made as they come.
    """

    def __init__(self, model: Model, n_steps: int | None, last_saved: str | None, must_be_finite: bool = True) -> None:
        self.model = model
        self.first_step = model.step
        self.last_saved = last_saved
        self.must_be_finite = must_be_finite
        self.values = model.backend.xp.empty((n_steps or _FIRST_ROOM, len(model.term_names)), dtype=np.float64)
        self.weights: list[int] = []

    def add(self, terms: Any, n_examples: int) -> None:
        """Take in the terms of the next step, a mean over so many examples."""
        step = len(self.weights)
        if step == len(self.values):
            self.values = self.model.backend.xp.concatenate([self.values, self.values])  # twice the room
        for column, name in enumerate(self.model.term_names):
            self.values[step, column] = getattr(terms, name)
        self.weights.append(n_examples)
        # Reading a value from a GPU would make the host wait in every step: there the epoch's end is soon enough.
        if self.must_be_finite and self.model.backend.xp is np:
            self._check(self.values[step : step + 1], self.first_step + step)

    def means(self) -> dict[str, float]:
        """Return the mean of each term over the examples."""
        values, weights = to_numpy(self.values)[: len(self.weights)], np.array(self.weights, dtype=np.float64)
        if self.must_be_finite:
            self._check(values, self.first_step)
        means = weights @ values / weights.sum()
        return {name: float(mean) for name, mean in zip(self.model.term_names, means, strict=True)}

    def _check(self, values: np.ndarray, first_step: int) -> None:
        wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if not wrong.size:
            return
        terms = zip(self.model.term_names, values[wrong[0]], strict=True)
        listed = ", ".join(f"{name} = {value:g}" for name, value in terms)
        raise diverged(f"the loss became NaN or infinite at step {first_step + wrong[0]}: {listed}", self.last_saved)


def diverged(what: str, last_saved: str | None) -> TrainingError:
    """Return the error of a training that has diverged."""
    saved = f"the last checkpoint is {last_saved}" if last_saved else "no checkpoint was written before"
    return TrainingError(f"{what}; {saved}. Try a smaller learning rate, and check the scale of the data")
