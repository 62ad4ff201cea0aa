"""Mixed batches: how many of each kind, that a pass leaves nobody out, and that it repeats from its stream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen.random import Stream
from scratchgen.training.mixed import MixedSource

SIZES = {"n_labelled": st.integers(0, 12), "n_unlabelled": st.integers(0, 40), "batch_size": st.integers(1, 60)}


def source(n_labelled: int, n_unlabelled: int, **options: int) -> MixedSource:
    n = n_labelled + n_unlabelled
    y = np.where(np.arange(n) < n_labelled, np.arange(n) % 3, -1)
    return MixedSource(sg.Labelled(np.arange(n, dtype=float)[:, None], y), **options)


def seen(batches: list[sg.Labelled]) -> np.ndarray:
    return np.concatenate([batch.x.ravel() for batch in batches]).astype(int)


@given(**SIZES)
def test_a_pass_visits_every_example(n_labelled: int, n_unlabelled: int, batch_size: int) -> None:
    mixed = source(n_labelled, n_unlabelled)
    if not len(mixed.data):
        return
    batches = list(mixed.shuffled(batch_size, Stream(0)))
    assert len(batches) == mixed.n_batches(batch_size)
    assert set(seen(batches)) == set(range(len(mixed.data)))
    if not n_labelled or not n_unlabelled:
        assert sorted(seen(batches)) == list(range(len(mixed.data)))


@given(**SIZES)
def test_batches_in_order_hold_every_example_once(n_labelled: int, n_unlabelled: int, batch_size: int) -> None:
    mixed = source(n_labelled, n_unlabelled)
    if len(mixed.data):
        batches = list(mixed.in_order(batch_size))
        assert sorted(seen(batches)) == list(range(len(mixed.data)))
        assert all(len(batch) for batch in batches)
        assert all(batch.n_labelled for batch in batches) == bool(n_labelled)


@given(**SIZES)
def test_labels_stay_with_their_examples_and_come_first(n_labelled: int, n_unlabelled: int, batch_size: int) -> None:
    mixed = source(n_labelled, n_unlabelled)
    if len(mixed.data):
        for batch in [*mixed.shuffled(batch_size, Stream(0)), *mixed.in_order(batch_size)]:
            np.testing.assert_array_equal(batch.y, mixed.data.y[batch.x.ravel().astype(int)])
            assert (batch.y[: batch.n_labelled] >= 0).all()
            assert (batch.y[batch.n_labelled :] < 0).all()
            assert batch.labelled_share == mixed.data.labelled_share


@pytest.mark.parametrize(
    ("options", "labelled"), [({}, 25), ({"labelled_per_batch": 7}, 7), ({"labelled_per_batch": 10**6}, 30)]
)
def test_every_batch_has_so_many_labelled_examples(options: dict[str, int], labelled: int) -> None:
    batches = list(source(30, 1000, **options).shuffled(100, Stream(0)))
    assert {batch.n_labelled for batch in batches} == {labelled}
    assert {len(batch) for batch in batches} == {100}


def test_a_large_share_of_labels_is_kept() -> None:
    batches = list(source(800, 200).shuffled(100, Stream(0)))
    assert [(batch.n_labelled, len(batch)) for batch in batches] == 10 * [(80, 100)]


def test_the_kind_that_starts_again_does_so_in_another_order() -> None:
    batches = list(source(12, 60, labelled_per_batch=4).shuffled(14, Stream(0)))
    labelled = np.concatenate([batch.x[:4].ravel() for batch in batches]).astype(int).reshape(2, 12)
    assert [sorted(order) for order in labelled] == 2 * [list(range(12))]
    assert not np.array_equal(*labelled)


def test_a_pass_repeats_from_its_stream_and_the_next_differs() -> None:
    mixed, stream = source(5, 40), Stream(0)
    first, second = (seen(list(mixed.shuffled(8, stream))) for _ in range(2))
    np.testing.assert_array_equal(first, seen(list(mixed.shuffled(8, Stream(0)))))
    assert not np.array_equal(first, second)
