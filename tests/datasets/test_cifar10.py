from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scratchgen import datasets
from scratchgen.datasets import files
from scratchgen.datasets.cifar10 import (
    CIFAR10,
    CIFAR10_SUBSET,
    CLASSES,
    parse_records,
    read_cifar10,
    read_cifar10_subset,
)
from scratchgen.datasets.files import Collection, PublishedFile, find
from scratchgen.errors import FileFormatError, InputError

NAMES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
IMAGES = np.random.Generator(np.random.PCG64(2)).integers(0, 256, (12, 32, 32, 3), np.uint8)  # two in each batch
LABELS = np.arange(12) % 10


def records(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Return records as the authors lay them out, byte by byte."""
    return b"".join(
        bytes([label]) + b"".join(image[:, :, channel].tobytes() for channel in range(3))
        for image, label in zip(images, labels, strict=True)
    )


def archive(batches: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, contents in {**batches, "batches.meta.txt": b"airplane\n"}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(contents)
            tar.addfile(member, io.BytesIO(contents))
    return file.getvalue()


@pytest.fixture
def batches() -> dict[str, bytes]:
    return {name: records(IMAGES[2 * i : 2 * i + 2], LABELS[2 * i : 2 * i + 2]) for i, name in enumerate(NAMES)}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path))
    (tmp_path / "cifar10").mkdir()
    return tmp_path / "cifar10"


@pytest.fixture
def small_subset(folder: Path) -> Collection:
    """Write the first three images and the last two as the files of the subset."""
    published = []
    for file, rows in zip(CIFAR10_SUBSET.files, (slice(3), slice(10, 12)), strict=True):
        contents = records(IMAGES[rows], LABELS[rows])
        (folder / file.name).write_bytes(lzma.compress(contents))
        published.append(replace(file, crc32=zlib.crc32(contents)))
    return replace(CIFAR10_SUBSET, files=tuple(published))


@pytest.mark.parametrize("compressed", [True, False])
def test_batches_of_the_archive_follow_each_other_with_the_channels_last(
    folder: Path, batches: dict[str, bytes], compressed: bool
) -> None:
    tar = archive(dict(reversed(batches.items())))  # whatever their order in the archive
    if compressed:
        (folder / "cifar-10-binary.tar.gz").write_bytes(gzip.compress(tar, compresslevel=1))
    else:
        (folder / "cifar-10-binary.tar").write_bytes(tar)
    data = read_cifar10()
    expected = (IMAGES.reshape(12, -1) / np.float32(255)).astype(np.float32)
    for x, y, rows in ((data.x_train, data.y_train, slice(10)), (data.x_test, data.y_test, slice(10, 12))):
        np.testing.assert_array_equal(x, expected[rows], strict=True)
        np.testing.assert_array_equal(y, LABELS[rows], strict=True)
    assert (data.name, data.image_shape, data.classes) == ("cifar10", (32, 32, 3), CLASSES)


def test_the_subset_bears_a_name_of_its_own(small_subset: Collection) -> None:
    data = read_cifar10_subset(small_subset)
    assert data.name == "cifar10-subset"
    np.testing.assert_array_equal(data.x_train.reshape(3, 32, 32, 3) * 255, IMAGES[:3])
    np.testing.assert_array_equal(data.x_test.reshape(2, 32, 32, 3) * 255, IMAGES[10:])
    np.testing.assert_array_equal(data.y_test, LABELS[10:])


def test_where_the_whole_is_nowhere_its_subset_is_named_if_that_is_here(
    small_subset: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(address: str, file: PublishedFile, folder: Path) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(files, "fetch", refuse)
    whole = replace(CIFAR10, subset=small_subset)
    advice = "A subset of it is on this machine: 'cifar10-subset'."
    with pytest.raises(InputError, match=f"'cifar10' is not on this machine.* {advice}$"):
        read_cifar10(whole)
    (folder / small_subset.files[1].name).unlink()
    with pytest.raises(InputError, match=r"try again with a network connection\.$"):
        read_cifar10(whole)
    assert CIFAR10.subset is CIFAR10_SUBSET


@pytest.mark.parametrize("position", [0, 1])
def test_another_file_in_the_place_of_the_subset_is_refused_by_name(
    small_subset: Collection, folder: Path, position: int
) -> None:
    path = folder / small_subset.files[position].name
    path.write_bytes(lzma.compress(records(IMAGES[5:6], LABELS[5:6])))
    with pytest.raises(FileFormatError, match=f"{path.name}: expected the published"):
        read_cifar10_subset(small_subset)


def test_archives_that_are_damaged_or_lack_a_batch_are_refused_by_name(folder: Path, batches: dict[str, bytes]) -> None:
    path = folder / "cifar-10-binary.tar.gz"
    whole = archive(batches)
    lacking = {name: contents for name, contents in batches.items() if name != "data_batch_3.bin"}
    for contents, message in (
        (b"", "expected a whole tar archive"),
        (b"<html>please log in</html>", "expected a whole tar archive"),
        (whole[:10_000], "expected a whole tar archive"),
        (gzip.compress(whole)[:-9], "cannot be read whole"),
        (archive(lacking), "missing: data_batch_3.bin"),
        (archive(batches | {"test_batch.bin": b""}), "expected records of 3073 bytes, got 0 bytes"),
        (archive(batches | {"test_batch.bin": batches["test_batch.bin"][:-1]}), "got 6,145 bytes"),
    ):
        path.write_bytes(contents)
        with pytest.raises(FileFormatError, match=rf"cifar-10-binary\.tar\.gz: .*{message}.* Replace it"):
            read_cifar10()
        assert path.read_bytes() == contents


def test_a_label_above_nine_is_refused() -> None:
    with pytest.raises(FileFormatError, match="expected labels from 0 to 9, got 10"):
        parse_records(records(IMAGES[:2], np.array([9, 10])), Path("batch.bin"))


def test_the_local_subset_has_its_known_first_pixels_and_label_counts() -> None:
    found = find(CIFAR10_SUBSET)
    if None in found.values() or not os.environ.get("SCRATCHGEN_DATA"):
        pytest.skip("set SCRATCHGEN_DATA to a folder that holds cifar10/")
    for file, path in found.items():
        assert path is not None
        if path.suffix == ".xz":
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    data = datasets.load("cifar10-subset")
    assert [CLASSES[label] for label in data.y_train[:3]] == ["frog", "truck", "truck"]
    np.testing.assert_array_equal(np.round(data.x_train[0, :3] * 255), [59, 62, 63])
    np.testing.assert_array_equal(np.round(data.x_test[0, :3] * 255), [158, 112, 49])
    np.testing.assert_array_equal(np.bincount(data.y_test), [103, 89, 100, 103, 90, 86, 112, 102, 106, 109])
    # neighbouring pixels of one channel are alike: the three channels do not stand one after the other
    images = data.x_train.reshape(-1, *data.image_shape)
    assert np.abs(np.diff(images, axis=2)).mean() < 0.06 < np.abs(np.diff(data.x_train, axis=1)).mean()
