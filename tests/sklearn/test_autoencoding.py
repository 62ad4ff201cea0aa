"""The two estimators with an encoder and a decoder: what they compute, how they go on, and what they refuse."""

from __future__ import annotations

import copy
import doctest
import inspect
import pickle
import re
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import scratchgen as sg
from scratchgen.errors import DataRangeWarning
from scratchgen.random import Stream
from scratchgen.schedules import LinearWarmup
from scratchgen.sklearn import AutoencoderTransformer, VAETransformer, autoencoder_transformer, vae_transformer

METHODS = ("transform", "score_samples")
CLASSES = (AutoencoderTransformer, VAETransformer)
KINDS = [
    pytest.param(AutoencoderTransformer, {}, id="autoencoder"),
    pytest.param(AutoencoderTransformer, {"likelihood": "gaussian", "output_mean": "tanh"}, id="autoencoder-gaussian"),
    pytest.param(VAETransformer, {}, id="vae"),
    pytest.param(VAETransformer, {"likelihood": "gaussian", "sigma": "learned"}, id="vae-learned-sigma"),
]

every_class = pytest.mark.parametrize("kind", CLASSES)
every_kind = pytest.mark.parametrize(("kind", "parameters"), KINDS)


def small(kind: Any, **parameters: Any) -> Any:
    defaults = {"n_components": 3, "hidden": (12,), "batch_size": 30, "n_iter": 2, "random_state": 0}
    return kind(**defaults | parameters)


def theta_of(estimator: Any) -> np.ndarray:
    return np.array(estimator.model_.theta)


# ------------------------------------------------------------------------------------------------- what it computes


def test_the_autoencoder_is_that_of_this_package_trained_in_the_same_way(digits: np.ndarray) -> None:
    settings: dict[str, Any] = {
        "decoder_hidden": (7, 6),
        "likelihood": "gaussian",
        "activation": "tanh",
        "code_activation": "sigmoid",
        "output_mean": "sigmoid",
        "weight_decay": 1e-3,
    }
    estimator = small(AutoencoderTransformer, learning_rate=0.01, **settings).fit(digits)
    model = sg.Autoencoder(64, (12,), 3, seed=0, dtype="float64", **settings)
    model.fit(digits, epochs=2, batch_size=30, optimizer=sg.Adam(0.01), progress=False)
    np.testing.assert_array_equal(theta_of(estimator), model.theta)
    np.testing.assert_allclose(estimator.transform(digits), model.encode(digits), rtol=1e-12, atol=1e-14)
    code = model.encode(digits)
    np.testing.assert_allclose(estimator.inverse_transform(code), model.decode(code), rtol=1e-12)


def test_the_vae_is_that_of_this_package_trained_in_the_same_way(digits: np.ndarray) -> None:
    settings: dict[str, Any] = {
        "decoder_hidden": (7, 6),
        "likelihood": "gaussian",
        "activation": "tanh",
        "output_mean": "sigmoid",
        "sigma": 0.5,
        "beta": LinearWarmup(15),
    }
    estimator = small(VAETransformer, learning_rate=0.01, **settings).fit(digits)
    model = sg.VAE(64, (12,), 3, seed=0, dtype="float64", **settings)
    model.fit(digits, epochs=2, batch_size=30, optimizer=sg.Adam(0.01), progress=False)
    np.testing.assert_array_equal(theta_of(estimator), model.theta)
    mean = model.encode(digits)[0]
    np.testing.assert_allclose(estimator.transform(digits), mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(estimator.inverse_transform(mean), model.decode(mean), rtol=1e-12)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_score_of_an_autoencoder_is_minus_its_squared_error(digits: np.ndarray, likelihood: str) -> None:
    estimator = small(AutoencoderTransformer, likelihood=likelihood).fit(digits)
    errors = ((digits - estimator.inverse_transform(estimator.transform(digits))) ** 2).sum(axis=1)
    np.testing.assert_allclose(estimator.score_samples(digits), -errors, rtol=1e-12)
    np.testing.assert_allclose(estimator.score_samples(digits), -estimator.model_.reconstruction_error(digits))


@pytest.mark.parametrize(
    "parameters", [{}, {"likelihood": "gaussian", "sigma": 0.5}, {"likelihood": "gaussian", "sigma": "learned"}]
)
def test_the_score_of_a_vae_is_its_bound_whatever_beta(digits: np.ndarray, parameters: dict[str, Any]) -> None:
    estimator = small(VAETransformer, beta=0.1, n_iter=20, learning_rate=0.01, **parameters).fit(digits)
    noise = Stream(0).normal((16, 3), "float64")
    noise = np.concatenate([noise, -noise])[:, None]  # (32, 1, 3)
    scores, model = estimator.score_samples(digits), estimator.model_
    for i in (0, 7):
        terms = model.evaluate_terms(digits[i : i + 1], noise)
        np.testing.assert_allclose(scores[i], -(terms.reconstruction + terms.kl), rtol=1e-12)
    of_library = np.mean(model.elbo(digits, n_samples=200))
    assert estimator.score(digits) == scores.mean() == pytest.approx(of_library, abs=0.02 * abs(of_library) + 0.1)


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", ["cpu", "numpy"])
def test_a_row_of_the_result_is_the_same_in_every_batch(
    digits: np.ndarray, kind: Any, parameters: dict[str, Any], backend: str, dtype: type
) -> None:
    digits = digits.astype(dtype)
    for activation in ("softplus", "tanh"):
        options = parameters | {"hidden": (37, 5), "activation": activation, "backend": backend, "n_iter": 1}
        estimator = small(kind, **options).fit(digits)
        code = estimator.transform(digits)
        for name, x in (("transform", digits), ("score_samples", digits), ("inverse_transform", code)):
            method = getattr(estimator, name)
            whole = method(x)
            for part in (slice(0, 1), slice(5, 6), slice(3, 10), slice(1, 130), slice(None, None, -1)):
                np.testing.assert_array_equal(method(x[part]), whole[part])


def test_scores_do_not_depend_on_how_many_are_computed_at_a_time(
    digits: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator = small(VAETransformer).fit(digits)
    whole = estimator.score_samples(digits)
    monkeypatch.setattr(vae_transformer, "_ELEMENTS", 7 * 32 * 64)  # seven examples; 300 is no multiple
    np.testing.assert_array_equal(estimator.score_samples(digits), whole)


@pytest.mark.simulator
def test_they_compute_on_the_backend_that_is_asked_for(digits: np.ndarray) -> None:
    few = digits[:3, 18:22]
    for kind in CLASSES:
        on_cuda, on_cpu = (small(kind, hidden=(3,), n_iter=1, backend=name).fit(few) for name in ("cuda", "cpu"))
        assert on_cuda.model_.backend.name == "cuda"
        for name in METHODS:
            np.testing.assert_allclose(getattr(on_cuda, name)(few), getattr(on_cpu, name)(few), rtol=1e-9, atol=1e-12)
        again = pickle.loads(pickle.dumps(on_cuda))
        assert again.model_.backend.name == "cuda"


@every_class
def test_training_raises_the_score(digits: np.ndarray, kind: Any) -> None:
    untrained, trained = (small(kind, n_iter=n, learning_rate=0.01).fit(digits).score(digits) for n in (0, 20))
    assert trained > untrained + 1


@every_class
def test_using_an_estimator_does_not_change_it(digits: np.ndarray, kind: Any) -> None:
    estimator = small(kind).fit(digits)
    for name in METHODS:
        np.testing.assert_array_equal(getattr(estimator, name)(digits), getattr(estimator, name)(digits))


# ------------------------------------------------------------------------------------------------ types and containers


@every_kind
@pytest.mark.parametrize(("of_fit", "of_data"), [("f4", "f4"), ("f4", "f8"), ("f8", "f4"), ("f8", "f8")])
def test_float32_is_kept_and_anything_else_is_float64(
    digits: np.ndarray, kind: Any, parameters: dict[str, Any], of_fit: str, of_data: str
) -> None:
    estimator = small(kind, n_iter=1, **parameters).fit(digits.astype(of_fit))
    assert estimator.model_.dtype == np.dtype(of_fit).name
    code = estimator.transform(digits.astype(of_data))
    assert code.dtype == max(of_fit, of_data)
    assert estimator.inverse_transform(code.astype(of_data)).dtype == max(of_fit, of_data)
    assert estimator.score_samples(digits.astype(of_data)).dtype == np.float64
    assert estimator.partial_fit(digits.astype(of_data)).model_.dtype == np.dtype(of_fit).name
    assert estimator.fit(digits > 0.5).transform(digits > 0.5).dtype == np.float64


@every_class
def test_float64_is_computed_in_float64(digits: np.ndarray, kind: Any) -> None:
    estimator = small(kind, activation="tanh").fit(digits.astype(np.float32))
    params = estimator.model_.params
    h, head = digits, params.encoder[-1] if kind is AutoencoderTransformer else params.heads.mean
    for W, b in params.encoder[:1]:
        h = np.tanh(h @ W + b)
    np.testing.assert_allclose(estimator.transform(digits), h @ head.W + head.b, rtol=1e-9, atol=1e-12)


@every_class
@pytest.mark.parametrize("container", [csr_array, csc_array])
def test_sparse_data_give_what_dense_ones_do(digits: np.ndarray, kind: Any, container: Any) -> None:
    for parameters in ({}, {"likelihood": "gaussian"}):
        dense, sparse = small(kind, **parameters).fit(digits), small(kind, **parameters).fit(container(digits))
        for name in METHODS:
            np.testing.assert_array_equal(getattr(sparse, name)(container(digits)), getattr(dense, name)(digits))
        np.testing.assert_array_equal(
            theta_of(sparse.partial_fit(container(digits))), theta_of(dense.partial_fit(digits))
        )


# ---------------------------------------------------------------------------------------------- seeds, and going on


@every_class
def test_one_random_state_gives_one_result(digits: np.ndarray, kind: Any) -> None:
    first = theta_of(small(kind, random_state=3).fit(digits))
    np.testing.assert_array_equal(theta_of(small(kind, random_state=3).fit(digits)), first)
    assert not np.array_equal(theta_of(small(kind, random_state=4).fit(digits)), first)
    one, two = (small(kind, random_state=np.random.RandomState(3)).fit(digits) for _ in range(2))
    np.testing.assert_array_equal(theta_of(one), theta_of(two))
    assert not np.array_equal(theta_of(one.fit(digits)), theta_of(two))  # its RandomState has moved on


@every_class
def test_a_pass_of_partial_fit_over_all_of_the_data_is_one_of_fit(digits: np.ndarray, kind: Any) -> None:
    whole = small(kind, batch_size=len(digits), n_iter=3).fit(digits)
    estimator = small(kind)
    for _ in range(3):
        assert estimator.partial_fit(digits) is estimator
    np.testing.assert_array_equal(theta_of(estimator), theta_of(whole))
    model = estimator.model_
    assert estimator.fit(digits).model_ is not model
    assert estimator.partial_fit(digits).model_.step == 21


@every_kind
@pytest.mark.parametrize("copied", [lambda estimator: pickle.loads(pickle.dumps(estimator)), copy.deepcopy])
def test_a_copy_goes_on_like_the_original(
    digits: np.ndarray, kind: Any, parameters: dict[str, Any], copied: Any
) -> None:
    estimator = small(kind, **parameters).fit(digits)
    again = copied(estimator)
    for name in METHODS:
        np.testing.assert_array_equal(getattr(again, name)(digits), getattr(estimator, name)(digits))
    before = theta_of(estimator)
    after = theta_of(again.partial_fit(digits))
    np.testing.assert_array_equal(theta_of(estimator), before)  # they share nothing
    np.testing.assert_array_equal(theta_of(estimator.partial_fit(digits)), after)


# --------------------------------------------------------------------------------------------------- in scikit-learn


@every_class
def test_it_works_in_a_pipeline_and_in_a_search(digits: np.ndarray, kind: Any) -> None:
    pipeline = make_pipeline(MinMaxScaler(clip=True), small(kind, learning_rate=0.01))
    name = kind.__name__.lower()
    search = GridSearchCV(pipeline, {f"{name}__n_iter": [0, 5]}, cv=2, error_score="raise").fit(16 * digits)
    assert search.best_params_ == {f"{name}__n_iter": 5}
    code = search.best_estimator_.transform(16 * digits)
    assert list(search.best_estimator_.get_feature_names_out()) == [f"{name}{i}" for i in range(3)]
    of_image, of_scaled = search.best_estimator_.inverse_transform(code), search.best_estimator_[-1]
    assert of_image.shape == (300, 64)
    np.testing.assert_array_equal(
        of_image, search.best_estimator_[0].inverse_transform(of_scaled.inverse_transform(code))
    )


@every_class
def test_a_clone_has_the_parameters_and_is_not_fitted(digits: np.ndarray, kind: Any) -> None:
    estimator = small(kind, hidden=(5, 4), decoder_hidden=(3,)).fit(digits)
    again = clone(estimator)
    assert again.get_params() == estimator.get_params()
    assert not hasattr(again, "model_")


@every_class
def test_verbose_reports_each_pass(digits: np.ndarray, kind: Any, capsys: Any) -> None:
    estimator = small(kind, verbose=1).fit(digits)
    lines = capsys.readouterr().out.splitlines()
    pattern = rf"\[{kind.__name__}\] Iteration (\d), loss = (\d+\.\d\d), time = \d+\.\d\ds"
    found = [match for match in (re.fullmatch(pattern, line) for line in lines) if match]
    assert [match[1] for match in found] == ["1", "2"]
    assert [match[2] for match in found] == [f"{loss:.2f}" for loss in estimator.model_.history.loss]
    small(kind).fit(digits)
    assert capsys.readouterr().out == ""


def test_the_examples_of_their_docstrings_run() -> None:
    for module in (autoencoder_transformer, vae_transformer):
        assert doctest.testmod(module, raise_on_error=False) == (0, 7)


@every_class
def test_every_parameter_and_public_attribute_is_documented(digits: np.ndarray, kind: Any) -> None:
    documented = set(re.findall(r"^(\w+) : ", inspect.getdoc(kind) or "", re.M))
    assert set(inspect.signature(kind).parameters) <= documented
    assert {name for name in vars(small(kind).fit(digits)) if re.fullmatch(r"[a-z]\w*[a-z]_", name)} <= documented


# ------------------------------------------------------------------------------------------------- what it refuses


@every_class
def test_a_bernoulli_likelihood_clips_with_one_warning(digits: np.ndarray, kind: Any) -> None:
    outside = 3 * digits - 1
    estimator = small(kind)
    with pytest.warns(DataRangeWarning, match=r"in \[0, 1\], got values in \[-1, 2\].*MinMaxScaler") as caught:
        estimator.fit(outside)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(theta_of(estimator), theta_of(small(kind).fit(outside.clip(0, 1))))
    for name in METHODS:  # warnings are errors here: there is no second one
        np.testing.assert_array_equal(getattr(estimator, name)(outside), getattr(estimator, name)(outside.clip(0, 1)))
    estimator.fit(digits)
    with pytest.warns(DataRangeWarning):
        estimator.transform(outside)


@every_class
def test_a_gaussian_likelihood_takes_any_data(digits: np.ndarray, kind: Any) -> None:
    x = StandardScaler().fit_transform(digits)
    estimator = small(kind, likelihood="gaussian").fit(x)
    model = estimator.model_
    code = model.encode(x) if kind is AutoencoderTransformer else model.encode(x)[0]
    np.testing.assert_allclose(estimator.transform(x), code, rtol=1e-10, atol=1e-12)
    estimator.set_params(likelihood="bernoulli")  # of the next fit: what is fitted has not changed
    np.testing.assert_allclose(estimator.transform(x), code, rtol=1e-10, atol=1e-12)
    estimator.partial_fit(x)
    with pytest.warns(DataRangeWarning):
        estimator.fit(x)


BAD_PARAMETERS = [
    ({"n_components": 0}, "n_components must be an integer >= 1"),
    ({"hidden": (0,)}, "hidden"),
    ({"decoder_hidden": "wide"}, "decoder_hidden"),
    ({"likelihood": "poisson"}, "likelihood must be one of"),
    ({"activation": "step"}, "activation"),
    ({"output_mean": "relu"}, "output_mean must be one of"),
    ({"output_mean": "tanh"}, "output_mean is that of a Gaussian likelihood"),
    ({"learning_rate": -0.1}, "learning_rate"),
    ({"batch_size": 0}, "batch_size must be an integer >= 1"),
    ({"n_iter": -1}, "n_iter must be an integer >= 0"),
    ({"random_state": "dice"}, "cannot be used to seed"),
    ({"backend": "gpu"}, "backend must be one of"),
]
OF_ONE = [
    (AutoencoderTransformer, {"weight_decay": -1.0}, "weight_decay"),
    (AutoencoderTransformer, {"code_activation": "step"}, "activation"),
    (VAETransformer, {"sigma": 0.0}, "sigma must be"),
    (VAETransformer, {"sigma": 0.3}, "sigma is that of a Gaussian likelihood"),
    (VAETransformer, {"beta": -1.0}, "beta"),
]


@pytest.mark.parametrize(
    ("kind", "parameters", "message"), [(kind, *case) for kind in CLASSES for case in BAD_PARAMETERS] + OF_ONE
)
def test_bad_parameters_are_value_errors_of_fit_that_leave_it_unfitted(
    digits: np.ndarray, kind: Any, parameters: dict[str, Any], message: str
) -> None:
    estimator = small(kind, **parameters)
    for fit in (estimator.fit, estimator.partial_fit):
        if fit == estimator.partial_fit and not parameters.keys().isdisjoint({"n_iter", "batch_size"}):
            continue  # they are not used there
        with pytest.raises(ValueError, match=message):
            fit(digits)
        assert not hasattr(estimator, "model_")


@every_class
@pytest.mark.parametrize("name", [*METHODS, "score", "partial_fit", "inverse_transform"])
@pytest.mark.parametrize("bad", [np.full((2, 64), np.nan), np.zeros((2, 63)), np.zeros(64), np.zeros((0, 64))])
def test_bad_data_are_value_errors(digits: np.ndarray, kind: Any, name: str, bad: np.ndarray) -> None:
    estimator = small(kind, n_iter=0).fit(digits)
    with pytest.raises(ValueError, match=r"NaN|expecting 64 features|2D array|0 sample|63 columns, .* 3 units"):
        getattr(estimator, name)(bad)
    assert estimator.n_features_in_ == 64
