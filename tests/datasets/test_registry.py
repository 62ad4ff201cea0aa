from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchgen import datasets
from scratchgen.datasets import files
from scratchgen.datasets.mnist import MNIST
from scratchgen.datasets.registry import Entry
from scratchgen.errors import InputError

ENTRIES = {entry.name: entry for entry in datasets.available()}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_what_is_loaded_is_what_the_table_says(entry: Entry) -> None:
    if not entry.present:
        pytest.skip(f"{entry.name} is not in SCRATCHGEN_DATA")
    data = datasets.load(entry.name)
    assert data.name == entry.name
    assert data.image_shape == entry.image_shape
    for x, y, n in ((data.x_train, data.y_train, entry.n_train), (data.x_test, data.y_test, entry.n_test)):
        assert x.shape == (n, entry.n_features)
        assert x.dtype == np.float32
        if entry.image_shape is not None:
            assert (x.min(), x.max()) == (0, 1)
        assert x.flags.c_contiguous
        assert x.flags.writeable
        if y is not None:
            assert (y.shape, y.dtype) == ((n,), np.int64)
            assert set(y) == set(range(len(data.classes)))


def test_every_entry_says_what_it_is_who_made_it_and_under_which_licence() -> None:
    assert list(ENTRIES) == [
        "digits",
        "mnist",
        "fashion-mnist",
        "binarized-mnist",
        "cifar10",
        "cifar10-subset",
        "bars-and-stripes",
        "ising",
        "rings",
        "eight-gaussians",
        "double-well",
    ]
    for entry in ENTRIES.values():
        assert all((entry.description, entry.licence, entry.citation, entry.where))


def test_a_data_set_is_present_once_its_last_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path))
    entry = ENTRIES["mnist"]
    (tmp_path / "mnist").mkdir()
    for file in MNIST.files:
        assert not entry.present
        assert entry.where == "to be downloaded from http://yann.lecun.com/exdb/mnist/"
        (tmp_path / "mnist" / file.name).touch()
    assert entry.present
    assert entry.where == str(tmp_path / "mnist")


def test_what_needs_no_file_is_always_present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCRATCHGEN_DATA", raising=False)
    assert [name for name, entry in ENTRIES.items() if entry.present] == [
        "digits",
        "bars-and-stripes",
        "ising",
        "rings",
        "eight-gaussians",
        "double-well",
    ]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("MNIST", "mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("digit", "digits"),
        ("bars_and_stripes", "bars-and-stripes"),
        ("CIFAR-10", "cifar10"),
        ("double_well", "double-well"),
    ],
)
def test_an_unknown_name_is_answered_by_all_names_and_the_closest(name: str, suggestion: str) -> None:
    with pytest.raises(InputError) as caught:
        datasets.load(name)
    message = str(caught.value)
    assert f"unknown data set {name!r}: expected one of {', '.join(ENTRIES)}." in message
    assert message.endswith(f"Did you mean {suggestion!r}?")


@pytest.mark.parametrize("name", ["imagenet", "", None, 3, ["mnist", "x"]])
def test_a_name_that_is_like_no_other_gets_no_suggestion(name: Any) -> None:
    with pytest.raises(InputError, match=r"expected one of [a-z0-9, -]+\.$"):
        datasets.load(name)


def test_an_option_that_the_data_set_does_not_take_is_refused() -> None:
    with pytest.raises(InputError, match="'digits' takes no options; got size"):
        datasets.load("digits", size=3)
    with pytest.raises(InputError, match="'bars-and-stripes' takes size; got height"):
        datasets.load("bars-and-stripes", height=3)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "binarized-mnist", "cifar10"])
def test_a_data_set_that_is_nowhere_is_an_error_that_names_all_places(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path, name: str
) -> None:
    def fetch(address: str, file: files.PublishedFile, folder: Path) -> None:
        raise ConnectionError("no network")

    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(files, "fetch", fetch)
    with pytest.raises(InputError) as caught:
        datasets.load(name)
    collection = ENTRIES[name].collection
    assert collection is not None
    for place in (tmp_path / "data", cache / collection.folder, *collection.addresses):
        assert str(place) in str(caught.value)


def test_a_data_set_that_nobody_serves_is_not_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    monkeypatch.setenv("SCRATCHGEN_DATA", str(tmp_path / "data"))
    assert ENTRIES["cifar10-subset"].where == "nobody serves it"
    with pytest.raises(InputError, match="no address, for nobody serves these files") as caught:
        datasets.load("cifar10-subset")
    for place in ("$SCRATCHGEN_DATA/cifar10 ", str(cache / "cifar10"), "data_batch_1_first4000.bin.xz"):
        assert place in str(caught.value)
    assert "network" not in str(caught.value)


def test_listing_the_data_sets_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from scratchgen import datasets\n"
        "[(entry.present, entry.where) for entry in datasets.available()]\n"
        "print([name for name in ('sklearn', 'pooch', 'requests', 'numba', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_data_set_prints_its_shapes_and_not_its_numbers() -> None:
    text = repr(datasets.load("bars-and-stripes", size=3))
    assert text == "Dataset('bars-and-stripes': x_train (14, 9), x_test (14, 9), image_shape (3, 3), no classes)"
