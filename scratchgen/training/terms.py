"""The terms of the loss through an epoch: their means, and the error when one is no number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import TrainingError

if TYPE_CHECKING:
    from scratchgen.models.model import Model


class TermRecorder:
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
        """Take in the terms of the next step, a mean over so many examples."""
        for column, name in enumerate(self.model.term_names):
            self.values[self.n_added, column] = getattr(terms, name)
        self.weights[self.n_added] = n_examples
        self.n_added += 1
        # Reading a value from a GPU would make the host wait in every step: there the epoch's end is soon enough.
        if self.must_be_finite and self.model.backend.xp is np:
            self._check(self.values[self.n_added - 1 : self.n_added], self.first_step + self.n_added - 1)

    def means(self) -> dict[str, float]:
        """Return the mean of each term over the examples."""
        values = to_numpy(self.values)
        if self.must_be_finite:
            self._check(values, self.first_step)
        means = self.weights @ values / self.weights.sum()
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
