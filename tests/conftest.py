"""What all tests share: fixed seeds, checked shape annotations, backends, and what a test may need to be run."""

from __future__ import annotations

import functools
import importlib.util
import os
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"

settings.register_profile("scratchgen", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("scratchgen")

# Before anything of scratchgen is imported: the annotations of these packages are checked at every call.
jaxtyping.install_import_hook(["scratchgen.ops", "scratchgen.nn"], "beartype.beartype")

from scratchgen.backend import Backend, get_backend  # noqa: E402
from scratchgen.errors import BackendError  # noqa: E402


@functools.cache
def _missing_for_gpu() -> str | None:
    try:
        get_backend("cuda")
    except BackendError as error:
        return str(error)
    return None


def _missing_for_ptx() -> str | None:
    if importlib.util.find_spec("numba_cuda") is None:
        return 'compiling to PTX needs NVIDIA\'s compiler libraries: pip install "scratchgen[ptx]"'
    return None


_MISSING = {"gpu": _missing_for_gpu, "ptx": _missing_for_ptx}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, missing in _MISSING.items():
        if item.get_closest_marker(marker) and (reason := missing()):
            pytest.skip(reason)


@pytest.fixture(params=["numpy", "cpu"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return get_backend(request.param)


@pytest.fixture
def data_folder() -> Path:
    folder = os.environ.get("SCRATCHGEN_DATA")
    if not folder:
        pytest.skip("real data sets: set SCRATCHGEN_DATA to the folder that holds them")
    return Path(folder)
