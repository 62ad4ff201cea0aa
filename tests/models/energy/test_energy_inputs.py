from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import FileFormatError, InputError

X = sg.Stream(1, "numpy").uniform((4, 3))


def small_model(**settings):
    return sg.EnergyModel(3, (4,), **{"dynamics": sg.Langevin(n_steps=2)} | settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_visible": 0}, "n_visible must be an integer >= 1"),
        ({"hidden": "wide"}, "hidden must be a tuple of layer widths"),
        ({"activation": "relu"}, "must be smooth, one of swish, softplus, tanh, sigmoid, got 'relu'"),
        ({"loss": "likelihood"}, "loss must be one of 'contrastive', 'score-matching' or a description"),
        ({"loss": sg.Adam()}, "loss must be one of"),
        ({"dynamics": 0.1}, r"dynamics must be Langevin\(\.\.\.\)"),
        ({"box": (1, 0)}, r"box must be \(low, high\)"),
        ({"box": 1.0}, r"box must be \(low, high\)"),
        ({"box": (0, np.inf)}, r"box must be \(low, high\)"),
        ({"max_norm": 0}, "max_norm must be a finite number > 0 or None"),
        ({"max_value": -1.0}, "max_value must be a finite number > 0 or None"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        sg.EnergyModel(**{"n_visible": 3} | settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"regularisation": -0.1}, "regularisation must be a finite number >= 0"),
        ({"buffer_size": 0}, "buffer_size must be an integer >= 1"),
        ({"reinitialised": 1.5}, r"reinitialised must be a probability in \[0, 1\]"),
        ({"data_noise": np.nan}, "data_noise must be a finite number >= 0"),
        ({"largest_gap": 0}, "largest_gap must be a finite number > 0"),
    ],
)
def test_settings_of_the_contrastive_loss_out_of_range_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        sg.Contrastive(**settings)


def test_noise_of_score_matching_must_be_positive():
    with pytest.raises(InputError, match="sigma must be a finite number > 0"):
        sg.ScoreMatching(0.0)


@pytest.mark.parametrize("x", [X[0], X[:, :2], np.full((2, 3), np.nan), np.array([["a"] * 3]), X[:0]])
def test_bad_states_are_refused_by_every_method(x):
    model = small_model()
    for method in (model.energy, model.grad_x, lambda x: model.langevin(x, 1), lambda x: model.fit(x, epochs=1)):
        with pytest.raises(InputError, match="x "):
            method(x)


def test_data_outside_the_box_are_refused_but_have_an_energy():
    model = small_model(box=(0, 1))
    with pytest.raises(InputError, match=r"x must lie in the box \(0\.0, 1\.0\), got values in \[.*: scale it"):
        model.fit(2 * X - 1, epochs=1, progress=False)
    assert model.energy(2 * X - 1).shape == (4,)


def test_noise_on_data_stays_in_the_box():
    model = small_model(box=(0, 1), loss=sg.Contrastive(data_noise=0.5))
    noisy = model.draw_data(model.check_data(X), sg.Stream(0))
    assert (noisy != X).all()
    assert noisy.min() == 0
    assert noisy.max() == 1


def test_noise_of_a_wrong_shape_is_refused():
    with pytest.raises(InputError, match=r"noise must have shape \(n, 3\)"):
        small_model().loss_and_grad(X, X[:, :2])
    with pytest.raises(InputError, match=r"noise must have shape \(4, 3\), got \(2, 3\)"):
        small_model(loss="score-matching").loss_and_grad(X, X[:2])


@pytest.mark.parametrize(("n", "n_steps"), [(0, 10), (2.5, 10), (2, 0)])
def test_a_number_of_samples_or_steps_that_is_none_is_refused(n, n_steps):
    with pytest.raises(InputError, match="must be an integer >= 1"):
        small_model().sample(n, n_steps)


def test_a_state_of_another_buffer_is_refused_and_changes_nothing():
    large, small = (small_model(loss=sg.Contrastive(buffer_size=n)) for n in (20, 10))
    before = large.buffer.copy()
    with pytest.raises(FileFormatError, match="buffer should be"):
        large.restore(small.state())
    np.testing.assert_array_equal(large.buffer, before)
