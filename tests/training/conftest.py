"""Data in files, and batches that are made without a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scratchgen.training import read_ahead


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Return a folder of 100 rows of 6 columns, in three files."""
    folder = tmp_path / "shards"
    folder.mkdir()
    rows = np.random.default_rng(5).random((100, 6)).astype(np.float32)
    for name, part in {"a": rows[:41], "b": rows[41:42], "c": rows[42:]}.items():
        np.save(folder / f"{name}.npy", part)
    return folder


@pytest.fixture
def without_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "read_ahead", lambda items, n: (item for item in items))


@pytest.fixture
def n_readers() -> Callable[[], int]:
    """Return a function that counts the threads that read ahead."""
    return lambda: sum(thread.name == "scratchgen-read-ahead" for thread in threading.enumerate())
