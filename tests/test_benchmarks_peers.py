"""The peers of the benchmarks: they do our work, or are absent and say why. Without PyTorch all of this is skipped."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchgen import RBM, Contrastive, ScratchgenError

torch = pytest.importorskip("torch")
ROOT = Path(__file__).parent.parent
X = np.random.default_rng(0).random((64, 784), dtype=np.float32)


@pytest.fixture(autouse=True)
def _checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def benchmark(name: str) -> Any:
    return importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("package", ["rbms", "torchebm"])
def test_a_package_that_is_not_installed_is_a_reason_to_be_absent(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"benchmarks.{package}_package", raising=False)
    monkeypatch.delattr(importlib.import_module("benchmarks"), f"{package}_package", raising=False)
    makers = {
        "rbms": [lambda: benchmark("rbm_epoch").make_rbms(X), lambda: benchmark("gibbs").make_rbms(8, 4, 10, "cpu")],
        "torchebm": [benchmark("langevin").make_torchebm_density_steps],
    }
    for make in makers[package]:
        with pytest.raises(ModuleNotFoundError, match=package):
            make()


def test_a_compiler_that_is_not_here_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    torch_compiled = benchmark("torch_compiled")
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert torch_compiled.compiled(len, False) is len
    with pytest.raises(ModuleNotFoundError, match="compiler"):
        torch_compiled.compiled(len, "reduce-overhead")


def test_pytorch_moves_chains_along_our_gradient() -> None:
    moved = benchmark("langevin").make_torch_density_steps()()  # which checks the gradient
    assert moved.shape == (10_000, 2)
    with pytest.raises(ScratchgenError, match="gradient"):
        benchmark("langevin")._check_slope(lambda x: 1.01 * x, moved)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch's own use of it
def test_pytorch_trains_the_energy_as_we_do(monkeypatch: pytest.MonkeyPatch) -> None:
    ebm_step = benchmark("ebm_step")
    ebm_step.make_torch(X.reshape(4, 16, 784), fused=True)()  # which checks chains and losses
    monkeypatch.setattr(ebm_step, "LOSS", Contrastive(regularisation=0.02))
    model = ebm_step.make_model("numpy")
    monkeypatch.setattr(ebm_step, "make_model", lambda _: model)
    monkeypatch.setattr(ebm_step, "LOSS", Contrastive(regularisation=0.01))
    with pytest.raises(ScratchgenError, match="our loss is"):
        ebm_step.make_torch(X.reshape(4, 16, 784), fused=True)


def test_the_share_of_the_rate_counts_the_operations_of_the_products() -> None:
    large_batch = benchmark("large_batch")
    weights = 2 * 784 * 400 + 3 * 400 * 20  # each is in three products, the first in two
    assert large_batch.gigaflop_of_step() == pytest.approx(2e-9 * 8192 * (3 * weights - 784 * 400))


def test_torchebm_moves_chains_as_we_do() -> None:
    pytest.importorskip("torchebm")
    assert benchmark("langevin").make_torchebm_density_steps()().shape == (10_000, 2)  # which checks both


def test_rbms_makes_the_step_of_cd() -> None:
    pytest.importorskip("rbms")
    package, ours = benchmark("rbms_package"), RBM(784, 20, seed=0)
    machine = package.BBRBM(*(torch.from_numpy(p.copy()) for p in (ours.W, ours.b, ours.c)))
    step = package.cd_step(machine, 0.05, torch.from_numpy(X))  # which checks it
    before = machine.weight_matrix.clone()
    step(torch.from_numpy(X))
    assert not torch.equal(machine.weight_matrix, before)
