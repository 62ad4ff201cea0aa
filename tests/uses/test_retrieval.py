"""Retrieval: the nearest codes of points that can be counted by hand, and of digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen.errors import InputError
from scratchgen.uses import nearest_codes, precision_at_k

LINE = np.array([[0.0], [1.0], [2.0], [10.0]])


@given(n=st.integers(1, 30), n_latent=st.integers(1, 4), k=st.integers(1, 30))
def test_the_nearest_codes_are_those_with_the_smallest_distances_in_their_order(n, n_latent, k):
    rng = np.random.default_rng(n)
    codes, queries = rng.normal(size=(n, n_latent)), rng.normal(size=(5, n_latent))
    k = min(k, n)
    distances = np.linalg.norm(queries[:, None] - codes, axis=-1)
    np.testing.assert_array_equal(nearest_codes(codes, queries, k), np.argsort(distances, axis=1)[:, :k])


def test_the_precision_is_the_share_of_the_label_among_the_nearest():
    labels = np.array(["a", "b", "a", "a"])
    found = precision_at_k(LINE, labels, [[0.4], [0.4], [9.0]], ["a", "b", "a"], k=3)
    np.testing.assert_allclose(found, [2 / 3, 1 / 3, 2 / 3])


def test_codes_of_a_trained_vae_retrieve_digits_of_the_same_class_better_than_those_of_an_untrained_one():
    data = sg.datasets.load("digits")
    vae = sg.VAE(64, (64,), 8, likelihood="gaussian", output_mean="sigmoid", sigma=0.2)

    def precision():
        codes, queries = vae.encode(data.x_train)[0], vae.encode(data.x_test)[0]
        return precision_at_k(codes, data.y_train, queries, data.y_test).mean()

    untrained = precision()
    vae.fit(data.x_train, epochs=20, batch_size=64, progress=False)
    assert precision() > max(0.85, untrained + 0.1)


BAD_INPUT = {
    "columns": (lambda: nearest_codes(LINE, [[0.0, 1.0]], 1), r"\(4, 1\) and \(1, 2\)"),
    "k": (lambda: nearest_codes(LINE, [[0.0]], 5), "number of codes, 4, got 5"),
    "no k": (lambda: nearest_codes(LINE, [[0.0]], 0), "k must be an integer >= 1, got 0"),
    "NaN": (lambda: nearest_codes(LINE, [[np.nan]], 1), "queries has NaN"),
    "labels": (lambda: precision_at_k(LINE, [1, 2], [[0.0]], [1], 1), r"each of 4 codes.*\(2,\)"),
    "query labels": (lambda: precision_at_k(LINE, [1, 2, 3, 4], [[0.0]], 1, 1), r"each of 1 queries.*\(\)"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, message):
    with pytest.raises(InputError, match=message):
        call()
