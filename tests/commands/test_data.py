from __future__ import annotations

from pathlib import Path

import pytest

from scratchgen.datasets import available

from .conftest import Run


def test_every_data_set_has_a_line_that_says_where_it_is(run: Run) -> None:
    lines = run("data").stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [entry.name for entry in available()]
    for line, entry in zip(lines, available(), strict=True):
        assert line.endswith(entry.where)
        assert f"{entry.n_train:,}" in line


def test_what_is_not_here_is_listed_as_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRATCHGEN_DATA", "")
    monkeypatch.setattr("scratchgen.datasets.files.user_cache", lambda: Path("nowhere"))
    present = {line.split()[0]: line.split()[4] for line in run("data").stdout.splitlines()[1:]}
    assert {name for name, here in present.items() if here == "yes"} == {
        "digits",
        "bars-and-stripes",
        "ising",
        "rings",
        "eight-gaussians",
        "double-well",
    }
    assert {name for name, here in present.items() if here == "no"} == {
        "mnist",
        "fashion-mnist",
        "binarized-mnist",
        "cifar10",
        "cifar10-subset",
    }
