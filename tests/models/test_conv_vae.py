"""The convolutional VAE: what differs from the dense one; the loss and its use are the same code."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.backend import to_numpy
from scratchgen.latent import active_units
from scratchgen.nn.parameters import blocks, size

SMALL = {"image_shape": (5, 4), "channels": (2, 3), "n_dense": 4, "n_latent": 2, "seed": 0}
COLOUR = SMALL | {"image_shape": (4, 3, 3), "channels": (3,), "likelihood": "gaussian", "sigma": "learned"}
X = np.random.Generator(np.random.PCG64(9)).uniform(size=(6, 36))
BOTH = pytest.mark.parametrize("settings", [SMALL, COLOUR], ids=["grey", "colour"])


def rows_for(vae):
    return X[:, : vae.n_visible]


def test_model_of_the_keras_example_has_its_numbers_of_parameters():
    # F. Chollet, "Variational AutoEncoder", keras.io
    layout = sg.ConvVAE((28, 28), backend="numpy").layout
    assert size((layout.encoder, layout.heads)) == 69_076
    assert size(layout.decoder) == 65_089
    assert size(layout) == 69_076 + 65_089


def test_model_for_colour_images_of_32_pixels():
    vae = sg.ConvVAE((32, 32, 3), channels=(8, 16, 32), n_dense=32, n_latent=5, backend="numpy")
    x = np.zeros((2, 32 * 32 * 3))
    assert vae.encode(x)[0].shape == (2, 5)
    assert vae.reconstruct(x).shape == x.shape
    assert [geometry.grid for geometry in vae.encoder_network.geometries] == [(16, 16), (8, 8), (4, 4)]


def test_parameters_stand_in_the_order_in_which_data_meet_them():
    places = blocks(sg.ConvVAE(**COLOUR, backend="numpy").layout)
    assert [(name, block.shape) for name, block in places.items()] == [
        ("encoder[0].W", (3, 3, 3, 3)),
        ("encoder[0].b", (3,)),
        ("encoder[1].W", (2 * 2 * 3, 4)),
        ("encoder[1].b", (4,)),
        ("heads.W", (4, 4)),
        ("heads.b", (4,)),
        ("decoder[0].W", (2, 2 * 2 * 3)),
        ("decoder[0].b", (2 * 2 * 3,)),
        ("decoder[1].W", (3, 3, 3, 3)),
        ("decoder[1].b", (3,)),
        ("decoder[2].W", (3, 3, 3, 3)),
        ("decoder[2].b", (3,)),
        ("log_sigma", (1,)),
    ]


@BOTH
def test_backends_agree_and_several_samples_are_means_over_them(settings):
    compiled, plain = (sg.ConvVAE(**settings, dtype="float64", backend=name) for name in ("cpu", "numpy"))
    x = rows_for(plain)
    noise = sg.Stream(1, "numpy").normal((3, *plain.noise_shape(x)), "float64")
    terms, grads = compiled.loss_and_grad(x, noise)
    singles = [plain.loss_and_grad(x, one) for one in noise]
    assert terms == pytest.approx(tuple(np.mean([single[0] for single in singles], axis=0)), rel=1e-12)
    mean = np.mean([single[1].heads.W for single in singles], axis=0)
    np.testing.assert_allclose(grads.heads.W, mean, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(compiled.encode(x), plain.encode(x), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(compiled.decode(noise), plain.decode(noise), rtol=1e-10)
    for vae in (compiled, plain):
        vae.fit(x, epochs=5, batch_size=4, progress=False)
    np.testing.assert_allclose(compiled.history.loss, plain.history.loss, rtol=1e-9)


@BOTH
def test_results_do_not_depend_on_the_other_rows(settings, backend):
    vae = sg.ConvVAE(**settings, backend=backend)
    x = rows_for(vae)
    np.testing.assert_allclose(vae.encode(x[2:3])[0], vae.encode(x)[0][2:3], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(vae.reconstruct(x[2:3]), vae.reconstruct(x)[2:3], rtol=1e-4)


def test_images_of_the_decoder_move_with_what_the_grid_holds():
    # two applications of stride 2: a pattern one grid place further is four pixels further, away from the border
    vae = sg.ConvVAE((24, 24), channels=(2, 3), dtype="float64", backend="numpy")
    vae.params.decoder[0].W[...] = 0
    images = []
    for column in (2, 3):
        grid = np.zeros((6, 6, 3))
        grid[3, column] = 1
        vae.params.decoder[0].b[...] = grid.ravel()
        images.append(vae.decode(np.zeros((1, 2))).reshape(24, 24))
    assert np.ptp(images[0]) > 0
    np.testing.assert_allclose(images[1][:, 4:], images[0][:, :-4], rtol=1e-12)


def test_training_starts_from_an_output_bias_of_zero():
    vae = sg.ConvVAE(**COLOUR, backend="numpy")
    vae.adapt_to_data_(vae.check_data(X))
    assert not vae.params.decoder[-1].b.any()


@pytest.mark.parametrize("seed", [0, 1])
def test_digits_are_learnt(seed):
    x = sg.datasets.load("digits").x_train
    vae = sg.ConvVAE((8, 8), channels=(8, 16), n_dense=64, seed=seed)
    history = vae.fit(x, epochs=15, batch_size=64, optimizer=sg.Adam(3e-3), progress=False)
    p = x.mean(axis=0).clip(1e-3, 1 - 1e-3)
    without_z = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    assert history.loss[-1] < without_z - 0.5  # better than any model that ignores z


def colour_gradients(n, size=8):
    """Return images in which the logit of each colour is a linear function of the place, (n, size size 3)."""
    generator = np.random.Generator(np.random.PCG64(1))
    places = np.stack(np.meshgrid(*[np.linspace(-1, 1, size)] * 2), axis=-1)  # (size, size, 2)
    logits = np.einsum("yxk,nkc->nyxc", places, generator.normal(size=(n, 2, 3))) + generator.normal(size=(n, 1, 1, 3))
    return (1 / (1 + np.exp(-logits))).reshape(n, -1)


@pytest.mark.parametrize("seed", [0, 1])
def test_colour_images_are_learnt(seed):
    x, sigma = colour_gradients(512), 0.1
    gaussian = {"likelihood": "gaussian", "output_mean": "sigmoid", "sigma": sigma}
    vae = sg.ConvVAE((8, 8, 3), channels=(8, 16), n_dense=32, n_latent=8, **gaussian, seed=seed)
    history = vae.fit(x, epochs=40, batch_size=32, optimizer=sg.Adam(3e-3), progress=False)
    of_means = ((x - x.mean(axis=0)) ** 2).sum(axis=1).mean()  # of any model that ignores z, at best
    assert history.loss[-1] < of_means / (2 * sigma**2) + x.shape[1] / 2 * np.log(2 * np.pi * sigma**2)
    assert ((vae.reconstruct(x) - x) ** 2).sum(axis=1).mean() < of_means / 2
    assert active_units(vae.encode(x)[0]).sum() >= 6


@BOTH
@pytest.mark.parametrize("backend", ["numpy", "cpu"])
def test_a_saved_model_goes_on_as_if_nothing_had_happened(settings, backend, tmp_path):
    options = {"batch_size": 4, "progress": False}
    straight, stopped = (sg.ConvVAE(**settings, kernel=2, backend=backend) for _ in range(2))
    x = rows_for(straight)
    straight.fit(x, epochs=4, **options)
    stopped.fit(x, epochs=2, **options)
    stopped.save(tmp_path / "conv.safetensors")
    resumed = sg.load(tmp_path / "conv.safetensors", backend)
    assert (type(resumed), resumed.settings) == (sg.ConvVAE, straight.settings)
    resumed.fit(x, epochs=2, **options)
    np.testing.assert_array_equal(resumed.theta, straight.theta)
    assert resumed.history.loss == straight.history.loss


def test_moving_to_another_backend_keeps_the_numbers():
    vae = sg.ConvVAE(**SMALL, backend="numpy")
    moved = vae.to("cpu")
    np.testing.assert_array_equal(moved.theta, vae.theta)
    np.testing.assert_allclose(moved.reconstruct(rows_for(vae)), vae.reconstruct(rows_for(vae)), rtol=1e-5)


def test_options_of_the_loss_are_those_of_the_dense_model():
    vae = sg.ConvVAE(**SMALL, beta=4.0, n_samples=2, activation="tanh", backend="numpy")
    x = rows_for(vae)
    terms, _ = vae.loss_and_grad(x, vae.draw_noise(x))
    assert vae.draw_noise(x).shape == (2, 6, 2)
    assert terms.loss == pytest.approx(terms.reconstruction + 4 * terms.kl)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_shape": 28}, r"image_shape must be \(height, width\) or \(height, width, channels\), got 28"),
        ({"image_shape": (28,)}, "image_shape must be .* got \\(28,\\)"),
        ({"image_shape": (28, 0)}, "each number in image_shape must be an integer >= 1, got 0"),
        ({"image_shape": (28, 28.0)}, "each number in image_shape must be an integer >= 1"),
        ({"channels": ()}, "channels must hold at least one number"),
        ({"channels": (32, 0)}, "each width in channels must be an integer >= 1, got 0"),
        (
            {"channels": (2, 2, 2, 2)},
            r"5 x 4 pixels can be halved 3 times, .* would do so 4 times",
        ),
        ({"image_shape": (1, 1), "channels": (2,)}, "1 x 1 pixels can be halved 0 times"),
        ({"n_dense": 0}, "n_dense must be an integer >= 1"),
        ({"kernel": 0}, "kernel must be an integer >= 1"),
        ({"n_latent": 0}, "n_latent must be an integer >= 1"),
        ({"likelihood": "poisson"}, "likelihood must be one of"),
    ],
)
def test_bad_settings_are_rejected(settings, message):
    with pytest.raises(sg.InputError, match=message):
        sg.ConvVAE(**SMALL | settings, backend="numpy")


@pytest.mark.parametrize("name", ["hidden", "decoder_hidden", "n_visible", "strides"])
def test_arguments_of_other_networks_are_rejected_in_terms_of_its_own(name):
    message = (
        f"ConvVAE takes no {name}: its networks follow from image_shape, channels, n_dense, n_latent and kernel, "
        "its other options are likelihood, beta, activation, output_mean, sigma, n_samples, objective, binarise, seed, "
        "dtype, backend$"
    )
    with pytest.raises(sg.InputError, match=message):
        sg.ConvVAE(**SMALL, **{name: (3,)}, backend="numpy")


def test_one_number_of_channels_stands_for_one_convolution():
    vae = sg.ConvVAE(**SMALL | {"channels": 3}, backend="numpy")
    assert (vae.channels, vae.settings["channels"]) == ((3,), (3,))


def test_an_image_can_be_halved_down_to_one_pixel():
    vae = sg.ConvVAE(**SMALL | {"channels": (2, 2, 2)}, backend="numpy")
    assert [geometry.grid for geometry in vae.encoder_network.geometries] == [(3, 2), (2, 1), (1, 1)]


def test_images_that_are_no_rows_are_rejected_with_the_shape_that_was_expected():
    with pytest.raises(sg.InputError, match=r"x must have shape \(n, 20\), got \(6, 5, 4\)"):
        sg.ConvVAE(**SMALL, backend="numpy").encode(X[:, :20].reshape(6, 5, 4))


@pytest.mark.simulator
def test_a_training_step_through_the_cuda_kernels_is_that_of_numpy():
    settings = {"image_shape": (3, 2), "channels": (2,), "n_dense": 2, "n_latent": 1, "seed": 0, "dtype": "float64"}
    simulated, plain = (sg.ConvVAE(**settings, backend=name) for name in ("cuda", "numpy"))
    for vae in (simulated, plain):
        vae.fit(X[:2, :6], epochs=1, batch_size=2, progress=False)
    np.testing.assert_allclose(to_numpy(simulated.theta), plain.theta, rtol=1e-12, atol=1e-15)
