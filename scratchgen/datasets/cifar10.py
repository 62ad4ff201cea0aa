"""CIFAR-10: 32 x 32 colour images of ten classes, in the binary format of its authors; and a subset of it.

A file is a sequence of records without header, one an image:

======  ========================================================
bytes   meaning
======  ========================================================
1       label, 0 to 9
1024    red, row by row from the top left
1024    green
1024    blue
======  ========================================================

Our rows have the channels last: red, green and blue of the first pixel, then those of the second.

References
----------
A. Krizhevsky: "Learning multiple layers of features from tiny images", technical report, University of Toronto, 2009.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np

from scratchgen.datasets.dataset import Dataset, intensities
from scratchgen.datasets.files import Collection, PublishedFile, check_published, damaged, locate, read_contents

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CHANNELS, _HEIGHT, _WIDTH = 3, 32, 32
_RECORD = 1 + _CHANNELS * _HEIGHT * _WIDTH
_TRAIN_BATCHES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_TEST_BATCH = "test_batch.bin"

CIFAR10_SUBSET = Collection(
    name="cifar10-subset",
    addresses=(),
    files=(
        PublishedFile(
            "data_batch_1_first4000.bin.xz",
            sha256="ac4ba4529b64050c3834b115802494bc12d2d4fbf2471a5f09f8d051f6b386ed",
            crc32=0xCF493165,
        ),
        PublishedFile(
            "test_batch_first1000.bin.xz",
            sha256="1508cd774b288c812b8e9ca984d118812cb2ffa7e41264475c2cb11551b4bd80",
            crc32=0x613B2DC6,
        ),
    ),
    part_of="cifar10",
)

CIFAR10 = Collection(
    name="cifar10",
    addresses=("https://www.cs.toronto.edu/~kriz/",),
    files=(
        PublishedFile(
            "cifar-10-binary.tar.gz",
            sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            crc32=None,
        ),
    ),
    subset=CIFAR10_SUBSET,
)


def read_cifar10(collection: Collection = CIFAR10) -> Dataset:
    """Return the 50,000 training and the 10,000 test images in the authors' archive, intensities x = byte / 255.

    Raises
    ------
    InputError
        If the archive is neither on this machine nor to be had from the network.
    FileFormatError
        If it is damaged, or does not hold the six batches.
    """
    (path,) = locate(collection)
    batches = _batches(read_contents(path), path)
    train = b"".join(batches[name] for name in _TRAIN_BATCHES)
    return _dataset(collection, (train, path), (batches[_TEST_BATCH], path))


def read_cifar10_subset(collection: Collection = CIFAR10_SUBSET) -> Dataset:
    """Return the first 4,000 images of the first training batch and the first 1,000 of the test batch.

    A result on them is not one on CIFAR-10: say "subset 4,000/1,000" beside it.

    Raises
    ------
    InputError
        If the files are not on this machine; nobody serves them.
    FileFormatError
        If one of them is damaged or is another file.
    """
    parts = []
    for file, path in zip(collection.files, locate(collection), strict=True):
        contents = read_contents(path)
        check_published(contents, file, path)
        parts.append((contents, path))
    return _dataset(collection, *parts)


def parse_records(contents: bytes, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (n, 3072) of intensities with the channels last, and labels (n,).

    Raises
    ------
    FileFormatError
        If the length is not that of whole records, or a label is not one of ten.
    """
    if not contents or len(contents) % _RECORD:
        raise damaged(path, f"expected records of {_RECORD} bytes, got {len(contents):,} bytes")
    records = np.frombuffer(contents, np.uint8).reshape(-1, _RECORD)
    labels, channels_first = records[:, 0], records[:, 1:].reshape(-1, _CHANNELS, _HEIGHT, _WIDTH)
    if labels.max() >= len(CLASSES):
        raise damaged(path, f"expected labels from 0 to {len(CLASSES) - 1}, got {labels.max()}")
    return intensities(channels_first.transpose(0, 2, 3, 1)), labels.astype(np.int64)


def _batches(contents: bytes, path: Path) -> dict[str, bytes]:
    """Return the contents of the batches in the authors' archive, by file name."""
    batches = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(contents)) as archive:
            for member in archive:
                name = Path(member.name).name
                if member.isfile() and name in (*_TRAIN_BATCHES, _TEST_BATCH):
                    batches[name] = archive.extractfile(member).read()  # type: ignore[union-attr]  # it is a file
    except tarfile.TarError as error:  # its text has several lines, one for each kind of archive
        raise damaged(path, "expected a whole tar archive") from error
    missing = [name for name in (*_TRAIN_BATCHES, _TEST_BATCH) if name not in batches]
    if missing:
        raise damaged(path, f"expected the six batches of CIFAR-10, missing: {', '.join(missing)}")
    return batches


def _dataset(collection: Collection, train: tuple[bytes, Path], test: tuple[bytes, Path]) -> Dataset:
    x_train, y_train = parse_records(*train)
    x_test, y_test = parse_records(*test)
    return Dataset(
        name=collection.name,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        image_shape=(_HEIGHT, _WIDTH, _CHANNELS),
        classes=CLASSES,
    )
