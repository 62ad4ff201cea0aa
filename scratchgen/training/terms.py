"""The terms of the loss through an epoch: their means, and the error when one is no number."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import TrainingError

if TYPE_CHECKING:
    from scratchgen.models.model import Model


_FIRST_ROOM = 1024  # steps, where nobody knows how many there will be


class TermRecorder:
    """The terms of each step of an epoch, kept on the device.

    Those of training are checked: on a CPU as they come, and on a GPU, where the host would have to wait in every step,
    at the end of the epoch. `n_steps` may be None: room for more steps is made as they come.
    """

    def __init__(self, model: Model, n_steps: int | None, last_saved: str | None, of_training: bool = True) -> None:
        self.model = model
        self.first_step = model.step
        self.last_saved = last_saved
        self.checks_each = of_training and model.backend.xp is np
        self.checks_at_end = of_training and not self.checks_each
        self.values = model.backend.xp.empty((n_steps or _FIRST_ROOM, len(model.term_names)), dtype=np.float64)
        self.weights: list[int] = []

    def add(self, terms: Any, n_examples: int) -> None:
        """Take in the terms of the next step, a mean over so many examples."""
        step = len(self.weights)
        if step == len(self.values):
            self.values = self.model.backend.xp.concatenate([self.values, self.values])  # twice the room
        self.weights.append(n_examples)
        if self.checks_each:
            row = [float(getattr(terms, name)) for name in self.model.term_names]
            self.values[step] = row
            self._check(step, row)
            return
        for column, name in enumerate(self.model.term_names):
            self.values[step, column] = getattr(terms, name)

    def means(self) -> dict[str, float]:
        """Return the mean of each term over the examples."""
        values, weights = to_numpy(self.values)[: len(self.weights)], np.array(self.weights, dtype=np.float64)
        if self.checks_at_end:
            for step, row in enumerate(values.tolist()):
                self._check(step, row)
        means = weights @ values / weights.sum()
        return {name: float(mean) for name, mean in zip(self.model.term_names, means, strict=True)}

    def _check(self, step: int, row: list[float]) -> None:
        step += self.first_step
        terms = dict(zip(self.model.term_names, row, strict=True))
        self.model.check_terms(SimpleNamespace(**terms), step)
        if not all(map(math.isfinite, terms.values())):
            listed = ", ".join(f"{name} = {value:g}" for name, value in terms.items())
            raise diverged(f"the loss became NaN or infinite at step {step}: {listed}", self.last_saved)


def diverged(what: str, last_saved: str | None) -> TrainingError:
    """Return the error of a training that has diverged."""
    saved = f"the last checkpoint is {last_saved}" if last_saved else "no checkpoint was written before"
    return TrainingError(f"{what}; {saved}. Try a smaller learning rate, and check the scale of the data")
