"""MNIST and Fashion-MNIST: 28 x 28 grey images of ten classes, 60,000 to train and 10,000 to test, in idx files."""

from __future__ import annotations

import numpy as np

from scratchgen.datasets.dataset import Dataset, intensities
from scratchgen.datasets.files import Collection, PublishedFile, check_published, locate, read_contents
from scratchgen.datasets.idx import parse_idx

# The files stand in the order in which `read_images` takes them: images and labels to train, images and labels to test.

MNIST = Collection(
    name="mnist",
    addresses=(
        "http://yann.lecun.com/exdb/mnist/",
        # the official server has often refused downloads; these two serve the same bytes
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    files=(
        PublishedFile(
            "train-images-idx3-ubyte.gz",
            sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            crc32=0xE9F4D8B3,
        ),
        PublishedFile(
            "train-labels-idx1-ubyte.gz",
            sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            crc32=0xE0CB4AD2,
        ),
        PublishedFile(
            "t10k-images-idx3-ubyte.gz",
            sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            crc32=0x91373BDF,
        ),
        PublishedFile(
            "t10k-labels-idx1-ubyte.gz",
            sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            crc32=0x4AB9EFF9,
        ),
    ),
)

FASHION_MNIST = Collection(
    name="fashion-mnist",
    addresses=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    files=(
        PublishedFile(
            "train-images-idx3-ubyte.gz",
            sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            crc32=0xB4F29F28,
        ),
        PublishedFile(
            "train-labels-idx1-ubyte.gz",
            sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            crc32=0x741A4657,
        ),
        PublishedFile(
            "t10k-images-idx3-ubyte.gz",
            sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            crc32=0x678FE0B1,
        ),
        PublishedFile(
            "t10k-labels-idx1-ubyte.gz",
            sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            crc32=0x80142C1F,
        ),
    ),
)

MNIST_CLASSES = tuple("0123456789")
FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def read_images(collection: Collection, classes: tuple[str, ...]) -> Dataset:
    """Return the images and labels of `collection`, intensities x = byte / 255.

    Raises
    ------
    InputError
        If the files are neither on this machine nor to be had from the network.
    FileFormatError
        If one of them is damaged or is not the published one.
    """
    arrays = []
    for file, path in zip(collection.files, locate(collection), strict=True):
        contents = read_contents(path)
        arrays.append(parse_idx(contents, path))
        check_published(contents, file, path)
    train_images, train_labels, test_images, test_labels = arrays
    _, height, width = train_images.shape
    return Dataset(
        name=collection.name,
        x_train=intensities(train_images),
        y_train=train_labels.astype(np.int64),
        x_test=intensities(test_images),
        y_test=test_labels.astype(np.int64),
        image_shape=(height, width),
        classes=classes,
    )
