"""From arrays as they come, from a file or an iterator, to checked batches of one size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from scratchgen.errors import InputError

N_EXAMPLES = 4096  # the sample of data of which not all are in memory

# An array of rows and what to call it in errors -> the rows as the model takes them, on the host.
Check = Callable[[np.ndarray, str], np.ndarray]


def check_rows(rows: np.ndarray, check: Check, name_of: Callable[[int], str], name: str, advice: str) -> np.ndarray:
    """Return what `check` makes of `rows`; where it refuses them, say which is the first bad one and what to do.

    Parameters
    ----------
    name_of : callable
        From the number of a row in `rows` to what it is called.
    name : str
        What all rows together are called, where none of them is bad by itself.
    """
    try:
        return check(rows, name)
    except InputError:
        for i, row in enumerate(rows):
            if not np.isfinite(row).all():
                raise InputError(f"{name_of(i)} has NaN or infinite values") from None
            try:
                check(row[None], name_of(i))
            except InputError as error:
                raise InputError(f"{error}. {advice}") from None
        raise


def rebatched(arrays: Iterable[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
    """Cut and join `arrays` to batches of `batch_size` rows; the last may be short. None of theirs is changed."""
    waiting: list[np.ndarray] = []
    n_waiting = 0
    for array in arrays:
        waiting.append(array)
        n_waiting += len(array)
        if n_waiting < batch_size:
            continue
        rows = _joined(waiting)
        whole = n_waiting - n_waiting % batch_size
        for start in range(0, whole, batch_size):
            yield rows[start : start + batch_size]
        waiting, n_waiting = [rows[whole:]], n_waiting - whole
    if n_waiting:
        yield _joined(waiting)


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    arrays = [array for array in arrays if len(array)]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
