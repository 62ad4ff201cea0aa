"""Large arrays are shared among threads: every element is made once, and is what one thread alone makes of it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen import Stream, densities
from scratchgen.kernels import _threads
from scratchgen.kernels._threads import SMALLEST_PART, share
from scratchgen.kernels.gibbs_sweeps import gibbs_sweeps
from scratchgen.kernels.ising_checkerboard import ising_checkerboard
from scratchgen.kernels.ising_metropolis import ising_metropolis
from scratchgen.kernels.langevin import langevin_step_

N = 3 * SMALLEST_PART + 5  # the last block is not whole


@pytest.fixture
def with_threads(monkeypatch):
    """Run a function with so many threads; return its result and how many threads took part."""

    def run(n_threads, function):
        taking_part = set()

        def noted_share(work, n, smallest):
            def noted(start, end):
                taking_part.add(threading.get_ident())
                if (start, end) != (0, n):
                    everybody.wait(timeout=60)  # or a fast thread would take the part of another
                work(start, end)

            everybody = threading.Barrier(n_threads)
            share(noted, n, smallest)

        monkeypatch.setattr(_threads, "n_threads", lambda: n_threads)
        monkeypatch.setattr(_threads, "share", noted_share)
        return function(), len(taking_part)

    return run


@given(n=st.integers(0, 200), smallest=st.integers(1, 50), n_threads=st.integers(1, 5))
def test_parts_follow_each_other_and_are_not_too_small(n, smallest, n_threads):
    parts = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(_threads, "n_threads", lambda: n_threads)
        share(lambda start, end: parts.append((start, end)), n, smallest)
    assert len(parts) == max(1, min(n_threads, n // smallest))
    assert [i for start, end in sorted(parts) for i in range(start, end)] == list(range(n))
    assert len(parts) == 1 or min(end - start for start, end in parts) >= smallest


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_part_is_raised_after_the_others_have_ended(monkeypatch, failing):
    monkeypatch.setattr(_threads, "n_threads", lambda: 2)
    done = []

    def work(start, end):
        if start == 50 * failing:
            raise RuntimeError(f"part {failing}")
        done.append(start)

    with pytest.raises(RuntimeError, match=f"part {failing}"):
        share(work, 100, 10)
    assert done == [50 * (1 - failing)]
    assert not [thread for thread in threading.enumerate() if thread.name == "scratchgen-share"]


def test_as_many_threads_as_numba_was_given():
    import numba

    assert _threads.n_threads() == numba.config.NUMBA_NUM_THREADS >= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("draw", ["words", "uniform", "normal", "bernoulli", "langevin step"])
def test_random_numbers_of_a_large_array_are_the_same_with_any_number_of_threads(with_threads, dtype, draw):
    def step(stream):
        x = np.linspace(-1, 1, N, dtype=dtype)
        out = np.empty_like(x)
        with stream.draws() as (key, number):
            langevin_step_.cpu(out, x, x, 0.3, 0.8, 0.5, -0.7, 0.9, key, number)
        return out

    def drawn():
        stream = Stream(3)
        stream.uniform(1)
        if draw == "langevin step":
            return step(stream)
        if draw == "bernoulli":
            return stream.bernoulli(np.linspace(0, 1, N, dtype=dtype))
        return stream.words(N) if draw == "words" else getattr(stream, draw)(N, dtype)

    expected, n_alone = with_threads(1, drawn)
    for n_threads in (2, 3):
        got, n_taking_part = with_threads(n_threads, drawn)
        np.testing.assert_array_equal(got, expected, strict=True)
        assert (n_alone, n_taking_part) == (1, n_threads)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "density",
    [densities.eight_gaussians(), densities.three_rings(), densities.DoubleWell()],
    ids=["eight Gaussians", "rings", "double well"],
)
def test_chains_in_a_density_are_the_same_with_any_number_of_threads(with_threads, density, dtype):
    x = Stream(4).normal((SMALLEST_PART // 8 + 3, 2), dtype)

    def chains():
        return density.langevin(Stream(3), x, 16, 0.02, 0.2)

    expected, n_alone = with_threads(1, chains)
    got, n_taking_part = with_threads(2, chains)
    np.testing.assert_array_equal(got, expected, strict=True)
    assert (n_alone, n_taking_part) == (1, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sampler", ["gibbs", "gibbs from probabilities", "ising_metropolis", "ising_checkerboard"])
def test_chains_of_a_machine_are_the_same_with_any_number_of_threads(with_threads, sampler, dtype):
    n_chains, n_sweeps, size = 201, 400, 6

    def chains():
        stream, temperature = Stream(3), np.linspace(0.5, 1.5, n_chains).astype(dtype)
        with stream.draws() as (key, draw):
            if sampler.startswith("gibbs"):
                W, v = Stream(4).normal((size * size, 10), dtype), Stream(5).uniform((n_chains, size * size), dtype)
                v = v if sampler == "gibbs from probabilities" else (v < 0.5).astype(dtype)
                return gibbs_sweeps.cpu(v, W, W[:, 0] - 1, W[0], temperature, n_sweeps, key, draw)
            spins = np.where(Stream(5).uniform((n_chains, size, size)) < 0.5, -1, 1).astype(np.int8)
            kernel = ising_metropolis if sampler == "ising_metropolis" else ising_checkerboard
            return kernel.cpu(spins, temperature, np.zeros_like(temperature), n_sweeps, key, draw)

    expected, n_alone = with_threads(1, chains)
    for n_threads in (2, 3):
        got, n_taking_part = with_threads(n_threads, chains)
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)
        assert (n_alone, n_taking_part) == (1, n_threads)
