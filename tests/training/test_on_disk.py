"""Rows in files: that they are those that NumPy reads, and what is refused before a number is read."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen.errors import FileFormatError, InputError
from scratchgen.training.on_disk import is_mapped

TYPES = ["u1", "?", "i2", "<f2", ">f4", "f8"]


def read(data: sg.OnDisk, start: int, end: int) -> np.ndarray:
    rows = np.empty((end - start, data.shape[1]), dtype=data.dtype)
    data.read_into(rows, start)
    return rows


def all_rows(folder: Path) -> np.ndarray:
    return np.concatenate([np.load(path) for path in sorted(folder.glob("*.npy"))])


@given(start=st.integers(0, 100), end=st.integers(0, 100))
def test_rows_of_shards_are_those_of_their_concatenation(
    tmp_path_factory: pytest.TempPathFactory, start: int, end: int
) -> None:
    folder, x = tmp_path_factory.mktemp("shards"), np.arange(300).reshape(100, 3)
    for name, part in {"b": x[:41], "c": x[41:42], "d": x[42:42], "e": x[42:]}.items():
        np.save(folder / f"{name}.npy", part)
    np.save(folder / ".hidden.npy", x)
    (folder / "notes.txt").write_text("not one of them")
    data = sg.OnDisk(str(folder))
    assert (data.shape, data.dtype, len(data)) == ((100, 3), x.dtype, 100)
    if start < end:
        np.testing.assert_array_equal(read(data, start, end), x[start:end])


@pytest.mark.parametrize("dtype", TYPES)
def test_every_real_type_is_read(tmp_path: Path, dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 2, (7, 3)).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    for data in (tmp_path, tmp_path / "x.npy", np.load(tmp_path / "x.npy", mmap_mode="r")):
        np.testing.assert_array_equal(read(sg.OnDisk(data), 2, 7), x[2:7])


def test_a_memmap_is_read_from_where_it_begins_and_views_of_it_too(tmp_path: Path) -> None:
    values = np.arange(40_000, dtype=np.float32)
    values.tofile(tmp_path / "raw")
    x = np.memmap(tmp_path / "raw", dtype=np.float32, mode="r", offset=20_000, shape=(700, 50))
    for view in (x, x[3:], x[3:][5:90], x.reshape(350, 100)[10:]):
        assert is_mapped(view)
        np.testing.assert_array_equal(read(sg.OnDisk(view), 4, 9), np.asarray(view[4:9]))


def test_copies_of_a_memmap_are_ordinary_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(5))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert [is_mapped(y) for y in (x, x.astype("f4"), 2 * x, x[[1, 2]], x.copy(), np.asarray(x), np.eye(2))] == [
        True,
        *6 * [False],
    ]


def test_blocks_cover_every_row_once_and_never_two_files(shards: Path) -> None:
    blocks = sg.OnDisk(shards).blocks(10)
    assert np.concatenate([np.arange(start, end) for start, end in blocks]).tolist() == list(range(100))
    assert (blocks[:, 1] - blocks[:, 0]).tolist() == [10, 10, 10, 10, 1, 1, 10, 10, 10, 10, 10, 8]
    assert not any(start < edge < end for start, end in blocks for edge in (41, 42))


@pytest.mark.parametrize("top", [9, 49, 255, 65535])
def test_scaled_integers_stay_in_the_unit_range(tmp_path: Path, top: int) -> None:
    np.save(tmp_path / "x.npy", np.array([[0, top]], dtype=np.uint16))
    for dtype in ("float32", "float64"):
        data = sg.OnDisk(tmp_path, scale=1 / top)
        scaled = data.scaled(read(data, 0, 1), dtype)
        assert 1 - np.finfo(dtype).eps <= scaled.max() <= 1
        assert scaled.dtype == dtype


def test_a_name_says_file_and_row(shards: Path) -> None:
    data = sg.OnDisk(shards)
    for row, name in {0: "a.npy, row 0", 40: "a.npy, row 40", 41: "b.npy, row 0", 99: "c.npy, row 57"}.items():
        assert data.name_of(row) == str(shards / name)


def refused(tmp_path: Path, *arrays: np.ndarray) -> str:
    for i, x in enumerate(arrays):
        np.save(tmp_path / f"{i}.npy", x)
    with pytest.raises(InputError) as error:
        sg.OnDisk(tmp_path)
    return str(error.value)


def test_shards_that_do_not_fit_together_are_refused_by_their_names(tmp_path: Path) -> None:
    message = refused(tmp_path, np.eye(3), np.zeros((2, 4)))
    assert "0.npy has float64 and 3 columns" in message
    assert "1.npy has float64 and 4" in message
    assert "1.npy has float32 and 3" in refused(tmp_path, np.eye(3), np.eye(3, dtype=np.float32))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones(3), r"must be an array \(n, n_visible\)"),
        (np.ones((2, 2, 2)), r"of shape \(2, 2, 2\)"),
        (np.ones((2, 2), complex), "real numbers, got complex128"),
        (np.asfortranarray(np.ones((3, 2))), "save it in C order"),
        (np.ones((0, 2)), "has no rows"),
    ],
)
def test_other_arrays_in_a_file_are_refused(tmp_path: Path, x: np.ndarray, message: str) -> None:
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(InputError, match=message):
        sg.OnDisk(tmp_path)


def test_folders_files_and_memmaps_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no \.npy files"):
        sg.OnDisk(tmp_path)
    with pytest.raises(InputError, match="there is no folder or file"):
        sg.OnDisk(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"needs a numpy.memmap or the path"):
        sg.OnDisk(np.eye(3))  # type: ignore[arg-type]
    np.save(tmp_path / "x.npy", np.eye(4))
    with pytest.raises(InputError, match="copy-on-write"):
        sg.OnDisk(np.load(tmp_path / "x.npy", mmap_mode="c"))
    for view in (np.load(tmp_path / "x.npy", mmap_mode="r")[:, :2], np.load(tmp_path / "x.npy", mmap_mode="r")[::2]):
        with pytest.raises(InputError, match="slice rows alone"):
            sg.OnDisk(view)
    for options in ({"scale": 0}, {"scale": np.nan}, {"scale": "1"}, {"buffer_bytes": 0}):
        with pytest.raises(InputError, match=next(iter(options))):
            sg.OnDisk(tmp_path, **options)


def test_files_that_are_not_whole_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.ones((100, 30)))
    whole, data = path.read_bytes(), sg.OnDisk(path)
    for content in (whole[:-1], whole[:50], b"", b"text", pickle.dumps([1])):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"x\.npy is not a whole"):
            sg.OnDisk(path)
    path.write_bytes(whole[:-1])
    read(data, 0, 99)
    with pytest.raises(FileFormatError, match=r"x\.npy ends before row 100"):
        read(data, 0, 100)
    path.unlink()
    with pytest.raises(FileFormatError, match=r"x\.npy cannot be read from row 5 on"):
        read(data, 5, 6)
