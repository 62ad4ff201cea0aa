"""The record of a training run."""

from __future__ import annotations

import copy
import csv
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from scratchgen import InputError
from scratchgen.history import History


def test_rows_become_columns() -> None:
    history = History()
    history.append({"epoch": 1, "loss": 2.5})
    history.append({"epoch": 2, "loss": 1.5})
    assert len(history) == 2
    assert history.columns == {"epoch": [1, 2], "loss": [2.5, 1.5]}
    assert history.loss is history.columns["loss"]
    assert repr(history) == "History(2 epochs: epoch, loss)"


def test_where_a_column_has_no_value_it_has_nan() -> None:
    history = History()
    history.append({"loss": 2.5})
    history.append({"loss": 1.5, "validation_loss": 3.0})
    history.append({"loss": 0.5})
    assert math.isnan(history.validation_loss[0])
    assert history.validation_loss[1] == 3.0
    assert math.isnan(history.validation_loss[2])
    assert history.loss == [2.5, 1.5, 0.5]


def test_the_last_row_can_be_told_more() -> None:
    history = History({"loss": [2.5, 1.5], "accuracy": [0.5, 0.6]})
    history.amend({"validation_accuracy": 0.25, "accuracy": 0.75})
    assert math.isnan(history.validation_accuracy[0])
    assert (history.validation_accuracy[1], history.accuracy, len(history)) == (0.25, [0.5, 0.75], 2)


def test_a_history_of_given_columns_does_not_share_them() -> None:
    columns = {"loss": [1.0]}
    history = History(columns)
    history.append({"loss": 2.0})
    assert columns == {"loss": [1.0]}


def test_an_unknown_column_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="the history has no column 'energy'"):
        _ = History().energy


def test_an_empty_history_has_no_rows() -> None:
    assert len(History()) == 0
    assert len(History({"loss": []})) == 0


def test_copies_and_pickles_are_histories() -> None:
    history = History({"loss": [1.0]})
    for twin in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert twin.columns == history.columns
        assert twin.columns is not history.columns


@pytest.mark.parametrize("columns", [{"a": [1.0], "b": []}, {"a": "12"}, {"a": [1.0, None]}, {"a": [[1.0]]}])
def test_columns_are_numbers_of_equal_count(columns: Any) -> None:
    with pytest.raises(InputError, match="the columns of a history"):
        History(columns)


def test_csv_reads_back_to_the_bit(tmp_path: Path) -> None:
    history = History({"epoch": [1, 2], "loss": [0.1 + 0.2, math.pi * 1e-300]})
    history.to_csv(tmp_path / "history.csv")
    with (tmp_path / "history.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["epoch", "loss"]
    assert [[float(value) for value in row] for row in rows] == [[1, 0.1 + 0.2], [2, math.pi * 1e-300]]


def test_a_csv_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "history.csv"):
        with pytest.raises(InputError, match=r"cannot write .*(directory|folder)"):
            History().to_csv(path)
