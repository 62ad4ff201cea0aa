"""Which training examples a model is told the labels of, and the file beside its weights that says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scratchgen.datasets import Dataset
from scratchgen.errors import InputError
from scratchgen.labels import UNLABELLED, Labelled, hide_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelChoice:
    """So many labels, as many of each class as of the others, chosen by a seed.

    Attributes
    ----------
    n_labelled : int or None
        None for all labels that there are.
    seed : int
    only_labelled : bool
        Whether the model learns from the labelled examples alone.
    """

    n_labelled: int | None
    seed: int = 0
    only_labelled: bool = False

    def of(self, data: Dataset) -> NDArray[np.int64]:
        """Return the labels of the training examples, -1 where they are hidden.

        Raises
        ------
        InputError
            The data have no labels; the number is no multiple of the number of classes, or more than a class has.
        """
        labels = training_labels(data)
        if self.n_labelled is None:
            return labels
        try:
            return hide_labels(labels, self.n_labelled, self.seed)
        except InputError as error:
            raise InputError(f"--labels {self.n_labelled}: {error}") from None

    def examples(self, data: Dataset) -> Labelled:
        """Return what the model learns from."""
        labels = self.of(data)
        chosen = labels != UNLABELLED if self.only_labelled else slice(None)
        return Labelled(data.x_train[chosen], labels[chosen])


def training_labels(data: Dataset) -> NDArray[np.int64]:
    """Return the labels of all training examples.

    Raises
    ------
    InputError
        The data have none.
    """
    if data.y_train is None or data.y_test is None:
        raise InputError(f"{data.name} has no labels: choose a data set that has, such as digits or mnist")
    return data.y_train


def labels_beside(weights: Path) -> Path:
    """Return the name of the file that says which labels the model in `weights` was told."""
    return weights.with_name(f"{weights.stem}-labels.npy")


def check_same_labels(path: Path, labels: NDArray[np.int64]) -> None:
    """Refuse to go on with other labels than those in the file `path`.

    Raises
    ------
    InputError
        The file holds others, is missing, or cannot be read.
    """
    try:
        of_run = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"cannot read which labels the run has seen, in {path}: {error}") from error
    if not np.array_equal(of_run, labels):
        raise InputError(
            f"{path} holds other labels: resume a run with the --labels, --label-seed and --data that it began with"
        )
