"""Labels: what is refused, which examples keep theirs, and the order in which a batch holds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen.errors import InputError
from scratchgen.labels import check_every_class, check_labels, hide_labels, one_hot

BAD = {
    "not one for each example": ([0, 1], "one label for each of 3 examples"),
    "a column": ([[0], [1], [2]], "one label for each of 3 examples"),
    "fractions": ([0.0, 1.0, 2.0], "must hold integers"),
    "booleans": ([True, False, True], "must hold integers"),
    "below -1": ([0, 1, -2], "got labels from -2 to 1"),
    "beyond the classes": ([0, 1, 3], "got labels from 0 to 3"),
}


@pytest.mark.parametrize(("y", "message"), BAD.values(), ids=BAD)
def test_bad_labels_are_refused(y: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_labels(y, 3, 3)


def test_labels_of_any_integer_type_become_int64() -> None:
    for dtype in ("uint8", "int32", "int64"):
        assert check_labels(np.array([2, 0, 1], dtype), 3, 3).dtype == np.int64


@given(y=st.lists(st.integers(-1, 4), min_size=1, max_size=20))
def test_labelled_examples_come_first_and_keep_their_label_and_order(y: list[int]) -> None:
    x = np.arange(len(y), dtype=float)[:, None]
    batch = sg.Labelled(x, y)
    known = [i for i, label in enumerate(y) if label >= 0]
    unknown = [i for i, label in enumerate(y) if label < 0]
    assert batch.x.ravel().tolist() == [*known, *unknown]
    assert batch.y.tolist() == [y[i] for i in [*known, *unknown]]
    assert (len(batch), batch.n_labelled) == (len(y), len(known))
    assert batch.labelled_share == pytest.approx(len(known) / len(y))


def test_the_arrays_that_are_given_stay_as_they_are() -> None:
    x, y = np.array([[0.1], [0.2]]), np.array([-1, 0])
    sg.Labelled(x, y)
    assert x.ravel().tolist() == [0.1, 0.2]
    assert y.tolist() == [-1, 0]


def test_a_single_number_is_no_data() -> None:
    with pytest.raises(InputError, match=r"x must hold examples, one a row, got a single number 3.0"):
        sg.Labelled(3.0, [1])


@pytest.mark.parametrize("share", [0, 0.25, np.float32(0.5), 1])
def test_a_share_of_labels_is_kept(share: float) -> None:
    assert sg.Labelled([[0.1], [0.2]], [0, -1], labelled_share=share).labelled_share == share


@pytest.mark.parametrize("share", [-0.1, 1.5, np.nan, np.inf, "half", True, [0.5]])
def test_a_share_of_labels_that_is_none_is_refused(share: object) -> None:
    with pytest.raises(InputError, match=r"labelled_share must be a number in \[0, 1\], got "):
        sg.Labelled([[0.1], [0.2]], [0, -1], labelled_share=share)


def test_one_hot_is_a_row_of_zeros_without_a_label() -> None:
    assert one_hot(np.array([1, -1, 0]), 3, "float32").tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_a_class_without_a_label_is_named() -> None:
    check_every_class([0, 1, 2, -1], 3)
    with pytest.raises(InputError, match=r"^class 3 has no labelled example: label one, or make a model of fewer"):
        check_every_class([0, 1, 2, -1], 4)
    with pytest.raises(InputError, match=r"^classes 0 and 3 have no labelled example: label one of each, or make"):
        check_every_class([1, 2, -1], 4)
    with pytest.raises(InputError, match=r"^classes 0, 1 and 3 have no labelled example"):
        check_every_class([2], 4)


@given(n_each=st.integers(1, 5), seed=st.integers(0, 100))
def test_kept_labels_are_true_and_as_many_in_each_class(n_each: int, seed: int) -> None:
    y = np.random.default_rng(3).permutation(np.repeat([0, 1, 2], [5, 9, 6]))
    kept = hide_labels(y, 3 * n_each, seed)
    assert np.bincount(kept + 1).tolist() == [20 - 3 * n_each, n_each, n_each, n_each]
    assert (kept[kept >= 0] == y[kept >= 0]).all()


def test_a_seed_repeats_its_draw_and_another_draws_others() -> None:
    y = np.repeat([0, 1], 50)
    assert hide_labels(y, 10, 1).tolist() == hide_labels(y, 10, 1).tolist()
    assert hide_labels(y, 10, 1).tolist() != hide_labels(y, 10, 2).tolist()


@pytest.mark.parametrize(
    ("y", "n", "message"),
    [
        ([0, 1, 0, 1], 3, "multiple of the number of classes, 2, got 3"),
        ([0, 1, 0, 1], 0, "n_labelled must be an integer >= 1"),
        ([0, 1, 0, 0], 4, "class 1 has 1 examples, fewer than 2"),
        ([0, 1, -1], 2, "without a label already"),
    ],
)
def test_what_cannot_be_kept_is_refused(y: list[int], n: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        hide_labels(y, n)
