"""What the kinds of autoencoder learn, and that training can be stopped and gone on with."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.corruptions import GaussianNoise, IndependentMasking, Masking, SaltAndPepper

X = np.random.default_rng(0).random((23, 6))
HELD_OUT = np.random.default_rng(1).random((5, 6))


@pytest.fixture(scope="module")
def digits():
    return sg.datasets.load("digits")


def jacobian_norm(model, x):
    """Return the contractive penalty at `x` of a model of one layer."""
    h, W = model.encode(x), model.params.encoder[0].W
    return float(((h * (1 - h)) ** 2 @ (W**2).sum(axis=0)).mean())


# ---- what is learnt ----


@pytest.mark.parametrize("n_code", [2, 8])
def test_linear_autoencoder_reaches_the_reconstruction_error_of_pca(n_code, digits):
    model = sg.Autoencoder(64, (), n_code, likelihood="gaussian", dtype="float64", seed=0)
    for learning_rate, epochs in ((1e-2, 60), (1e-3, 40)):
        model.fit(digits.x_train, epochs=epochs, optimizer=sg.Adam(learning_rate), progress=False)
    found = model.compare_with_pca(digits.x_train)
    assert found.pca < found.autoencoder < 1.002 * found.pca  # no linear map is better
    on_test = model.compare_with_pca(digits.x_train, digits.x_test)
    assert on_test.autoencoder == pytest.approx(on_test.pca, rel=0.005)
    assert on_test.autoencoder == pytest.approx(model.reconstruction_error(digits.x_test).mean(), rel=1e-13)


def test_pca_error_is_the_sum_of_the_variances_left_out(digits):
    model = sg.Autoencoder(64, (), 8, likelihood="gaussian", backend="numpy")
    left_out = np.linalg.eigvalsh(np.cov(digits.x_train.T, bias=True))[:-8].sum()
    assert model.compare_with_pca(digits.x_train).pca == pytest.approx(left_out, rel=1e-4)


def test_nonlinear_autoencoder_is_better_than_pca_with_as_small_a_code(digits):
    model = sg.Autoencoder(64, (64,), 2, likelihood="gaussian", seed=0)
    model.fit(digits.x_train, epochs=60, optimizer=sg.Adam(3e-3), progress=False)
    assert np.less(*model.compare_with_pca(digits.x_train, digits.x_test))


@pytest.mark.parametrize("corruption", [Masking(0.3), IndependentMasking(0.3), GaussianNoise(0.4), SaltAndPepper(0.3)])
def test_denoiser_removes_the_corruption_that_it_was_trained_with(corruption, digits):
    model = sg.DenoisingAutoencoder(64, (), 128, code_activation="relu", corruption=corruption, seed=0)
    model.fit(digits.x_train, epochs=25, optimizer=sg.Adam(3e-3), progress=False)
    corrupted = model.draw_noise(digits.x_test, model.streams["sampling"])
    before = ((corrupted - digits.x_test) ** 2).sum(axis=1).mean()
    after = ((model.reconstruct(corrupted) - digits.x_test) ** 2).sum(axis=1).mean()
    assert after < 0.5 * before


def test_denoiser_of_a_gaussian_moves_points_as_the_best_denoiser_does():
    """The best reconstruction of x ~ N(0, v I) from x + s xi is its conditional mean, v / (v + s^2) times that."""
    v, s = 1.0, 0.5
    x = sg.Stream(1, "numpy").normal((4096, 2), "float64")
    model = sg.DenoisingAutoencoder(2, (), 2, likelihood="gaussian", corruption=GaussianNoise(s), dtype="float64")
    for learning_rate in (1e-2, 1e-3, 1e-4):
        model.fit(x, epochs=15, optimizer=sg.Adam(learning_rate), progress=False)
    points = np.array([[2.0, 0.0], [0.0, -2.0], [1.0, 1.0]])
    np.testing.assert_allclose(model.reconstruct(points), points * v / (v + s * s), atol=0.06)


def test_kl_sparsity_brings_mean_activations_to_the_target(digits):
    model = sg.SparseAutoencoder(64, (), 100, sparsity_cost=3.0, sparsity_target=0.05, weight_decay=1e-4, seed=0)
    model.fit(digits.x_train, epochs=40, optimizer=sg.Adam(3e-3), progress=False)
    means = model.encode(digits.x_train).mean(axis=0)
    assert means.mean() == pytest.approx(0.05, abs=0.01)
    assert means.max() < 0.2  # from 0.5 for each unit


def test_l1_sparsity_switches_units_off(digits):
    zeros = {}
    for cost in (0.0, 0.3):
        options = {"sparsity": "l1", "sparsity_cost": cost, "code_activation": "relu", "weight_decay": 1e-3}
        model = sg.SparseAutoencoder(64, (), 64, **options, seed=0)
        model.fit(digits.x_train, epochs=30, optimizer=sg.Adam(3e-3), progress=False)
        zeros[cost] = (model.encode(digits.x_test) == 0).mean()
    assert zeros[0.3] > zeros[0.0] + 0.2


def test_contraction_makes_the_code_less_sensitive_to_the_data(digits):
    norms, sensitivities = {}, {}
    nudge = 0.1 * sg.Stream(2, "numpy").normal(digits.x_test.shape)
    for cost in (0.0, 1.0):
        model = sg.ContractiveAutoencoder(64, (), 32, likelihood="gaussian", contraction_cost=cost, seed=0)
        model.fit(digits.x_train, epochs=20, optimizer=sg.Adam(3e-3), progress=False)
        norms[cost] = jacobian_norm(model, digits.x_test)
        moved = model.encode(digits.x_test + nudge) - model.encode(digits.x_test)
        sensitivities[cost] = (moved**2).sum(axis=1).mean()
    assert norms[1.0] < 0.25 * norms[0.0]
    assert sensitivities[1.0] < 0.25 * sensitivities[0.0]


def test_training_starts_from_the_mean_of_the_data():
    model = sg.Autoencoder(6, (5,), 3, likelihood="gaussian", dtype="float64")
    model.adapt_to_data_(X)
    model.params.decoder[-1].W[...] = 0
    np.testing.assert_allclose(model.reconstruct(X), np.tile(X.mean(axis=0), (23, 1)), rtol=1e-13)


# ---- the loop ----


def train(model, epochs):
    model.fit(X, epochs=epochs, batch_size=8, validation=HELD_OUT, progress=False)
    return model


def everything(model):
    """Return settings and state to compare, arrays as bytes; seconds are another matter."""
    state = model.state()
    history = {name: column for name, column in model.history.columns.items() if name != "seconds"}
    arrays = {name: array.tobytes() for name, array in state.arrays.items()}
    return model.settings | state.values | {"history": history} | arrays


def test_history_has_the_terms_of_training_and_validation(build):
    history = train(build(), 2).history
    terms = ("loss", "reconstruction", "weights", "penalty")
    assert set(history.columns) >= {*terms, *(f"validation_{term}" for term in terms)}
    assert history.epoch == [1, 2]


def test_training_stopped_saved_and_resumed_is_training_that_was_not_stopped(build, backend, tmp_path):
    path = tmp_path / "model.safetensors"
    uninterrupted = train(build(backend, dtype="float32"), 3)
    train(build(backend, dtype="float32"), 1).save(path)
    resumed = train(sg.load(path, backend), 2)
    assert type(resumed) is type(uninterrupted)
    assert everything(resumed) == everything(uninterrupted)


def test_model_moves_to_another_backend_with_its_whole_state(build):
    model = train(build("numpy"), 1)
    assert everything(model.to("cpu")) == everything(model)


@pytest.mark.parametrize("corruption", [Masking(0.3), IndependentMasking(0.3), GaussianNoise(0.4), SaltAndPepper(0.3)])
def test_each_corruption_is_saved_and_loaded(corruption, tmp_path):
    sg.DenoisingAutoencoder(6, (5,), 3, corruption=corruption).save(tmp_path / "model.safetensors")
    assert sg.load(tmp_path / "model.safetensors").corruption == corruption


def test_function_of_the_users_corrupts_and_is_refused_by_a_checkpoint(tmp_path):
    def double(x, stream):
        return 2 * x

    model = sg.DenoisingAutoencoder(6, (5,), 3, corruption=double, dtype="float64")
    np.testing.assert_array_equal(model.draw_noise(X), 2 * X)
    train(model, 1)
    assert model.to("numpy").corruption is double
    for save in (model.save, lambda path: model.fit(X, epochs=1, checkpoint=path, progress=False)):
        with pytest.raises(sg.InputError, match=r"a checkpoint cannot hold <function .*double"):
            save(tmp_path / "model.safetensors")
    assert model.epoch == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.simulator
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("DenoisingAutoencoder", {"corruption": SaltAndPepper(0.3)}),
        ("DenoisingAutoencoder", {"corruption": Masking(0.5)}),
        ("SparseAutoencoder", {"weight_decay": 0.1}),
        ("ContractiveAutoencoder", {}),
    ],
)
def test_two_training_steps_through_the_cuda_kernels_are_those_of_numpy(kind, options):
    x = sg.Stream(2, "numpy").uniform((4, 6), "float64")
    simulated, plain = (
        getattr(sg, kind)(6, (5,), 2, **options, dtype="float64", backend=name) for name in ("cuda", "numpy")
    )
    for model in (simulated, plain):
        model.fit(x, epochs=2, batch_size=4, progress=False)
    assert simulated.step == 2
    np.testing.assert_allclose(simulated.theta, plain.theta, rtol=1e-12, atol=1e-15)
