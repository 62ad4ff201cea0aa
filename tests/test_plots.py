from __future__ import annotations

import io
import os
import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from scratchgen import plots
from scratchgen.errors import InputError
from scratchgen.history import History

RNG = np.random.default_rng(0)
IMAGES = RNG.random((12, 20))  # 12 images of 4 x 5
MEAN = RNG.normal(size=(12, 2))
MEAN_3D = RNG.normal(size=(12, 3))
LABELS = np.arange(12) % 3
PATHS = RNG.normal(size=(20, 3, 2))
LOG_VAR = RNG.normal(size=(12, 3))
WEIGHTS = RNG.normal(size=(2, 3))
BETA = np.array([1.0, 4.0, 0.5])
OF_SEEDS = RNG.random((3, 2))
STYLES = RNG.random((2, 5, 20))  # of 2 images in 5 classes
for _array in (IMAGES, MEAN, MEAN_3D, LABELS, PATHS, LOG_VAR, WEIGHTS, BETA, OF_SEEDS, STYLES):
    _array.flags.writeable = False  # a picture that changes its input fails


def decode(z):
    """Decode to images of 1 x 2 pixels: the sigmoids of z_1 and z_2."""
    return 1 / (1 + np.exp(-z))


def log_density(x):
    return -(x**2).sum(axis=1)


HISTORY = History(
    {"epoch": [1, 2, 3], "loss": [9.0, 8.0, 7.5], "reconstruction": [8.0, 6.5, 5.9], "kl": [1.0, 1.5, 1.6]}
)
RBM_HISTORY = History({"epoch": [1, 2], "free_energy_gap": [0.1, 0.2], "pseudo_log_likelihood": [-3.0, -2.0]})
EBM_HISTORY = History(
    {"epoch": [1, 2], "loss": [0.3, 0.1], "energy_of_data": [1.0, -2.0], "energy_of_noise": [3.0, 9.0]}
)


ON_ONE_AXIS = {
    "image_grid": lambda **ax: plots.image_grid(IMAGES, (4, 5), **ax),
    "reconstructions": lambda **ax: plots.reconstructions(IMAGES, IMAGES[::-1], (4, 5), n_columns=6, **ax),
    "class_samples": lambda **ax: plots.class_samples(IMAGES, LABELS, (4, 5), ("one", "two", "three"), **ax),
    "style_transfer": lambda **ax: plots.style_transfer(IMAGES[:2], STYLES, (4, 5), **ax),
    "style_transfer_with_long_names": lambda **ax: plots.style_transfer(
        IMAGES[:2], STYLES, (4, 5), [f"automobile {k}" for k in range(5)], **ax
    ),
    "against_labels": lambda **ax: plots.against_labels((10, 100, 1000), {"M1": OF_SEEDS, "M2": BETA}, **ax),
    "image_rows": lambda **ax: plots.image_rows({"a": IMAGES, "b": IMAGES, "c": IMAGES[::-1]}, (4, 5), **ax),
    "latent_plane": lambda **ax: plots.latent_plane(decode, (1, 2), n_per_axis=4, **ax),
    "linear_latent_plane": lambda **ax: plots.linear_latent_plane(decode, (1, 2), n_per_axis=4, **ax),
    "latent_traversals": lambda **ax: plots.latent_traversals(decode, MEAN[0], (1, 2), **ax),
    "interpolations": lambda **ax: plots.interpolations(decode, MEAN[:2], MEAN[2:4], (1, 2), **ax),
    "correlation_matrix": lambda **ax: plots.correlation_matrix(MEAN_3D, **ax),
    "kl_bars": lambda **ax: plots.kl_bars(MEAN_3D, LOG_VAR, **ax),
    "against_beta": lambda **ax: plots.against_beta(BETA, OF_SEEDS, "KL", **ax),
    "rate_distortion": lambda **ax: plots.rate_distortion(BETA, OF_SEEDS, OF_SEEDS[::-1], **ax),
    "reconstruction_manifold": lambda **ax: plots.reconstruction_manifold(MEAN, lambda x: x / 2, **ax),
    "reconstruction_function": lambda **ax: plots.reconstruction_function(
        BETA, {"half": lambda x: x / 2}, (0, 5), **ax
    ),
    "latent_clusters": lambda **ax: plots.latent_clusters(MEAN, LABELS, **ax),
    "latent_clusters_of_three": lambda **ax: plots.latent_clusters(MEAN_3D, LABELS, **ax),
    "reconstruction_field": lambda **ax: plots.reconstruction_field(decode, ((-3, 3), (-2, 2)), 6, MEAN, **ax),
    "chain_paths": lambda **ax: plots.chain_paths(PATHS, log_density, ((-3, 3), (-2, 2)), n_grid=30, **ax),
    "variance_spectrum": lambda **ax: plots.variance_spectrum(MEAN_3D, WEIGHTS, 0.5, **ax),
    "mean_activations": lambda **ax: plots.mean_activations(OF_SEEDS, 0.2, **ax),
    "jacobian_spectrum": lambda **ax: plots.jacobian_spectrum(PATHS, **ax),
    "filters": lambda **ax: plots.filters(IMAGES.T - 0.5, (4, 5), **ax),
    "fantasy_particles": lambda **ax: plots.fantasy_particles([IMAGES[:4], IMAGES[4:8]], (0, 1000), (4, 5), **ax),
    "energy_curves": lambda **ax: plots.energy_curves(EBM_HISTORY, **ax),
    "free_energy_histograms": lambda **ax: plots.free_energy_histograms({"data": MEAN[:, 0], "noise": LABELS}, **ax),
}
PICTURES = {
    **ON_ONE_AXIS,
    "image_grids": lambda: plots.image_grids({"data": IMAGES, "samples": IMAGES[::-1]}, (4, 5)),
    "training_curves": lambda: plots.training_curves(HISTORY),
    "training_curves_of_several_units": lambda: plots.training_curves(
        HISTORY, unit={"loss": "nats per example", "kl": "$\\|x\\|_F^2$ per example"}
    ),
    "free_energy_gap": lambda: plots.free_energy_gap(RBM_HISTORY),
    "annealing_curves": lambda: plots.annealing_curves({"a": HISTORY, "b": HISTORY}, terms=("loss", "kl")),
    "code_histograms": lambda: plots.code_histograms(MEAN_3D, LABELS, n_bins=10),
    "code_histograms_of_many_labels": lambda: plots.code_histograms(MEAN, np.arange(12), n_bins=10),
    "compared_latent_clusters": lambda: plots.compared_latent_clusters({"a": MEAN, "b": MEAN_3D}, LABELS),
    "compared_latent_planes": lambda: plots.compared_latent_planes({"a": MEAN, "b": 9 * MEAN, "c": 0 * MEAN}, LABELS),
}

every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
every_picture_on_one_axis = pytest.mark.parametrize("draw", ON_ONE_AXIS.values(), ids=ON_ONE_AXIS)


@every_picture
def test_a_picture_is_a_figure_that_saves_to_png(draw):
    figure = draw()
    assert isinstance(figure, Figure)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")


@every_picture
def test_a_picture_fills_its_figure_and_nothing_is_cut_off(draw):
    figure = draw()
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    margins = np.array([drawn.x0, drawn.y0, width - drawn.x1, height - drawn.y1])  # inches
    assert (margins >= 0).all()
    assert (margins <= 0.2).all()


@every_picture
def test_global_settings_are_neither_changed_nor_obeyed_where_they_would_change_the_content(draw):
    settings_of_reader = {"image.origin": "lower", "image.cmap": "viridis", "axes.grid": True}
    with mpl.rc_context(settings_of_reader):
        before = dict(mpl.rcParams)
        figure = draw()
        figure.savefig(io.BytesIO())
        assert dict(mpl.rcParams) == before
    for image in (image for ax in figure.axes for image in ax.images):
        low, high = image.get_clim()
        assert (image.origin, image.get_cmap().name, low) in (("upper", "gray", 0.0), ("upper", "RdBu_r", -high))
        assert not any(line.get_visible() for line in image.axes.get_xgridlines())


def test_drawing_needs_no_display_and_never_loads_pyplot():
    program = (
        "import io, sys; from scratchgen import plots\n"
        "plots.image_grid([[0.0, 1.0]], (1, 2)).savefig(io.BytesIO())\n"
        "plots.latent_clusters([[0.0, 1.0], [2.0, 3.0]], [0, 1]).savefig(io.BytesIO())\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


@every_picture_on_one_axis
def test_a_given_axis_is_drawn_on_and_its_whole_figure_returned(draw):
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    ax, other = left.subplots(), right.subplots()
    assert draw(ax=ax) is figure
    assert figure.axes == [ax, other]
    assert ax.has_data()
    assert not other.has_data()


def test_arrays_on_a_device_are_copied_to_the_host(monkeypatch):
    class DeviceArray:
        def __init__(self, host):
            self.host = host

        def __array__(self, dtype=None, copy=None):
            raise TypeError("implicit conversion to a NumPy array is not allowed")

    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(ndarray=DeviceArray, asnumpy=lambda x: x.host))
    (images,) = plots.reconstructions(DeviceArray(IMAGES[:1]), DeviceArray(IMAGES[1:2]), (4, 5)).axes[0].images
    np.testing.assert_array_equal(images.get_array()[[0, 1, 2, 3, -4, -3, -2, -1]], IMAGES[:2].reshape(8, 5))
    (plane,) = plots.latent_plane(lambda z: DeviceArray(decode(z)), (1, 2), n_per_axis=1).axes[0].images
    np.testing.assert_array_equal(plane.get_array(), [[0.5, 0.5]])
    (points,) = plots.latent_clusters(DeviceArray(MEAN), DeviceArray(LABELS)).axes[0].collections
    np.testing.assert_array_equal(points.get_offsets(), MEAN)
    (ax,) = plots.chain_paths(DeviceArray(PATHS), lambda x: DeviceArray(log_density(x)), BOUNDS).axes
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), PATHS[:, 0])


def decoder_of_20(z):
    raise InputError(f"expected z of shape (n, 20), got {z.shape}")


def same(x):
    return x


NO_EPOCH = History({"epoch": [], "loss": [], "reconstruction": [], "kl": []})
BOUNDS = ((-1, 1), (-1, 1))
BAD_INPUT = {
    "pixels": (lambda: plots.image_grid(IMAGES, (4, 4)), r"\(n, 16\).*\(12, 20\)"),
    "vector": (lambda: plots.image_grid(IMAGES[0], (4, 5)), r"got \(20,\)"),
    "number": (lambda: plots.image_grid(0.5, (1, 1)), "at least one image"),
    "no images": (lambda: plots.image_grid(IMAGES[:0], (4, 5)), "at least one image"),
    "transposed": (lambda: plots.image_grid(np.zeros((2, 5, 4)), (4, 5)), r"got \(2, 5, 4\)"),
    "channels first": (lambda: plots.image_grid(np.zeros((2, 3, 4, 5)), (3, 4, 5)), r"\(h, w, c\).*got \(3, 4, 5\)"),
    "one-dimensional images": (lambda: plots.image_grid(IMAGES, (20,)), r"got \(20,\)"),
    "NaN": (lambda: plots.image_grid([[np.nan, 0.0]], (1, 2)), "NaN"),
    "complex": (lambda: plots.image_grid([[1j, 0.0]], (1, 2)), "complex"),
    "text": (lambda: plots.image_grid([["a", "b"]], (1, 2)), "dtype"),
    "columns": (lambda: plots.image_grid(IMAGES, (4, 5), n_columns=0), "n_columns.*got 0"),
    "range": (lambda: plots.image_grid(IMAGES, (4, 5), value_range=(1.0, 1.0)), "value_range"),
    "unequal pairs": (lambda: plots.reconstructions(IMAGES, IMAGES[1:], (4, 5)), "got 11 for 12"),
    "columns of pairs": (lambda: plots.reconstructions(IMAGES, IMAGES, (4, 5), n_columns=2.5), "n_columns.*got 2.5"),
    "n_latent": (lambda: plots.latent_plane(decoder_of_20, (4, 5)), r"n_latent = 2.*\(n, 20\)"),
    "decoded pixels": (lambda: plots.latent_plane(decode, (4, 5)), r"\(n, 20\).*\(400, 2\)"),
    "decoded number": (lambda: plots.latent_plane(lambda z: IMAGES, (4, 5), n_per_axis=5), "25 points, got 12"),
    "empty plane": (lambda: plots.latent_plane(decode, (1, 2), n_per_axis=0), "n_per_axis.*got 0"),
    "plane limit": (lambda: plots.linear_latent_plane(decode, (1, 2), limit=0), "limit.*got 0"),
    "plane of one": (lambda: plots.linear_latent_plane(decode, (1, 2), n_per_axis=1), "n_per_axis.*>= 2"),
    "traversed matrix": (lambda: plots.latent_traversals(decode, MEAN, (1, 2)), r"vectors, got shapes \(12, 2\)"),
    "traversed decoder": (lambda: plots.latent_traversals(lambda z: IMAGES, MEAN[0], (4, 5)), "14 codes, got 12"),
    "interpolated ends": (lambda: plots.interpolations(decode, MEAN, MEAN[:3], (1, 2)), r"\(12, 2\) and \(3, 2\)"),
    "interpolated paths": (lambda: plots.interpolations(decode, PATHS, PATHS, (1, 2)), r"got \(20, 3, 2\)"),
    "no means": (lambda: plots.compared_latent_planes({}, LABELS), "at least one model"),
    "compared spaces": (lambda: plots.compared_latent_planes({"big": MEAN_3D}, LABELS), r"\(12, 3\) for 'big'"),
    "no codes": (lambda: plots.compared_latent_clusters({}, LABELS), "at least one model"),
    "classes of images": (lambda: plots.class_samples(IMAGES, LABELS[:5], (4, 5)), r"12 examples, got shape \(5,\)"),
    "no class": (lambda: plots.class_samples(IMAGES, LABELS - 1, (4, 5)), "a class for each image, got the label -1"),
    "names of classes": (lambda: plots.class_samples(IMAGES, LABELS, (4, 5), "ab"), "each of 3 classes, got 2"),
    "styles": (lambda: plots.style_transfer(IMAGES, STYLES, (4, 5)), r"\(12, C, features\), got \(2, 5, 20\)"),
    "no styles": (lambda: plots.style_transfer(IMAGES[:2], STYLES[:, :0], (4, 5)), r"got \(2, 0, 20\)"),
    "pixels of styles": (lambda: plots.style_transfer(IMAGES[:2], STYLES[..., 1:], (4, 5)), r"got \(10, 19\)"),
    "names of styles": (lambda: plots.style_transfer(IMAGES[:2], STYLES, (4, 5), "abcdef"), "5 classes, got 6"),
    "numbers of labels": (lambda: plots.against_labels([10, 10], {"M1": [1, 2]}), "different numbers > 0"),
    "number of no labels": (lambda: plots.against_labels([0, 10], {"M1": [1, 2]}), "different numbers > 0"),
    "no methods": (lambda: plots.against_labels([10], {}), "at least one method"),
    "errors of labels": (lambda: plots.against_labels([10], {"M1": [1, 2]}), r"M1 .* 1 numbers.*\(2, 1\)"),
    "infinite errors": (lambda: plots.against_labels([10], {"M1": [np.inf]}), "M1 has infinite values"),
    "histogram labels": (lambda: plots.code_histograms(MEAN, LABELS[:5]), r"12 examples.*\(5,\)"),
    "histogram bins": (lambda: plots.code_histograms(MEAN, LABELS, n_bins=0), "n_bins.*got 0"),
    "correlation of one": (lambda: plots.correlation_matrix(MEAN[:1]), "n >= 2"),
    "spectrum of one": (lambda: plots.variance_spectrum(MEAN_3D[:1], WEIGHTS, 1.0), r"n >= 2.*\(1, 3\)"),
    "spectrum features": (lambda: plots.variance_spectrum(MEAN, WEIGHTS, 1.0), r"\(12, 2\) and \(2, 3\)"),
    "spectrum NaN": (lambda: plots.variance_spectrum(MEAN_3D, WEIGHTS * np.nan, 1.0), "W has NaN"),
    "activations": (lambda: plots.mean_activations(PATHS), r"code must have shape \(n, n_latent\).*\(20, 3, 2\)"),
    "activations NaN": (lambda: plots.mean_activations(MEAN * np.nan), "code has NaN"),
    "negative activation": (lambda: plots.mean_activations(MEAN, -0.1), "target must be a finite number >= 0"),
    "Jacobian": (lambda: plots.jacobian_spectrum(MEAN), r"\(n, n_code, n_visible\), got shape \(12, 2\)"),
    "Jacobian NaN": (lambda: plots.jacobian_spectrum(PATHS * np.nan), "jacobian has NaN"),
    "log_var": (lambda: plots.kl_bars(MEAN, LOG_VAR), r"\(12, 2\) and \(12, 3\)"),
    "beta": (lambda: plots.against_beta([0.0, 1.0], [1.0, 2.0], "KL"), "beta.*> 0.*minimum 0"),
    "values of beta": (lambda: plots.against_beta(BETA, [1.0, 2.0], "KL"), r"each of 3 beta, got shape \(2, 1\)"),
    "rates": (lambda: plots.rate_distortion(BETA, OF_SEEDS, OF_SEEDS[:, 0]), r"\(3, 2\) and \(3, 1\)"),
    "space": (lambda: plots.reconstruction_manifold(MEAN_3D, same), r"\(n, 2\), got shape \(12, 3\)"),
    "manifold": (lambda: plots.reconstruction_manifold(MEAN, lambda x: x[:, :1]), r"\(12, 2\).*got \(12, 1\)"),
    "manifold NaN": (lambda: plots.reconstruction_manifold(MEAN, lambda x: x * np.nan), "reconstruction has NaN"),
    "function of two": (lambda: plots.reconstruction_function(MEAN, {"f": same}, (0, 1)), r"\(n, 1\), got \(12, 2\)"),
    "function bounds": (lambda: plots.reconstruction_function(BETA, {"f": same}, (1, 1)), "low < high"),
    "no function": (lambda: plots.reconstruction_function(BETA, {}, (0, 1)), "at least one reconstruction"),
    "no history": (lambda: plots.annealing_curves({}), "at least one history"),
    "no annealing": (lambda: plots.annealing_curves({"a": HISTORY}), r"'a' lacks \['beta'\]"),
    "not annealed": (lambda: plots.annealing_curves({"a": NO_EPOCH}), "'a' holds no epoch"),
    "one latent variable": (lambda: plots.latent_clusters(MEAN[:, :1], LABELS), r"n_latent >= 2.*\(12, 1\)"),
    "mean and log_var": (lambda: plots.latent_clusters((MEAN, MEAN), LABELS), r"got \(2, 12, 2\)"),
    "no points": (lambda: plots.latent_clusters(MEAN[:0], LABELS[:0]), r"got \(0, 2\)"),
    "infinite mean": (lambda: plots.latent_clusters([[np.inf, 0.0]], [1]), "infinity"),
    "labels of other length": (lambda: plots.latent_clusters(MEAN, LABELS[:5]), r"12 examples.*\(5,\)"),
    "one-hot labels": (lambda: plots.latent_clusters(MEAN, np.eye(3)[LABELS]), r"\(12, 3\)"),
    "one chain": (lambda: plots.chain_paths(PATHS[:, 0], log_density, BOUNDS), r"n_chains, 2\), got \(20, 2\)"),
    "three dimensions": (lambda: plots.chain_paths(np.zeros((2, 1, 3)), log_density, BOUNDS), r"got \(2, 1, 3\)"),
    "infinite path": (lambda: plots.chain_paths(PATHS * np.inf, log_density, BOUNDS), "infinity"),
    "bounds": (lambda: plots.chain_paths(PATHS, log_density, ((1, -1), (0, 1))), "low < high, got"),
    "bounds of one axis": (lambda: plots.chain_paths(PATHS, log_density, (0, 1)), "low < high, got"),
    "grid": (lambda: plots.chain_paths(PATHS, log_density, BOUNDS, n_grid=1), "n_grid.*>= 2"),
    "log densities": (
        lambda: plots.chain_paths(PATHS, lambda x: x, BOUNDS, 5),
        r"\(25,\) for 25 points, got \(25, 2\)",
    ),
    "density NaN": (lambda: plots.chain_paths(PATHS, lambda x: x[:, 0] * np.nan, BOUNDS), "finite somewhere"),
    "density nowhere": (lambda: plots.chain_paths(PATHS, lambda x: x[:, 0] - np.inf, BOUNDS), "finite somewhere"),
    "bounds of a field": (lambda: plots.reconstruction_field(decode, ((1, 0), (0, 1))), "low < high, got"),
    "arrows": (lambda: plots.reconstruction_field(decode, BOUNDS, 1), "n_per_axis.*>= 2"),
    "reconstructions": (lambda: plots.reconstruction_field(lambda x: x[1:], BOUNDS, 3), r"\(9, 2\), got \(8, 2\)"),
    "reconstruction NaN": (lambda: plots.reconstruction_field(lambda x: x * np.nan, BOUNDS), "finite numbers, got NaN"),
    "data in space": (lambda: plots.reconstruction_field(decode, BOUNDS, x=MEAN_3D), r"x must .*\(n, 2\), got \(12, 3"),
    "missing term": (lambda: plots.training_curves(HISTORY, terms=("elbo",)), "elbo.*reconstruction"),
    "no terms": (lambda: plots.training_curves(HISTORY, terms=()), "expected terms"),
    "compared term that is none": (lambda: plots.training_curves(HISTORY, compared=("elbo",)), "among the terms.*elbo"),
    "grids of unequal numbers": (
        lambda: plots.image_grids({"data": IMAGES, "samples": IMAGES[1:]}, (4, 5)),
        "12 of data, 11 of samples",
    ),
    "unequal rows": (
        lambda: plots.image_rows({"noise": IMAGES, "data": IMAGES[1:]}, (4, 5)),
        "12 of noise, 11 of data",
    ),
    "no rows": (lambda: plots.image_rows({}, (4, 5)), "got no row"),
    "columns of rows": (lambda: plots.image_rows({"a": IMAGES}, (4, 5), n_columns=0), "n_columns.*got 0"),
    "no grids": (lambda: plots.image_grids({}, (4, 5)), "got no grid"),
    "couplings of other pixels": (lambda: plots.filters(IMAGES, (4, 5)), r"\(n, 20\).*\(20, 12\)"),
    "vector of couplings": (lambda: plots.filters(MEAN[0], (1, 2)), r"\(n_visible, n_hidden\).*\(2,\)"),
    "filters in colour": (lambda: plots.filters(IMAGES.T, (2, 2, 5)), r"image_shape \(h, w\).*\(2, 2, 5\)"),
    "infinite couplings": (lambda: plots.filters([[np.inf], [0.0]], (1, 2)), "infinity"),
    "columns of filters": (lambda: plots.filters(IMAGES.T, (4, 5), n_columns=0), "n_columns.*got 0"),
    "chains that end": (
        lambda: plots.fantasy_particles([IMAGES[:3], IMAGES[:2]], (0, 1), (4, 5)),
        "equally many chains for each of 2 numbers of sweeps, got 3, 2",
    ),
    "sweeps without chains": (lambda: plots.fantasy_particles([IMAGES], (0, 1), (4, 5)), "each of 2.*got 12"),
    "no sweeps": (lambda: plots.fantasy_particles([], (), (4, 5)), "got none"),
    "negative sweeps": (lambda: plots.fantasy_particles([IMAGES], (-1,), (4, 5)), "integer >= 0, got -1"),
    "no free energies": (lambda: plots.free_energy_histograms({}), "at least one set"),
    "infinite free energy": (lambda: plots.free_energy_histograms({"noise": [0.0, np.inf]}), "of noise"),
    "free energies of nothing": (lambda: plots.free_energy_histograms({"data": IMAGES[0, :0]}), r"of data.*\(0,\)"),
    "no gap": (lambda: plots.free_energy_gap(HISTORY), "give validation data"),
    "no epochs of a gap": (lambda: plots.free_energy_gap(History()), "train the model first"),
    "no energies": (lambda: plots.energy_curves(HISTORY), "energy_of_data.*got epoch, "),
    "no epochs of energies": (lambda: plots.energy_curves(History()), "train the model first"),
    "no epochs": (lambda: plots.training_curves(NO_EPOCH), "train the model first"),
    "untrained": (lambda: plots.training_curves(History()), "train the model first"),
}


@pytest.mark.parametrize(("draw", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
