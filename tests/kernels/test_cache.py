"""The disk cache of compiled kernels: used, and never the code of other sources or of another kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import scratchgen
from scratchgen import kernels

SCALARS = """
import numpy as np
from scratchgen.kernels.scalar import scalar
FACTOR = np.float64({factor})
@scalar
def scaled(x):
    return x * FACTOR
"""
KERNEL = """
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.{scalars} import scaled
@cpu_kernel()
def kernel(x):
    return scaled(x)
"""
PROGRAM = """
from scratchgen.kernels import probe, other_probe
print(probe.kernel(1.0), other_probe.kernel(1.0))
"""
SHARED = """
import numpy as np
from scratchgen.kernels._jit import cpu_kernel
@cpu_kernel()
def kernel(first, end, x):
    x[first:end] += end - first
"""
CALL_AND_SHARE = """
import numpy as np
from scratchgen.kernels import shared_probe
called, shared = np.zeros((2, 5))
shared_probe.kernel(1, 3, called)
shared_probe.kernel.share(5, 1, shared)
print(called.tolist(), shared.tolist())
"""
DIE_WHILE_SAVING = """
import os
from numba.core import caching
caching.IndexDataCacheFile._save_data = lambda self, name, data: os._exit(9)
"""


class Package:
    """A copy of the package with two more kernels, whose bytecode is equal and whose constants are not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        sources = shutil.ignore_patterns("__pycache__")
        package = shutil.copytree(Path(scratchgen.__file__).parent, folder / "scratchgen", ignore=sources)
        self.kernels = package / "kernels"
        shutil.copytree(Path(kernels.__file__).parent, self.kernels, ignore=sources, dirs_exist_ok=True)
        self.edit("probe", 2.0)
        self.edit("other_probe", 3.0)

    def edit(self, name: str, factor: float) -> None:
        (self.kernels / f"{name}.py").write_text(KERNEL.format(scalars=f"{name}_scalars"))
        (self.kernels / f"{name}_scalars.py").write_text(SCALARS.format(factor=factor))

    def run(self, program: str = PROGRAM, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {"PYTHONPATH": str(self.folder), "NUMBA_CACHE_DIR": "", "NUMBA_DEBUG_CACHE": "1"}
        command = [sys.executable, "-P", "-c", program]
        return subprocess.run(command, env=os.environ | settings | environment, text=True, capture_output=True)

    def results(self) -> str:
        return self.run().stdout.splitlines()[-1]

    def compiled_files(self) -> set[str]:
        return {path.name for path in self.kernels.rglob("*.nb?")}


@pytest.fixture
def package(tmp_path):
    return Package(tmp_path)


def test_kernels_are_compiled_once(package):
    assert "data saved" in package.run().stdout
    again = package.run().stdout
    assert "data loaded" in again
    assert "data saved" not in again
    assert again.splitlines()[-1] == "2.0 3.0"  # each kernel got its own code, though their bytecode is equal


def test_a_kernel_that_is_called_is_not_taken_for_one_whose_work_is_shared(package):
    (package.kernels / "shared_probe.py").write_text(SHARED)
    for _ in range(2):  # compiled, and then from the cache
        process = package.run(CALL_AND_SHARE)
        assert process.stdout.splitlines()[-1] == "[0.0, 2.0, 2.0, 0.0, 0.0] [5.0, 5.0, 5.0, 5.0, 5.0]", process.stderr
    assert "data saved" not in process.stdout


def test_an_edit_of_another_source_is_seen_and_old_code_removed(package):
    assert package.results() == "2.0 3.0"
    before = package.compiled_files()
    package.edit("probe", 5.0)
    assert package.results() == "5.0 3.0"
    assert package.compiled_files().isdisjoint(before)


def test_a_process_that_dies_while_saving_leaves_no_old_code_behind(package):
    assert package.results() == "2.0 3.0"
    package.edit("probe", 5.0)
    assert package.run(DIE_WHILE_SAVING + PROGRAM).returncode == 9
    assert package.results() == "5.0 3.0"


def test_without_a_writable_folder_kernels_are_compiled_uncached_with_one_notice(package):
    blocked = package.kernels / "__pycache__"
    blocked.write_text("a file where the folder should be, for which not even root can write")
    process = package.run(HOME=str(blocked), XDG_CACHE_HOME=str(blocked), LOCALAPPDATA=str(blocked))
    assert process.stdout == "2.0 3.0\n"
    assert process.stderr == "scratchgen: no writable cache folder; kernels are compiled anew in this process\n"
