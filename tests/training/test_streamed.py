"""`fit` on data that are not in memory: what it does with them is what it does with an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.backend import Backend
from scratchgen.errors import FileFormatError, InputError
from scratchgen.training import disk_source, terms

X = np.random.default_rng(5).random((100, 6)).astype(np.float32)  # what the shards hold


def new_vae(backend: str | Backend = "numpy", **settings: Any) -> sg.VAE:
    return sg.VAE(6, (5,), 2, **{"seed": 3} | settings, backend=backend)


def train(model: Any, x: Any, epochs: int = 2, **options: Any) -> Any:
    model.fit(x, **{"epochs": epochs, "batch_size": 8, "progress": False} | options)
    return model


def everything(model: Any) -> dict[str, Any]:
    """Return the whole state to compare, arrays as bytes, without the seconds."""
    state = model.state()
    history = {name: column for name, column in model.history.columns.items() if name != "seconds"}
    return (
        state.values
        | {"history": history}
        | {name: sg.to_numpy(array).tobytes() for name, array in state.arrays.items()}
    )


@pytest.fixture
def small_buffer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], sg.OnDisk]:
    """Let ten rows be a block and thirty the buffer."""
    monkeypatch.setattr(disk_source, "BLOCK_BYTES", 10 * 24)
    return lambda data: sg.OnDisk(data, buffer_bytes=30 * 24)


def arrays_of(*arrays: Any) -> Callable[[], Iterator[Any]]:
    return lambda: iter(arrays)


MODELS: list[Callable[[Backend], Any]] = [
    lambda backend: new_vae(backend),
    lambda backend: sg.RBM(6, 4, backend=backend),
    lambda backend: sg.EnergyModel(6, (4,), box=(0.0, 1.0), loss=sg.ScoreMatching(), backend=backend),
    lambda backend: sg.SparseAutoencoder(6, (5,), 2, backend=backend),
]


@pytest.mark.parametrize("make", MODELS)
def test_data_that_fit_into_the_buffer_train_as_an_array_does(
    make: Callable[[Backend], Any], backend: Backend, shards: Path
) -> None:
    in_memory = everything(train(make(backend), X, validation=X[:20]))
    np.save(shards.parent / "all.npy", X)
    memmap = np.load(shards.parent / "all.npy", mmap_mode="r")
    for data in (shards, str(shards), memmap, sg.OnDisk(shards)):
        assert everything(train(make(backend), data, validation=memmap[:20])) == in_memory


def test_reading_ahead_changes_nothing(
    shards: Path, small_buffer: Callable[[Any], sg.OnDisk], request: pytest.FixtureRequest
) -> None:
    data, arrays = small_buffer(shards), arrays_of(X[:50], X[50:])
    ahead = [everything(train(new_vae(), x, validation=data)) for x in (data, arrays)]
    request.getfixturevalue("without_read_ahead")
    assert [everything(train(new_vae(), x, validation=data)) for x in (data, arrays)] == ahead


def test_training_continues_exactly(tmp_path: Path, shards: Path, small_buffer: Callable[[Any], sg.OnDisk]) -> None:
    for data in (small_buffer(shards), small_buffer(np.load(shards / "c.npy", mmap_mode="r"))):
        at_once = everything(train(new_vae(), data, 4))
        assert everything(train(train(new_vae(), data, 1), data, 3)) == at_once
        train(new_vae(), data, 2).save(tmp_path / "model.safetensors")
        assert everything(train(sg.load(tmp_path / "model.safetensors", "numpy"), data, 2)) == at_once


@pytest.mark.parametrize("sizes", [[100], [8] * 12 + [4], [1, 0, 30, 69], [3] * 33 + [1]])
def test_arrays_of_any_size_are_cut_to_batches_in_their_order(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, seen = new_vae(), []
    evaluate = model.evaluate_terms_and_grads
    monkeypatch.setattr(
        model, "evaluate_terms_and_grads", lambda x, *args: (seen.append(x.copy()), evaluate(x, *args))[1]
    )
    train(model, arrays_of(*np.split(X, np.cumsum(sizes)[:-1])), 1)
    assert [len(batch) for batch in seen] == [8] * 12 + [4]
    np.testing.assert_array_equal(np.concatenate(seen), X)


def test_a_function_is_called_for_the_sample_and_then_once_for_each_pass() -> None:
    calls: list[int] = []
    train(new_vae(), lambda: (calls.append(1), iter([X]))[1], 3)
    assert len(calls) == 4


def test_a_pass_of_unknown_length_has_the_same_means_and_a_progress_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms, "_FIRST_ROOM", 3)
    unknown, ordered = new_vae(), new_vae()
    ordered.streams["shuffling"].permutation = np.arange  # type: ignore[method-assign]
    train(unknown, arrays_of(X), 2, batch_size=1, progress=True)
    assert "200/200" in capsys.readouterr().err
    train(ordered, X, 2, batch_size=1)
    assert unknown.history.loss == ordered.history.loss


@pytest.mark.parametrize("dtype", ["u1", "f2", "f8"])
def test_numbers_become_the_model_s_type_and_are_scaled_where_asked(dtype: str, tmp_path: Path) -> None:
    x = (np.random.default_rng(0).integers(0, 256, (40, 6))).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    scaled = (x * np.float64(1 / 255)).astype(np.float32)
    found, expected = new_vae(), new_vae()
    train(found, sg.OnDisk(tmp_path, scale=1 / 255), 1)
    train(expected, scaled, 1)
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-4, atol=1e-6)


# ------------------------------------------------------------------------------------------------------ bad data


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.nan, r"b\.npy, row 17 has NaN or infinite values$"),
        (200.0, r"b\.npy, row 17 must lie in \[0, 1\] .*: divide by 255\. Numbers in files can be scaled .*OnDisk"),
        (-3.0, r"b\.npy, row 17 must lie in \[0, 1\] for a Bernoulli model, got values in \[-3"),
    ],
)
def test_a_bad_number_is_found_when_its_batch_comes_and_named_by_file_and_row(
    bad: float, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_buffer: Any, n_readers: Any
) -> None:
    monkeypatch.setattr(disk_source, "N_EXAMPLES", 3)  # else the sample would find it
    x = X.copy()
    x[40 + 17, 2] = bad
    np.save(tmp_path / "a.npy", x[:40])
    np.save(tmp_path / "b.npy", x[40:])
    for data, options in ((small_buffer(tmp_path), {}), (X, {"validation": small_buffer(tmp_path)})):
        with pytest.raises(InputError, match=message):
            train(new_vae(), data, **options)
    assert n_readers() == 0


def test_a_bad_number_of_an_array_is_named_by_array_and_row() -> None:
    bad = X.copy()
    bad[5] = 7
    with pytest.raises(InputError, match=r"array 42 of x\(\), row 5 must lie in .*Scale the arrays before"):
        train(new_vae(), arrays_of(*[X] * 42, bad))
    with pytest.raises(InputError, match=r"array 1 of validation\(\) must have shape \(n, 6\), got \(2, 3\)"):
        train(new_vae(), X, validation=arrays_of(X, X[:2, :3]))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (iter([X]), "an iterator, which can be gone through only once"),
        (lambda: 3, r"x\(\) must return an iterator of arrays, got int"),
        (lambda: iter(()), r"x\(\) gave no rows"),
        (lambda: iter([X[:0]]), r"x\(\) gave no rows"),
        (lambda: iter([["a"]]), "real numbers"),
        ("no/such/folder", "there is no folder or file"),
        (X + 1, "x must lie in"),
    ],
)
def test_other_data_are_refused_before_training_begins(x: Any, message: str) -> None:
    model = new_vae()
    with pytest.raises(InputError, match=message):
        train(model, x)
    assert (model.step, model.streams["shuffling"].draw) == (0, 0)


def test_files_of_other_widths_are_refused_before_training_begins(shards: Path) -> None:
    with pytest.raises(InputError, match=r"x must have shape \(n, 7\), got \(100, 6\)"):
        train(sg.VAE(7, (5,), 2, backend="numpy"), shards)


def test_an_iterator_that_is_returned_twice_is_refused() -> None:
    used_up = iter([X])
    with pytest.raises(InputError, match="it must return a fresh iterator of arrays at each call"):
        train(new_vae(), lambda: used_up)


def test_errors_of_a_file_and_of_the_function_reach_the_caller(shards: Path, n_readers: Callable[[], int]) -> None:
    model = new_vae()
    train(model, shards, 1)
    cut = [lambda model: (shards / "c.npy").write_bytes((shards / "c.npy").read_bytes()[:-8])]
    with pytest.raises(FileFormatError, match=r"c\.npy ends before row 58"):
        train(model, shards, 2, callbacks=cut)

    def arrays() -> Iterator[np.ndarray]:
        yield from [X] * 50
        raise ZeroDivisionError("of the user")

    with pytest.raises(ZeroDivisionError, match="of the user"):
        train(new_vae(), arrays)
    assert n_readers() == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_no_thread_is_left_when_training_stops(
    error: type[BaseException], small_buffer: Any, shards: Path, monkeypatch: pytest.MonkeyPatch, n_readers: Any
) -> None:
    for method, options in (("evaluate_terms_and_grads", {}), ("evaluate_terms", {"validation": small_buffer(shards)})):
        model = new_vae()

        def fail(*_: Any) -> None:
            assert n_readers() == 1
            raise error

        monkeypatch.setattr(model, method, fail)
        with pytest.raises(error) as stopped:
            train(model, small_buffer(shards), **options)
        assert n_readers() == 0
        del stopped  # until here it kept the frames of the loop alive: nothing ended the thread by being forgotten


@pytest.mark.simulator
def test_files_train_through_the_cuda_kernels_as_in_memory(shards: Path) -> None:
    files, memory = (new_vae("cuda", dtype="float64") for _ in range(2))
    train(files, shards / "b.npy", 1)
    train(memory, np.load(shards / "b.npy"), 1)
    assert everything(files) == everything(memory)


@pytest.mark.gpu
def test_files_train_on_a_gpu_as_in_memory(shards: Path) -> None:
    assert everything(train(new_vae("cuda"), shards, 3)) == everything(train(new_vae("cuda"), X, 3))
