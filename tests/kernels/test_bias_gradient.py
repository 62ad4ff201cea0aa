"""The sum over the rows in `bias_activation_backward_` on CUDA: in the same order each time, and not by few threads."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgen.backend import get_backend, to_numpy
from scratchgen.kernels._cuda import CudaKernel, launch_shape
from scratchgen.kernels.bias_activation import bias_activation_backward_


def arguments(n_rows, n_columns, dtype=np.float32):
    dy, saved = np.random.default_rng(0).standard_normal((2, n_rows, n_columns)).astype(dtype)
    return dy, saved, np.full(n_columns, np.nan, dtype)


def run(n_rows, n_columns):
    dy, saved, db = (get_backend("cuda").asarray(x) for x in arguments(n_rows, n_columns))
    dz = bias_activation_backward_.cuda(dy, saved, db, "tanh")
    return to_numpy(dz), to_numpy(db)


@pytest.mark.parametrize("size", [(128, 400), (128, 20), (512, 784), (128 * 14 * 14, 32), (128 * 14 * 14, 1)], ids=str)
def test_no_thread_adds_up_more_than_64_rows(size, monkeypatch):
    launches = []
    monkeypatch.setattr(
        CudaKernel, "_launch", lambda kernel, blocks, threads, args, _: launches.append((blocks, *args))
    )
    monkeypatch.setattr("scratchgen.kernels._cuda.simulating_cuda", lambda: False)
    bias_activation_backward_.cuda(*arguments(*size), "tanh")
    for blocks, dy, _, sums, _, n_together in launches:
        assert n_together <= 8 * 64  # eight threads share a column
        assert blocks == min(-(-dy.shape[1] // 32) * -(-dy.shape[0] // n_together), 1056)
        assert sums.shape == (-(-dy.shape[0] // n_together), size[1])
    assert launches[-1][3].shape[0] == 1


@pytest.mark.simulator
@pytest.mark.parametrize("size", [(21, 5), (530, 3)], ids=str)
@pytest.mark.parametrize("shape", [(1, 16), (2, 8), (3, 32), (1, 2)], ids=str)  # two lanes, one, four, and few threads
def test_sums_have_the_same_bits_each_time(size, shape):
    with launch_shape(*shape):
        first, *others = (run(*size) for _ in range(3))
    for other in others:
        np.testing.assert_array_equal(other[0], first[0])
        np.testing.assert_array_equal(other[1], first[1])
    dy, saved, _ = arguments(*size)
    np.testing.assert_allclose(first[0], dy * (1 - saved * saved), rtol=1e-6)
    np.testing.assert_allclose(first[1], first[0].sum(axis=0, dtype=np.float64), rtol=1e-6)
