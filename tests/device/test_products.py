"""Products on CuPy arrays: what cuBLAS is told of matrices in any layout; and the error of lower precisions."""

from __future__ import annotations

import ast
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen.backend import BACKEND_NAMES, get_backend
from scratchgen.errors import BackendError, BackendWarning
from scratchgen.kernels import cublas
from scratchgen.kernels.cublas import library
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.linear import LinearParams, dense_forward
from scratchgen.training.graphs import PlainStep

FACTORS = ("rows", "columns", "part of rows", "part of columns", "every second", "reversed", "broadcast")
PRODUCTS = ("new", "rows", "columns", "every second")


def _factor(rows: int, columns: int, layout: str, dtype: type) -> np.ndarray:
    """Return a matrix of integers: sums of their products are exact in any order."""
    around = np.random.default_rng(0).integers(-4, 5, (2 * rows + 1, 2 * columns + 1)).astype(dtype)
    part = np.s_[1 : rows + 1, 1 : columns + 1]
    return {
        "rows": around[part].copy(),
        "columns": around[part].copy(order="F"),
        "part of rows": around[part],
        "part of columns": np.asfortranarray(around)[part],
        "every second": around[: 2 * rows : 2, : 2 * columns : 2],
        "reversed": around[part][::-1],
        "broadcast": np.broadcast_to(around[:1, :columns], (rows, columns)),
    }[layout]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.tuples(*[st.integers(0, 4)] * 3),
    layouts=st.tuples(st.sampled_from(FACTORS), st.sampled_from(FACTORS), st.sampled_from(PRODUCTS)),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_cublas_is_told_the_layout_of_every_matrix(device, sizes, layouts, dtype):
    rows, inner, columns = sizes
    a, b = _factor(rows, inner, layouts[0], dtype), _factor(inner, columns, layouts[1], dtype)
    around = np.full((2 * rows + 2, 2 * columns + 2), 7, dtype, order="F" if layouts[2] == "columns" else "C")
    step = 2 if layouts[2] == "every second" else 1
    inside = np.s_[1 : 1 + step * rows : step, 1 : 1 + step * columns : step]
    out = None if layouts[2] == "new" else device.wrap(around[inside])

    product = matmul(device.wrap(a), device.wrap(b), out)
    np.testing.assert_array_equal(product.values, a @ b)
    assert product.dtype == dtype
    if out is not None:
        assert product is out
        around[inside] = 7
        assert (around == 7).all()  # nothing beside the product was written


def test_transposed_factors_are_not_copied(device):
    a, b = device.wrap(_factor(4, 3, "rows", np.float32)), device.wrap(_factor(5, 3, "rows", np.float32))
    out = device.module.empty((4, 5), dtype=np.float32)
    device.counts = type(device.counts)()
    matmul(a, b.T, out)
    matmul(out.T, a)
    assert device.counts.products == 2
    assert device.counts.array_launches == 0


@pytest.mark.parametrize(("a", "b"), [((4, 3), (3,)), ((3,), (3, 4)), ((3,), (3,))], ids=str)
def test_a_vector_is_a_matrix_with_one_row_or_column(device, a, b):
    x, y = np.arange(12.0).reshape(4, 3).ravel()[: np.prod(a)].reshape(a), np.arange(np.prod(b)).reshape(b) - 2.5
    product = matmul(device.wrap(x), device.wrap(y))
    np.testing.assert_array_equal(product.values, x @ y)
    assert product.shape == (x @ y).shape
    assert device.counts.products == 1


def test_matrices_that_do_not_fit_are_refused(device):
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(4, 2\)"):
        matmul(device.module.zeros((2, 3)), device.module.zeros((4, 2)), out=device.module.zeros((2, 2)))


def test_without_cublas_products_are_left_to_cupy(device, monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda", None)
    with pytest.warns(BackendWarning, match="cuBLAS could not be loaded"):
        assert library.__wrapped__() is None
    monkeypatch.setattr(cublas, "library", lambda: None)
    with pytest.raises(NotImplementedError, match="calling cuBLAS API"):
        matmul(device.module.zeros((2, 3)), device.module.zeros((3, 2)))


def test_where_cublas_is_not_installed_the_error_says_what_to_install(device, monkeypatch):
    class Gpu:
        @property
        def cublas_handle(self):
            raise ImportError("libcublas.so.13: cannot open shared object file")

    monkeypatch.setattr(device.module.cuda, "Device", Gpu)
    with pytest.raises(BackendError, match=r"pip install .*\[ctk\].*libcublas"):
        library.__wrapped__()


def test_the_handle_of_a_thread_that_has_ended_is_given_back(device):
    a = device.module.zeros((2, 2))
    matmul(a, a)
    for n_ended in (1, 2):
        thread = threading.Thread(target=matmul, args=(a, a))
        thread.start()
        thread.join()
        assert cublas.library().n_destroyed == n_ended


def test_a_status_of_cublas_is_an_error():
    with pytest.raises(BackendError, match="status 14"):
        cublas.check(14)


BY_THE_LIBRARY = {"gaussian_divergences.py"}  # stacks of small matrices, in no training step


def test_everything_else_multiplies_matrices_in_one_place():
    root = Path(sg.__file__).parent
    kernels = Path(cublas.__file__).parent
    files = [path for name in ("ops", "nn", "models", "samplers") for path in (root / name).rglob("*.py")]
    files += [path for path in kernels.glob("*.py") if path.name not in ("matmul.py", "cublas.py")]
    assert len(files) > 60
    found = {path.name for path in files if any(map(_multiplies, ast.walk(ast.parse(path.read_text()))))}
    assert found == BY_THE_LIBRARY


def _multiplies(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in ("matmul", "dot", "vdot", "einsum", "tensordot")
    return isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult)


# ------------------------------------------------------------------------------------------------- lower precisions


@pytest.mark.parametrize(("precision", "u"), [("float32", 0.0), ("tf32", 2.0**-10), ("float16", 2.0**-11)])
def test_the_error_of_a_product_is_below_the_stated_bound(precision, u):
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((60, 200), (200, 50)))
    error = np.abs(matmul(a, b, precision=precision) - a.astype(float) @ b.astype(float))
    size = np.abs(a).astype(float) @ np.abs(b).astype(float)
    float32_sums = 200 * 2.0**-24
    assert (error <= (2 * u + u * u + float32_sums) * size).all()
    assert error.max() > 0.02 * u * size.max()  # the factors were rounded indeed


@pytest.mark.parametrize("precision", ["tf32", "float16"])
def test_lower_precision_is_not_for_float64(precision):
    a = np.random.default_rng(2).standard_normal((5, 5))
    np.testing.assert_array_equal(matmul(a, a, precision=precision), a @ a)


def test_range_of_float16():
    one = np.ones((1, 1), dtype=np.float32)
    for value, rounded in ((65519, 65504), (65520, np.inf), (2.0**-25, 0), (2.0**-24, 2.0**-24)):
        assert matmul(np.float32(value) * one, one, precision="float16") == np.float32(rounded)


@pytest.mark.simulator
@pytest.mark.parametrize("precision", ["tf32", "float16"])
def test_cublas_is_asked_for_the_precision_of_the_backend(device, precision):
    x, W, b = (device.wrap(np.full(shape, 0.3, dtype=np.float32)) for shape in ((2, 3), (3, 4), (4,)))
    y, _ = dense_forward(LinearParams(W, b), x, "linear", replace(device.backend, precision=precision))
    assert y.dtype == np.float32
    (call,) = cublas.library().calls
    factor_types, product_type, compute_type = (call[8], call[11]), call[15], call[17]
    assert product_type == 0
    assert (factor_types, compute_type) == {"tf32": ((0, 0), 77), "float16": ((2, 2), 68)}[precision]


@pytest.mark.simulator
def test_a_product_into_every_second_column_keeps_its_precision(device):
    a = device.wrap(np.full((3, 3), 0.3, dtype=np.float32))
    out = device.wrap(np.zeros((3, 6), dtype=np.float32))
    matmul(a, a, out=out[:, ::2], precision="tf32")
    assert [call[17] for call in cublas.library().calls] == [77]


@pytest.mark.simulator
@pytest.mark.parametrize(
    "make",
    [
        lambda backend: sg.VAE(7, hidden=(5,), n_latent=2, backend=backend),
        lambda backend: sg.VAE(7, hidden=(), n_latent=2, backend=backend),
        lambda backend: sg.RBM(7, 5, backend=backend),
    ],
    ids=["VAE", "VAE without hidden layers", "RBM"],
)
def test_all_layers_of_a_vae_have_the_precision_of_the_backend_and_an_rbm_none(device, make):
    model = make(replace(device.backend, precision="tf32"))
    PlainStep(model).evaluate_(device.module.zeros((3, 7), dtype=np.float32))
    assert {call[17] for call in cublas.library().calls} == ({68} if isinstance(model, sg.RBM) else {77})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "inner", "columns"), [(2**31, 1, 1), (1, 2**31, 1), (1, 1, 2**31)], ids=str)
def test_sizes_that_cublas_cannot_count_are_refused(rows, inner, columns, dtype):
    def stored_by_rows(*shape):  # there is no memory behind it
        return np.lib.stride_tricks.as_strided(
            np.zeros(1, dtype), shape, (shape[1] * dtype().itemsize, dtype().itemsize), writeable=False
        )

    matrices = stored_by_rows(rows, columns), stored_by_rows(rows, inner), stored_by_rows(inner, columns)
    with pytest.raises(BackendError, match=r"2147483648.*cuBLAS counts.*below 2\*\*31"):
        cublas.gemm_arguments(*matrices)


@pytest.mark.parametrize("name", BACKEND_NAMES[:2])
def test_lower_precision_needs_a_gpu(name):
    with pytest.raises(BackendError, match="precision='tf32' is for get_backend"):
        get_backend(name, precision="tf32")
    with pytest.raises(BackendError, match="choose one of float32, tf32, float16"):
        get_backend(name, precision="float8")
