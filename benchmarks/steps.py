"""Our training step as `fit` takes it, on batches that a benchmark gives: by operations, or by replays of a CUDA graph.

`fit` adds to it the picking of rows and the recording of the terms of the loss.
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from scratchgen.errors import BackendError
from scratchgen.models.model import Model
from scratchgen.training.graphs import CapturedStep, Step, training_step
from scratchgen.typing import Array


def steps_over(model: Model, batches: Iterable[Any], captured: bool = False) -> Callable[[], None]:
    """Return the function that takes a step on the next of `batches`, again and again; they are moved beforehand."""
    endless = itertools.cycle([model.backend.asarray(batch) for batch in batches])
    step = step_like(model, next(endless), captured)
    return lambda: step(next(endless))


def step_like(model: Model, example: Array, captured: bool = False) -> Callable[[Array], None]:
    """Return the function that takes a step on a batch of the shape of `example`, a batch of the data.

    Raises
    ------
    BackendError
        The step was to be captured and is not replayed here: the message says why.
    """
    os.environ["SCRATCHGEN_CUDA_GRAPHS"] = "1" if captured else "0"  # of this contender's own process
    if model.step == 0:
        model.adapt_to_data_(example)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step = training_step(model, len(example))
        replayed = captured and _is_replayed(step, example)
    reasons = [str(warning.message) for warning in caught]
    if captured and not replayed:
        raise BackendError("; ".join(reasons) or "capturing a step needs backend 'cuda'")
    return lambda batch: step(batch, _forget)


def _is_replayed(step: Step, example: Array) -> bool:
    if not isinstance(step, CapturedStep):
        return False
    for _ in range(3):  # one as it is, one that is captured, one that is replayed
        step(example, _forget)
    return step.n_replayed > 0


def _forget(terms: Any, n_examples: int) -> None:
    """Record nothing."""
