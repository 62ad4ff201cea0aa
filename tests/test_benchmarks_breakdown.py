"""The benchmarks' breakdown: its clocks are made up, or what it times is asked for its parts and not for its times."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.kernels import all_operations
from scratchgen.ops import windows

ROOT = Path(__file__).parent.parent
X = np.random.default_rng(0).random((4, 30), dtype=np.float32)


@pytest.fixture
def breakdown(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)  # the benchmarks are run from the checkout, not installed
    return importlib.import_module("benchmarks.breakdown")


def test_parts_do_not_count_what_is_timed_within_them(breakdown: Any) -> None:
    now = [0.0]
    clock = breakdown.Clock(lambda: now[0])

    def wait(seconds: float, then: Callable[[], None] = lambda: None) -> None:
        now[0] += seconds
        then()
        now[0] += seconds

    inner = partial(clock.timed(wait, lambda *_: breakdown.Part("inner")), 1.0)
    outer = partial(clock.timed(wait, lambda *_: breakdown.Part("outer")), 10.0, inner)
    found = clock.breakdown_of(lambda: wait(100.0, outer))
    assert found == {("the rest", ""): 200.0, ("outer", ""): 20.0, ("inner", ""): 2.0}
    assert clock.breakdown_of(inner) == {("inner", ""): 2.0, ("the rest", ""): 0.0}


def conv_vae_step() -> Callable[[], Any]:
    vae = sg.ConvVAE((5, 6), channels=(2, 3), n_dense=4, n_latent=2)
    return lambda: vae.fit(X, epochs=1, batch_size=4, progress=False)


def rbm_epoch() -> Callable[[], Any]:
    rbm = sg.RBM(30, 7)
    return lambda: rbm.fit(X, epochs=1, batch_size=2, method="cd", progress=False, monitor_every=10**9)


def test_products_of_a_network_are_told_apart_by_layer_and_kernels_by_name(breakdown: Any) -> None:
    contender = breakdown.Contender("scratchgen", conv_vae_step)
    before = windows.matmul, {name: operation.cpu for name, operation in all_operations().items()}
    found = breakdown.breakdown(contender, calls=3)
    assert (windows.matmul, {name: operation.cpu for name, operation in all_operations().items()}) == before
    assert all(seconds >= 0 for seconds in found.values())
    assert {part.detail for part in found if part.kind == "products"} == {
        "conv2d_forward 3×3×1×2",
        "conv2d_forward 3×3×2×3",
        "dense_forward 12×4",
        "dense_forward 4×4",
        "dense_forward 2×12",
        "conv2d_transpose_forward 3×3×3×3",
        "conv2d_transpose_forward 3×3×2×3",
        "conv2d_transpose_forward 3×3×1×2",
        "conv2d_transpose_backward_ 3×3×1×2",
        "conv2d_transpose_backward_ 3×3×2×3",
        "conv2d_transpose_backward_ 3×3×3×3",
        "dense_backward_ 2×12",
        "dense_backward_ 4×4",
        "dense_backward_ 12×4",
        "conv2d_backward_ 3×3×2×3",
        "conv2d_backward_params_ 3×3×1×2",
    }
    kernels = {"im2col", "col2im_", "bias_activation_forward_", "bias_activation_backward_", "adam_"}
    assert kernels | {"products", "the rest"} <= {part.kind for part in found}


def test_products_that_no_layer_asks_for_are_told_apart_by_their_sizes(breakdown: Any) -> None:
    found = breakdown.breakdown(breakdown.Contender("scratchgen", rbm_epoch, units=2), calls=2)
    assert {"2×30 by 30×7", "2×7 by 7×30"} <= {part.detail for part in found if part.kind == "products"}


def test_the_table_adds_up_products_and_shows_the_longest_first(breakdown: Any) -> None:
    seconds = {
        breakdown.Part("im2col"): 0.001,
        breakdown.Part("products", "second"): 0.001,
        breakdown.Part("products", "first"): 0.002,
        breakdown.Part("the rest"): 0.004,
    }
    assert breakdown.table(seconds, "ms").splitlines() == [
        "the rest      4.000   50.0 %",
        "products      3.000   37.5 %",
        "  first       2.000   25.0 %",
        "  second      1.000   12.5 %",
        "im2col        1.000   12.5 %",
        "the whole     8.000  100.0 %",
    ]


def test_a_breakdown_is_taken_in_a_process_of_its_own(breakdown: Any, capsys: pytest.CaptureFixture[str]) -> None:
    breakdown.print_breakdown(breakdown.Contender("an array", partial(partial, np.zeros, 3)), "zero", "ns", 2, 1)
    assert capsys.readouterr().out.splitlines()[1].startswith("where the time of a zero of an array goes, ns; ")
