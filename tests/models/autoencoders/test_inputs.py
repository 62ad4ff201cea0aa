"""Bad input ends in an error that says what was expected and what came, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.corruptions import Masking

HALF = np.full((3, 4), 0.5)


def small(kind=sg.Autoencoder, **options):
    return kind(**{"n_visible": 4, "hidden": (3,), "n_code": 2, "backend": "numpy"} | options)


@pytest.mark.parametrize(
    "kind", [sg.Autoencoder, sg.DenoisingAutoencoder, sg.SparseAutoencoder, sg.ContractiveAutoencoder]
)
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("n_visible", 0, "n_visible must be an integer >= 1, got 0"),
        ("n_code", 2.5, "n_code must be an integer >= 1, got 2.5"),
        ("hidden", "400", r"hidden must be a tuple of layer widths such as \(400,\), got '400'"),
        ("decoder_hidden", (-1,), "each width in decoder_hidden must be an integer >= 1"),
        ("likelihood", "poisson", "likelihood must be one of 'bernoulli', 'gaussian', got 'poisson'"),
        ("weight_decay", -0.1, "weight_decay must be a finite number >= 0, got -0.1"),
        ("weight_decay", float("nan"), "weight_decay must be a finite number >= 0, got nan"),
        ("activation", "gelu", "unknown activation 'gelu': choose one of linear, relu"),
        ("output_mean", "softmax", "output_mean must be one of 'linear', 'tanh', 'sigmoid', got 'softmax'"),
        (
            "output_mean",
            "tanh",
            "output_mean is that of a Gaussian likelihood: leave it out",
        ),
        ("dtype", "float16", "dtype must be one of float32, float64, got float16"),
        ("seed", -1, "seed must be an integer"),
    ],
)
def test_bad_settings_are_rejected_by_every_kind(kind, option, value, message):
    with pytest.raises(sg.InputError, match=message):
        small(kind, **{option: value})


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (sg.Autoencoder, {"code_activation": "gelu"}, "unknown activation 'gelu'"),
        (sg.DenoisingAutoencoder, {"corruption": 0.3}, r"such as Masking\(0.25\), or a function .* got 0.3"),
        (sg.DenoisingAutoencoder, {"corruption": Masking}, r"corruption must be one of .* got <class"),
        (sg.SparseAutoencoder, {"sparsity": "l2"}, "sparsity must be one of 'kl', 'l1', got 'l2'"),
        (sg.SparseAutoencoder, {"sparsity_cost": -1}, "sparsity_cost must be a finite number >= 0, got -1"),
        (sg.SparseAutoencoder, {"sparsity_target": 1.0}, r"sparsity_target must be in \(0, 1\), got 1.0"),
        (sg.SparseAutoencoder, {"sparsity_target": "low"}, r"sparsity_target must be in \(0, 1\), got 'low'"),
        (sg.SparseAutoencoder, {"sparsity": "l1", "sparsity_target": 0.1}, "sparsity_target is for sparsity='kl'"),
        (sg.SparseAutoencoder, {"code_activation": "relu"}, "code_activation='sigmoid', got 'relu': use that, or"),
        (sg.ContractiveAutoencoder, {"contraction_cost": np.inf}, "contraction_cost must be a finite number >= 0"),
    ],
)
def test_bad_settings_of_a_kind_are_rejected(kind, options, message):
    with pytest.raises(sg.InputError, match=message):
        small(kind, **options)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 5)), r"x must have shape \(n, 4\), got \(3, 5\)"),
        (np.zeros((0, 4)), "x has no rows"),
        (np.full((3, 4), np.nan), r"NaN or infinite values in 3 row.*row 0"),
        (HALF.astype(str), "x must hold real numbers, got dtype <U"),
        (255 * HALF, r"must lie in \[0, 1\] for a Bernoulli .*: divide by 255"),
    ],
)
def test_bad_data_are_rejected_by_every_method_that_takes_data(x, message):
    model = small()
    for call in (
        model.encode,
        model.reconstruct,
        model.reconstruction_cost,
        model.reconstruction_error,
        model.compare_with_pca,
        model.encoder_jacobian,
        lambda x: model.loss_and_grad(x, np.empty((3, 0))),
        lambda x: model.loss_grad_x(x, np.empty((3, 0))),
        lambda x: model.fit(x, epochs=1, progress=False),
    ):
        with pytest.raises(sg.InputError, match=message):
            call(x)


@pytest.mark.parametrize(
    ("kind", "noise", "message"),
    [
        (sg.Autoencoder, np.zeros((3, 2)), r"noise must have shape \(3, 0\), got \(3, 2\): draw it with draw_noise"),
        (sg.Autoencoder, None, "noise must hold real numbers"),
        (sg.DenoisingAutoencoder, np.zeros((2, 4)), r"noise must have shape \(3, 4\), got \(2, 4\): draw it with"),
        (sg.DenoisingAutoencoder, np.full((3, 4), np.nan), "noise has NaN"),
    ],
)
def test_bad_noise_is_rejected(kind, noise, message):
    model = small(kind)
    for call in (model.loss_and_grad, model.loss_grad_x):
        with pytest.raises(sg.InputError, match=message):
            call(HALF, noise)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (np.zeros((2, 3)), r"code must have shape \(..., 2\), got \(2, 3\)"),
        (np.full((1, 2), np.inf), "code has NaN or"),
    ],
)
def test_bad_codes_are_rejected(code, message):
    with pytest.raises(sg.InputError, match=message):
        small().decode(code)


@pytest.mark.parametrize(
    ("corrupted", "message"),
    [
        (HALF[:2], r"must return an array of the shape of the batch, \(3, 4\), got \(2, 4\)"),
        (0.5, r"must return an array of the shape of the batch, \(3, 4\), got 0.5"),
        (None, r"must return an array of the shape of the batch, \(3, 4\), got None"),
        (np.where(np.arange(3)[:, None] == 1, np.nan, HALF), r"returned has NaN or infinite values in 1 row.*row 1"),
        (1j * HALF, "returned must hold real numbers, got dtype complex128"),
        (HALF.astype(str), "returned must hold real numbers, got dtype <U"),
    ],
    ids=["fewer rows", "a number", "nothing", "NaN", "complex", "text"],
)
def test_corruption_that_returns_no_batch_is_rejected(corrupted, message):
    model = small(sg.DenoisingAutoencoder, corruption=lambda x, stream: corrupted)
    for call in (model.draw_noise, lambda x: model.fit(x, epochs=1, progress=False)):
        with pytest.raises(sg.InputError, match=f"corruption {message}"):
            call(HALF)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_corruption_that_changes_its_argument_leaves_the_users_data_and_the_targets_alone(dtype, backend):
    x, held_out = HALF.astype(dtype), HALF[:2].astype(dtype)
    model = small(sg.DenoisingAutoencoder, corruption=lambda x, stream: x.__imul__(0), dtype=dtype, backend=backend)
    assert not model.draw_noise(x).any()
    other = small(sg.DenoisingAutoencoder, corruption=lambda x, stream: 0 * x, dtype=dtype, backend=backend)
    for trained in (model, other):
        trained.fit(x, epochs=2, validation=held_out, progress=False)
    assert (x == 0.5).all()
    assert (held_out == 0.5).all()
    np.testing.assert_array_equal(model.theta, other.theta)  # the targets are those of a well-behaved corruption


@pytest.mark.parametrize("kind", [sg.Autoencoder, sg.DenoisingAutoencoder])
def test_noise_is_drawn_for_data_of_the_model_alone(kind):
    model = small(kind)
    np.testing.assert_array_equal(model.draw_noise(HALF.tolist()).shape, model.noise_shape(HALF))
    for x, message in (
        (HALF[:, :3], r"x must have shape \(n, 4\), got \(3, 3\)"),
        (np.nan * HALF, "x has NaN"),
        (255 * HALF, "divide by 255"),
    ):
        with pytest.raises(sg.InputError, match=message):
            model.draw_noise(x)


def test_training_does_not_check_its_batches_again(monkeypatch):
    model, checked = small(sg.DenoisingAutoencoder), []
    check = model.check_data
    monkeypatch.setattr(model, "check_data", lambda x, name="x": checked.append(name) or check(x, name))
    model.fit(HALF, epochs=3, batch_size=1, validation=HALF, progress=False)
    assert checked == ["x", "validation"]


def test_a_denoiser_encodes_what_a_corruption_has_led_out_of_the_unit_range_but_is_not_trained_on_it():
    model = small(sg.DenoisingAutoencoder)
    assert model.reconstruct(HALF - 3).shape == (3, 4)
    assert np.isfinite(model.loss_and_grad(HALF, HALF - 3)[0].loss)
    for call in (model.reconstruction_error, lambda x: model.loss_and_grad(x, HALF)):
        with pytest.raises(sg.InputError, match=r"must lie in \[0, 1\]"):
            call(HALF - 3)
    with pytest.raises(sg.InputError, match="x has NaN"):
        model.encode(np.nan * HALF)


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_codes_are_decoded_in_any_arrangement(shape):
    model, codes = small(), np.random.default_rng(0).random((*shape, 2))
    decoded = model.decode(codes)
    assert decoded.shape == (*shape, 4)
    np.testing.assert_array_equal(decoded.reshape(-1, 4), model.decode(codes.reshape(-1, 2)))


@pytest.mark.parametrize("kind", [sg.Autoencoder, sg.VAE])
@pytest.mark.parametrize(
    ("output_mean", "shift", "message"),
    [
        ("sigmoid", -1.0, r"output_mean='sigmoid' gives means in \(0, 1\), the data have values in \[-0.5, -0.25\]"),
        ("tanh", 1.0, r"output_mean='tanh' gives means in \(-1, 1\), the data have values in \[1.5, 1.75\]"),
    ],
)
def test_training_warns_of_data_that_the_mean_cannot_reach(kind, output_mean, shift, message):
    x = HALF + shift + 0.25 * np.eye(3, 4)
    model = kind(4, (3,), 2, likelihood="gaussian", output_mean=output_mean, backend="numpy")
    with pytest.warns(sg.DataRangeWarning, match=message) as caught:
        model.fit(x, epochs=1, progress=False)
    assert [warning.filename for warning in caught] == [__file__]
    model.fit(x, epochs=1, progress=False)  # it has been said


def test_training_does_not_warn_of_data_that_the_mean_can_reach():
    for output_mean, x in (("linear", 9 * HALF), ("sigmoid", np.eye(4)), ("tanh", 2 * np.eye(4) - 1)):
        small(likelihood="gaussian", output_mean=output_mean).fit(x, epochs=1, progress=False)
    small().fit(np.eye(4), epochs=1, progress=False)


def test_pca_cannot_be_compared_with_a_code_that_is_not_below_the_data():
    x = np.random.default_rng(0).random((10, 4))
    for n_code in (4, 5):
        with pytest.raises(sg.InputError, match=rf"10 examples of 4 features by {n_code} components without error"):
            small(n_code=n_code).compare_with_pca(x)
    with pytest.raises(sg.InputError, match=r"PCA reproduces 2 examples of 4 features by 2 components"):
        small().compare_with_pca(x[:2])
    with pytest.raises(sg.InputError, match=r"test must have shape \(n, 4\)"):
        small().compare_with_pca(x, np.zeros((3, 5)))
