"""What is random in a pass over files, and what is not; and that memory stays bounded."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen.backend import get_backend
from scratchgen.training import disk_source
from scratchgen.training.disk_source import DiskSource
from scratchgen.training.read_ahead import N_BATCHES
from scratchgen.training.sources import ArraySource

N, COLUMNS = 600, 2  # a row is its number, twice, in float64: 16 bytes


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numbered")
    rows = np.repeat(np.arange(float(N))[:, None], COLUMNS, axis=1)
    for i, part in enumerate(np.split(rows, [250, 251, 400])):
        np.save(folder / f"{i}.npy", part)
    return folder


def source(data: Any, buffer_rows: int, backend: str = "numpy") -> DiskSource:
    return DiskSource(
        sg.OnDisk(data, buffer_bytes=16 * buffer_rows),
        lambda rows, name: rows,
        "float64",
        get_backend(backend),
        "x",
    )


def order(batches: Any) -> np.ndarray:
    return np.concatenate([np.array(batch)[:, 0] for batch in batches]).astype(int)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_source, "BLOCK_BYTES", 16 * 10)  # ten rows


@given(batch_size=st.integers(1, 700), buffer_rows=st.integers(1, 800))
def test_a_pass_visits_every_row_once_in_batches_of_one_size(numbered: Path, batch_size: int, buffer_rows: int) -> None:
    files, stream = source(numbered, buffer_rows), sg.Stream(0, "numpy")
    batches = [batch.copy() for batch in files.shuffled(batch_size, stream)]
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert len(batches) == files.n_batches(batch_size)
    assert sorted(order(batches)) == list(range(N))
    np.testing.assert_array_equal(order(files.in_order(batch_size)), np.arange(N))


@pytest.mark.parametrize("buffer_rows", [50, N + 40])
def test_a_pass_repeats_from_its_stream_and_the_next_differs(numbered: Path, buffer_rows: int) -> None:
    files, stream = source(numbered, buffer_rows), sg.Stream(0, "numpy")
    first = order(files.shuffled(32, stream))
    state = stream.state()
    second = order(files.shuffled(32, stream))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, order(files.shuffled(32, sg.Stream(0, "numpy"))))
    np.testing.assert_array_equal(second, order(files.shuffled(32, sg.Stream.from_state(state, "numpy"))))
    np.testing.assert_array_equal(first, order(source(numbered, buffer_rows, "cpu").shuffled(32, sg.Stream(0, "cpu"))))


def test_a_pass_that_is_left_takes_the_draws_of_a_whole_one(numbered: Path) -> None:
    files, whole, left = source(numbered, 50), sg.Stream(0, "numpy"), sg.Stream(0, "numpy")
    list(files.shuffled(32, whole))
    batches = files.shuffled(32, left)
    next(batches)
    batches.close()
    assert left.state() == whole.state()
    assert whole.draw == 1 + 13  # 61 blocks, of which five fit into the buffer


def test_rows_that_fit_into_the_buffer_come_in_the_order_of_an_array(numbered: Path) -> None:
    stream, other = sg.Stream(7, "numpy"), sg.Stream(7, "numpy")
    array = ArraySource(np.repeat(np.arange(float(N))[:, None], COLUMNS, axis=1))
    np.testing.assert_array_equal(
        order(source(numbered, N + 40).shuffled(32, stream)), order(array.shuffled(32, other))
    )
    assert stream.state() == other.state()


def test_a_group_is_some_blocks_from_anywhere_and_mixes_their_rows(numbered: Path) -> None:
    files, stream = source(numbered, 100), sg.Stream(0, "numpy")  # 61 blocks in 7 groups
    passes = np.stack([order(files.shuffled(64, stream)) for _ in range(500)])
    position = passes.argsort(axis=1)
    # Every row is as likely early as late: means of uniforms on 0 to 599, to 5 standard errors.
    error = 599 / np.sqrt(12 * len(passes))
    assert np.abs(position.mean(axis=0) - 299.5).max() < 5 * error
    # Rows of one block stay near one another; rows of different blocks do not: they can meet, and can be far apart.
    same, other = np.abs(position[:, 3] - position[:, 8]), np.abs(position[:, 3] - position[:, 300])
    assert same.max() < 100
    assert other.max() > 450
    assert other.min() < 10
    # Within a group all rows are mixed: the first ten of a pass are of more than one block, and in no order.
    blocks = {len(set(first[:10] // 10)) for first in passes}
    assert min(blocks) > 1
    assert (np.diff(passes[:, :10], axis=1) > 0).mean() == pytest.approx(0.5, abs=0.03)


def test_the_sample_is_rows_at_equal_distances(numbered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.testing.assert_array_equal(source(numbered, N).examples()[:, 0], np.arange(N))
    np.testing.assert_array_equal(source(numbered, 40).examples()[:, 0], np.arange(40) * 15)
    monkeypatch.setattr(disk_source, "N_EXAMPLES", 7)
    np.testing.assert_array_equal(source(numbered, N).examples()[:, 0], np.arange(7) * N // 7)


def test_a_memmap_and_a_folder_of_the_same_rows_agree(numbered: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.concatenate([np.load(path) for path in sorted(numbered.glob("*.npy"))]))
    mapped, file = np.load(tmp_path / "x.npy", mmap_mode="r"), tmp_path / "x.npy"
    passes = [order(source(data, 100).shuffled(32, sg.Stream(1, "numpy"))) for data in (mapped, file)]
    np.testing.assert_array_equal(*passes)


@pytest.mark.slow
def test_the_memory_of_a_pass_does_not_grow_with_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_source, "BLOCK_BYTES", 2**16)
    shard = np.random.default_rng(0).random((5_000, 784), dtype=np.float32)  # 16 MB
    peaks = []
    for n_shards in (1, 16):
        for i in range(n_shards):
            np.save(tmp_path / f"{i}.npy", shard)
        data = sg.OnDisk(tmp_path, buffer_bytes=2**22)
        model = sg.VAE(784, (8,), 2, backend="numpy")
        tracemalloc.start()
        model.fit(data, epochs=1, batch_size=500, progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert model.step == 10 * n_shards
    batch = 500 * 3136
    buffers, sample, batches = 2 * 2**22, 3 * 1337 * 3136, 10 * batch  # the sample: as read, checked, used
    assert peaks[1] < buffers + sample + batches
    # The data grew by 150 batches. The thread that reads ahead has up to N_BATCHES of them, more or fewer at the peak.
    assert peaks[1] - peaks[0] < N_BATCHES * batch
