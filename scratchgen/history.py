"""The record of a training run: one row an epoch, in named columns."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from scratchgen.errors import InputError


class History:
    """Named columns of equal length; ``history.loss`` is ``history.columns["loss"]``.

    >>> history = History()
    >>> history.append({"epoch": 1, "loss": 2.5})
    >>> history.loss
    [2.5]
    """

    def __init__(self, columns: Mapping[str, list[float]] | None = None) -> None:
        self.columns: dict[str, list[float]] = {name: list(values) for name, values in (columns or {}).items()}
        if len({len(values) for values in self.columns.values()}) > 1:
            raise InputError("the columns of a history differ in length")
        if not all(isinstance(value, float | int) for values in self.columns.values() for value in values):
            raise InputError("the columns of a history hold something else than numbers")

    def __getattr__(self, name: str) -> list[float]:
        try:
            return self.__dict__["columns"][name]
        except KeyError:
            raise AttributeError(f"the history has no column {name!r}") from None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def __repr__(self) -> str:
        return f"History({len(self)} epochs: {', '.join(self.columns)})"

    def append(self, row: Mapping[str, float]) -> None:
        """Add a row. A column that is new, or missing in this row, is filled with NaN where it has no value."""
        n_rows = len(self)
        for name in (*self.columns, *row):
            column = self.columns.setdefault(name, [float("nan")] * n_rows)
            if len(column) == n_rows:
                column.append(row.get(name, float("nan")))

    def amend(self, values: Mapping[str, float]) -> None:
        """Set values of the last row: what is known only after it. A new column has NaN in the rows before."""
        for name, value in values.items():
            self.columns.setdefault(name, [float("nan")] * len(self))[-1] = value

    def to_csv(self, path: str | Path) -> None:
        """Write the columns to a CSV file with a header.

        Raises
        ------
        InputError
            The file cannot be written.
        """
        try:
            with Path(path).open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(self.columns)
                writer.writerows(zip(*self.columns.values(), strict=True))
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from error
