"""`train cvae`, `m1`, `m2` and `pc-vae`: from options to files, and what `evaluate` and `sample` make of them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.special import logsumexp

import scratchgen as sg
from scratchgen import plots
from scratchgen.datasets import Dataset
from scratchgen.schedules import LinearWarmup

from .conftest import Result, Run

KINDS = {"cvae": sg.ConditionalVAE, "m1": sg.M1, "m2": sg.M2, "pc-vae": sg.PredictionConstrainedVAE}
OF_VAE = {
    "reconstructions.png",
    "samples.png",
    "training-curves.png",
    "latent-clusters.png",
    "latent-histograms.png",
    "latent-kl.png",
    "latent-correlation.png",
}
OF_CLASSES = {"reconstructions.png", "training-curves.png", "style-transfer.png", "class-samples.png"}
OF_CLASSES |= {"style-clusters.png"}
PICTURES = {"cvae": OF_CLASSES, "m1": OF_VAE, "m2": OF_CLASSES, "pc-vae": OF_VAE}
NUMPY = ("--backend", "numpy", "--quiet")
SMALL = ("--hidden", "8", "--latent", "3", "--epochs", "1", *NUMPY)

DIGITS = sg.datasets.load("digits")
FEWER = dataclasses.replace(
    DIGITS,
    x_train=DIGITS.x_train[:300],
    y_train=DIGITS.y_train[:300],
    x_test=DIGITS.x_test[:60],
    y_test=DIGITS.y_test[:60],
)

Train = Callable[..., Result]
every = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def _fewer_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the digits be the first few of them."""
    load = sg.datasets.load
    monkeypatch.setattr("scratchgen.datasets.load", lambda name: FEWER if name == "digits" else load(name))


@pytest.fixture
def train(run: Run, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train a small model without drawing pictures, which takes longer than to train it."""
    monkeypatch.setattr("scratchgen.commands.train.save_pictures", lambda model, data, folder: {})
    return lambda kind, *options: run("train", kind, *SMALL, "--out", "out", *options)


@pytest.fixture
def stacked(train: Train) -> Train:
    """Train M1 + M2 on the codes of a small VAE."""
    train("vae", "--out", "vae")
    return lambda *options: train("m2", "--features", "vae/vae.safetensors", *options)


def _saved(kind: str, folder: str = "out") -> Any:
    return sg.load(f"{folder}/{kind}.safetensors", "numpy")


def _wrong(text: str) -> list[float]:
    """Return the percentages of wrong classifications, in the order in which they are printed."""
    rows = re.findall(r"^\S.*images +([\d.]+) +([\d.]+) ± [\d.]+$", text, re.MULTILINE)
    assert all(float(right) + float(wrong) == pytest.approx(100) for right, wrong in rows)
    return [float(wrong) for _, wrong in rows]


def _errors(predicted: Any, y: np.ndarray) -> float:
    return pytest.approx(100 * (np.asarray(predicted) != y).mean(), abs=0.0051)


def _printed(text: str) -> dict[str, float]:
    return {name: float(mean) for name, mean in re.findall(r"^(\S.*?) {2,}(-?[\d.]+) ±", text, re.MULTILINE)}


# ------------------------------------------------------------------------------------------------------------ training


@every
def test_a_run_leaves_its_files_and_lists_them(kind: str, run: Run) -> None:
    result = run("train", kind, *SMALL, "--out", "out")
    assert (result.exit_code, result.stderr) == (0, "")
    files = {f"{kind}.safetensors", f"{kind}-labels.npy", "history.csv"} | PICTURES[kind]
    assert {path.name for path in Path("out").iterdir()} == files
    assert set(re.findall(r"^  (\S+)", result.stdout, re.MULTILINE)) == files
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("out").glob("*.png"))
    assert type(_saved(kind)) is KINDS[kind]


@every
def test_labels_are_a_balanced_choice_by_seed(kind: str, train: Train) -> None:
    result = train(kind, "--labels", "20", "--label-seed", "3")
    expected = sg.hide_labels(FEWER.y_train, 20, seed=3)
    np.testing.assert_array_equal(np.load(f"out/{kind}-labels.npy"), expected)
    n = 20 if kind == "cvae" else len(FEWER.x_train)
    assert f"on {n:,} images of digits, 20 of them labelled" in result.stdout
    if kind == "m1":
        np.testing.assert_array_equal(np.sort(_saved(kind).labels), np.repeat(np.arange(10), 2))


@pytest.mark.parametrize(("kind", "n"), [("cvae", 300), ("m1", 100), ("m2", 100), ("pc-vae", 100)])
def test_a_hundred_labels_by_default_and_all_of_them_for_a_conditional_vae(kind: str, n: int, train: Train) -> None:
    train(kind)
    assert (np.load(f"out/{kind}-labels.npy") >= 0).sum() == n


def test_a_conditional_vae_sees_the_labelled_images_alone(train: Train) -> None:
    train("cvae", "--labels", "50", "--batch-size", "10")
    assert _saved("cvae").step == 5


def test_all_labels_can_be_asked_for(train: Train) -> None:
    assert "300 of them labelled" in train("m2", "--labels", "all").stdout


@every
def test_defaults_are_those_of_the_data(kind: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, tuple[Any, Any]] = {}
    monkeypatch.setattr(
        "scratchgen.commands.train.train_model",
        lambda run, model_class, settings, *rest, **options: asked.update({run.data: (run, settings)}),
    )
    for data in ("digits", "mnist"):
        assert run("train", kind, "--data", data).exit_code == 0
    expected = {"digits": (60, 10, "gaussian", 0.2, 10.0), "mnist": (10, 50, "bernoulli", 1.0, 0.1)}
    for data, (epochs, n_latent, likelihood, sigma, weight) in expected.items():
        settings = {"n_latent": n_latent, "likelihood": likelihood, "sigma": sigma, "hidden": (500,)}
        settings |= {"classification_weight": weight} if kind == "m2" else {}
        assert asked[data][0].epochs == epochs
        found = {"sigma": 1.0} | asked[data][1]
        assert found | settings == found


@every
@pytest.mark.parametrize("options", [("--binarise",), ("--likelihood", "bernoulli")], ids=["states", "bernoulli"])
def test_a_bernoulli_likelihood_of_the_digits_has_no_sigma(kind: str, options: tuple[str, ...], train: Train) -> None:
    assert train(kind, *options).exit_code == 0
    settings = _saved(kind).settings
    assert (settings["likelihood"], settings["sigma"]) == ("bernoulli", 1.0)
    assert settings["binarise"] == (options == ("--binarise",))
    assert "sigma is that of a Gaussian" in train(kind, *options, "--sigma", "0.2", "--out", "other").error
    states = ("--binarise", "--likelihood", "gaussian")
    assert "binarise is for a Bernoulli" in train(kind, *states, "--out", "other").error


COMMON = (
    "--latent 4 --activation relu --sigma learned --likelihood gaussian --output-mean sigmoid --beta 0.5 --draws 2 "
)
COMMON += "--seed 4 --dtype float64 --labels 30 --batch-size 100"
OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "cvae": ("--class-prior estimated", {"class_prior": "estimated"}),
    "m1": ("--classifier svm", {"classifier": "svm", "regularisation": 10.0}),
    "m2": (
        "--classification-weight 0.7 --class-prior estimated",
        {"classification_weight": 0.7, "class_prior": "estimated"},
    ),
    "pc-vae": (
        "--prediction-weight 3 --consistency-weight 4 --aggregate-weight 5 --warm-up 6 --class-prior estimated",
        {
            "prediction_weight": 3.0,
            "consistency_weight": LinearWarmup(6, stop=4.0),
            "aggregate_weight": LinearWarmup(6, stop=5.0),
            "class_prior": "estimated",
        },
    ),
}


@every
def test_options_reach_the_model(kind: str, train: Train) -> None:
    own, settings = OWN[kind]
    train(kind, *COMMON.split(), *own.split(), "--hidden", "7,6", "--decoder-hidden", "5")
    model = _saved(kind)
    settings |= {
        "n_visible": 64,
        "n_classes": 10,
        "hidden": (7, 6),
        "decoder_hidden": (5,),
        "n_latent": 4,
        "activation": "relu",
        "likelihood": "gaussian",
        "output_mean": "sigmoid",
        "sigma": "learned",
        "beta": 0.5,
        "n_samples": 2,
        "binarise": False,
        "seed": 4,
        "dtype": "float64",
    }
    assert model.settings | settings == model.settings


@every
def test_networks_can_be_convolutional(kind: str, train: Train, run: Run) -> None:
    train(kind, "--channels", "2,3", "--hidden", "5")
    settings = _saved(kind).settings
    assert (settings["image_shape"], settings["channels"], settings["hidden"]) == ((8, 8), (2, 3), (5,))
    assert train(kind, "--channels", "2,3", "--hidden", "5", "--epochs", "2", "--resume").exit_code == 0
    assert run("sample", f"out/{kind}.safetensors", "-n", "3", *NUMPY[:2]).exit_code == 0


@pytest.mark.parametrize("kind", ["m2", "pc-vae"])
def test_the_labelled_examples_of_a_batch_can_be_chosen(kind: str, train: Train) -> None:
    train(kind, "--labels", "20", "--batch-size", "64", "--labelled-per-batch", "4")  # beside 60 of the 280 others
    assert _saved(kind).step == 5


@every
def test_resuming_equals_not_stopping(kind: str, train: Train) -> None:
    train(kind, "--epochs", "3")
    train(kind, "--epochs", "2", "--out", "stopped")
    assert train(kind, "--epochs", "3", "--out", "stopped", "--resume").exit_code == 0
    straight, resumed = _saved(kind).state(), _saved(kind, "stopped").state()
    for name, array in straight.arrays.items():
        np.testing.assert_array_equal(array, resumed.arrays[name], err_msg=name)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("m1", ("--labels", "50"), "out/m1-labels.npy holds other labels: resume a run with the --labels"),
        ("m2", ("--label-seed", "1"), "out/m2-labels.npy holds other labels"),
        ("cvae", ("--labels", "50"), "out/cvae-labels.npy holds other labels"),
        ("m1", ("--classifier", "svm"), "was trained with classifier 'logistic', not 'svm'"),
        ("m2", ("--classification-weight", "2"), "was trained with classification_weight 10.0, not 2.0"),
        ("pc-vae", ("--consistency-weight", "2"), "was trained with consistency_weight 10.0, not 2.0"),
    ],
)
def test_resuming_asks_for_the_same_model_and_labels(
    kind: str, options: tuple[str, ...], message: str, train: Train
) -> None:
    train(kind)
    before = Path(f"out/{kind}-labels.npy").read_bytes()
    assert message in train(kind, "--epochs", "2", "--resume", *options).error
    assert Path(f"out/{kind}-labels.npy").read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY", b"no array"])
def test_a_run_is_not_resumed_without_its_labels(content: bytes | None, train: Train) -> None:
    train("m2")
    Path("out/m2-labels.npy").unlink()
    if content is not None:
        Path("out/m2-labels.npy").write_bytes(content)
    assert "cannot read which labels the run has seen" in train("m2", "--epochs", "2", "--resume").error


@every
def test_curves_compare_with_validation_what_means_the_same_where_labels_are_missing(
    kind: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Figure] = {}
    original = plots.training_curves

    def record(*arguments: Any, **options: Any) -> Figure:
        drawn["curves"] = original(*arguments, **options)
        return drawn["curves"]

    monkeypatch.setattr(plots, "training_curves", record)
    run("train", kind, *SMALL, "--out", "out")
    two = {"reconstruction", "KL"} | {"cvae": {"loss"}, "m1": {"loss"}, "m2": {"classification", "accuracy"}}.get(
        kind, {"prediction", "accuracy"}
    )
    assert {ax.get_title() for ax in drawn["curves"].axes if len(ax.lines) == 2} == two
    one = {"m2": {"loss", "class KL"}, "pc-vae": {"loss", "consistency", "aggregate"}}.get(kind, set())
    assert {ax.get_title() for ax in drawn["curves"].axes if len(ax.lines) == 1} == one


# ----------------------------------------------------------------------------------------------- M1 + M2


def test_codes_of_a_vae_are_learnt_from(stacked: Train) -> None:
    result = stacked("--latent", "2", "--class-prior", "estimated")
    model, vae = _saved("m2"), _saved("vae", "vae")
    assert type(model) is sg.M1M2
    np.testing.assert_array_equal(model.vae.theta, vae.theta)
    assert (model.n_latent, model.sigma, model.class_prior, model.activation) == (2, "learned", "estimated", "softplus")
    assert _wrong(result.stdout)[0] == _errors(model.predict(FEWER.x_test), FEWER.y_test)


@pytest.mark.parametrize("sigma", ["1", "0.2"])  # the defaults of pixels
def test_a_sigma_of_the_codes_that_is_asked_for_is_theirs(sigma: str, stacked: Train) -> None:
    stacked("--sigma", sigma)
    assert _saved("m2").sigma == float(sigma)


def test_codes_of_m1_are_learnt_from(train: Train) -> None:
    train("m1")
    assert train("m2", "--features", "out/m1.safetensors").exit_code == 0
    np.testing.assert_array_equal(_saved("m2").vae.theta, _saved("m1").vae.theta)


def test_resuming_on_codes_equals_not_stopping(stacked: Train) -> None:
    stacked("--epochs", "3")
    stacked("--epochs", "2", "--out", "stopped")
    assert stacked("--epochs", "3", "--out", "stopped", "--resume").exit_code == 0
    np.testing.assert_array_equal(_saved("m2").theta, _saved("m2", "stopped").theta)


def test_resuming_asks_for_the_same_codes(stacked: Train, train: Train) -> None:
    stacked()
    train("vae", "--out", "vae", "--epochs", "2", "--overwrite")
    assert "was trained with features of a VAE whose parameters" in stacked("--epochs", "2", "--resume").error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--binarise",), "binarise is not to be chosen where codes of a VAE are the data"),
        (("--likelihood", "gaussian"), "likelihood is not to be chosen"),  # that of digits by default
        (("--channels", "4"), "the codes of a VAE are no images: leave --channels out"),
        (("--features", "out/m2.safetensors"), "takes a VAE or an M1, out/m2.safetensors holds a model of kind M2"),
        (("--features", "nowhere"), "nowhere does not exist"),
        (("--features", "six.safetensors"), "is a model of 6 pixels, digits has 64"),
        (("--dtype", "float64"), "dtype must be that of the VAE, float32, got 'float64'"),
    ],
)
def test_what_does_not_go_with_codes_is_one_line(
    options: tuple[str, ...], message: str, stacked: Train, train: Train
) -> None:
    sg.VAE(n_visible=6, hidden=(3,), n_latent=2, backend="numpy").save("six.safetensors")
    if "out/m2.safetensors" in options:
        train("m2")
    assert message in stacked(*options).error


# ------------------------------------------------------------------------------------- data without labels, and few


@every
@pytest.mark.parametrize("data", ["bars-and-stripes", "ising", "rings"])
def test_data_without_labels_are_refused(kind: str, data: str, train: Train) -> None:
    assert f"{data} has no labels: choose a data set that has, such as digits" in train(kind, "--data", data).error
    assert not Path("out").exists()


@every
def test_numbers_of_labels_that_cannot_be_are_refused(kind: str, train: Train) -> None:
    error = train(kind, "--labels", "15").error
    assert "--labels 15: n_labelled must be a multiple of the number of classes, 10" in error
    assert re.search(r"--labels 900: class \d has \d+ examples, fewer than 90", train(kind, "--labels", "900").error)
    assert not Path("out").exists()


def test_two_classes_in_colour_are_learnt_and_drawn(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = np.random.default_rng(0).random((40, 72), dtype=np.float32), np.arange(40) % 2
    data = Dataset("colours", x[:30], labels[:30], x[30:], labels[30:], (4, 6, 3), ("even", "odd"))
    monkeypatch.setattr("scratchgen.datasets.load", lambda name: data)
    result = run("train", "m2", *SMALL, "--labels", "4", "--channels", "2", "--out", "out")
    assert (result.exit_code, result.stderr) == (0, "")
    assert Path("out/style-transfer.png").exists()
    assert run("sample", "out/m2.safetensors", "-n", "5", *NUMPY[:2]).exit_code == 0  # it knows its 4 x 6 x 3


# ------------------------------------------------------------------------------------------------------ errors, bounds


@every
def test_errors_of_test_images_and_of_labelled_ones_are_printed(kind: str, train: Train, run: Run) -> None:
    wrong = _wrong(train(kind, "--epochs", "3").stdout)
    model, y = _saved(kind), np.load(f"out/{kind}-labels.npy")
    options = {"stream": sg.Stream(0, "numpy")} if kind == "cvae" else {}
    assert wrong[0] == _errors(model.predict(FEWER.x_test, **options), FEWER.y_test)
    options = {"stream": sg.Stream(0, "numpy")} if kind == "cvae" else {}
    known = np.flatnonzero(y >= 0)[:1000]
    assert wrong[1] == _errors(model.predict(FEWER.x_train[known], **options), y[known])
    assert _wrong(run("evaluate", f"out/{kind}.safetensors", "--samples", "10", *NUMPY).stdout) == wrong[:1]


@pytest.mark.parametrize("kind", ["cvae", "m2"])
def test_the_bound_sums_over_the_classes(kind: str, train: Train, run: Run) -> None:
    train(kind, "--class-prior", "estimated")
    result = run("evaluate", f"out/{kind}.safetensors", "--samples", "30", "--limit", "50", *NUMPY)
    terms, model, x = _printed(result.stdout), _saved(kind), FEWER.x_test[:50]
    assert [name for name in terms if "images" not in name] == ["bound of log p(x)", "log p(x), 3 samples a class"]
    for name, log_p in (
        ("bound of log p(x)", model.elbo),
        ("log p(x), 3 samples a class", lambda x, y: model.log_likelihood(x, y, 3)),
    ):
        of_classes = np.stack([log_p(x, y) + np.log(model.p_y[y]) for y in range(10)])
        assert terms[name] == pytest.approx(logsumexp(of_classes, axis=0).mean(), abs=0.0051)


@pytest.mark.parametrize("kind", ["m1", "pc-vae"])
def test_the_bound_is_that_of_the_vae(kind: str, train: Train) -> None:
    terms = _printed(train(kind).stdout)
    elbo = _saved(kind).vae.elbo(FEWER.x_test)
    assert terms["ELBO"] == pytest.approx(elbo.mean(), abs=0.0051)


def test_the_bound_of_m1_and_m2_is_of_codes(stacked: Train) -> None:
    result = stacked()
    model, x = _saved("m2"), FEWER.x_test
    codes = model.vae.encode(x)[0]
    of_classes = np.stack([model.elbo(codes, y) for y in range(10)]) - np.log(10)
    expected = logsumexp(of_classes, axis=0).mean()
    assert _printed(result.stdout)["bound of log p(code)"] == pytest.approx(expected, abs=0.0051)
    assert "p is the density of the VAE's codes, not of images" in result.stdout


def test_images_without_labels_have_a_bound_and_no_error(train: Train, run: Run) -> None:
    train("m2")
    result = run("evaluate", "out/m2.safetensors", "--data", "ising", "--samples", "0", "--limit", "20", *NUMPY)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "classified" not in result.stdout
    assert list(_printed(result.stdout)) == ["bound of log p(x)"]


# ------------------------------------------------------------------------------------------------------------- samples


@pytest.mark.parametrize("kind", ["cvae", "m2"])
def test_samples_come_class_by_class(kind: str, train: Train, run: Run) -> None:
    train(kind)
    out = ("-n", "23", "--seed", "2", "--out", "x.npy", "--out", "x.png")
    result = run("sample", f"out/{kind}.safetensors", *out, *NUMPY[:2])
    assert "23 images, the means of p(x|y,z), class by class" in result.stdout
    labels = np.repeat(np.arange(10), [3, 3, 3] + 7 * [2])
    expected = _saved(kind).sample(23, labels, mean=True, stream=sg.Stream(2, "numpy"))
    np.testing.assert_array_equal(np.load("x.npy"), expected)


def test_samples_of_m1_and_m2_are_images(stacked: Train, run: Run) -> None:
    stacked()
    assert run("sample", "out/m2.safetensors", "-n", "10", "--out", "x.npy", *NUMPY[:2]).exit_code == 0
    assert np.load("x.npy").shape == (10, 64)


@pytest.mark.parametrize("kind", ["m1", "pc-vae"])
def test_samples_are_those_of_the_vae(kind: str, train: Train, run: Run) -> None:
    train(kind)
    run("sample", f"out/{kind}.safetensors", "-n", "4", "--seed", "2", "--out", "x.npy", *NUMPY[:2])
    expected = _saved(kind).vae.sample(4, mean=True, stream=sg.Stream(2, "numpy"))
    np.testing.assert_array_equal(np.load("x.npy"), expected)
