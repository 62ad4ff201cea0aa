"""The benchmark of few labels: who is told which labels, what the errors are of, and the tables made of them."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_1samp

import scratchgen as sg
from scratchgen.finite_differences.trees import flattened
from scratchgen.models.model import Model
from scratchgen.models.semi_supervised.labelled_model import LabelledModel
from scratchgen.schedules import Delay

ROOT = Path(__file__).parent.parent
RAW, NETWORK = "(a) logistic regression on pixels", "(b) network on pixels"
TASK_PARTS = ("settings", "task", "supervised", "methods", "experiment", "table", "pictures", "__main__")


@pytest.fixture
def few_labels(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)  # the benchmarks are run from the checkout, not installed
    return SimpleNamespace(
        **{name: importlib.import_module(f"benchmarks.few_labels.{name}") for name in TASK_PARTS},
        main=importlib.import_module("benchmarks.few_labels.__main__").main,
    )


def options_of(tmp_path: Path, **changed: Any) -> argparse.Namespace:
    usual = {"labels": ["100"], "methods": [RAW], "draws": 2, "scale": 0.01, "backend": "cpu", "pictures": None}
    return argparse.Namespace(**usual | {"out": tmp_path / "cells.json"} | changed)


def digits_task(few_labels: Any, **changed: Any) -> Any:
    size = replace(few_labels.settings.SIZES["digits"], **changed)
    return few_labels.task.Task(sg.datasets.load("digits"), size, 0.02, "cpu")


# ---- which labels are told, and what is asked ----


def test_a_method_is_told_the_labels_of_its_draw_and_asked_for_those_of_the_test_images(
    few_labels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, asked = [], []

    def spy(task: Any, y: np.ndarray) -> Any:
        told.append((task, y))
        return few_labels.methods.Fitted(lambda x, y: asked.append((x, y)) or 0.75)

    monkeypatch.setattr(few_labels.experiment, "METHODS", {RAW: spy})
    data, cells = sg.datasets.load("digits"), {}
    options = options_of(tmp_path, labels=["100", "80/20"])
    few_labels.experiment.run(options, cells, few_labels.experiment.task_of(options, "digits"), "digits")
    for draw in (0, 1):
        (task, y), (x_test, y_test) = told[2 * draw], asked[2 * draw]
        np.testing.assert_array_equal(y, sg.hide_labels(data.y_train, 100, seed=draw))
        np.testing.assert_array_equal(task.data.x_train, data.x_train)
        np.testing.assert_array_equal(x_test, data.x_test)
        np.testing.assert_array_equal(y_test, data.y_test)
        split = few_labels.task.divided(data, "80/20", draw)
        (task, y), (x_test, y_test) = told[2 * draw + 1], asked[2 * draw + 1]
        np.testing.assert_array_equal(y, split.y_train)
        np.testing.assert_array_equal(task.data.x_train, split.x_train)
        np.testing.assert_array_equal(x_test, split.x_test)
        np.testing.assert_array_equal(y_test, split.y_test)
    assert [cell["error"] for cell in cells.values()] == 4 * [25.0]
    assert json.loads(options.out.read_text()) == cells


Told = dict[str, list[tuple[np.ndarray, Any]]]


@pytest.fixture
def told(few_labels: Any, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Return, by the class of what is fitted, the images and labels of each fit; the models train one pass at most."""
    seen: Told = {}

    def watch(cls: type, name: str, call: Callable[..., Any]) -> None:
        original = getattr(cls, name)

        def fit(self: Any, x: Any, y: Any = None, **options: Any) -> Any:
            seen.setdefault(type(self).__name__, []).append((x, y))
            return call(original, self, x, y, options)

        monkeypatch.setattr(cls, name, fit)

    def short(original: Any, self: Any, x: Any, y: Any, options: Any) -> Any:
        rest = (x,) if y is None else (x, y)
        return original(self, *rest, **options | {"epochs": 1, "callbacks": ()})

    watch(LabelledModel, "fit", short)
    watch(Model, "fit", short)
    watch(sg.M1, "fit_classifier", lambda original, self, x, y, options: original(self, x, y))
    watch(few_labels.methods.LogisticRegression, "fit", lambda original, self, x, y, options: original(self, x, y))
    return seen


def test_no_method_is_told_more_labels_than_its_own(few_labels: Any, told: Told) -> None:
    task = digits_task(few_labels)
    y = task.labels("100", 3)
    known = np.flatnonzero(y >= 0)
    of_labelled_ones = {"SupervisedNetwork", "LogisticRegression", "ConditionalVAE"}
    fitted_by = {
        RAW: {"LogisticRegression"},
        NETWORK: {"SupervisedNetwork"},
        "(c) VAE codes, logistic regression": {"VAE", "M1", "LogisticRegression"},
        "(d) M1 + logistic regression": {"VAE", "M1", "LogisticRegression"},
        "(d) M1 + SVM": {"M1"},
        "(e) PC-VAE": {"PredictionConstrainedVAE"},
        "(e) PC-VAE, consistent": {"PredictionConstrainedVAE"},
        "M2": {"M2"},
        "M1 + M2": {"M1M2"},
        "CVAE, Bayes' rule": {"ConditionalVAE"},
    }
    assert fitted_by.keys() == few_labels.methods.METHODS.keys()
    for method, fit in few_labels.methods.METHODS.items():
        told.clear()
        found = fit(task, y.copy())
        assert 0 <= found.accuracy(task.data.x_test, task.data.y_test) <= 1
        assert told.keys() == fitted_by[method], method
        for kind, calls in told.items():
            for images, labels in calls:
                if kind == "VAE":
                    assert labels is None
                    np.testing.assert_array_equal(images, task.data.x_train)
                elif kind == "LogisticRegression" and method != RAW:
                    np.testing.assert_array_equal(labels, y[known])  # on codes
                else:
                    rows = known if kind in of_labelled_ones else np.arange(len(y))
                    np.testing.assert_array_equal(images, task.data.x_train[rows], err_msg=method)
                    np.testing.assert_array_equal(labels, y[rows], err_msg=method)


def test_the_80_20_split_uses_every_example_once_and_differs_between_draws(few_labels: Any) -> None:
    data, divided = sg.datasets.load("digits"), few_labels.task.divided
    first, second = (divided(data, few_labels.task.SPLIT, draw) for draw in (0, 1))
    assert len(first.x_train) == few_labels.task.n_of_split(data) == round(0.8 * 1797)
    pooled = np.concatenate([first.x_train, first.x_test])
    together = np.concatenate([data.x_train, data.x_test])
    np.testing.assert_array_equal(pooled[np.lexsort(pooled.T)], together[np.lexsort(together.T)])
    assert not np.array_equal(first.x_test, second.x_test)
    assert divided(data, "100", 0) is data


# ---- training ----


@pytest.mark.parametrize("column", ["100", "1000", "80/20"])
def test_the_rate_has_fallen_to_a_tenth_at_the_last_step_whatever_the_number_of_labels(
    few_labels: Any, column: str
) -> None:
    task = digits_task(few_labels, hidden=(4,))
    y = task.labels(column, 0)
    per_batch = task.batches_of_m2(y)
    model = task.fit(few_labels.methods.new_m2(task), 2, task.data.x_train, y, **per_batch)
    assert model.optimizer.learning_rate.n_steps == model.step
    assert 2 * 15 <= model.step <= 2 * 18  # of 100 of the 1,442 images: no image is visited much more than others
    assert per_batch["labelled_per_batch"] == {"100": 20, "1000": 69, "80/20": 100}[column]
    rates = [model.optimizer.learning_rate(step) for step in (0, model.step)]
    np.testing.assert_allclose(rates, [task.size.rate, task.size.rate / 10])
    vae = task.fit(sg.VAE(64, (4,), 2), 2, task.data.x_train)
    assert vae.optimizer.learning_rate.n_steps == vae.step


def test_the_bounds_of_m2_wait_for_their_share_of_the_steps(few_labels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_labels.methods, "of_classes", lambda model: model)
    short = few_labels.settings.Epochs(1, 1, 4, 1)
    for share, expected in ((0.0, None), (0.25, 1 / 4)):
        task = digits_task(few_labels, hidden=(4,), epochs=short, bound_delay=share)
        model = few_labels.methods.m2(task, task.labels("100", 0))
        if expected is None:
            assert model.bound_feedback == 1.0
        else:
            assert model.bound_feedback == Delay(round(expected * model.step))


@pytest.mark.parametrize("name", ["digits", "mnist", "cifar10", "cifar10-conv"])
def test_the_network_on_pixels_has_the_layers_of_m2s_classifier(few_labels: Any, name: str) -> None:
    size = few_labels.settings.SIZES[name]
    shape = {"digits": (8, 8), "mnist": (28, 28)}.get(name, (32, 32, 3))
    data = SimpleNamespace(x_train=np.empty((0, int(np.prod(shape)))), image_shape=shape)
    task = few_labels.task.Task(data, size, 1.0, "numpy")
    model = few_labels.supervised.SupervisedNetwork(few_labels.methods.new_m2(task, activation="relu"))
    m2 = few_labels.methods.new_m2(task)
    assert str(model.network) == str(m2.classifier_network)
    assert ("conv" in str(model.network)) == (name == "cifar10-conv")
    assert [layer.W.shape for layer in model.params.layers] == [layer.W.shape for layer in m2.params.classifier]


@pytest.mark.parametrize("images", [{}, {"image_shape": (3, 2), "channels": (2,)}], ids=["dense", "images"])
def test_gradient_of_the_network_on_pixels(few_labels: Any, images: dict[str, Any]) -> None:
    m2 = sg.M2(6, 3, (4,), activation="tanh", dtype="float64", **images)
    model = few_labels.supervised.SupervisedNetwork(m2)
    stream = sg.Stream(1)
    batch = model.check_data((stream.uniform((5, 6), "float64"), [0, 2, 1, 1, 0]))
    model.theta[...] = stream.normal(model.theta.size, "float64")
    noise = model.draw_noise(batch)
    terms, grads = model.evaluate_terms_and_grads(batch, noise)
    log_q = np.log(model.predict_proba(batch.x)[np.arange(5), batch.y])
    assert model.evaluate_terms(batch, noise).loss == pytest.approx(-log_q.mean(), rel=1e-12)
    assert terms.loss == pytest.approx(-log_q.mean(), rel=1e-12)

    def loss(theta: np.ndarray) -> float:
        model.theta[...] = theta
        return float(model.evaluate_terms(batch, noise).loss)

    assert sg.gradcheck(loss, model.theta.copy(), flattened(grads), blocks=model.params).passed


def test_training_ends_once_the_loss_has_settled(few_labels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = few_labels.supervised.SupervisedNetwork(sg.M2(2, 2, (3,)))
    monkeypatch.setattr(few_labels.supervised, "PATIENCE", 3)
    falling = iter([2.0, 1.0, 1.0 - 5e-5, 1.1, 0.5, 0.6, 0.5, 0.6, 0.6, 0.1])

    def fit(x: Any, y: Any, *, epochs: int, callbacks: Any, **options: Any) -> None:
        for loss in falling:
            model.history.append({"loss": loss})
            if any([each(model) for each in callbacks]):
                return

    monkeypatch.setattr(model, "fit", fit)
    few_labels.supervised.fit_until_settled(model, np.zeros((2, 2)), np.array([0, 1]))
    assert len(model.history) == 9  # four passes in a row without a fall by 1e-4


# ---- cells and tables ----


def test_interval_is_that_of_students_t(few_labels: Any) -> None:
    differences = np.array([-2.0, -1.0, np.nan, -2.5, 0.5])
    low, high = ttest_1samp(differences[[0, 1, 3, 4]], 0).confidence_interval(0.95)
    assert few_labels.table.interval(differences) == f"{(low + high) / 2:+.2f} ± {(high - low) / 2:.2f}"
    assert few_labels.table.interval(differences[1:3]) == ""


def cells_of(few_labels: Any, options: argparse.Namespace, name: str, errors: dict[str, list[float]]) -> dict[str, Any]:
    key = few_labels.experiment.key_of
    return {
        key(options, name, "100", method, draw): {"error": error, "seconds": 1}
        for method, values in errors.items()
        for draw, error in enumerate(values)
    }


def test_a_table_has_paired_differences_from_the_better_baseline_and_from_the_published(
    few_labels: Any, tmp_path: Path
) -> None:
    methods = [RAW, NETWORK, "(d) M1 + SVM", "M2", "M1 + M2"]
    options = options_of(tmp_path, methods=methods, draws=3)
    errors = {
        RAW: [20.0, 10.0, 30.0],
        NETWORK: [10.0, 20.0, 31.0],
        "M2": [9.0, 11.0, 27.0],
        "M1 + M2": [6.0, 7.0, 25.0],
    }
    table = few_labels.table.table(cells_of(few_labels, options, "mnist", errors), options, "mnist", "100")
    # M2 less the lower of (a) and (b), 10, 10 and 30: -1, 1 and -3
    half = 4.302652729911275 * 2.0 / np.sqrt(3)
    assert f"| M2 | 15.67 ± 9.87 | 3 | -1.00 ± {half:.2f} | 11.97 ± 1.71 (others 10 to 18) | +3.70 |" in table
    assert f"| {RAW} | 20.00 ± 10.00 | 3 |  |  |  |" in table
    # M1 + M2: -4, -3 and -5 from the baseline; -3, -4 and -2 from M2
    half = 4.302652729911275 / np.sqrt(3)
    assert f"| M1 + M2 | 12.67 ± 10.69 | 3 | -4.00 ± {half:.2f} | 3.33 ± 0.14 (others 4 to 9) | +9.34 |" in table
    assert table.splitlines()[-1] == f"M1 + M2 over M2: -3.00 ± {half:.2f}"
    assert "SVM" not in table  # of which there is no cell
    assert "published" not in few_labels.table.table({}, options, "digits", "100").splitlines()[0]


def test_published_errors_are_those_of_kingma_and_belong_to_methods(few_labels: Any) -> None:
    published = {key: str(value) for key, value in few_labels.table.PUBLISHED.items()}
    assert published == {
        ("mnist", "100", "(d) M1 + SVM"): "11.82 (transductive)",
        ("mnist", "100", "M2"): "11.97 ± 1.71 (others 10 to 18)",
        ("mnist", "100", "M1 + M2"): "3.33 ± 0.14 (others 4 to 9)",
        ("mnist", "1000", "(d) M1 + SVM"): "4.24 (transductive)",
        ("mnist", "1000", "M2"): "3.60 ± 0.56 (from memory)",
        ("mnist", "1000", "M1 + M2"): "2.40 ± 0.02 (from memory)",
    }
    for name, _, method in few_labels.table.PUBLISHED:
        assert name in few_labels.settings.SIZES
        assert method in few_labels.methods.METHODS


def test_cells_of_other_settings_stay_out(few_labels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = options_of(tmp_path)
    cells = cells_of(few_labels, options, "digits", {RAW: [9.0, 8.0]})
    of_errors = few_labels.experiment.errors
    assert of_errors(cells, options, "digits", "100")[RAW].tolist() == [9.0, 8.0]
    assert few_labels.experiment.n_stale(cells) == 0
    sizes = few_labels.settings.SIZES
    monkeypatch.setitem(sizes, "digits", replace(sizes["digits"], rate=1e-4))
    assert np.isnan(of_errors(cells, options, "digits", "100")[RAW]).all()
    assert few_labels.experiment.n_stale(cells | {"digits|100|M2|draw 0|scale 1": {"error": 1.0}}) == 3
    assert len({size.digest for size in sizes.values()}) == len(sizes)


def test_cells_are_kept_every_method_runs_and_pictures_are_drawn(few_labels: Any, tmp_path: Path, capsys: Any) -> None:
    out, folder = tmp_path / "cells.json", tmp_path / "pictures"
    arguments = ["--labels", "100", "--draws", "2", "--scale", "0.01", f"--out={out}"]
    few_labels.main([*arguments, "--methods", RAW])
    cells = json.loads(out.read_text())
    assert len(cells) == 2
    out.write_text(json.dumps({key: cell | {"seconds": -1} for key, cell in cells.items()}))
    few_labels.main([*arguments, "--draws", "1", f"--pictures={folder}"])
    cells = json.loads(out.read_text())
    assert len(cells) == 2 + len(few_labels.methods.METHODS) - 1
    assert sum(cell["seconds"] == -1 for cell in cells.values()) == 2
    table = capsys.readouterr().out.split("digits, 100 labels")[-1]
    assert all(f"| {method} |" in table for method in few_labels.methods.METHODS)
    assert {path.name for path in folder.iterdir()} == {"digits-accuracy.png", "digits-latent-spaces.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--labels", "foo"), "--labels takes numbers, or 80/20, got foo"),
        (
            ("--labels", "100", "15"),
            "--labels 15 of digits: n_labelled must be a multiple of the number of classes, 10",
        ),
        (("--labels", "10000"), "--labels 10000 of digits: class "),
        (("--labels", "0"), "--labels 0 of digits: n_labelled must be an integer >= 1"),
        (("--draws", "0"), "--draws takes a number of at least 1"),
        (("--scale", "nan"), "--scale one above 0"),
    ],
)
def test_bad_options_are_refused_in_a_line(
    few_labels: Any, arguments: tuple[str, ...], message: str, capsys: Any, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="2"):
        few_labels.main([*arguments, f"--out={tmp_path / 'cells.json'}"])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "cells.json").exists()


# ---- pictures ----


def test_accuracies_are_drawn_over_the_numbers_of_labels(few_labels: Any, tmp_path: Path) -> None:
    options = options_of(tmp_path, labels=["100", "80/20"], methods=[RAW, "M2", "M1 + M2"])
    key = few_labels.experiment.key_of
    cells = {
        key(options, "digits", column, method, draw): {"error": error}
        for method, errors in {RAW: (20.0, 10.0), "M2": (9.0, 4.0)}.items()
        for column, error in zip(options.labels, errors, strict=True)
        for draw in (0, 1)
    }
    task = few_labels.experiment.task_of(options, "digits")
    (ax,) = few_labels.pictures.accuracies(options, cells, task, "digits").axes
    drawn = {bars.get_label(): bars.lines[0].get_xydata().tolist() for bars in ax.containers}
    assert drawn == {RAW: [[100, 80], [1438, 90]], "M2": [[100, 91], [1438, 96]]}
    assert few_labels.pictures.accuracies(options, {}, task, "digits") is None


def test_latent_spaces_are_those_of_the_test_images(
    few_labels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(few_labels.pictures.plots, "compared_latent_clusters", lambda *given: drawn.append(given))
    options = options_of(tmp_path, methods=[RAW, "(d) M1 + logistic regression", "M2"])
    task = digits_task(few_labels)
    data, fitted = task.data, {"M2": few_labels.methods.Fitted(lambda x, y: 0.0, lambda x: x[:, 30:33])}
    few_labels.pictures.latent_spaces(options, task, fitted)
    means, labels = drawn.pop()
    assert list(means) == ["M1", "M2, style"]
    np.testing.assert_array_equal(means["M2, style"], data.x_test[:, 30:33])
    np.testing.assert_array_equal(means["M1"], task.trained["M1"].encode(data.x_test)[0])
    np.testing.assert_array_equal(labels, data.y_test)
    assert few_labels.pictures.latent_spaces(options_of(tmp_path), task, {}) is None
    assert set(few_labels.pictures.PANELS) < set(few_labels.methods.METHODS)
