"""The table of data sets, and the two functions that read it: `load` and `available`.

A new data set is one entry here and one reader, a function that returns a `Dataset`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from scratchgen.datasets.binarized_mnist import BINARIZED_MNIST, read_binarized_mnist
from scratchgen.datasets.cifar10 import CIFAR10, CIFAR10_SUBSET, read_cifar10, read_cifar10_subset
from scratchgen.datasets.dataset import Dataset
from scratchgen.datasets.digits import read_digits
from scratchgen.datasets.files import Collection, find, is_present
from scratchgen.datasets.ising import N_TEST, N_TRAIN, ising_configurations
from scratchgen.datasets.mnist import FASHION_MNIST, FASHION_MNIST_CLASSES, MNIST, MNIST_CLASSES, read_images
from scratchgen.datasets.patterns import bars_and_stripes
from scratchgen.datasets.plane import N_TEST_POINTS, N_TRAIN_POINTS, read_points
from scratchgen.errors import InputError


@dataclass(frozen=True)
class Entry:
    """What is known about a data set without loading it.

    Attributes
    ----------
    name : str
        The name that `load` takes.
    kind : {"bundled", "generated", "file"}
        Whether it ships with a dependency, is computed, or is read from files.
    n_train, n_test : int
        Numbers of examples; of a generated set, those with its default options.
    image_shape : tuple of int, or None
        (height, width) or (height, width, channels), likewise; None of points of the plane.
    description, licence, citation : str
    options : tuple of str
        The keyword arguments of `load` that this data set takes.
    """

    name: str
    kind: Literal["bundled", "generated", "file"]
    n_train: int
    n_test: int
    image_shape: tuple[int, ...] | None
    description: str
    licence: str
    citation: str
    read: Callable[..., Dataset] = field(repr=False)
    options: tuple[str, ...] = ()
    collection: Collection | None = field(default=None, repr=False)

    @property
    def n_features(self) -> int:
        """Numbers of an example."""
        return 2 if self.image_shape is None else math.prod(self.image_shape)

    @property
    def present(self) -> bool:
        """Whether `load` needs no download. The files are looked for, not opened."""
        return self.collection is None or is_present(self.collection)

    @property
    def where(self) -> str:
        """Where the data come from on this machine, in words."""
        if self.collection is None:
            return "ships with scikit-learn" if self.kind == "bundled" else "computed"
        if not self.present:
            addresses = self.collection.addresses
            return f"to be downloaded from {addresses[0]}" if addresses else "nobody serves it"
        return ", ".join(dict.fromkeys(str(path.parent) for path in find(self.collection).values() if path))


def _points(name: str, description: str) -> Entry:
    return Entry(
        name=name,
        kind="generated",
        n_train=N_TRAIN_POINTS,
        n_test=N_TEST_POINTS,
        image_shape=None,
        description=description,
        licence="none needed",
        citation="none: see scratchgen.densities",
        read=partial(read_points, name),
    )


_KRIZHEVSKY = "A. Krizhevsky, Learning multiple layers of features from tiny images, University of Toronto, 2009"

_TABLE = (
    Entry(
        name="digits",
        kind="bundled",
        n_train=1_442,
        n_test=355,
        image_shape=(8, 8),
        description="handwritten digits, small; the offline default",
        licence="CC BY 4.0",
        citation="E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, "
        "1998",
        read=read_digits,
    ),
    Entry(
        name="mnist",
        kind="file",
        n_train=60_000,
        n_test=10_000,
        image_shape=(28, 28),
        description="handwritten digits",
        licence="CC BY-SA 3.0, as usually stated",
        citation="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document recognition, "
        "Proc. IEEE 86(11), 1998",
        read=partial(read_images, MNIST, MNIST_CLASSES),
        collection=MNIST,
    ),
    Entry(
        name="fashion-mnist",
        kind="file",
        n_train=60_000,
        n_test=10_000,
        image_shape=(28, 28),
        description="clothes, in the format of MNIST",
        licence="MIT",
        citation="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine "
        "Learning Algorithms, arXiv:1708.07747, 2017",
        read=partial(read_images, FASHION_MNIST, FASHION_MNIST_CLASSES),
        collection=FASHION_MNIST,
    ),
    Entry(
        name="binarized-mnist",
        kind="file",
        n_train=50_000,
        n_test=10_000,
        image_shape=(28, 28),
        description="handwritten digits in a fixed binarisation, 10,000 more to validate; no labels",
        licence="none stated; derived from MNIST",
        citation="H. Larochelle, I. Murray, The neural autoregressive distribution estimator, AISTATS 2011",
        read=read_binarized_mnist,
        collection=BINARIZED_MNIST,
    ),
    Entry(
        name="cifar10",
        kind="file",
        n_train=50_000,
        n_test=10_000,
        image_shape=(32, 32, 3),
        description="small colour photographs",
        licence="none stated; the authors ask for the citation",
        citation=_KRIZHEVSKY,
        read=read_cifar10,
        collection=CIFAR10,
    ),
    Entry(
        name="cifar10-subset",
        kind="file",
        n_train=4_000,
        n_test=1_000,
        image_shape=(32, 32, 3),
        description="the first images of CIFAR-10: a result on them is not one on the whole set",
        licence="none stated; the authors ask for the citation",
        citation=_KRIZHEVSKY,
        read=read_cifar10_subset,
        collection=CIFAR10_SUBSET,
    ),
    Entry(
        name="bars-and-stripes",
        kind="generated",
        n_train=30,
        n_test=30,
        image_shape=(4, 4),
        description="every pattern of bars or stripes on a size x size grid, once; train and test are equal",
        licence="none needed",
        citation="D. J. C. MacKay, Information Theory, Inference, and Learning Algorithms, 2003, chapter 43",
        read=bars_and_stripes,
        options=("size",),
    ),
    Entry(
        name="ising",
        kind="generated",
        n_train=N_TRAIN,
        n_test=N_TEST,
        image_shape=(8, 8),
        description="spins of the two-dimensional Ising model at its critical temperature, independent samples",
        licence="none needed",
        citation="L. Onsager, Crystal statistics I: a two-dimensional model with an order-disorder transition, "
        "Phys. Rev. 65, 1944",
        read=ising_configurations,
        options=("size", "temperature"),
    ),
    _points("rings", "points of the plane on three rings of equal mass"),
    _points("eight-gaussians", "points of the plane around eight places on a circle"),
    _points("double-well", "points of the plane in two wells with a barrier between them"),
)


def load(name: str, **options: Any) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        ``digits`` needs neither files nor a network. ``mnist``, ``fashion-mnist``, ``binarized-mnist`` and ``cifar10``
        are looked for in ``$SCRATCHGEN_DATA/mnist``, ``fashion_mnist``, ``binarized_mnist`` and ``cifar10`` beside it,
        then in the user's cache folder, then downloaded into that. ``cifar10-subset``, 4,000 training and 1,000 test
        images of CIFAR-10, is only looked for, in the folder ``cifar10``. ``bars-and-stripes`` is computed, and
        ``ising`` is drawn by Markov chains, one for each configuration. ``rings``, ``eight-gaussians`` and
        ``double-well`` are points of the plane, drawn from the densities of these names in `scratchgen.densities`.
    **options
        ``size`` : int, default 4
            Height and width of ``bars-and-stripes``; for ``ising``, 8 by default, an even number up to 32.
        ``temperature`` : float
            Of ``ising``, in units of the coupling; by default the critical temperature. The other data sets take no
            options.

    Returns
    -------
    Dataset
        ``x_train``, ``x_test``: float32, (n, features), of images in [0, 1]; ``y_train``, ``y_test``: int64, (n,), or
        None; ``image_shape``; ``classes``; of ``binarized-mnist`` also ``x_validation``; of points ``density``, and
        None for ``image_shape``. The split and the order are the same at every call; what is drawn at random has a
        fixed seed.

    Raises
    ------
    InputError
        If the name or an option is unknown, an option is out of range, or the files can be had nowhere.
    FileFormatError
        If a file is damaged or is not the published one. It is left as it is.

    Examples
    --------
    >>> data = load("digits")
    >>> data
    Dataset('digits': x_train (1442, 64), x_test (355, 64), image_shape (8, 8), 10 classes)
    >>> data.x_train[0].reshape(data.image_shape)[0]
    array([0.    , 0.    , 0.3125, 0.8125, 0.5625, 0.0625, 0.    , 0.    ],
          dtype=float32)
    """
    entry = next((entry for entry in _TABLE if entry.name == name), None)
    if entry is None:
        names = [entry.name for entry in _TABLE]
        close = difflib.get_close_matches(str(name).lower(), names, n=1)
        suggestion = f" Did you mean {close[0]!r}?" if close else ""
        raise InputError(f"unknown data set {name!r}: expected one of {', '.join(names)}.{suggestion}")
    unknown = [option for option in options if option not in entry.options]
    if unknown:
        known = f"takes {', '.join(entry.options)}" if entry.options else "takes no options"
        raise InputError(f"data set {name!r} {known}; got {', '.join(unknown)}")
    return entry.read(**options)


def available() -> list[Entry]:
    """Return what is known about each data set, without loading any: see `Entry`.

    Examples
    --------
    >>> [entry.name for entry in available() if entry.kind == "generated"]
    ['bars-and-stripes', 'ising', 'rings', 'eight-gaussians', 'double-well']
    """
    return list(_TABLE)
