"""The whole state of an RBM: training continues to the bit, files are refused when damaged, backends can be changed."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import FileFormatError
from scratchgen.models.boltzmann.negative_phase import ParallelTempering, PersistentContrastiveDivergence

GENERATOR = np.random.default_rng(2)
X = GENERATOR.random((23, 6))
HELD_OUT = GENERATOR.random((5, 6))

VARIANTS = pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {"method": "cd", "k": 2}),
        ({"binarise": True, "weight_decay": 0.01, "sparsity_cost": 0.1}, {"method": "pcd", "n_chains": 7}),
        ({}, {"method": "pt", "n_chains": 7, "n_temperatures": 4, "monitor_every": 2}),
        ({"centred": True}, {"method": "pt", "n_chains": 7, "n_temperatures": 3}),
        ({"visible": "gaussian", "sigma": "learned", "centred": True}, {"method": "pcd", "n_chains": 7}),
        ({"visible": "gaussian", "sigma": 0.5}, {"method": "pt", "lowest": 0.3}),
    ],
    ids=["cd", "pcd binarised", "pt", "pt centred", "gaussian pcd centred", "gaussian pt"],
)


def train(rbm, epochs, **options):
    rbm.fit(X, epochs=epochs, batch_size=8, validation=HELD_OUT, progress=False, **options)
    return rbm


def everything(rbm):
    """Settings and state to compare, arrays as bytes, NaN as text; seconds are another matter."""
    state = rbm.state()
    history = {name: list(map(str, column)) for name, column in rbm.history.columns.items() if name != "seconds"}
    arrays = {name: array.tobytes() for name, array in state.arrays.items()}
    return rbm.settings | state.values | {"history": history} | arrays


@VARIANTS
def test_two_runs_from_one_seed_are_identical_and_another_seed_differs(settings, options, backend):
    first, second, other = (
        train(sg.RBM(6, 4, seed=seed, backend=backend, **settings), 3, **options) for seed in (3, 3, 4)
    )
    assert everything(first) == everything(second)
    assert (first.theta != other.theta).any()


@VARIANTS
def test_a_run_in_pieces_is_a_run_in_one(settings, options, backend):
    whole, pieces = (sg.RBM(6, 4, backend=backend, **settings) for _ in range(2))
    train(whole, 5, **options)
    train(pieces, 3, **options)
    train(pieces, 2, **options)
    assert everything(whole) == everything(pieces)


@VARIANTS
def test_a_run_that_is_saved_loaded_and_continued_is_one_that_was_not(settings, options, tmp_path):
    whole, path = sg.RBM(6, 4, **settings), tmp_path / "rbm.safetensors"
    train(whole, 5, **options)
    train(sg.RBM(6, 4, **settings), 3, **options).save(path)
    resumed = sg.load(path)
    assert isinstance(resumed, sg.RBM)
    train(resumed, 2, monitor_every=options.get("monitor_every", 1))  # the method is the model's own
    assert everything(whole) == everything(resumed)


@VARIANTS
def test_reset_starts_again(settings, options):
    rbm = sg.RBM(6, 4, **settings)
    train(rbm, 2, **options)
    once = everything(rbm)
    rbm.reset()
    assert everything(rbm) == everything(sg.RBM(6, 4, **settings))
    assert everything(train(rbm, 2, **options)) == once


@VARIANTS
def test_another_backend_takes_over_the_whole_state(settings, options):
    rbm = train(sg.RBM(6, 4, dtype="float64", **settings), 2, **options)
    moved = rbm.to("numpy")
    assert moved.backend.name == "numpy"
    assert everything(moved) == everything(rbm)
    for name, array in moved.state().arrays.items():
        assert not np.shares_memory(array, rbm.state().arrays[name])
    np.testing.assert_allclose(moved.log_likelihood(X > 0.5), rbm.log_likelihood(X > 0.5), rtol=1e-12)
    for model in (moved, rbm):
        train(model, 1)
    np.testing.assert_allclose(moved.theta, rbm.theta, rtol=1e-9)


def damaged(rbm, arrays=None, own=None):
    """The state with other arrays (None takes one away), and other values of its own."""
    state = rbm.state()
    for name, array in (arrays or {}).items():
        if array is None:
            del state.arrays[name]
        else:
            state.arrays[name] = array
    state.values["own"] = state.values["own"] | own if isinstance(own, dict) else own
    return state


CHAINS = np.zeros((7, 6), dtype="float32")


@pytest.mark.parametrize(
    ("arrays", "own", "message"),
    [
        ({"own.chains": CHAINS[:6]}, {}, r"chains should be float32 of shape \(7, 6\), is float32 of shape \(6, 6\)"),
        ({"own.chains": CHAINS[:, :5]}, {}, r"of shape \(7, 5\)"),
        ({"own.chains": CHAINS.astype("float64")}, {}, "chains should be float32 .* is float64"),
        ({"own.chains": None}, {}, "expected the arrays .*'chains'"),
        ({"own.other": CHAINS}, {}, "expected the arrays .* found .*'other'"),
        ({"own.base_bias": np.zeros(5, dtype="float32")}, {}, r"base_bias should be float32 of shape \(6,\)"),
        ({"own.offset_visible": None}, {}, "expected the arrays"),
        ({"own.offset_hidden": np.zeros(6, dtype="float32")}, {}, r"offset_hidden should be float32 of shape \(4,\)"),
        ({}, {"negative_phase": "pcd"}, "negative_phase must be a description such as .* got 'pcd'"),
        ({}, {"negative_phase": None}, "negative_phase must be a description"),
        ({}, {"negative_phase": sg.SGD()}, "negative_phase must be a description"),
        ({}, {"negative_phase": PersistentContrastiveDivergence(1, 8)}, r"chains should be float32 of shape \(8, 6\)"),
        ({}, {"negative_phase": ParallelTempering(1, 7, 3)}, r"chains should be float32 of shape \(3, 7, 6\)"),
        ({}, {"n_rounds": -1}, "n_rounds must be an integer >= 0"),
        ({}, {"n_rounds": 1.5}, "n_rounds must be an integer >= 0"),
        ({}, {"other": 1}, "expected the values"),
        ({}, None, "not the state of such a model"),
        ({"theta": np.zeros(5, dtype="float32")}, {}, "theta should be"),
    ],
)
def test_a_damaged_state_is_refused_and_the_model_left_as_it_was(arrays, own, message):
    rbm = train(sg.RBM(6, 4), 1, method="pcd", n_chains=7)
    before = everything(rbm)
    with pytest.raises(FileFormatError, match=message):
        rbm.restore(damaged(rbm, arrays, own))
    assert everything(rbm) == before


def test_a_gaussian_model_refuses_a_state_with_an_infinite_temperature():
    rbm = train(sg.RBM(6, 4, visible="gaussian"), 1, method="pt", n_chains=7, n_temperatures=3, lowest=0.5)
    with pytest.raises(FileFormatError, match="needs lowest > 0"):
        rbm.restore(damaged(rbm, own={"negative_phase": ParallelTempering(1, 7, 3, 0.0)}))


def test_the_state_of_another_kind_of_units_is_refused():
    with pytest.raises(FileFormatError, match="theta should be"):
        sg.RBM(6, 4).restore(sg.RBM(6, 4, visible="gaussian", sigma="learned").state())


def test_chains_that_are_kept_are_no_views_of_the_state_that_they_came_from():
    rbm = train(sg.RBM(6, 4), 1, method="pcd", n_chains=7)
    copy = sg.RBM(6, 4)
    copy.restore(rbm.state())
    for array in copy.own_state().arrays.values():
        array[...] = math.pi
    assert all((array != math.pi).all() for array in rbm.own_state().arrays.values())
