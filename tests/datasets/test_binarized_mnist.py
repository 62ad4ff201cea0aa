from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scratchgen import datasets
from scratchgen.datasets.binarized_mnist import BINARIZED_MNIST, read_binarized_mnist
from scratchgen.datasets.files import Collection, find, read_contents
from scratchgen.errors import FileFormatError

# 3 images to train, 2 to validate, 1 to test
PIXELS = np.split(np.random.Generator(np.random.PCG64(1)).integers(0, 2, (6, 784)), [3, 5])


def amat(pixels: np.ndarray) -> bytes:
    return "".join(" ".join(map(str, row)) + "\n" for row in pixels).encode()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Collection:
    """Write a few images as published files into the data folder."""
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path))
    (tmp_path / "binarized_mnist").mkdir()
    published = []
    for file, pixels in zip(BINARIZED_MNIST.files, PIXELS, strict=True):
        (tmp_path / "binarized_mnist" / file.name).write_bytes(amat(pixels))
        published.append(replace(file, crc32=zlib.crc32(amat(pixels))))
    return replace(BINARIZED_MNIST, files=tuple(published))


def test_each_digit_is_a_pixel_and_each_line_an_image(small: Collection) -> None:
    data = read_binarized_mnist(small)
    for x, pixels in zip((data.x_train, data.x_validation, data.x_test), PIXELS, strict=True):
        np.testing.assert_array_equal(x, pixels.astype(np.float32), strict=True)
    assert (data.y_train, data.y_test, data.classes) == (None, None, ())


@pytest.mark.parametrize("position", range(3))
def test_each_changed_or_cut_file_is_refused_by_name(small: Collection, tmp_path: Path, position: int) -> None:
    path = tmp_path / "binarized_mnist" / small.files[position].name
    for contents in (amat(1 - PIXELS[position]), amat(PIXELS[position])[:-1], b""):
        path.write_bytes(contents)
        with pytest.raises(FileFormatError, match=f"{path.name}: expected the published {path.name}"):
            read_binarized_mnist(small)


@pytest.fixture
def paths() -> list[Path]:
    found = find(BINARIZED_MNIST).values()
    if None in found or not os.environ.get("SCRATCHGEN_DATA"):
        pytest.skip("set SCRATCHGEN_DATA to a folder that holds binarized_mnist/")
    return [path for path in found if path]


def test_the_local_copies_are_the_published_files_decompressed(paths: list[Path]) -> None:
    for file, path in zip(BINARIZED_MNIST.files, paths, strict=True):
        assert hashlib.sha256(read_contents(path)).hexdigest() == file.sha256


def test_the_fractions_of_ones_are_the_mean_intensities_of_mnist(paths: list[Path]) -> None:
    data = datasets.load("binarized-mnist")
    parts = data.x_train, data.x_validation, data.x_test
    assert [part.shape for part in parts] == [(50_000, 784), (10_000, 784), (10_000, 784)]
    # of MNIST: 0.1307 to train (and to validate), 0.1325 to test; a pixel's standard error is far below 0.001
    assert [round(float(part.mean(dtype=float)), 3) for part in parts] == [0.131, 0.131, 0.133]
