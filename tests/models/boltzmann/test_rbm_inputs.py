"""Bad input ends in an error that says what was expected and what came, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.models.boltzmann.negative_phase import (
    ContrastiveDivergence,
    ParallelTempering,
    PersistentContrastiveDivergence,
)


def small_rbm(**options):
    return sg.RBM(**{"n_visible": 4, "n_hidden": 3, "backend": "numpy"} | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_visible": 0}, "n_visible must be an integer >= 1, got 0"),
        ({"n_hidden": 2.5}, "n_hidden must be an integer >= 1, got 2.5"),
        ({"n_hidden": True}, "n_hidden must be an integer >= 1"),
        ({"visible": "softmax"}, "visible must be one of 'bernoulli', 'gaussian', got 'softmax'"),
        ({"visible": "gaussian", "sigma": 0}, "sigma must be a finite number > 0 or 'learned', got 0"),
        ({"visible": "gaussian", "sigma": "learnt"}, "sigma must be a finite number > 0 or 'learned'"),
        ({"sigma": 0.5}, "sigma is that of Gaussian visible units: leave it out, or use visible='gaussian'"),
        ({"sigma": "learned"}, "sigma is that of Gaussian visible units"),
        ({"visible": "gaussian", "binarise": True}, "binarise is for Bernoulli visible units"),
        ({"weight_decay": -0.1}, "weight_decay must be a finite number >= 0, got -0.1"),
        ({"weight_decay": "0.1"}, "weight_decay must be a finite number >= 0"),
        ({"sparsity_cost": float("inf")}, "sparsity_cost must be a finite number >= 0, got inf"),
        ({"sparsity_target": 0}, r"sparsity_target must be in \(0, 1\), got 0"),
        ({"sparsity_target": 1.0}, r"sparsity_target must be in \(0, 1\), got 1.0"),
        ({"sparsity_target": None}, r"sparsity_target must be in \(0, 1\), got None"),
        ({"dtype": "float16"}, "dtype must be one of float32, float64, got float16"),
        ({"seed": -1}, "seed must be an integer"),
    ],
)
def test_bad_settings_are_rejected(options, message):
    with pytest.raises(sg.InputError, match=message):
        small_rbm(**options)


def test_unknown_backend_is_rejected_with_the_choices():
    with pytest.raises(sg.BackendError, match="unknown backend 'gpu': choose one of numpy, cpu, cuda"):
        small_rbm(backend="gpu")


HALF = np.full((3, 4), 0.5)
HIDDEN = np.zeros((3, 3))
BAD_ROWS = pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[:, :2], r"must have shape \(n, {columns}\), got \(3, 2\)"),
        (lambda x: x[0], r"must have shape \(n, {columns}\), got \({columns},\); reshape one example"),
        (lambda x: x[None], r"must have shape \(n, {columns}\), got \(1, 3, {columns}\)"),
        (lambda x: x[:0], "has no rows"),
        (lambda x: np.where(np.arange(3)[:, None] == 1, np.nan, x), "has NaN or infinite values in 1 row.*row 1"),
        (lambda x: x + np.inf, r"has NaN or infinite values in 3 row\(s\), the first of them row 0"),
        (lambda x: x.astype(str), "must hold real numbers, got dtype <U"),
        (lambda x: x + 0j, "must hold real numbers, got dtype complex128"),
        (lambda x: [[0, 1], [0]], "must be a rectangular array of numbers"),
        (lambda x: None, "must hold real numbers"),
        (lambda x: x + 100, r"must lie in \[0, 1\] for a Bernoulli model, got values in .*: divide by 255"),
        (lambda x: x - 1, r"must lie in \[0, 1\] .* scale it"),
    ],
    ids=["columns", "vector", "axes", "empty", "nan", "inf", "text", "complex", "ragged", "none", "bytes", "negative"],
)


def doors_for_visible(rbm):
    return {
        "x": (
            rbm.log_likelihood,
            rbm.pseudo_log_likelihood,
            rbm.log_likelihood_gradient,
            lambda x: rbm.loss_and_grad(x, HALF),
            lambda x: rbm.loss_grad_x(x, HALF),
            lambda x: rbm.fit(x, epochs=1, progress=False),
        ),
        "v": (
            rbm.free_energy,
            rbm.prob_h_given_v,
            rbm.sample_h_given_v,
            rbm.gibbs,
            lambda v: rbm.energy(v, HIDDEN),
        ),
        "noise": (lambda noise: rbm.loss_and_grad(HALF, noise), lambda noise: rbm.loss_grad_x(HALF, noise)),
        "samples": (rbm.reverse_annealed_importance_sampling,),
        "validation": (lambda x: rbm.fit(HALF, epochs=1, validation=x, progress=False),),
    }


@BAD_ROWS
def test_bad_visible_rows_are_rejected_by_every_method_that_takes_them(spoil, message):
    for name, calls in doors_for_visible(small_rbm()).items():
        for call in calls:
            if name == "validation" and spoil(HALF) is None:
                continue  # None stands for no validation data
            with pytest.raises(sg.InputError, match=f"^{name} {message.format(columns=4)}"):
                call(spoil(HALF))


@BAD_ROWS
def test_bad_hidden_rows_are_rejected_by_every_method_that_takes_them(spoil, message):
    rbm = small_rbm()
    for call in (rbm.prob_v_given_h, rbm.sample_v_given_h, lambda h: rbm.energy(HALF, h)):
        with pytest.raises(sg.InputError, match=f"^h {message.format(columns=3)}"):
            call(spoil(HIDDEN))


def test_gaussian_units_take_any_finite_data_and_their_hidden_units_only_probabilities():
    rbm = small_rbm(visible="gaussian")
    assert np.isfinite(rbm.free_energy(100 * HALF - 60)).all()
    with pytest.raises(sg.InputError, match="x has NaN or infinite values"):
        rbm.log_likelihood(np.full((3, 4), np.nan))
    with pytest.raises(sg.InputError, match=r"h must lie in \[0, 1\]"):
        rbm.prob_v_given_h(HIDDEN + 2)
    with pytest.raises(sg.InputError, match="pseudo-log-likelihood is that of Bernoulli visible units"):
        rbm.pseudo_log_likelihood(HALF)


def test_pairs_of_states_must_have_equal_numbers_of_rows():
    with pytest.raises(sg.InputError, match="v and h must have the same number of rows, got 3 and 2"):
        small_rbm().energy(HALF, HIDDEN[:2])


@pytest.mark.parametrize("n", [0, -1, 1.5, "3", True, None])
def test_bad_counts_are_rejected(n):
    rbm = small_rbm()
    for call in (
        rbm.sample,
        lambda n: rbm.sample(2, n),
        lambda n: rbm.gibbs(HALF, n),
        rbm.annealed_importance_sampling,
        lambda n: rbm.fit(HALF, epochs=n, progress=False),
        lambda n: rbm.fit(HALF, epochs=1, batch_size=n, progress=False),
        lambda n: rbm.fit(HALF, epochs=1, monitor_every=n, progress=False),
        lambda n: rbm.fit(HALF, epochs=1, k=n, progress=False),
        lambda n: rbm.fit(HALF, epochs=1, method="pcd", n_chains=n, progress=False),
        ContrastiveDivergence,
        PersistentContrastiveDivergence,
        lambda n: PersistentContrastiveDivergence(1, n),
        ParallelTempering,
        lambda n: ParallelTempering(1, n),
        lambda n: ParallelTempering(1, 2, n),
    ):
        with pytest.raises(sg.InputError, match=r"must be an integer >= [12], got"):
            call(n)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gibbs"}, "method must be one of 'cd', 'pcd', 'pt' or a description, got 'gibbs'"),
        ({"method": ["cd"]}, r"or a description, got \['cd'\]"),
        ({"method": 1}, "or a description, got 1"),
        ({"method": "cd", "n_chains": 5}, "ContrastiveDivergence takes k, not n_chains"),
        ({"n_chains": 5}, "ContrastiveDivergence takes k, not n_chains"),
        ({"learning_rate": 0.1}, "ContrastiveDivergence takes k, not learning_rate"),
        ({"method": "pcd", "lowest": 0.1}, "PersistentContrastiveDivergence takes k, n_chains, not lowest"),
        ({"method": ContrastiveDivergence(2), "k": 3}, r"k: give it to ContrastiveDivergence\(...\) itself"),
        ({"method": "pt", "n_temperatures": 1}, "n_temperatures must be an integer >= 2, got 1"),
        ({"method": "pt", "lowest": 1.0}, r"lowest must be an inverse temperature in \[0, 1\), got 1.0"),
        ({"method": "pt", "lowest": -0.1}, r"lowest must be an inverse temperature in \[0, 1\)"),
        ({"method": "pt", "lowest": float("nan")}, r"lowest must be an inverse temperature in \[0, 1\)"),
        ({"optimizer": "sgd"}, "optimi"),
        ({"callbacks": print}, "callbacks must be a list of functions"),
        ({"checkpoint_every": 0}, "checkpoint_every must be an integer >= 1"),
    ],
)
def test_bad_options_of_fit_are_rejected(options, message):
    rbm = small_rbm()
    with pytest.raises(sg.InputError, match=message):
        rbm.fit(HALF, **{"epochs": 1, "progress": False} | options)
    assert rbm.step == 0


def test_tempering_of_gaussian_units_needs_finite_temperatures():
    rbm = small_rbm(visible="gaussian")
    for call in (
        lambda: rbm.fit(HALF, epochs=1, method="pt", progress=False),
        lambda: rbm.fit(HALF, epochs=1, method="pt", lowest=0.0, progress=False),
        lambda: rbm.use_negative_phase(ParallelTempering(lowest=0)),
    ):
        with pytest.raises(sg.InputError, match="tempering of Gaussian visible units needs lowest > 0"):
            call()
    assert rbm.negative_phase == ContrastiveDivergence()


@pytest.mark.parametrize("negative_phase", ["pcd", None, ContrastiveDivergence])
def test_a_negative_phase_that_is_no_description_is_rejected_and_the_model_left_as_it_was(negative_phase):
    rbm = small_rbm()
    with pytest.raises(sg.InputError, match="negative_phase must be a description such as Persistent"):
        rbm.use_negative_phase(negative_phase)
    assert rbm.negative_phase == ContrastiveDivergence()


def test_bad_arguments_of_the_likelihood_are_rejected():
    rbm = small_rbm()
    with pytest.raises(sg.InputError, match="method must be one of 'exact', 'ais', 'mean-field', got 'sampling'"):
        rbm.log_partition("sampling")
    for log_partition in ("3", float("nan"), float("inf"), np.zeros(3)):
        with pytest.raises(sg.InputError, match="log_partition must be a finite number"):
            rbm.log_likelihood(HIDDEN[:, :1] + np.zeros(4), log_partition)
    with pytest.raises(sg.InputError, match="temperatures"):
        rbm.annealed_importance_sampling(inverse_temperatures=[0.0, 0.5])
    with pytest.raises(sg.InputError, match="temperatures"):
        rbm.reverse_annealed_importance_sampling(HALF, inverse_temperatures=[1.0, 0.0])


def test_a_grey_has_no_probability_and_the_error_says_how_to_binarise():
    message = r"x must hold states, .*: binarise it first, by a draw, .*bernoulli\(x\), or by a threshold, x > 0.5"
    for log_partition in (None, 3.0):
        with pytest.raises(sg.InputError, match=message):
            small_rbm().log_likelihood(HALF, log_partition)
    rbm = small_rbm(visible="gaussian")
    assert np.isfinite(rbm.log_likelihood(HALF)).all()
    assert np.isfinite(small_rbm().log_likelihood(HALF > 0.5)).all()


def test_every_error_is_one_of_ours_and_a_value_error():
    with pytest.raises(ValueError, match="n_hidden") as caught:
        small_rbm(n_hidden=0)
    assert isinstance(caught.value, sg.ScratchgenError)
