"""Streams against a Philox written with Python's integers, and the mapping of its words to each kind of number."""

from __future__ import annotations

import json
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen import BackendError, InputError, Stream
from scratchgen.backend import Backend

KNOWN_ANSWERS = [  # counter, key, output: Random123's kat_vectors
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
SEEDS = [0, 1, 2**32 - 1, 2**32, 0xDEADBEEF_CAFEF00D, 2**64 - 1]
LATE_DRAWS = [0, 1, 2**32 - 1, 2**32, 2**32 + 1, 2**60 - 2]
DRAWS = {
    "words": lambda stream: stream.words((3, 5)),
    "uniform32": lambda stream: stream.uniform((3, 5)),
    "uniform64": lambda stream: stream.uniform((3, 5), "float64"),
    "normal32": lambda stream: stream.normal((3, 5)),
    "normal64": lambda stream: stream.normal((3, 5), "float64"),
    "bernoulli of a number": lambda stream: stream.bernoulli(0.3, shape=(3, 5)),
    "bernoulli32": lambda stream: stream.bernoulli(np.linspace(0, 1, 15, dtype=np.float32).reshape(3, 5)),
    "bernoulli64": lambda stream: stream.bernoulli(np.linspace(0, 1, 15).reshape(3, 5)),
    "bernoulli64 as float32": lambda stream: stream.bernoulli(np.linspace(0, 1, 15), dtype="float32"),
    "integers": lambda stream: stream.integers(-7, 12, (3, 5)),
    "permutation": lambda stream: stream.permutation(15),
}
BAD_CALLS: dict[str, Any] = {
    "seed below 0": lambda stream: Stream(-1),
    "seed of 65 bits": lambda stream: Stream(2**64),
    "seed a float": lambda stream: Stream(1.0),
    "seed a bool": lambda stream: Stream(True),
    "child below 0": lambda stream: stream.child(-1),
    "child of 65 bits": lambda stream: stream.child(2**64),
    "child a float": lambda stream: stream.child(1.5),
    "child a text": lambda stream: stream.child("training"),
    "state too short": lambda stream: Stream.from_state([1, 2]),
    "state with a key word of 33 bits": lambda stream: Stream.from_state([2**32, 0, 0]),
    "state below 0": lambda stream: Stream.from_state([0, -1, 0]),
    "state with a draw of 61 bits": lambda stream: Stream.from_state([0, 0, 2**60]),
    "state with a float": lambda stream: Stream.from_state([0, 0, 1.0]),
    "state a text": lambda stream: Stream.from_state("000"),
    "shape below 0": lambda stream: stream.uniform(-1),
    "shape a float": lambda stream: stream.normal(2.0),
    "shape a text": lambda stream: stream.words("3"),
    "shape with a float": lambda stream: stream.uniform((2, 3.0)),
    "float16": lambda stream: stream.uniform(3, "float16"),
    "no dtype": lambda stream: stream.uniform(3, None),
    "dtype unknown": lambda stream: stream.normal(3, "real"),
    "p above 1": lambda stream: stream.bernoulli(1.5, shape=3),
    "p NaN": lambda stream: stream.bernoulli(float("nan"), shape=3),
    "p without shape": lambda stream: stream.bernoulli(0.5),
    "p a list": lambda stream: stream.bernoulli([0.5, 0.5]),
    "p of integers": lambda stream: stream.bernoulli(np.array([0, 1])),
    "draws of integers": lambda stream: stream.bernoulli(np.array([0.5]), dtype="int8"),
    "empty range": lambda stream: stream.integers(3, 3, 5),
    "range too wide": lambda stream: stream.integers(0, 2**32 + 1, 5),
    "range beyond int64": lambda stream: stream.integers(2**63 - 1, 2**63 + 1, 5),
    "range of floats": lambda stream: stream.integers(0, 2.5, 5),
    "permutation below 0": lambda stream: stream.permutation(-1),
    "permutation of a float": lambda stream: stream.permutation(2.5),
}


def philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Philox4x32-10 as figure 2 of Salmon et al. has it, on Python's integers."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        high_0, low_0 = divmod(0xD2511F53 * c0, 2**32)
        high_1, low_1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def expected_words(key: tuple[int, ...], draw: int, n: int) -> list[int]:
    blocks = [philox((block, 0, draw % 2**32, draw // 2**32), key) for block in range(-(-n // 4))]
    return [word for block in blocks for word in block][:n]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make every stream draw the given 64-bit keys, as pairs of words with the low half first."""

    def use(keys: list[int]) -> None:
        pairs = np.array([(key % 2**32, key // 2**32) for key in keys], dtype=np.uint32)
        monkeypatch.setattr(Stream, "words", lambda stream, shape: pairs.reshape(shape))

    return use


# ------------------------------------------------------------------------------------------------- words and keys


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN_ANSWERS)
def test_the_philox_of_these_tests_gives_the_known_answers(counter: str, key: str, output: str) -> None:
    as_words = [tuple(int(word, 16) for word in text.split()) for text in (counter, key, output)]
    assert philox(as_words[0], as_words[1]) == as_words[2]


@pytest.mark.parametrize("seed", SEEDS)
def test_words_are_philox_of_block_and_draw_under_the_seed(backend: Backend, seed: int) -> None:
    stream = Stream(seed, backend)
    for draw in range(3):
        assert stream.words(23).tolist() == expected_words((seed % 2**32, seed // 2**32), draw, 23)


@pytest.mark.parametrize("draw", LATE_DRAWS)
def test_draws_are_counted_in_two_words(backend: Backend, draw: int) -> None:
    stream = Stream.from_state([3, 4, draw], backend)
    for later in (draw, draw + 1):
        assert stream.draw == later
        assert stream.words(6).tolist() == expected_words((3, 4), later, 6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("index", [0, 1, 2**32 - 1, 2**32 + 5, 2**64 - 1])
def test_key_of_a_child_is_two_words_of_a_counter_that_no_draw_has(seed: int, index: int) -> None:
    counter = (index % 2**32, index // 2**32, 0, 0xFFFFFFFF)
    key = philox(counter, (seed % 2**32, seed // 2**32))[:2]
    assert Stream(seed, "numpy").child(index).state() == [*key, 0]


def test_a_child_does_not_depend_on_what_its_parent_has_drawn() -> None:
    parent = Stream(5, "numpy")
    before = parent.child(2).state()
    parent.words(10)
    assert parent.child(2).state() == before
    assert parent.draw == 1


def test_children_and_grandchildren_differ_from_each_other_and_from_their_parent() -> None:
    root = Stream(0, "numpy")
    family = [root, *map(root.child, range(50)), *map(root.child(0).child, range(50))]
    assert len({tuple(stream.state()[:2]) for stream in family}) == len(family)


# --------------------------------------------------------------------------------------------------------- state


@pytest.mark.parametrize("name", DRAWS)
def test_each_call_takes_one_draw(backend: Backend, name: str) -> None:
    stream = Stream(1, backend)
    for draw in range(3):
        assert stream.draw == draw
        DRAWS[name](stream)


def test_a_kernel_is_given_the_draws_that_come_next_and_takes_them(backend: Backend) -> None:
    stream = Stream(3, backend)
    stream.uniform(2)
    with stream.draws(4) as (key, draw):
        assert (key, int(draw[0])) == (stream.key, 1)
    assert stream.draw == 5
    with pytest.raises(ZeroDivisionError), stream.draws(4):
        raise ZeroDivisionError
    assert stream.draw == 5


def test_an_empty_call_takes_a_draw_too(backend: Backend) -> None:
    stream = Stream(1, backend)
    empty = [stream.uniform(0), stream.normal((3, 0), "float64"), stream.permutation(0), stream.integers(0, 3, (0, 2))]
    assert [values.shape for values in empty] == [(0,), (3, 0), (0,), (0, 2)]
    assert stream.draw == 4


@given(st.integers(0, 2**64 - 1), st.integers(0, 5))
def test_a_stream_goes_on_from_its_state_as_if_nothing_had_happened(seed: int, n_before: int) -> None:
    stream = Stream(seed, "numpy")
    for _ in range(n_before):
        stream.words(1)
    resumed = Stream.from_state(json.loads(json.dumps(stream.state())), "numpy")
    assert [resumed.words(9).tolist() for _ in range(3)] == [stream.words(9).tolist() for _ in range(3)]


def test_a_stream_on_another_backend_goes_on_and_leaves_the_first_alone() -> None:
    stream = Stream(1, "numpy")
    stream.words(3)
    moved = stream.to("cpu")
    assert moved.backend.name == "cpu"
    assert moved.words(9).tolist() == stream.words(9).tolist()
    moved.words(9)
    assert (moved.draw, stream.draw) == (3, 2)


# ------------------------------------------------------------------------------------------------ kinds of numbers


@pytest.mark.parametrize("name", DRAWS)
def test_bits_do_not_depend_on_the_backend(name: str) -> None:
    reference, compiled = (Stream(2**40 + 3, backend) for backend in ("numpy", "cpu"))
    for _ in range(2):
        expected, found = DRAWS[name](reference), DRAWS[name](compiled)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("shape", [(), 1, 2, 3, 7, (5, 3), (2, 1, 9)])
def test_uniforms_are_the_upper_bits_of_the_words(backend: Backend, shape: Any) -> None:
    n = int(np.prod(shape))
    singles, doubles = Stream(9, backend).uniform(shape), Stream(9, backend).uniform(shape, "float64")
    w = np.array(expected_words((9, 0), 0, 2 * n), dtype=np.uint64)
    np.testing.assert_array_equal(singles.ravel(), (w[:n] >> 8) * 2.0**-24)
    np.testing.assert_array_equal(doubles.ravel(), ((w[0::2] | w[1::2] << 32) >> 11) * 2.0**-53)
    assert singles.shape == doubles.shape == np.empty(shape).shape


def test_normals_are_box_muller_pairs_of_the_words(backend: Backend) -> None:
    w = np.array(expected_words((9, 0), 0, 1000), dtype=float)
    singles, doubles = Stream(9, backend).normal(1000), Stream(9, backend).normal(500, "float64")
    radius, angle = np.sqrt(-2 * np.log((w[0::2] + 1) / 2**32)), 2 * np.pi * w[1::2] / 2**32
    np.testing.assert_allclose(singles[0::2], radius * np.cos(angle), atol=1e-6)
    np.testing.assert_allclose(singles[1::2], radius * np.sin(angle), atol=1e-6)
    fraction = w[1::2] / 2**32 + w[0::2] / 2**64
    radius, angle = np.sqrt(-2 * np.log(fraction[0::2])), 2 * np.pi * fraction[1::2]
    np.testing.assert_allclose(doubles[0::2], radius * np.cos(angle), atol=1e-13)
    np.testing.assert_allclose(doubles[1::2], radius * np.sin(angle), atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bernoulli_draws_one_exactly_where_the_uniform_is_below_p(backend: Backend, dtype: str) -> None:
    u = Stream(4, backend).uniform((7, 9)).astype(dtype)
    at, above = Stream(4, backend).bernoulli(u), Stream(4, backend).bernoulli(np.nextafter(u, u + 1))
    assert not at.any()
    assert above.all()
    assert at.dtype == above.dtype == dtype


def test_bernoulli_of_strided_probabilities(backend: Backend) -> None:
    p = np.linspace(0, 1, 35, dtype=np.float32).reshape(5, 7).T
    np.testing.assert_array_equal(Stream(4, backend).bernoulli(p), Stream(4, backend).uniform((7, 5)) < p)


def test_bernoulli_of_one_number_is_that_of_an_array_of_it(backend: Backend) -> None:
    for dtype in ("float32", "float64"):
        draws = Stream(4, backend).bernoulli(0.25, shape=(6, 7), dtype=dtype)
        np.testing.assert_array_equal(draws, Stream(4, backend).uniform((6, 7)) < 0.25)
        assert draws.dtype == dtype


@given(st.data())
def test_integers_cut_the_range_of_the_keys_into_equal_parts(data: st.DataObject) -> None:
    span = data.draw(st.sampled_from([1, 2, 3, 10, 2**31 + 1, 2**32 - 1, 2**32]) | st.integers(1, 2**32))
    low = data.draw(st.sampled_from([0, -(2**63), 2**63 - span]) | st.integers(-1000, 1000))
    value = data.draw(st.sampled_from([0, span - 1]) | st.integers(0, span - 1))
    first, last = -(-value * 2**64 // span), -(-(value + 1) * 2**64 // span) - 1  # of the keys that mean `value`
    keys = [first, last, max(first - 1, 0), min(last + 1, 2**64 - 1)]
    with pytest.MonkeyPatch.context() as patch:
        pairs = np.array([(key % 2**32, key // 2**32) for key in keys], dtype=np.uint32)
        patch.setattr(Stream, "words", lambda stream, shape: pairs.reshape(shape))
        found = Stream(0, "numpy").integers(low, low + span, (2, 2))
    assert found.dtype == np.int64
    assert found.ravel().tolist() == [low + v for v in (value, value, max(value - 1, 0), min(value + 1, span - 1))]


def test_integers_take_every_value_about_equally_often(backend: Backend) -> None:
    counts = np.bincount(Stream(0, backend).integers(0, 6, 60_000), minlength=6)
    assert counts.size == 6
    assert np.abs(counts - 10_000).max() < 5 * np.sqrt(60_000 * 5 / 36)


def test_a_permutation_sorts_the_keys_and_keeps_the_order_of_equal_ones(words: Any) -> None:
    keys = [2**40, 5, 2**33 + 1, 5, 2**64 - 1, 2**40, 2**33, 5, 0]
    words(keys)
    assert Stream(0, "numpy").permutation(len(keys)).tolist() == sorted(range(len(keys)), key=keys.__getitem__)
    words([7] * 1000)
    assert Stream(0, "numpy").permutation(1000).tolist() == list(range(1000))


@pytest.mark.parametrize("n", [0, 1, 2, 257])
def test_a_permutation_has_every_index_once(backend: Backend, n: int) -> None:
    stream = Stream(0, backend)
    first, second = stream.permutation(n), stream.permutation(n)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(n))
    assert n < 3 or first.tolist() != second.tolist()


# -------------------------------------------------------------------------------------------------- good behaviour


def test_the_global_generator_is_neither_read_nor_moved(backend: Backend) -> None:
    results = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002 (the generator that must not matter)
        before = np.random.get_state()  # noqa: NPY002
        results.append([draw(Stream(0, backend)).tobytes() for draw in DRAWS.values()])
        after = np.random.get_state()  # noqa: NPY002
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_input_is_refused_and_takes_no_draw(name: str) -> None:
    stream = Stream(0, "numpy")
    with pytest.raises(InputError, match=r"must|needs|is two key words"):
        BAD_CALLS[name](stream)
    assert stream.draw == 0


def test_probabilities_of_another_library_are_refused_not_moved() -> None:
    with pytest.raises(BackendError, match=r"move it with backend\.asarray"):
        Stream(0, "numpy").bernoulli(array_api_strict.asarray([0.5]))
