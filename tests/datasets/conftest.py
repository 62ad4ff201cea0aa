"""Fixtures of the data sets: no test reaches the network or the user's own cache folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scratchgen.datasets import files


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put an empty folder in the place of the user's cache, and make a download an error of the test."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(files, "user_cache", lambda: folder)
    monkeypatch.setattr(files, "fetch", lambda address, file, folder: pytest.fail(f"{file.name} was to be downloaded"))
    return folder


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[np.ndarray], bytes]:
    """Return a function that writes an array of bytes in the idx format."""

    def write(array: np.ndarray) -> bytes:
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()

    return write
