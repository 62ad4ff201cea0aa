"""What a model that learns from labels adds to `scratchgen.models.model`.

Wherever another model takes data x - in its loss, its noise, its training - such a model takes a
`scratchgen.labels.Labelled`: examples with labels, those that have one first.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from scratchgen import training
from scratchgen.errors import BackendError, InputError
from scratchgen.history import History
from scratchgen.labels import UNLABELLED, Labelled, check_every_class, check_labels, one_hot
from scratchgen.models.model import Model, State, check_arrays, check_names
from scratchgen.random import Stream
from scratchgen.training.mixed import MixedSource
from scratchgen.typing import Array
from scratchgen.validation import check_count

CLASS_PRIORS = ("uniform", "estimated")  # p(y): equal, or the frequencies of the labels
_CHUNK_ROWS = 1024  # examples classified at a time


class LabelledModel(Model):
    """Base of the models that learn from labels and predict them.

    A subclass has what any model has, its batches being `Labelled`, and besides `check_examples` and
    `class_probabilities`.

    Attributes
    ----------
    n_classes : int
        Labels are 0, ..., n_classes - 1.
    class_prior : {"uniform", "estimated"}
        What p(y) is.
    p_y : array (n_classes,)
        The probability of each class; equal ones until training begins.
    """

    n_classes: int
    class_prior: str

    @abstractmethod
    def check_examples(self, x: Any, name: str = "x") -> Array:
        """Return examples without labels as this model takes them, on its backend and in its type.

        Raises
        ------
        InputError
            Wrong shape, type or range, NaN.
        """

    @abstractmethod
    def class_probabilities(self, x: Array) -> Array:
        """Return the probability of each class for a few examples, (n, n_classes), without checking the input."""

    # -------------------------------------------------------------------------------------------- the class prior

    def reset(self) -> None:
        """Start again, the classes equally probable."""
        super().reset()
        self.p_y = self.backend.xp.full(self.n_classes, 1.0 / self.n_classes, dtype=self.dtype)

    def estimate_prior_(self, x: Labelled) -> None:
        """Set p(y) to the frequencies of the labels where it is to be estimated."""
        if self.class_prior == "estimated":
            counts = one_hot(x.y[: x.n_labelled], self.n_classes, self.dtype).sum(axis=0)
            self.p_y[...] = counts / counts.sum()

    def own_state(self) -> State:
        """Return p(y)."""
        return State({"class_prior": self.p_y})

    def restore_own(self, state: State) -> None:
        """Take over p(y)."""
        check_arrays(state.arrays, {"class_prior": self.p_y})
        check_names("values", state.values, {})
        self.p_y[...] = self.backend.asarray(state.arrays["class_prior"], dtype=self.dtype)

    # ---------------------------------------------------------------------------------------------------- training

    def check_data(self, x: Any, name: str = "x") -> Labelled:
        """Return a `Labelled`, or a pair (x, y), as this model takes it.

        Raises
        ------
        InputError
            No labels, one out of range, or not one for each example; examples that are not as `check_examples` asks.
        """
        return self.with_labels(x, name, self.check_examples)

    def with_labels(self, x: Any, name: str, check_examples: Callable[[Any, str], Array]) -> Labelled:
        """Return a `Labelled`, or a pair (x, y), with its examples as `check_examples` returns them."""
        if isinstance(x, tuple) and len(x) == 2:
            (examples, y), share = x, None
        elif isinstance(x, Labelled):
            examples, y, share = x.x, x.y, x.labelled_share
        else:
            raise InputError(f"{name} must come with labels: give (x, y), or a Labelled")
        examples = check_examples(examples, name)
        return Labelled(examples, self.check_classes(y, len(examples)), share)

    def check_classes(self, y: Any, n_examples: int, all_known: bool = False) -> Array:
        """Return labels on the model's backend, (n,), where `all_known` is true without any -1 among them.

        Raises
        ------
        InputError
            Wrong shape or type, a label out of range, or one that is missing and must not be.
        """
        y = self.backend.asarray(check_labels(y, n_examples, self.n_classes))
        if all_known and n_examples and int(y.min()) == UNLABELLED:
            n_missing = int((y == UNLABELLED).sum())
            raise InputError(f"y must hold a class for each example, {n_missing} of {n_examples} have the label -1")
        return y

    def training_source(self, x: Any, name: str) -> MixedSource:
        """Return the checked data as batches that mix labelled and unlabelled examples."""
        return x if isinstance(x, MixedSource) else MixedSource(self.check_data(x, name))

    def captured_values(self) -> tuple[Any, ...]:
        """Refuse: a batch is no array that could be copied to where a graph reads it."""
        raise BackendError("a batch of labelled and unlabelled examples is not one array")

    def draw_data(self, x: Labelled, stream: Stream) -> Labelled:
        """Return the batch as the loss is to see it this time; `draw_examples` says how."""
        return x.with_x(self.draw_examples(x.x, stream))

    def draw_examples(self, x: Array, stream: Stream) -> Array:
        """Return the examples of a batch as the loss is to see them: themselves, unless the model draws them afresh."""
        return x

    def fit(self, x: Any, y: Any = None, *, labelled_per_batch: int | None = None, **options: Any) -> History:
        """Train on `x` and its labels and return the history; see `scratchgen.training.fit` for the other options.

        Parameters
        ----------
        x : array (n, n_visible) or Labelled
        y : array (n,)
            Labels, -1 where there is none; left out where `x` is a Labelled.
        labelled_per_batch : int, optional
            How many examples of a batch have a label; by default their share in the data, or a quarter of the batch
            where that is more. Whatever it is, the loss gives them the weight of their share.
        **options
            ``epochs``, ``batch_size``, ``optimizer``, ``callbacks``, ``checkpoint``, ``checkpoint_every``,
            ``progress``; and ``validation``, which is a pair (x, y) or a Labelled.

        Returns
        -------
        History
            Besides the terms, `accuracy` on the labelled examples, and `validation_accuracy`.

        Raises
        ------
        InputError
            Bad data or options, or a class without a labelled example.
        """
        if isinstance(x, Labelled) and y is not None:
            raise InputError("x is a Labelled, which has its labels: leave y out")
        data = self.training_source(x if y is None else (x, y), "x").data
        check_every_class(data.y, self.n_classes)
        if labelled_per_batch is not None:
            check_count("labelled_per_batch", labelled_per_batch)
        return training.fit(self, MixedSource(data, labelled_per_batch), **options)

    def monitor(self, x: Labelled, validation: Labelled | None) -> dict[str, float]:
        """Return the share of right predictions on the labelled examples, and on those of the validation data."""
        row = {"accuracy": self._known_accuracy(x)}
        return row if validation is None else row | {"validation_accuracy": self._known_accuracy(validation)}

    def _known_accuracy(self, data: Labelled) -> float:
        n = data.n_labelled
        return float((self._probabilities(data.x[:n]).argmax(axis=1) == data.y[:n]).mean()) if n else float("nan")

    # -------------------------------------------------------------------------------------------------- prediction

    def predict_proba(self, x: Any, **options: Any) -> Array:
        """Return the probability of each class for each example, (n, n_classes); options of `class_probabilities`.

        Raises
        ------
        InputError
            Bad examples, or an option that the model's predictions do not have.
        """
        self._check_options(options)
        return self._probabilities(self.check_examples(x), **options)

    def predict(self, x: Any, **options: Any) -> Array:
        """Return the most probable class of each example, (n,), int64."""
        return self.predict_proba(x, **options).argmax(axis=1)

    def accuracy(self, x: Any, y: Any, **options: Any) -> float:
        """Return the share of examples whose label is the most probable class."""
        predicted = self.predict(x, **options)
        return float((predicted == self.check_classes(y, len(predicted), all_known=True)).mean())

    def _check_options(self, options: dict[str, Any]) -> None:
        _, *known = inspect.signature(self.class_probabilities).parameters
        unknown = [name for name in options if name not in known]
        if unknown:
            raise InputError(
                f"the predictions of {type(self).__name__} take {', '.join(known) or 'no options'}, "
                f"got {' and '.join(unknown)}: leave {'it' if len(unknown) == 1 else 'them'} out"
            )

    def _probabilities(self, x: Array, **options: Any) -> Array:
        starts = range(0, len(x), _CHUNK_ROWS)
        parts = [self.class_probabilities(x[start : start + _CHUNK_ROWS], **options) for start in starts]
        return self.backend.xp.concatenate(parts)
