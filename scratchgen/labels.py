"""Labels: classes 0, 1, ..., and -1 for an example without one, as scikit-learn's semi-supervised estimators have it.

======  ======  ===========================================
symbol  shape   meaning
======  ======  ===========================================
x       (n, D)  examples
y       (n,)    labels, integers; `UNLABELLED` where unknown
======  ======  ===========================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import namespace, to_numpy
from scratchgen.errors import InputError
from scratchgen.random import Stream
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_numbers, is_finite_number

UNLABELLED = -1


class Labelled:
    """Examples with their labels; those that have one come first, each part in the order in which it was given.

    Parameters
    ----------
    x : array (n, n_visible)
    y : array (n,)
        Labels; -1 where there is none.
    labelled_share : float, optional
        The share of labelled examples in the data that this batch stands for, where labelled ones were drawn more often
        than that; by default its own share.

    Attributes
    ----------
    x, y : arrays
        As above, in the new order.
    n_labelled : int
    labelled_share : float

    Raises
    ------
    InputError
        `x` has no rows, or `y` is not one integer >= -1 for each of them; or the share is no number in [0, 1].

    Examples
    --------
    >>> import scratchgen as sg
    >>> batch = sg.Labelled([[0.1], [0.2], [0.3]], [-1, 4, 2])
    >>> batch.x.ravel().tolist(), batch.y.tolist(), batch.n_labelled
    ([0.2, 0.3, 0.1], [4, 2, -1], 2)
    """

    def __init__(self, x: Any, y: Any, labelled_share: float | None = None) -> None:
        self.x: Array = check_numbers("x", x)
        if self.x.ndim == 0:
            raise InputError(f"x must hold examples, one a row, got a single number {x!r}")
        self.y: Array = check_labels(y, len(self.x))
        known = to_numpy(self.y) != UNLABELLED
        self.n_labelled = int(known.sum())
        if not known[: self.n_labelled].all():
            order = np.argsort(~known, kind="stable")
            self.x, self.y = self.x[namespace(self.x).asarray(order)], self.y[namespace(self.y).asarray(order)]
        if labelled_share is None:
            labelled_share = self.n_labelled / max(len(self), 1)
        elif not (is_finite_number(labelled_share) and 0 <= labelled_share <= 1):
            raise InputError(f"labelled_share must be a number in [0, 1], got {labelled_share!r}")
        self.labelled_share = labelled_share

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, labelled: Array, unlabelled: Array) -> Labelled:
        """Return the batch of these rows, labelled ones by their number among the labelled; the share stays."""
        xp = namespace(self.x)
        rows = xp.concatenate([labelled, self.n_labelled + unlabelled])
        return self._as_they_are(self.x[rows], self.y[rows], len(labelled), self.labelled_share)

    def with_x(self, x: Array) -> Labelled:
        """Return other examples with the same labels."""
        return self._as_they_are(x, self.y, self.n_labelled, self.labelled_share)

    @classmethod
    def _as_they_are(cls, x: Array, y: Array, n_labelled: int, labelled_share: float) -> Labelled:
        """Make a batch of parts that are in order, without a look at them: on a device that would wait."""
        batch = object.__new__(cls)
        batch.x, batch.y, batch.n_labelled, batch.labelled_share = x, y, n_labelled, labelled_share
        return batch


def check_labels(y: Any, n_examples: int, n_classes: int | None = None) -> Array:
    """Return `y` as int64 if it is one label for each of `n_examples`: 0 to n_classes - 1, or -1 for none.

    Raises
    ------
    InputError
        Wrong shape or type, or a label out of range.
    """
    y = check_numbers("y", y)
    if tuple(y.shape) != (n_examples,):
        raise InputError(f"y must hold one label for each of {n_examples} examples, got shape {tuple(y.shape)}")
    if y.dtype.kind not in "iu":
        raise InputError(f"y must hold integers, -1 where an example has no label, got dtype {y.dtype}")
    low, high = (int(y.min()), int(y.max())) if n_examples else (0, 0)
    if low < UNLABELLED or (n_classes is not None and high >= n_classes):
        last = "" if n_classes is None else f" to {n_classes - 1}"
        raise InputError(f"labels must be 0, 1, ...{last}, and -1 where there is none; got labels from {low} to {high}")
    return y.astype(np.int64)


def check_every_class(y: Any, n_classes: int) -> None:
    """Refuse labels among which a class has no example: nothing could tell a model what it is.

    Raises
    ------
    InputError
        It names the classes.
    """
    missing = list(map(str, np.setdiff1d(np.arange(n_classes), to_numpy(y))))
    if len(missing) == 1:
        raise InputError(f"class {missing[0]} has no labelled example: label one, or make a model of fewer classes")
    if missing:
        raise InputError(
            f"classes {', '.join(missing[:-1])} and {missing[-1]} have no labelled example: label one of each, or make "
            "a model of fewer classes"
        )


def one_hot(y: Array, n_classes: int, dtype: Any) -> Array:
    """Return (n, n_classes): 1 in the column of each label, else 0; a row of zeros where there is no label."""
    xp = namespace(y)
    return (y[:, None] == xp.arange(n_classes)).astype(dtype)


def hide_labels(y: Any, n_labelled: int, seed: int = 0) -> np.ndarray:
    """Return the labels with all but `n_labelled` replaced by -1, as many of each class as of the others.

    Parameters
    ----------
    y : array (n,)
        Labels, all known.
    n_labelled : int
        A multiple of the number of classes.
    seed : int
        Another seed keeps others. The order is drawn from ``Stream(seed)``: where the examples were drawn from that
        stream too, take another seed, for which labels are kept would depend on them.

    Raises
    ------
    InputError
        `n_labelled` is no such multiple, or more than the smallest class allows.

    Examples
    --------
    >>> y = [0, 1, 1, 0, 1, 0]
    >>> kept = hide_labels(y, 4)
    >>> [int((kept == c).sum()) for c in (-1, 0, 1)]
    [2, 2, 2]
    """
    y = to_numpy(check_labels(to_numpy(check_numbers("y", y)), len(y)))
    classes, counts = np.unique(y, return_counts=True)
    if classes[0] == UNLABELLED:
        raise InputError("y has examples without a label already: hide labels of data that have them all")
    n_each, rest = divmod(check_count("n_labelled", n_labelled), len(classes))
    if rest or not n_each:
        raise InputError(f"n_labelled must be a multiple of the number of classes, {len(classes)}, got {n_labelled}")
    if n_each > counts.min():
        raise InputError(f"class {classes[counts.argmin()]} has {counts.min()} examples, fewer than {n_each}")
    order = to_numpy(Stream(seed).permutation(len(y)))
    kept = np.concatenate([order[y[order] == c][:n_each] for c in classes])
    hidden = np.full(len(y), UNLABELLED)
    hidden[kept] = y[kept]
    return hidden
