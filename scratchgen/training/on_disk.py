"""Rows of numbers in files: a `numpy.memmap`, or a folder of .npy files as shards of one array.

Rows are read from the files into buffers, and not through a mapping of them into memory: pages of a mapping count as
resident memory of the process until the system wants them back.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scratchgen.errors import FileFormatError, InputError
from scratchgen.validation import check_count, check_positive


@dataclass(frozen=True)
class _Part:
    """Rows that lie one after the other in a file, from `offset` bytes on."""

    path: Path
    offset: int
    n_rows: int
    n_columns: int
    dtype: np.dtype


class OnDisk:
    """Examples in files, for `fit`: they may be larger than the memory, of which a stated part is used.

    `fit` takes a memmap or a folder as it is, too; this adds options.

    Parameters
    ----------
    data : numpy.memmap or path
        A memmap (n, n_visible) of whole rows; a folder of .npy files of shapes (n_i, n_visible) and one dtype, which
        are read in the order of their names; or one such file. Any real dtype: rows become the model's type as they are
        read.
    scale : float
        What the numbers are multiplied by; nothing is scaled unless it is asked for. ``1 / 255`` for bytes of images.
    buffer_bytes : int
        The memory, on the host, within which examples are shuffled. Twice as much is used, because the next part is
        read meanwhile; besides it there are a few batches.

    Attributes
    ----------
    shape : tuple (n, n_visible)
    dtype : numpy.dtype

    Raises
    ------
    InputError
        No files, or not such data. Headers are read at once, numbers later.
    FileFormatError
        A file is not a whole .npy file.

    Examples
    --------
    ``vae.fit(sg.OnDisk("shards", scale=1 / 255), epochs=10)``
    """

    def __init__(self, data: np.memmap | str | Path, scale: float = 1.0, buffer_bytes: int = 2**26) -> None:
        self.scale = check_positive("scale", scale)
        self.buffer_bytes = check_count("buffer_bytes", buffer_bytes)
        self._parts = _parts_of(data)
        self.dtype = self._parts[0].dtype
        self._ends = np.cumsum([part.n_rows for part in self._parts])
        self.shape = (int(self._ends[-1]), self._parts[0].n_columns)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        first, last = self._parts[0].path.name, self._parts[-1].path.name
        return f"OnDisk({first} to {last}, shape={self.shape}, dtype={self.dtype}, scale={self.scale:g})"

    @property
    def row_bytes(self) -> int:
        """The size of one row in its file."""
        return self.shape[1] * self.dtype.itemsize

    def blocks(self, n_rows: int) -> np.ndarray:
        """Return first and last row + 1 of blocks of `n_rows` rows, (n_blocks, 2); a file's last may be shorter."""
        blocks = []
        for start, end in zip(np.r_[0, self._ends[:-1]], self._ends, strict=True):
            starts = np.arange(start, end, n_rows)
            blocks.append(np.stack([starts, np.minimum(starts + n_rows, end)], axis=1))
        return np.concatenate(blocks)

    def announce(self, blocks: np.ndarray) -> None:
        """Let the system, where it can, fetch these blocks into its file cache: many at a time, while others are used.

        Blocks in random places, asked for one after the other, leave most of a disk's rate unused.
        """
        if not hasattr(os, "posix_fadvise"):
            return
        for start, end in blocks:
            part, row = self._find(start)
            with (
                contextlib.suppress(OSError),
                part.path.open("rb", buffering=0) as file,
            ):  # reading will say what is wrong
                offset, length = part.offset + row * self.row_bytes, int(end - start) * self.row_bytes
                os.posix_fadvise(file.fileno(), offset, length, os.POSIX_FADV_WILLNEED)

    def read_into(self, out: np.ndarray, start: int) -> None:
        """Fill `out`, C-contiguous (n, n_visible) of type `dtype`, with the rows from `start` on, as they are.

        Raises
        ------
        FileFormatError
            A file is gone or shorter than it was; the message has its name and a row.
        """
        done = 0
        while done < len(out):
            part, row = self._find(start + done)
            n = min(part.n_rows - row, len(out) - done)
            _read(part, row, out[done : done + n])
            done += n

    def scaled(self, rows: np.ndarray, dtype: str) -> np.ndarray:
        """Return `rows` times `scale`, in a floating type that holds both theirs and `dtype`."""
        if self.scale == 1:
            return rows
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is found by the check of the values
            return np.multiply(rows, self.scale, dtype=np.result_type(rows.dtype, dtype))

    def name_of(self, row: int) -> str:
        """Return the file of a row and its number there."""
        part, row = self._find(row)
        return f"{part.path}, row {row}"

    def _find(self, row: int) -> tuple[_Part, int]:
        index = int(np.searchsorted(self._ends, row, side="right"))
        part = self._parts[index]
        return part, row - (int(self._ends[index]) - part.n_rows)


def is_mapped(x: Any) -> bool:
    """Say whether `x` is a memmap of a file, and not a memmap only by name, as a copy of one is."""
    return isinstance(x, np.memmap) and _mapped(x) is not None


def _mapped(x: np.memmap) -> np.memmap | None:
    """Return the memmap that opened the file, of which `x` is a view or which it is."""
    opened, base = x, x.base
    while isinstance(base, np.ndarray):
        opened, base = base if isinstance(base, np.memmap) else opened, base.base
    return None if base is None else opened


def _parts_of(data: Any) -> list[_Part]:
    if isinstance(data, np.memmap):
        parts = [_part("the memmap", data)]
    elif isinstance(data, str | Path):
        parts = [_part(str(path), _open(path)) for path in _files(Path(data))]
    else:
        raise InputError(
            f"OnDisk needs a numpy.memmap or the path of a folder of .npy files, got {type(data).__name__}"
        )
    first = parts[0]
    for part in parts:
        if (part.n_columns, part.dtype) != (first.n_columns, first.dtype):
            raise InputError(
                f"all files must have one type and number of columns: {first.path} has {first.dtype} and "
                f"{first.n_columns} columns, {part.path} has {part.dtype} and {part.n_columns}"
            )
    if not any(part.n_rows for part in parts):
        raise InputError(f"{first.path} has no rows" if len(parts) == 1 else f"none of the files in {data} has rows")
    return [part for part in parts if part.n_rows]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        return iter([path])
    if not path.is_dir():
        raise InputError(f"there is no folder or file {path}: give a folder of .npy files")
    files = sorted(file for file in path.glob("*.npy") if not file.name.startswith("."))
    if not files:
        raise InputError(f"the folder {path} has no .npy files")
    return iter(files)


def _open(path: Path) -> np.memmap:
    """Return a .npy file as a memmap: its header is checked against its length, and no numbers are read."""
    try:
        x = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise FileFormatError(f"{path} is not a whole .npy file of numbers: {error}") from error
    if not isinstance(x, np.memmap):
        raise FileFormatError(f"{path} is not a .npy file, but an archive of several arrays")
    return x


def _part(name: str, x: np.memmap) -> _Part:
    opened = _mapped(x)
    if opened is None or opened.filename is None:
        raise InputError(f"{name} is not mapped to a file that has a name: give the array that numpy.memmap returned")
    if opened.mode == "c":
        raise InputError(f"{name} is copy-on-write, and changes to it are in no file: open it with mode='r'")
    if x.ndim != 2 or x.dtype.kind not in "fiub":
        raise InputError(f"{name} must be an array (n, n_visible) of real numbers, got {x.dtype} of shape {x.shape}")
    if not x.flags.c_contiguous:
        raise InputError(f"{name} must hold whole rows, one after the other: save it in C order, and slice rows alone")
    offset = opened.offset + x.ctypes.data - opened.ctypes.data
    n_rows, n_columns = x.shape
    return _Part(Path(opened.filename), offset, n_rows, n_columns, x.dtype)


def _read(part: _Part, row: int, out: np.ndarray) -> None:
    """Fill `out` from a part's row on."""
    left = out.view(np.uint8).reshape(-1).data
    try:
        with part.path.open("rb", buffering=0) as file:
            file.seek(part.offset + row * part.n_columns * part.dtype.itemsize)
            while left and (n := file.readinto(left)):
                left = left[n:]
    except OSError as error:
        raise FileFormatError(f"{part.path} cannot be read from row {row} on: {error}") from error
    if left:
        raise FileFormatError(f"{part.path} ends before row {row + len(out)}: it is shorter than it was when opened")
