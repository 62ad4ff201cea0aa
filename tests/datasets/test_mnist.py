from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scratchgen import datasets
from scratchgen.datasets.dataset import Dataset
from scratchgen.datasets.files import Collection, PublishedFile, find
from scratchgen.datasets.mnist import FASHION_MNIST, MNIST, read_images
from scratchgen.errors import FileFormatError

COLLECTIONS = {collection.name: collection for collection in (MNIST, FASHION_MNIST)}


Writer = Callable[[np.ndarray], bytes]


@pytest.fixture
def arrays() -> list[np.ndarray]:
    """Five images of 2 x 3 pixels to train and two to test, each with labels, in the order of the files."""
    train = np.arange(30, dtype=np.uint8).reshape(5, 2, 3) * 7
    test = np.array([[[0, 1, 2], [3, 4, 5]], [[250, 251, 252], [253, 254, 255]]], np.uint8)
    return [train, np.array([0, 1, 2, 1, 0], np.uint8), test, np.array([2, 1], np.uint8)]


@pytest.fixture
def small(arrays: list[np.ndarray], idx_bytes: Writer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Collection:
    """Write `arrays` as a collection of published files into the data folder."""
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path))
    (tmp_path / "small_set").mkdir()
    published = []
    for file, array in zip(MNIST.files, arrays, strict=True):
        contents = idx_bytes(array)
        (tmp_path / "small_set" / file.name).write_bytes(gzip.compress(contents))
        published.append(PublishedFile(file.name, "not used: nothing is downloaded", zlib.crc32(contents)))
    return Collection(name="small-set", addresses=(), files=tuple(published))


def test_intensities_are_bytes_over_255_row_by_row(small: Collection, arrays: list[np.ndarray]) -> None:
    data = read_images(small, ("left", "middle", "right"))
    for x, images in ((data.x_train, arrays[0]), (data.x_test, arrays[2])):
        expected = np.array([[pixel / 255 for pixel in image.ravel()] for image in images], np.float32)
        np.testing.assert_array_equal(x, expected, strict=True)
    assert data.x_test.max() == 1
    for y, labels in ((data.y_train, arrays[1]), (data.y_test, arrays[3])):
        np.testing.assert_array_equal(y, labels.astype(np.int64), strict=True)
    assert (data.name, data.image_shape, data.classes) == ("small-set", (2, 3), ("left", "middle", "right"))


def test_decompressed_files_give_the_same_data(small: Collection, tmp_path: Path) -> None:
    compressed = read_images(small, ())
    for path in list((tmp_path / "small_set").iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert_same_data(read_images(small, ()), compressed)


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("compressed", [True, False])
def test_each_truncated_file_is_refused_by_name_and_left_alone(
    small: Collection, tmp_path: Path, position: int, compressed: bool
) -> None:
    path = tmp_path / "small_set" / small.files[position].name
    stored = path.read_bytes() if compressed else gzip.decompress(path.read_bytes())
    path.write_bytes(stored[:-1])
    with pytest.raises(FileFormatError, match=path.name):
        read_images(small, ())
    assert path.read_bytes() == stored[:-1]


@pytest.mark.parametrize("position", range(4))
def test_well_formed_files_of_other_contents_are_refused_by_name(
    small: Collection, arrays: list[np.ndarray], idx_bytes: Writer, tmp_path: Path, position: int
) -> None:
    path = tmp_path / "small_set" / small.files[position].name
    path.write_bytes(gzip.compress(idx_bytes(255 - arrays[position])))
    with pytest.raises(FileFormatError, match=f"{path.name}: expected the published"):
        read_images(small, ())


# ----------------------------------------------------------------------------------------------------------- real data


@pytest.fixture(scope="module")
def real() -> dict[str, Dataset]:
    absent = [name for name, collection in COLLECTIONS.items() if None in find(collection).values()]
    if absent or not os.environ.get("SCRATCHGEN_DATA"):
        pytest.skip("set SCRATCHGEN_DATA to a folder that holds mnist/ and fashion_mnist/")
    return {name: datasets.load(name) for name in COLLECTIONS}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_the_local_copies_are_the_published_files(real: dict[str, Dataset], name: str) -> None:
    for file, path in find(COLLECTIONS[name]).items():
        assert path is not None
        if path.suffix == ".gz":
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


def test_mnist_has_its_published_label_counts_and_the_known_mean(real: dict[str, Dataset]) -> None:
    data = real["mnist"]
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_array_equal(np.bincount(data.y_train), train)
    np.testing.assert_array_equal(np.bincount(data.y_test), test)
    # 0.1307 and 0.3081 are the figures that the field normalises MNIST by
    assert (round(data.x_train.mean(dtype=float), 4), round(data.x_train.std(dtype=float), 4)) == (0.1307, 0.3081)


def test_a_one_is_taller_than_wide_and_trousers_are_too(real: dict[str, Dataset]) -> None:
    for name, label in (("mnist", 1), ("fashion-mnist", real["fashion-mnist"].classes.index("Trouser"))):
        data = real[name]
        mean = data.x_test[data.y_test == label].mean(axis=0).reshape(data.image_shape)
        height, width = (mean.mean(axis=1) > 0.05).sum(), (mean.mean(axis=0) > 0.05).sum()
        assert height > width


def test_fashion_mnist_is_balanced(real: dict[str, Dataset]) -> None:
    data = real["fashion-mnist"]
    np.testing.assert_array_equal(np.bincount(data.y_train), [6_000] * 10)
    np.testing.assert_array_equal(np.bincount(data.y_test), [1_000] * 10)
    assert len(data.classes) == 10


def test_fashion_mnist_in_the_folder_of_mnist_is_noticed(
    real: dict[str, Dataset], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = next(path for path in find(FASHION_MNIST).values() if path)
    (tmp_path / "mnist").symlink_to(first.parent, target_is_directory=True)
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path))
    with pytest.raises(FileFormatError, match="expected the published train-images-idx3-ubyte"):
        datasets.load("mnist")


def assert_same_data(a: Dataset, b: Dataset) -> None:
    for field in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field), strict=True)
