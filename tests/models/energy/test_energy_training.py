from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import SamplingError, TrainingError
from scratchgen.models.energy import monitor
from scratchgen.models.energy.noise import Chains

X = 0.5 * sg.Stream(1, "numpy").uniform((64, 3))
LOSSES = [sg.Contrastive(buffer_size=50, data_noise=0.02), sg.ScoreMatching(sigma=0.2)]
IDS = ["contrastive", "score matching"]


def small_model(**settings):
    return sg.EnergyModel(3, (8,), **{"dynamics": sg.Langevin(n_steps=3), "box": (0, 1)} | settings)


def start(n, stream):
    return 10 + stream.uniform((n, 3))


def stay(x, stream):
    return x


# ---- the buffer ----


def test_chains_are_moved_on_and_put_back_where_they_came_from():
    model = small_model(loss=sg.Contrastive(buffer_size=50, reinitialised=0.0))
    buffer, (_, grads) = model.buffer.copy(), model.empty_grads()
    stream = model.streams["training_noise"]
    expected = model.loss.draw(model.check_data(X[:8]), model._chains, sg.Stream.from_state(stream.state()))
    model.training_terms_(model.check_data(X[:8]), stream, grads)
    moved = (model.buffer != buffer).any(axis=1)
    assert moved.sum() == 8
    np.testing.assert_array_equal(model.buffer[expected.rows], expected.values)
    assert set(np.flatnonzero(moved)) == set(expected.rows)


def test_negative_samples_are_distinct_chains_of_the_buffer():
    buffer = np.arange(30, dtype=np.float32).reshape(10, 3) / 100
    noise = sg.Contrastive(reinitialised=0.0).draw(X[:6], Chains(buffer, start, stay), sg.Stream(0))
    assert len(set(noise.rows.tolist())) == 6
    np.testing.assert_array_equal(noise.values, buffer[noise.rows])
    assert sg.Contrastive().draw(X, Chains(buffer, start, stay), sg.Stream(0)).values.shape == (10, 3)


@pytest.mark.parametrize("fraction", [0.0, 0.05, 1.0])
def test_the_stated_fraction_of_chains_begins_anew(fraction):
    n = 20_000
    chains = Chains(np.zeros((n, 3), dtype=np.float32), start, stay)
    noise = sg.Contrastive(reinitialised=fraction).draw(np.zeros((n, 3)), chains, sg.Stream(0))
    fresh = noise.values >= 10
    assert (fresh.all(axis=1) == fresh.any(axis=1)).all()  # whole states
    assert fresh[:, 0].mean() == pytest.approx(fraction, abs=5 * np.sqrt(fraction * (1 - fraction) / n))


def test_chains_start_in_the_box_or_where_the_data_lie():
    boxed, free = small_model(box=(0.25, 0.5)), small_model(box=None)
    free.fit(X, epochs=1, progress=False)
    assert 0.25 <= boxed.buffer.min() < 0.26 < 0.49 < boxed.buffer.max() <= 0.5
    starts = free.draw_start(1000, sg.Stream(0))
    assert (starts >= X.min(axis=0)).all()
    assert (starts <= X.max(axis=0)).all()


def test_each_first_unit_begins_with_its_change_of_sign_at_an_example():
    model = small_model(dtype="float64", input_scale=3.0)
    x = X.astype("float64")
    model.adapt_to_data_(x)
    W, b = model.params[0]
    assert np.abs(b).min() > 0
    sums = x @ W + b  # (64, 8)
    np.testing.assert_allclose(np.abs(sums).min(axis=0), 0, atol=1e-15)
    assert len(set(np.abs(sums).argmin(axis=0))) > 1  # not all at the same
    learnt = b.copy()
    model.adapt_to_data_(x)  # of a model that has been trained nothing is changed
    np.testing.assert_array_equal(b, learnt)


# ---- training ----


@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
def test_training_that_was_stopped_saved_and_loaded_equals_training_that_was_not(loss, tmp_path):
    whole, first = (small_model(loss=loss, max_norm=1.0, seed=4) for _ in range(2))
    whole.fit(X, epochs=4, batch_size=20, progress=False)
    first.fit(X, epochs=2, batch_size=20, progress=False)
    first.save(tmp_path / "model.safetensors")
    second = sg.load(tmp_path / "model.safetensors")
    second.fit(X, epochs=2, batch_size=20, progress=False)
    assert (second.loss, second.dynamics, second.box) == (whole.loss, whole.dynamics, whole.box)
    np.testing.assert_array_equal(second.theta, whole.theta)
    np.testing.assert_array_equal(second.buffer, whole.buffer)
    np.testing.assert_array_equal(second.sample(5, 10), whole.sample(5, 10))


@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
def test_validation_and_sampling_change_nothing_in_training(loss):
    plain, watched = small_model(loss=loss), small_model(loss=loss)
    plain.fit(X, epochs=2, progress=False)
    watched.fit(X, epochs=2, validation=X, callbacks=[lambda model: model.sample(2, 3)], progress=False)
    np.testing.assert_array_equal(plain.theta, watched.theta)
    np.testing.assert_array_equal(plain.buffer, watched.buffer)


def test_energies_of_data_buffer_and_noise_are_reported_each_epoch():
    model = small_model(loss=sg.Contrastive(buffer_size=50))
    history = model.fit(X, epochs=2, validation=X[:5], progress=False)
    assert history.energy_of_data[-1] == pytest.approx(model.energy(X).mean(), rel=1e-4)
    assert history.energy_of_buffer[-1] == pytest.approx(model.energy(model.buffer).mean(), rel=1e-4)
    assert history.energy_of_validation[-1] == pytest.approx(model.energy(X[:5]).mean(), rel=1e-4)
    noise = model.energy(model.draw_start(20_000, sg.Stream(9)))
    assert history.energy_of_noise[-1] == pytest.approx(noise.mean(), abs=6 * noise.std() / np.sqrt(1000))
    without_buffer = small_model(loss="score-matching").fit(X, epochs=1, progress=False)
    assert "energy_of_buffer" not in without_buffer.columns


def test_energies_that_run_apart_stop_training_and_the_message_names_the_cures():
    loss = sg.Contrastive(regularisation=0.0, reinitialised=1.0, buffer_size=50, largest_gap=10.0)
    model = small_model(loss=loss)
    with pytest.raises(TrainingError, match=r"step [1-9].*: .* of data, .* of samples, further .* = 10") as raised:
        model.fit(X, epochs=50, optimizer=sg.Adam(0.3), progress=False)
    cures = ("smaller learning rate", "energy regularisation", "more Langevin steps", "clipping", "noise on the data")
    assert all(cure in str(raised.value) for cure in cures)


def test_energies_that_are_not_finite_stop_training():
    model = small_model(box=None, dynamics=sg.Langevin(n_steps=60, step_size=1e30))
    with pytest.raises(TrainingError, match="the energies diverged at step 0"):
        model.fit(X, epochs=1, progress=False)


def test_regularisation_keeps_energies_near_zero():
    strong, weak = (small_model(loss=sg.Contrastive(regularisation=r, buffer_size=50)) for r in (1.0, 0.0))
    for model in (strong, weak):
        model.params[-1].b[...] = 5.0
        model.fit(X, epochs=30, batch_size=16, optimizer=sg.Adam(0.01), progress=False)
    assert abs(strong.energy(X).mean()) < 1
    assert weak.energy(X).mean() > 3


# ---- optima that are known ----


def test_score_matching_finds_the_score_of_the_blurred_gaussian():
    s, sigma = 0.6, 0.4
    x = s * sg.Stream(5).normal((2000, 2)) + 1
    model = sg.EnergyModel(2, (32,), loss=sg.ScoreMatching(sigma), seed=1)
    history = model.fit(x, epochs=60, batch_size=100, optimizer=sg.Adam(0.01), progress=False)
    # the least loss is D / 2 times s^2 / (s^2 + sigma^2)
    least = s**2 / (s**2 + sigma**2)
    assert np.mean(history.loss[-10:]) == pytest.approx(least, abs=0.04)
    noisy = x + sigma * sg.Stream(6).normal(x.shape)
    expected = (noisy - 1) / (s**2 + sigma**2)
    residual = np.mean((model.grad_x(noisy) - expected) ** 2) / np.mean(expected**2)
    assert residual < 0.03


def test_contrastive_training_finds_mean_and_width_of_a_gaussian():
    x = 0.5 * sg.Stream(5).normal((1000, 1)) + 1
    loss, dynamics = sg.Contrastive(regularisation=0.0, buffer_size=1000), sg.Langevin(n_steps=20, step_size=0.05)
    model = sg.EnergyModel(1, (16,), loss=loss, dynamics=dynamics, box=(-3, 5), seed=1)
    model.fit(x, epochs=40, batch_size=100, optimizer=sg.Adam(0.01), progress=False)
    grid = np.linspace(-3, 5, 801)[:, None]
    p = np.exp(-model.energy(grid).astype(np.float64))
    p /= p.sum()
    mean = p @ grid[:, 0]
    assert mean == pytest.approx(1, abs=0.1)
    assert np.sqrt(p @ (grid[:, 0] - mean) ** 2) == pytest.approx(0.5, abs=0.1)


# ---- sampling ----


def test_chains_go_downhill_at_temperature_zero_and_follow_other_dynamics_where_they_are_given():
    model = small_model()
    x = model.draw_start(50, sg.Stream(0))
    descent = model.langevin(x, 20, sg.Langevin(step_size=0.01, temperature=0.0))
    assert (model.energy(descent) <= model.energy(x)).all()
    assert model.energy(descent).mean() < model.energy(x).mean()


def test_samples_are_the_ends_of_chains_from_noise():
    model = small_model()
    stream, other = sg.Stream(8), sg.Stream(8)
    samples = model.sample(6, 4, stream=stream)
    np.testing.assert_array_equal(samples, model.langevin(model.draw_start(6, other), 4, stream=other))
    assert samples.min() >= 0
    assert samples.max() <= 1


def test_a_chain_that_leaves_the_finite_numbers_is_an_error():
    model = small_model(box=None)
    with pytest.raises(SamplingError, match="chain 0 became NaN or infinite"):
        model.langevin(X, 5, sg.Langevin(step_size=1e38, temperature=1.0))


@pytest.mark.simulator
@pytest.mark.parametrize("loss", [sg.Contrastive(buffer_size=4), sg.ScoreMatching(sigma=0.2)], ids=IDS)
def test_two_training_steps_through_the_cuda_kernels_are_those_of_numpy(loss, monkeypatch):
    monkeypatch.setattr(monitor, "N_ROWS", 2)  # the simulator takes milliseconds for each
    settings = {"loss": loss, "dtype": "float64", "dynamics": sg.Langevin(n_steps=2), "max_norm": 0.5}
    simulated, plain = (small_model(backend=name, **settings) for name in ("cuda", "numpy"))
    for model in (simulated, plain):
        model.fit(X[:4], epochs=2, batch_size=4, progress=False)
    np.testing.assert_allclose(simulated.theta, plain.theta, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(simulated.buffer, plain.buffer, rtol=1e-10)
