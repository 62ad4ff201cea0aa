from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from scratchgen.errors import InputError
from scratchgen.nn.parameters import Shape, allocate, blocks, size, view
from scratchgen.ops.linear import LinearParams


class Network(NamedTuple):
    layers: tuple[LinearParams, ...]
    head: LinearParams
    log_sigma: Any


def layout(log_sigma):
    layers = (LinearParams(Shape((3, 2)), Shape((2,))), LinearParams(Shape((2, 4)), Shape((4,))))
    return Network(layers, LinearParams(Shape((4, 1)), Shape((1,))), log_sigma)


LAYOUT = layout(Shape((1,)))


def test_blocks_are_named_as_the_views_are_reached_and_follow_each_other():
    theta, params = allocate(LAYOUT, np, "float64")
    theta[...] = np.arange(theta.size)
    (first, second), head, log_sigma = params
    reached = {
        "layers[0].W": first.W,
        "layers[0].b": first.b,
        "layers[1].W": second.W,
        "layers[1].b": second.b,
        "head.W": head.W,
        "head.b": head.b,
        "log_sigma": log_sigma,
    }
    found = blocks(LAYOUT)
    assert list(found) == list(reached)
    for name, array in reached.items():
        np.testing.assert_array_equal(array, theta[found[name].where].reshape(found[name].shape))
    assert [block.where.start for block in found.values()] == [0, 6, 8, 16, 20, 24, 25]
    assert size(LAYOUT) == theta.size == 26


def test_views_and_the_flat_vector_are_one_memory():
    theta, params = allocate(LAYOUT, np, "float32")
    assert theta.dtype == np.float32
    assert not theta.any()
    params.layers[1].W[1, 2] = 5
    theta[24] = 7
    assert theta[8 + 1 * 4 + 2] == 5
    assert params.head.b[0] == 7
    for layer in (*params.layers, params.head):
        assert np.shares_memory(layer.W, theta)
        assert layer.W.flags.c_contiguous  # so that a matrix product can be written into it


def test_view_has_the_types_of_its_layout():
    params = view(np.zeros(26), LAYOUT)
    assert isinstance(params, Network)
    assert isinstance(params.layers, tuple)
    assert isinstance(params.layers[0], LinearParams)


def test_an_empty_leaf_takes_no_place():
    theta, params = allocate(layout(()), np, "float64")
    assert theta.size == 25
    assert params.log_sigma == ()
    assert "log_sigma" not in blocks(layout(()))


@pytest.mark.parametrize("width", [10**14, 10**22])
def test_more_parameters_than_memory_are_an_input_error(width):
    with pytest.raises(InputError, match="do not fit in memory"):
        allocate(LinearParams(Shape((784, width)), Shape((width,))), np, "float64")


@pytest.mark.parametrize("n", [1, 3, 1000, 100_003])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_vector_begins_at_a_cache_line(n, dtype):
    for _ in range(5):
        theta, _ = allocate(Shape((n,)), np, dtype)
        assert theta.ctypes.data % 64 == 0
        assert (theta.shape, theta.dtype, theta.any()) == ((n,), dtype, False)
