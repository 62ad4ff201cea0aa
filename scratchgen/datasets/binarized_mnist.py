"""MNIST in a fixed binarisation: each pixel was drawn once, with its intensity as the probability of a 1.

Log-likelihoods of binary images are compared on these files. Each line holds the 784 pixels of an image as digits 0 and
1, with a blank between two of them.

References
----------
R. Salakhutdinov, I. Murray: "On the quantitative analysis of deep belief networks", ICML 2008 (who drew it).
H. Larochelle, I. Murray: "The neural autoregressive distribution estimator", AISTATS 2011 (who published these files).
"""

from __future__ import annotations

import numpy as np

from scratchgen.datasets.dataset import Dataset
from scratchgen.datasets.files import Collection, PublishedFile, check_published, locate, read_contents

_HEIGHT, _WIDTH = 28, 28

# The files stand in the order in which `read_binarized_mnist` takes them: to train, to validate, to test.
BINARIZED_MNIST = Collection(
    name="binarized-mnist",
    addresses=("http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",),
    files=(
        PublishedFile(
            "binarized_mnist_train.amat",
            sha256="ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
            crc32=0x5FBB1BC8,
        ),
        PublishedFile(
            "binarized_mnist_valid.amat",
            sha256="1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
            crc32=0x324AE96C,
        ),
        PublishedFile(
            "binarized_mnist_test.amat",
            sha256="e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
            crc32=0x93E5D49A,
        ),
    ),
)


def read_binarized_mnist(collection: Collection = BINARIZED_MNIST) -> Dataset:
    """Return the images of `collection`, pixels 0 or 1, without labels.

    Raises
    ------
    InputError
        If the files are neither on this machine nor to be had from the network.
    FileFormatError
        If one of them is damaged or is not the published one.
    """
    parts = []
    for file, path in zip(collection.files, locate(collection), strict=True):
        contents = read_contents(path)
        check_published(contents, file, path)
        characters = np.frombuffer(contents, np.uint8).reshape(-1, 2 * _HEIGHT * _WIDTH)  # a digit and a blank a pixel
        parts.append((characters[:, ::2] == ord("1")).astype(np.float32))
    train, validation, test = parts
    return Dataset(
        name=collection.name,
        x_train=train,
        y_train=None,
        x_test=test,
        y_test=None,
        image_shape=(_HEIGHT, _WIDTH),
        x_validation=validation,
    )
