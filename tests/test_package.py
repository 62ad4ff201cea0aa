"""The package as a whole: what an import costs, what it offers, and what is packaged."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import scratchgen as sg

ROOT = Path(__file__).parents[1]
HEAVY = "numba scipy sklearn matplotlib cupy tqdm safetensors typer pooch torch jaxtyping beartype array_api_strict"
OPTIONAL = "pooch jaxtyping beartype array_api_strict cupy torch IPython"

IMPORT_IS_LIGHT = """
import json, sys
import scratchgen
print(json.dumps(sorted(set(sys.argv[1].split()) & set(sys.modules))))
"""

# Leaves, by kind, the names for which something is wrong.
LOOK_AT_EVERY_NAME = """
import importlib, json, pkgutil, sys
import scratchgen as sg

def modules(package):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            yield module
            if found.ispkg:
                yield from modules(module)

first, second = ({name: getattr(sg, name) for name in sg.__all__} for _ in range(2))
kernels = importlib.import_module("scratchgen.kernels")
every = {module.__name__: module for module in (sg, *modules(sg), kernels, *modules(kernels))}
third = {name: getattr(sg, name) for name in sg.__all__}
print(json.dumps({
    "changed": [name for name in sg.__all__ if not first[name] is second[name] is third[name]],
    "from elsewhere": [
        name for name, module in sg._EXPORTS.items() if third[name] is not getattr(every["scratchgen." + module], name)
    ],
    "named as a module": [
        f"{package}.{name}" for package, module in every.items() for name in getattr(module, "__all__", ())
        if f"{package}.{name}" in every and name not in sg._SUBMODULES
    ],
    "kernels": [name for name in sys.modules if name.split(".")[0] == "kernels"],
}))
"""

TRAINS_WITHOUT_WHAT_IS_OPTIONAL = """
import json, sys
for name in sys.argv[1].split():
    sys.modules[name] = None  # which makes its import fail
import numpy as np
import scratchgen as sg
vae = sg.VAE(4, (3,), 2, backend="numpy")
vae.fit(np.eye(4), epochs=2, progress=False)
vae.save("model.safetensors")
print(json.dumps(sg.load("model.safetensors", "numpy").history.epoch))
"""


def result_of(script: str, folder: Path, *args: str) -> Any:
    """Return what `script` prints as JSON, run by a fresh interpreter in which warnings are errors."""
    command = [sys.executable, "-P", "-W", "error", "-c", script, *args]
    return json.loads(subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return result_of(LOOK_AT_EVERY_NAME, tmp_path_factory.mktemp("names"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


# ------------------------------------------------------------------------------------------------------- in a process


def test_import_loads_nothing_heavy(tmp_path: Path) -> None:
    assert result_of(IMPORT_IS_LIGHT, tmp_path, HEAVY) == []


def test_public_names_mean_the_same_twice_and_after_every_module_is_imported(names: dict[str, list[str]]) -> None:
    assert names["changed"] == []


def test_public_names_come_from_the_modules_that_are_said_to_define_them(names: dict[str, list[str]]) -> None:
    assert names["from elsewhere"] == []


def test_no_name_of_a_package_hides_one_of_its_modules(names: dict[str, list[str]]) -> None:
    assert names["named as a module"] == []


def test_the_kernels_are_never_imported_under_another_name(names: dict[str, list[str]]) -> None:
    assert names["kernels"] == []
    assert "kernels" not in sys.modules


def test_models_train_without_the_optional_packages(tmp_path: Path) -> None:
    assert result_of(TRAINS_WITHOUT_WHAT_IS_OPTIONAL, tmp_path, OPTIONAL) == [1, 2]


# ---------------------------------------------------------------------------------------------------------- the names


def test_dir_lists_the_public_names_and_each_exists() -> None:
    assert dir(sg) == sorted(set(sg.__all__))
    assert len(sg.__all__) == len(set(sg.__all__))
    namespace: dict[str, Any] = {}
    exec("from scratchgen import *", namespace)
    assert set(sg.__all__) <= namespace.keys()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'scratchgen' has no attribute 'GAN'"):
        _ = sg.GAN
    assert not hasattr(sg, "kernel")


# ------------------------------------------------------------------------------------------------------ what is packed


def test_the_version_is_that_of_the_project(project: dict[str, Any]) -> None:
    assert sg.__version__ == project["project"]["version"]


def test_every_folder_of_modules_is_packaged(project: dict[str, Any]) -> None:
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "scratchgen").rglob("__init__.py")}
    found |= {f"scratchgen.{path.parent.name}" for path in ROOT.glob("kernels/__init__.py")}
    assert set(project["tool"]["setuptools"]["packages"]) == found
    assert project["tool"]["setuptools"]["package-dir"]["scratchgen.kernels"] == "kernels"


def test_the_mark_of_a_typed_package_is_packaged(project: dict[str, Any]) -> None:
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["scratchgen"]
    assert (ROOT / "scratchgen" / "py.typed").is_file()
