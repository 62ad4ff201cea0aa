"""The convolutional energy: what differs from the multilayer perceptron; the rest is the same code."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.models.energy import monitor
from scratchgen.models.energy.conv_network import ConvEnergy
from scratchgen.nn import image_networks
from scratchgen.nn.parameters import blocks, size
from scratchgen.ops.convolution import conv2d_forward

SMALL = {"image_shape": (5, 4), "channels": (2, 3), "n_dense": 4, "dynamics": sg.Langevin(n_steps=2), "box": (0, 1)}
COLOUR = SMALL | {"image_shape": (4, 3, 3), "channels": (3,)}
LOSSES = [sg.Contrastive(regularisation=0.3, buffer_size=8), sg.ScoreMatching(sigma=0.4)]
IDS = ["contrastive", "score matching"]
X = sg.Stream(1, "numpy").uniform((6, 36), "float64")
BOTH = pytest.mark.parametrize("settings", [SMALL, COLOUR], ids=["grey", "colour"])


def small_model(**settings):
    model = sg.ConvEnergyModel(**SMALL | {"dtype": "float64"} | settings)
    model.theta[...] = sg.Stream(2, model.backend).normal(model.theta.size, model.dtype)
    return model


def rows_for(model):
    return X[:, : model.n_visible]


def test_model_of_foster_has_its_number_of_parameters():
    # 16 maps by 5x5 of a grey image; 32, 64 and 64 maps by 3x3; from 32 pixels four halvings leave 2x2
    model = sg.ConvEnergyModel((32, 32), backend="numpy")
    assert [geometry.grid for geometry in model.network.geometries] == [(16, 16), (8, 8), (4, 4), (2, 2)]
    assert size(model.layout) == 416 + 4_640 + 18_496 + 36_928 + 16_448 + 65
    assert str(model.network) == "32×32×1-conv 16-conv 32-conv 64-conv 64-64-1"


def test_parameters_stand_in_the_order_in_which_data_meet_them():
    places = blocks(sg.ConvEnergyModel(**COLOUR, backend="numpy").layout)
    assert [(name, block.shape) for name, block in places.items()] == [
        ("[0].W", (5, 5, 3, 3)),
        ("[0].b", (3,)),
        ("[1].W", (2 * 2 * 3, 4)),
        ("[1].b", (4,)),
        ("[2].W", (4, 1)),
        ("[2].b", (1,)),
    ]


def test_energy_is_convolutions_of_stride_two_then_two_dense_layers(backend):
    model = small_model(activation="tanh", backend=backend)
    x = rows_for(model)
    h = x.reshape(6, 5, 4, 1)
    for layer, geometry, kernel in zip(model.params[:2], model.network.geometries, (5, 3), strict=True):
        assert (geometry.kernel, geometry.stride) == ((kernel, kernel), (2, 2))
        h, _ = conv2d_forward(layer, h, geometry, "tanh", backend)
    dense, output = model.params[2:]
    E = np.tanh(h.reshape(6, -1) @ dense.W + dense.b) @ output.W + output.b
    np.testing.assert_allclose(model.energy(x), E[:, 0], rtol=1e-12)


@BOTH
def test_grad_x_is_the_gradient_of_the_energy(settings, backend):
    model = small_model(**settings, backend=backend)
    x = rows_for(model)
    report = sg.gradcheck(lambda x: model.energy(x).sum(), x, model.grad_x(x))
    assert report.passed, str(report)
    dE = np.ones(len(x))
    np.testing.assert_allclose(
        model.network.backward(dE, model.network.forward(model.params, x)[1])[0], model.grad_x(x), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
@BOTH
def test_the_backends_agree(settings, loss):
    plain, compiled = (small_model(**settings, loss=loss, backend=name) for name in ("numpy", "cpu"))
    x = rows_for(plain)
    noise = plain.draw_noise(x)
    (terms, grads), (others, other_grads) = (model.loss_and_grad(x, noise) for model in (plain, compiled))
    np.testing.assert_allclose(terms, others, rtol=1e-11)
    for layer, other in zip(grads, other_grads, strict=True):
        np.testing.assert_allclose(layer.W, other.W, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(layer.b, other.b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(plain.loss_grad_x(x, noise), compiled.loss_grad_x(x, noise), rtol=1e-9, atol=1e-12)


def test_a_chain_computes_no_gradient_of_the_parameters(monkeypatch):
    def refuse(*args, **named):
        raise AssertionError("a gradient of the weights, which no chain needs")

    model = small_model()
    monkeypatch.setattr("scratchgen.ops.convolution.weights_gradient", refuse)
    monkeypatch.setattr("scratchgen.nn.linear_maps.weights_gradient", refuse)
    model.sample(2, n_steps=2)
    with pytest.raises(AssertionError):
        model.loss_and_grad(rows_for(model), model.draw_noise(rows_for(model)))


def test_energies_and_gradients_of_many_images_are_computed_in_parts_and_are_the_same(monkeypatch):
    model = small_model()
    x = rows_for(model)
    whole = model.energy(x), model.grad_x(x)
    seen, forward = [], ConvEnergy.forward

    def watched(network, params, x):
        seen.append(len(x))
        return forward(network, params, x)

    monkeypatch.setattr(image_networks, "_EXAMPLES", 4)
    monkeypatch.setattr(ConvEnergy, "forward", watched)
    np.testing.assert_allclose(model.energy(x), whole[0], rtol=1e-12)
    np.testing.assert_allclose(model.grad_x(x), whole[1], rtol=1e-10, atol=1e-13)
    assert seen == [4, 2, 4, 2]


def test_initial_weights_of_the_first_layer_have_the_scale_that_was_asked_for():
    first, other = (
        sg.ConvEnergyModel((8, 8, 3), (400, 2), input_scale=s, backend="numpy").params[0].W for s in (1.0, 3.0)
    )
    assert first.std() == pytest.approx(1 / np.sqrt(5 * 5 * 3), rel=4 / np.sqrt(2 * first.size))
    np.testing.assert_allclose(other, 3 * first, rtol=1e-6)


@pytest.mark.parametrize("loss", [sg.Contrastive(buffer_size=20), sg.ScoreMatching(sigma=0.2)], ids=IDS)
@BOTH
def test_training_that_was_stopped_saved_and_loaded_equals_training_that_was_not(settings, loss, tmp_path):
    whole, first = (sg.ConvEnergyModel(**settings, kernel=2, loss=loss, max_norm=1.0, seed=4) for _ in range(2))
    x = rows_for(whole)
    whole.fit(x, epochs=4, batch_size=4, progress=False)
    first.fit(x, epochs=2, batch_size=4, progress=False)
    first.save(tmp_path / "model.safetensors")
    second = sg.load(tmp_path / "model.safetensors")
    assert (type(second), second.settings) == (sg.ConvEnergyModel, whole.settings)
    second.fit(x, epochs=2, batch_size=4, progress=False)
    np.testing.assert_array_equal(second.theta, whole.theta)
    np.testing.assert_array_equal(second.sample(3, 5), whole.sample(3, 5))


def test_images_get_a_lower_energy_than_what_is_none():
    x = sg.datasets.load("digits").x_train
    loss = sg.Contrastive(regularisation=1e-4, buffer_size=500, data_noise=0.1)
    dynamics = sg.Langevin(n_steps=10, step_size=0.005)
    model = sg.ConvEnergyModel((8, 8), (8, 16), 16, loss=loss, dynamics=dynamics, box=(0, 1), input_scale=2.0)
    model.fit(x[:640], epochs=6, batch_size=64, optimizer=sg.Adam(3e-3), progress=False)
    held_out = model.energy(x[640:840])
    for others in (1 - x[640:840], model.draw_start(200, sg.Stream(0))):
        assert np.mean(held_out[:, None] < model.energy(others)) > 0.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_shape": 28}, r"image_shape must be \(height, width\) or \(height, width, channels\), got 28"),
        ({"channels": ()}, "channels must hold at least one number"),
        ({"n_dense": 0}, "n_dense must be an integer >= 1"),
        ({"kernel": 0}, "kernel must be an integer >= 1"),
        ({"first_kernel": 2.5}, "first_kernel must be an integer >= 1"),
        ({"activation": "relu"}, "the activation of an energy must be smooth"),
        ({"hidden": (3,)}, "ConvEnergyModel takes no hidden: its network follows from image_shape, channels, n_dense"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(sg.InputError, match=message):
        sg.ConvEnergyModel(**SMALL | settings, backend="numpy")


@pytest.mark.simulator
@pytest.mark.parametrize("loss", [sg.Contrastive(buffer_size=4), sg.ScoreMatching(sigma=0.2)], ids=IDS)
def test_a_training_step_through_the_cuda_kernels_is_that_of_numpy(loss, monkeypatch):
    monkeypatch.setattr(monitor, "N_ROWS", 2)  # the simulator takes milliseconds for each
    settings = {"image_shape": (3, 2), "channels": (2,), "n_dense": 2, "first_kernel": 3, "loss": loss}
    dynamics = sg.Langevin(n_steps=1)
    simulated, plain = (
        sg.ConvEnergyModel(**settings, dynamics=dynamics, dtype="float64", backend=name) for name in ("cuda", "numpy")
    )
    for model in (simulated, plain):
        model.fit(X[:2, :6], epochs=1, batch_size=2, progress=False)
    np.testing.assert_allclose(simulated.theta, plain.theta, rtol=1e-10, atol=1e-13)
