"""The four kinds of autoencoders: from the options to the files, and what `evaluate` and `sample` make of them."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import plots
from scratchgen.corruptions import GaussianNoise, IndependentMasking, Masking, SaltAndPepper
from scratchgen.models.autoencoders.contractive import ContractiveAutoencoder
from scratchgen.models.autoencoders.denoising import DenoisingAutoencoder
from scratchgen.models.autoencoders.sparse import SparseAutoencoder

from .conftest import Result, Run

KINDS = ("autoencoder", "denoising", "sparse", "contractive")
PICTURES = {"reconstructions.png", "filters.png", "training-curves.png"}
SMALL = ("--hidden", "8", "--code", "3", "--backend", "numpy", "--quiet", "--epochs", "1", "--out", "out")

Train = Callable[..., Result]
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def train(run: Run, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train a small model without drawing pictures, which takes longer than to train it."""
    monkeypatch.setattr("scratchgen.commands.train.save_pictures", lambda model, data, folder: {})
    return lambda kind, *options: run("train", kind, *SMALL, *options)


def _saved(kind: str, folder: str = "out") -> Any:
    return sg.load(f"{folder}/{kind}.safetensors", "numpy")


def _printed(text: str) -> dict[str, tuple[float, float]]:
    rows = re.findall(r"^(\S.*?) +(-?[\d.]+) ± ([\d.]+)$", text, re.MULTILINE)
    return {name: (float(mean), float(error)) for name, mean, error in rows}


def _estimate(values: np.ndarray) -> tuple[float, float]:
    return values.mean(), values.std(ddof=1) / math.sqrt(len(values))


# ------------------------------------------------------------------------------------------------------------ training


@pytest.mark.parametrize(
    ("kind", "options", "more"),
    [
        ("autoencoder", (), {"code-clusters.png"}),
        ("autoencoder", ("--code", "1"), set()),
        ("denoising", (), {"code-clusters.png", "denoised.png"}),
        ("sparse", (), {"code-clusters.png", "mean-activations.png"}),
        ("contractive", ("--data", "bars-and-stripes"), {"jacobian.png"}),  # it has no labels
    ],
)
def test_a_run_leaves_its_files_and_lists_them(kind: str, options: tuple[str, ...], more: set[str], run: Run) -> None:
    result = run("train", kind, *SMALL, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    files = {f"{kind}.safetensors", "history.csv"} | PICTURES | more
    assert {path.name for path in Path("out").iterdir()} == files
    assert set(re.findall(r"^  (\S+)", result.stdout, re.MULTILINE)) == files
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("out").glob("*.png"))
    assert "log p(x)" not in result.stdout


@every_kind
def test_options_reach_the_model(kind: str, train: Train) -> None:
    options = (
        "--hidden 7,6 --decoder-hidden 5 --code 4 --activation tanh --code-activation sigmoid --likelihood gaussian "
        "--output-mean sigmoid --weight-decay 0.01 --seed 4 --dtype float64 --batch-size 100 --learning-rate 0.002"
    )
    train(kind, *options.split())
    model = _saved(kind)
    settings: dict[str, Any] = {
        "n_visible": 64,
        "hidden": (7, 6),
        "decoder_hidden": (5,),
        "n_code": 4,
        "activation": "tanh",
        "code_activation": "sigmoid",
        "likelihood": "gaussian",
        "output_mean": "sigmoid",
        "weight_decay": 0.01,
        "seed": 4,
        "dtype": "float64",
    }
    assert model.settings | settings == model.settings
    assert model.optimizer == sg.Adam(0.002)
    assert model.step == 15  # 1,442 images in batches of 100


@pytest.mark.parametrize(
    ("options", "corruption"),
    [
        ((), Masking(0.25)),
        (("--corruption", "masking", "--level", "0.5"), Masking(0.5)),
        (("--corruption", "independent-masking", "--level", "0"), IndependentMasking(0.0)),
        (("--corruption", "gaussian"), GaussianNoise(0.5)),
        (("--corruption", "gaussian", "--level", "2"), GaussianNoise(2.0)),
        (("--corruption", "salt-and-pepper", "--level", "0.1"), SaltAndPepper(0.1)),
    ],
)
def test_the_corruption_reaches_the_denoiser(options: tuple[str, ...], corruption: Any, train: Train) -> None:
    train("denoising", *options)
    model = _saved("denoising")
    assert type(model) is DenoisingAutoencoder
    assert model.corruption == corruption


def test_the_penalties_reach_the_models(train: Train) -> None:
    train("sparse", "--sparsity", "l1", "--sparsity-cost", "0.3", "--code-activation", "relu")
    sparse = _saved("sparse")
    assert (type(sparse), sparse.sparsity, sparse.penalty_cost) == (SparseAutoencoder, "l1", 0.3)
    assert sparse.sparsity_target is None
    train("sparse", "--sparsity-target", "0.2", "--overwrite")
    sparse = _saved("sparse")
    assert (sparse.sparsity, sparse.sparsity_target, sparse.code_activation) == ("kl", 0.2, "sigmoid")
    train("contractive", "--contraction-cost", "0.7")
    contractive = _saved("contractive")
    assert (type(contractive), contractive.penalty_cost) == (ContractiveAutoencoder, 0.7)
    assert (contractive.activation, contractive.code_activation) == ("sigmoid", "sigmoid")


def test_a_sparse_and_a_contractive_code_are_one_layer_away_from_the_data_by_default(run: Run) -> None:
    for kind, model_class in (("sparse", SparseAutoencoder), ("contractive", ContractiveAutoencoder)):
        assert model_class(64).hidden == ()
        run("train", kind, "--epochs", "1", "--data", "bars-and-stripes", "--backend", "numpy", "--quiet")
        model = sg.load(f"runs/{kind}/{kind}.safetensors", "numpy")
        assert (model.hidden, model.decoder_hidden, model.n_code) == ((), (), 100)


def test_training_is_that_of_the_library(train: Train) -> None:
    train("denoising", "--epochs", "2")
    model = sg.DenoisingAutoencoder(64, (8,), 3, backend="numpy")
    model.fit(sg.datasets.load("digits").x_train, epochs=2, progress=False)
    np.testing.assert_array_equal(_saved("denoising").theta, model.theta)


@every_kind
def test_history_has_a_row_an_epoch(kind: str, train: Train) -> None:
    train(kind, "--epochs", "2")
    with Path("out/history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"loss", "reconstruction", "weights", "penalty", "validation_loss"} <= rows[0].keys()


@every_kind
def test_resuming_equals_not_stopping(kind: str, train: Train) -> None:
    train(kind, "--epochs", "3")
    train(kind, "--epochs", "2", "--out", "stopped")
    assert train(kind, "--epochs", "3", "--out", "stopped", "--resume").exit_code == 0
    np.testing.assert_array_equal(_saved(kind).theta, _saved(kind, "stopped").theta)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("autoencoder", ("--code", "4"), "was trained with n_code 3, not 4"),
        ("denoising", ("--level", "0.5"), "corruption Masking(proportion=0.25), not Masking(proportion=0.5)"),
        ("sparse", ("--sparsity-cost", "2"), "sparsity_cost 10.0, not 2.0"),
        ("contractive", ("--contraction-cost", "2"), "contraction_cost 0.1, not 2.0"),
    ],
)
def test_resuming_asks_for_the_same_model(kind: str, options: tuple[str, ...], message: str, train: Train) -> None:
    train(kind)
    assert message in train(kind, "--epochs", "2", "--resume", *options).error


def test_another_kind_is_not_resumed(train: Train) -> None:
    train("autoencoder")
    Path("out/autoencoder.safetensors").rename("out/sparse.safetensors")
    assert "holds a model of another kind, Autoencoder" in train("sparse", "--resume").error


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("autoencoder", ("--hidden", "wide"), "--hidden takes layer widths such as 400 or 512,256, got 'wide'"),
        ("autoencoder", ("--decoder-hidden", "1,"), "--decoder-hidden takes layer widths"),
        ("autoencoder", ("--code", "0"), "--code"),
        ("autoencoder", ("--code-activation", "step"), "'step'"),
        ("autoencoder", ("--likelihood", "poisson"), "likelihood must be one of"),
        ("autoencoder", ("--weight-decay", "-1"), "--weight-decay"),
        ("denoising", ("--corruption", "rain"), "--corruption must be one of 'masking', 'independent-masking'"),
        ("denoising", ("--level", "1.5"), "--level of masking: proportion must be in [0, 1], got 1.5"),
        ("denoising", ("--level", "nan"), "--level of masking"),
        ("denoising", ("--corruption", "gaussian", "--level", "-1"), "--level of gaussian: sigma must be"),
        ("sparse", ("--sparsity", "l2"), "sparsity must be one of"),
        ("sparse", ("--sparsity-target", "1"), "sparsity_target must be in (0, 1), got 1.0"),
        ("sparse", ("--code-activation", "relu"), "code_activation='sigmoid'"),
        ("sparse", ("--sparsity", "l1", "--sparsity-target", "0.1"), "sparsity_target is for sparsity='kl'"),
        ("autoencoder", ("--output-mean", "tanh"), "output_mean is that of a Gaussian likelihood"),
        ("contractive", ("--contraction-cost", "-1"), "--contraction-cost"),
    ],
)
def test_bad_options_are_one_line(kind: str, options: tuple[str, ...], message: str, train: Train) -> None:
    assert message in train(kind, *options).error
    assert not Path("out").exists()


# ------------------------------------------------------------------------------------------------ evaluate and sample


@pytest.mark.parametrize("kind", ["autoencoder", "sparse", "contractive"])
def test_evaluate_prints_cost_and_error_beside_that_of_pca(kind: str, train: Train, run: Run) -> None:
    of_training = _printed(train(kind, "--epochs", "2").stdout)
    result = run("evaluate", f"out/{kind}.safetensors", "--limit", "80", "--backend", "numpy")
    assert (result.exit_code, result.stderr) == (0, "")
    model, data = _saved(kind), sg.datasets.load("digits")
    terms, x = _printed(result.stdout), data.x_test[:80]
    assert (
        list(terms)
        == list(of_training)
        == [
            "reconstruction",
            "squared error",
            "squared error of PCA, 3 components",
        ]
    )
    p, errors = model.reconstruct(x), model.reconstruction_error(x)
    cost = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=1)
    assert terms["reconstruction"] == pytest.approx(_estimate(cost), abs=0.0051)
    assert terms["squared error"] == pytest.approx(_estimate(errors), abs=0.0051)
    for found, images in ((terms, x), (of_training, data.x_test)):
        compared = model.compare_with_pca(data.x_train, images)
        assert found["squared error"][0] == pytest.approx(compared.autoencoder, abs=0.0051)
        assert found["squared error of PCA, 3 components"][0] == pytest.approx(compared.pca, abs=0.0051)


def test_evaluate_prints_what_a_denoiser_removes(train: Train, run: Run) -> None:
    train("denoising", "--epochs", "2", "--corruption", "gaussian", "--level", "1")
    terms = _printed(run("evaluate", "out/denoising.safetensors", "--backend", "numpy").stdout)
    model, x = _saved("denoising"), sg.datasets.load("digits").x_test
    corrupted = model.draw_noise(x, model.streams["sampling"])
    expected = {
        "squared error of corrupted images": ((corrupted - x) ** 2).sum(axis=1),
        "the same, denoised": ((model.reconstruct(corrupted) - x) ** 2).sum(axis=1),
        "squared error": model.reconstruction_error(x),
    }
    assert list(terms)[:2] == list(expected)[:2]
    for name, values in expected.items():
        assert terms[name] == pytest.approx(_estimate(values), abs=0.0051)
    assert terms["squared error of corrupted images"][0] == pytest.approx(64, rel=0.05)  # 64 pixels of variance 1


def test_a_code_as_wide_as_the_data_is_not_compared_with_pca(train: Train) -> None:
    text = train("sparse", "--code", "64").stdout
    assert list(_printed(text)) == ["reconstruction", "squared error"]
    assert "PCA with 64 components would reproduce 64 pixels without error" in text


def test_evaluate_of_a_sparse_autoencoder_tells_its_mean_activation_beside_the_target(train: Train, run: Run) -> None:
    description = train("sparse", "--sparsity-target", "0.2").stdout.splitlines()[1]
    assert "sparsity kl, sparsity target 0.2, sparsity cost 10.0" in description
    text = run("evaluate", "out/sparse.safetensors", "--limit", "80", "--backend", "numpy").stdout
    means = _saved("sparse").encode(sg.datasets.load("digits").x_test[:80]).mean(axis=0)
    of_units = f"of single units {means.min():.3f} to {means.max():.3f}"
    assert f"mean activation {means.mean():.3f}, {of_units} (target 0.2)\n" in text


def test_evaluate_of_an_l1_penalty_tells_the_share_of_the_code_near_zero(train: Train, run: Run) -> None:
    result = train("sparse", "--sparsity", "l1", "--code-activation", "relu")
    description = result.stdout.splitlines()[1]
    assert description.endswith("sparsity l1, sparsity cost 0.1, on 1,442 images of digits")
    code = _saved("sparse").encode(sg.datasets.load("digits").x_test)
    share = 100 * (code <= 0.01 * code.max()).mean()
    assert (
        f"{share:.1f} % of the code is near 0: below 0.01 of its largest magnitude, {code.max():.3g}\n" in result.stdout
    )


POINTS = ("--data", "double-well", "--likelihood", "gaussian", "--batch-size", "5000")


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("autoencoder", {"manifold.png"}),
        ("denoising", {"vector-field.png"}),
        ("sparse", {"manifold.png", "mean-activations.png"}),
        ("contractive", {"manifold.png"}),
    ],
)
def test_points_of_the_plane_have_pictures_and_words_of_their_own(kind: str, more: set[str], run: Run) -> None:
    result = run("train", kind, *SMALL, *POINTS, "--code", "1")
    assert (result.exit_code, result.stderr) == (0, "")
    assert {path.name for path in Path("out").glob("*.png")} == more | {"training-curves.png"}
    assert "squared errors are sums over the coordinates, not nats\n" in result.stdout
    assert "squared error of PCA, 1 component " in result.stdout
    again = run("train", kind, *SMALL, *POINTS, "--overwrite")
    assert "PCA with 3 components would reproduce 2 coordinates without error\n" in again.stdout
    assert not re.search("image|pixel", result.stdout + again.stdout)


@every_kind
def test_sampling_is_refused_because_there_is_no_distribution(kind: str, train: Train, run: Run) -> None:
    train(kind)
    result = run("sample", f"out/{kind}.safetensors", "--backend", "numpy")
    assert f"out/{kind}.safetensors holds an autoencoder, " in result.error
    assert "has no distribution to sample from: train a VAE or an RBM" in result.error
    assert not Path("samples.png").exists()


# ------------------------------------------------------------------------------------------------------------ pictures


def test_the_pictures_are_of_this_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Any] = {}
    for name in ("image_rows", "reconstructions", "filters", "latent_clusters", "training_curves"):
        original = getattr(plots, name)

        def record(*arguments: Any, name: str = name, original: Any = original, **options: Any) -> Any:
            drawn[name] = arguments
            drawn.update({f"{name} {option}": value for option, value in options.items()})
            return original(*arguments, **options)

        monkeypatch.setattr(plots, name, record)
    run("train", "denoising", *SMALL, "--hidden", "120", "--weight-decay", "0.1", "--level", "0.5")
    model, data = _saved("denoising"), sg.datasets.load("digits")
    rows = drawn["image_rows"][0]
    assert list(rows) == ["corrupted", "reconstruction", "original"]
    assert (rows["corrupted"] == 0).sum(axis=1).min() >= 32  # half of the pixels
    np.testing.assert_array_equal(
        np.where(rows["corrupted"] == 0, rows["original"], rows["corrupted"]), rows["original"]
    )
    np.testing.assert_array_equal(rows["reconstruction"], model.reconstruct(rows["corrupted"]))
    np.testing.assert_array_equal(drawn["reconstructions"][1], model.reconstruct(drawn["reconstructions"][0]))
    np.testing.assert_array_equal(drawn["filters"][0], model.params.encoder[0].W[:, :100])
    np.testing.assert_array_equal(drawn["latent_clusters"][0], model.encode(data.x_test))
    np.testing.assert_array_equal(drawn["latent_clusters"][1], data.y_test.astype(str))
    assert list(drawn["training_curves"][1]) == ["loss", "reconstruction"]
    assert (drawn["filters label"], drawn["latent_clusters symbol"]) == ("weight $W_{ij}$", "h")


def test_reconstructions_stand_above_those_of_pca_where_it_is_no_copy(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    image_rows = plots.image_rows
    monkeypatch.setattr(plots, "image_rows", lambda rows, *rest: drawn.append(rows) or image_rows(rows, *rest))
    run("train", "autoencoder", *SMALL)
    rows, model, data = drawn.pop(), _saved("autoencoder"), sg.datasets.load("digits")
    assert list(rows) == ["original", "reconstruction", "PCA"]
    np.testing.assert_array_equal(rows["reconstruction"], model.reconstruct(rows["original"]))
    mean, x = data.x_train.mean(axis=0), data.x_train - data.x_train.mean(axis=0)
    components = np.linalg.svd(x, full_matrices=False)[2][:3]
    expected = mean + (rows["original"] - mean) @ components.T @ components
    np.testing.assert_allclose(rows["PCA"], expected, atol=1e-4)
    run("train", "autoencoder", *SMALL, "--code", "64", "--overwrite")
    assert not drawn


def test_the_pictures_of_a_penalty_are_of_this_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Any] = {}
    for name in ("mean_activations", "jacobian_spectrum", "training_curves"):
        original = getattr(plots, name)

        def record(*arguments: Any, name: str = name, original: Any = original) -> Any:
            drawn[name] = arguments
            return original(*arguments)

        monkeypatch.setattr(plots, name, record)
    x = sg.datasets.load("digits").x_test
    units = {"loss": "nats per example", "reconstruction": "nats per example"}
    run("train", "sparse", *SMALL, "--sparsity-target", "0.2")
    code, target = drawn["mean_activations"]
    np.testing.assert_array_equal(code, _saved("sparse").encode(x))
    assert target == 0.2
    assert drawn["training_curves"][1:] == (("loss", "reconstruction", "penalty"), units | {"penalty": "nats"})
    run("train", "sparse", *SMALL, "--sparsity", "l1", "--overwrite")
    assert drawn["mean_activations"][1] is None
    assert drawn["training_curves"][2]["penalty"] == "$\\|h\\|_1$ per example"
    run("train", "contractive", *SMALL)
    np.testing.assert_array_equal(drawn["jacobian_spectrum"][0], _saved("contractive").encoder_jacobian(x[:100]))
    assert drawn["training_curves"][2]["penalty"] == "$\\|\\partial h / \\partial x\\|_F^2$ per example"
