"""Numbers that change during training, as functions of the step (0, 1, 2, ...): for beta and for the learning rate.

Wherever a schedule is accepted, so is a number (constant) and any function of the step; a checkpoint can hold the first
two.

References
----------
S. R. Bowman, L. Vilnis, O. Vinyals, A. M. Dai, R. Jozefowicz, S. Bengio: "Generating sentences from a continuous
space", CoNLL 2016 (warm-up of beta).
H. Fu, C. Li, X. Liu, J. Gao, A. Celikyilmaz, L. Carin: "Cyclical annealing schedule: a simple approach to mitigating KL
vanishing", NAACL 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scratchgen.errors import InputError
from scratchgen.specification import specified
from scratchgen.validation import check_count, check_nonnegative, is_finite_number

Schedule = float | Callable[[int], float]


def value_at(schedule: Schedule, step: int) -> float:
    """Return the value of a schedule (or of a constant) at `step`."""
    return float(schedule(step)) if callable(schedule) else float(schedule)


def check_schedule(name: str, schedule: Schedule) -> Schedule:
    """Return `schedule` if it is a function or a finite number >= 0.

    Raises
    ------
    InputError
        It is neither.
    """
    if not callable(schedule) and not (is_finite_number(schedule) and schedule >= 0):
        raise InputError(f"{name} must be a finite number >= 0 or a schedule, got {schedule!r}")
    return schedule


@specified
@dataclass(frozen=True)
class LinearWarmup:
    """Rise linearly from `start` at step 0 to `stop` at step `n_steps`, and stay there."""

    n_steps: int
    start: float = 0.0
    stop: float = 1.0

    def __post_init__(self) -> None:
        check_count("n_steps", self.n_steps)
        check_nonnegative("start", self.start)
        check_nonnegative("stop", self.stop)

    def __call__(self, step: int) -> float:
        """Return the value at `step`."""
        return _between(self.start, self.stop, step / self.n_steps)


@specified
@dataclass(frozen=True)
class CyclicalWarmup:
    """Rise linearly from 0 to `maximum` in the first `fraction` of each period of `n_steps`, and stay for the rest."""

    n_steps: int
    fraction: float = 0.5
    maximum: float = 1.0

    def __post_init__(self) -> None:
        check_count("n_steps", self.n_steps)
        check_nonnegative("maximum", self.maximum)
        if not (is_finite_number(self.fraction) and 0 < self.fraction <= 1):
            raise InputError(f"fraction must be in (0, 1], got {self.fraction!r}")

    def __call__(self, step: int) -> float:
        """Return the value at `step`."""
        phase = (step % self.n_steps) / self.n_steps
        return self.maximum * min(1.0, phase / self.fraction)


@specified
@dataclass(frozen=True)
class LinearDecay:
    """Fall linearly from `start` at step 0 to `stop` at step `n_steps`, and stay there."""

    n_steps: int
    start: float
    stop: float = 0.0

    def __post_init__(self) -> None:
        check_count("n_steps", self.n_steps)
        check_nonnegative("start", self.start)
        check_nonnegative("stop", self.stop)
        if self.stop > self.start:
            raise InputError(f"a decay from start={self.start!r} to stop={self.stop!r} rises: use LinearWarmup")

    def __call__(self, step: int) -> float:
        """Return the value at `step`."""
        return _between(self.start, self.stop, step / self.n_steps)


@specified
@dataclass(frozen=True)
class Delay:
    """Be 0 before step `n_steps`, and `then` from it on."""

    n_steps: int
    then: float = 1.0

    def __post_init__(self) -> None:
        check_count("n_steps", self.n_steps)
        check_nonnegative("then", self.then)

    def __call__(self, step: int) -> float:
        """Return the value at `step`."""
        return 0.0 if step < self.n_steps else self.then


def _between(start: float, stop: float, t: float) -> float:
    """Return the point at the fraction t of the way; `stop` from t = 1 on."""
    t = min(1.0, t)
    return (1.0 - t) * start + t * stop
