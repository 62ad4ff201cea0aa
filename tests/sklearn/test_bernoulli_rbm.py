"""The estimator by itself: what it takes and returns, how it goes on, and what it refuses."""

from __future__ import annotations

import copy
import doctest
import inspect
import pickle
import re
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array, csr_matrix
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import scratchgen as sg
from scratchgen.errors import DataRangeWarning
from scratchgen.sklearn import BernoulliRBM, bernoulli_rbm

METHODS = ("transform", "score_samples", "free_energy")


def small(**parameters: Any) -> BernoulliRBM:
    return BernoulliRBM(**{"n_components": 12, "n_iter": 2, "random_state": 0} | parameters)


def parameters_of(rbm: BernoulliRBM) -> np.ndarray:
    return np.concatenate([rbm.components_.ravel(), rbm.intercept_hidden_, rbm.intercept_visible_])


# ------------------------------------------------------------------------------------------------- what it computes


def test_it_is_the_model_of_this_package_trained_in_the_same_way(digits: np.ndarray) -> None:
    rbm = small(learning_rate=0.05, batch_size=20, method="cd", k=2).fit(digits)
    model = sg.RBM(64, 12, seed=0, dtype="float64")
    model.fit(digits, epochs=2, batch_size=20, method="cd", k=2, optimizer=sg.SGD(0.05), progress=False)
    np.testing.assert_array_equal(rbm.components_, model.W.T)
    np.testing.assert_array_equal(rbm.intercept_hidden_, model.c)
    np.testing.assert_array_equal(rbm.intercept_visible_, model.b)
    np.testing.assert_allclose(rbm.transform(digits), model.prob_h_given_v(digits), rtol=1e-13)
    np.testing.assert_array_equal(rbm.free_energy(digits), model.free_energy(digits))
    np.testing.assert_array_equal(rbm.sample(5, 10), model.sample(5, 10) == 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_score_of_states_is_the_exact_pseudo_log_likelihood(states: np.ndarray, dtype: type) -> None:
    rbm = small().fit(states.astype(dtype))
    np.testing.assert_allclose(rbm.score_samples(states), rbm.model_.pseudo_log_likelihood(states), rtol=1e-12)
    assert rbm.score(states) == rbm.score_samples(states).mean()


def test_the_score_of_grey_values_is_that_of_the_nearer_states(digits: np.ndarray, states: np.ndarray) -> None:
    rbm = small().fit(digits)
    np.testing.assert_array_equal(rbm.score_samples(digits), rbm.score_samples(states))


@pytest.mark.parametrize("method", ["pcd", "cd", "pt"])
@pytest.mark.parametrize("backend", ["cpu", "numpy"])
def test_training_raises_the_score_by_every_method(states: np.ndarray, method: str, backend: str) -> None:
    untrained = small(n_iter=0).fit(states).score(states)
    rbm = small(method=method, backend=backend, k=2, n_iter=4, batch_size=30).fit(states)
    assert type(rbm.model_.negative_phase) is bernoulli_rbm.METHODS[method]
    assert rbm.model_.negative_phase.k == 2
    assert rbm.score(states) > untrained + 10
    if method != "cd":
        assert rbm.model_.negative_phase.n_chains == 30


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", ["cpu", "numpy"])
@pytest.mark.parametrize("name", ["transform", "score_samples"])
def test_a_row_of_the_result_is_the_same_in_every_batch(
    digits: np.ndarray, name: str, backend: str, dtype: type
) -> None:
    digits = digits.astype(dtype)
    rbm = small(n_components=37, backend=backend).fit(digits)
    method = getattr(rbm, name)
    whole = method(digits)
    for part in (slice(0, 1), slice(5, 6), slice(3, 10), slice(1, 130), slice(None, None, -1)):
        np.testing.assert_array_equal(method(digits[part]), whole[part])


@pytest.mark.simulator
def test_it_computes_on_the_backend_that_is_asked_for(states: np.ndarray) -> None:
    few = states[:6, 18:26]
    on_cuda, on_cpu = (small(n_components=3, n_iter=1, backend=name).fit(few) for name in ("cuda", "cpu"))
    assert on_cuda.model_.backend.name == "cuda"
    for name in METHODS:
        np.testing.assert_allclose(getattr(on_cuda, name)(few), getattr(on_cpu, name)(few), rtol=1e-10)
    again = pickle.loads(pickle.dumps(on_cuda))
    assert again.model_.backend.name == "cuda"
    np.testing.assert_array_equal(again.gibbs(few), on_cuda.gibbs(few))


def test_transform_and_scores_do_not_change_the_estimator_and_gibbs_and_sample_draw_anew(states: np.ndarray) -> None:
    rbm = small().fit(states)
    for name in METHODS:
        np.testing.assert_array_equal(getattr(rbm, name)(states), getattr(rbm, name)(states))
    assert not np.array_equal(rbm.gibbs(states), rbm.gibbs(states))
    assert not np.array_equal(rbm.sample(50, 10), rbm.sample(50, 10))


def test_gibbs_and_sample_return_states(states: np.ndarray) -> None:
    rbm = small().fit(states)
    for drawn, shape in ((rbm.gibbs(states[:7]), (7, 64)), (rbm.sample(3, 5), (3, 64)), (rbm.sample(), (1, 64))):
        assert (drawn.dtype, drawn.shape) == (np.bool_, shape)


# ------------------------------------------------------------------------------------------------ types and containers


@pytest.mark.parametrize(("of_fit", "of_data"), [("f4", "f4"), ("f4", "f8"), ("f8", "f4"), ("f8", "f8")])
def test_float32_is_kept_and_anything_else_is_float64(digits: np.ndarray, of_fit: str, of_data: str) -> None:
    rbm = small().fit(digits.astype(of_fit))
    assert rbm.components_.dtype == rbm.intercept_hidden_.dtype == rbm.intercept_visible_.dtype == of_fit
    assert rbm.transform(digits.astype(of_data)).dtype == max(of_fit, of_data)
    assert rbm.partial_fit(digits.astype(of_data)).components_.dtype == of_fit
    assert rbm.fit(digits > 0.5).transform(digits > 0.5).dtype == np.float64


def test_float64_is_computed_in_float64(digits: np.ndarray) -> None:
    rbm = small().fit(digits)
    a = digits @ rbm.components_.T + rbm.intercept_hidden_
    np.testing.assert_allclose(rbm.transform(digits), 1 / (1 + np.exp(-a)), rtol=1e-13)


@pytest.mark.parametrize("container", [csr_array, csc_array, csr_matrix])
def test_sparse_data_give_what_dense_ones_do(digits: np.ndarray, container: Any) -> None:
    sparse = container(digits)
    dense, rbm = small().fit(digits), small().fit(sparse)
    for name in METHODS:
        np.testing.assert_array_equal(getattr(rbm, name)(sparse), getattr(dense, name)(digits))
    np.testing.assert_array_equal(rbm.gibbs(sparse), dense.gibbs(digits))
    np.testing.assert_array_equal(parameters_of(rbm.partial_fit(sparse)), parameters_of(dense.partial_fit(digits)))


# ---------------------------------------------------------------------------------------------- seeds, and going on


def test_one_random_state_gives_one_result(digits: np.ndarray) -> None:
    first = parameters_of(small(random_state=3).fit(digits))
    np.testing.assert_array_equal(parameters_of(small(random_state=3).fit(digits)), first)
    assert not np.array_equal(parameters_of(small(random_state=4).fit(digits)), first)
    one, two = (small(random_state=np.random.RandomState(3)).fit(digits) for _ in range(2))
    np.testing.assert_array_equal(parameters_of(one), parameters_of(two))
    assert not np.array_equal(parameters_of(one.fit(digits)), parameters_of(two))  # its RandomState has moved on
    one, two = (small(random_state=None, n_iter=0).fit(digits) for _ in range(2))
    assert not np.array_equal(parameters_of(one), parameters_of(two))


def test_partial_fit_takes_one_step_and_goes_on(states: np.ndarray) -> None:
    rbm = small()
    batches = np.array_split(states, 30)
    assert rbm.partial_fit(batches[0]) is rbm
    first = rbm.score(states)
    for batch in batches[1:] + 9 * batches:
        rbm.partial_fit(batch)
    assert rbm.model_.step == 300
    assert rbm.score(states) > first + 3
    model = rbm.model_
    rbm.fit(states)
    assert rbm.model_ is not model
    assert rbm.partial_fit(states).model_.step == 61


def test_a_pass_of_partial_fit_over_all_of_the_data_is_one_of_fit(states: np.ndarray) -> None:
    whole = small(batch_size=len(states), n_iter=3).fit(states)
    rbm = small(batch_size=len(states))
    for _ in range(3):
        rbm.partial_fit(states)
    np.testing.assert_array_equal(parameters_of(rbm), parameters_of(whole))


def test_a_learning_rate_that_was_changed_is_used_by_partial_fit(states: np.ndarray) -> None:
    rbm = small(random_state=1).fit(states)
    before = parameters_of(rbm)
    tiny = parameters_of(rbm.set_params(learning_rate=1e-9).partial_fit(states))
    np.testing.assert_allclose(tiny, before, atol=1e-6)
    assert np.abs(parameters_of(rbm.set_params(learning_rate=1.0).partial_fit(states)) - before).max() > 1e-3


@pytest.mark.parametrize("copied", [lambda rbm: pickle.loads(pickle.dumps(rbm)), copy.deepcopy])
@pytest.mark.parametrize("method", ["pcd", "cd", "pt"])
def test_a_copy_goes_on_like_the_original(digits: np.ndarray, copied: Any, method: str) -> None:
    rbm = small(method=method, batch_size=20).fit(digits)
    again = copied(rbm)
    for name in METHODS:
        np.testing.assert_array_equal(getattr(again, name)(digits), getattr(rbm, name)(digits))
    before = parameters_of(rbm).copy()
    after = parameters_of(again.partial_fit(digits))
    np.testing.assert_array_equal(parameters_of(rbm), before)  # they share nothing
    np.testing.assert_array_equal(parameters_of(rbm.partial_fit(digits)), after)
    np.testing.assert_array_equal(rbm.gibbs(digits), again.gibbs(digits))
    np.testing.assert_array_equal(rbm.sample(4, 3), again.sample(4, 3))


def test_an_estimator_that_is_not_fitted_pickles(digits: np.ndarray) -> None:
    assert not hasattr(pickle.loads(pickle.dumps(small())), "components_")


# --------------------------------------------------------------------------------------------------- in scikit-learn


def test_it_works_in_a_pipeline_and_in_a_search(digits: np.ndarray) -> None:
    pipeline = make_pipeline(MinMaxScaler(clip=True), small())
    search = GridSearchCV(pipeline, {"bernoullirbm__n_iter": [0, 5]}, cv=2, error_score="raise")
    search.fit(16 * digits)
    assert search.best_params_ == {"bernoullirbm__n_iter": 5}
    assert search.best_estimator_.transform(digits).shape == (300, 12)
    assert list(search.best_estimator_.get_feature_names_out()[:2]) == ["bernoullirbm0", "bernoullirbm1"]


def test_a_clone_has_the_parameters_and_is_not_fitted(digits: np.ndarray) -> None:
    rbm = small(method="pt", k=3, backend="numpy").fit(digits)
    again = clone(rbm)
    assert again.get_params() == rbm.get_params()
    assert not hasattr(again, "model_")


def test_verbose_reports_each_pass_as_scikit_learn_does(states: np.ndarray, capsys: Any) -> None:
    rbm = small(verbose=1).fit(states)
    lines = capsys.readouterr().out.splitlines()
    pattern = r"\[BernoulliRBM\] Iteration (\d), pseudo-likelihood = (-\d+\.\d\d), time = \d+\.\d\ds"
    found = [re.fullmatch(pattern, line) for line in lines]
    assert [match[1] for match in found if match] == ["1", "2"]
    assert found[1] is not None
    assert found[1][2] == f"{rbm.score(states):.2f}"
    rbm.partial_fit(states)
    small().fit(states)
    assert capsys.readouterr().out == ""


def test_the_example_of_its_docstring_runs() -> None:
    assert doctest.testmod(bernoulli_rbm, raise_on_error=False) == (0, 7)


def test_every_parameter_and_public_attribute_is_documented(digits: np.ndarray) -> None:
    documented = set(re.findall(r"^    (\w+) : ", inspect.getdoc(BernoulliRBM) or "", re.M))
    documented |= set(re.findall(r"^(\w+) : ", inspect.getdoc(BernoulliRBM) or "", re.M))
    assert set(inspect.signature(BernoulliRBM).parameters) <= documented
    assert {name for name in dir(small().fit(digits)) if re.fullmatch(r"[a-z]\w*[a-z]_", name)} <= documented


# ------------------------------------------------------------------------------------------------- what it refuses


def test_values_outside_the_range_are_clipped_with_one_warning(digits: np.ndarray) -> None:
    outside = 3 * digits - 1
    rbm = small()
    with pytest.warns(DataRangeWarning, match=r"in \[0, 1\], got values in \[-1, 2\].*MinMaxScaler") as caught:
        rbm.fit(outside)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(parameters_of(rbm), parameters_of(small().fit(outside.clip(0, 1))))
    for name in METHODS:  # warnings are errors here: there is no second one
        np.testing.assert_array_equal(getattr(rbm, name)(outside), getattr(rbm, name)(outside.clip(0, 1)))
    rbm.partial_fit(outside)
    with pytest.warns(DataRangeWarning):
        rbm.fit(outside)
    rbm.fit(digits)
    for name in METHODS:
        with pytest.warns(DataRangeWarning):
            getattr(rbm, name)(outside)


def test_data_in_the_range_are_left_alone_without_a_warning(digits: np.ndarray) -> None:
    before = digits.copy()
    small().fit(digits).partial_fit(digits).transform(digits)  # warnings are errors here
    np.testing.assert_array_equal(digits, before)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components must be an integer >= 1"),
        ({"n_components": 2.0}, "n_components must be an integer"),
        ({"learning_rate": -0.1}, "learning_rate"),
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1"),
        ({"n_iter": -1}, "n_iter must be an integer >= 0"),
        ({"random_state": -1}, "Seed must be between"),
        ({"random_state": "dice"}, "cannot be used to seed"),
        ({"method": "gibbs"}, "method must be one of 'cd', 'pcd', 'pt'"),
        ({"k": 0}, "k must be an integer >= 1"),
        ({"backend": "gpu"}, "backend must be one of"),
    ],
)
def test_bad_parameters_are_value_errors_of_fit_that_leave_it_unfitted(
    digits: np.ndarray, parameters: dict[str, Any], message: str
) -> None:
    rbm = small(**parameters)
    for fit in (rbm.fit, rbm.partial_fit):
        if fit == rbm.partial_fit and "n_iter" in parameters:
            continue  # it is not used there
        with pytest.raises(ValueError, match=message):
            fit(digits)
        assert not hasattr(rbm, "model_")


@pytest.mark.parametrize("name", [*METHODS, "gibbs", "score", "partial_fit"])
@pytest.mark.parametrize("bad", [np.full((2, 64), np.nan), np.zeros((2, 63)), np.zeros(64), np.zeros((0, 64))])
def test_bad_data_are_value_errors(digits: np.ndarray, name: str, bad: np.ndarray) -> None:
    rbm = small(n_iter=0).fit(digits)
    with pytest.raises(ValueError, match=r"NaN|expecting 64 features|2D array|0 sample"):
        getattr(rbm, name)(bad)
    assert rbm.n_features_in_ == 64


@pytest.mark.parametrize(("n", "n_sweeps"), [(0, 1), (1, 0), (1.5, 1)])
def test_bad_counts_of_samples_are_value_errors(digits: np.ndarray, n: Any, n_sweeps: int) -> None:
    with pytest.raises(ValueError, match="must be an integer >= 1"):
        small(n_iter=0).fit(digits).sample(n, n_sweeps)
