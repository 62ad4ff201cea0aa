"""The table rejects wrong gradients: each test puts a mistake into a real piece and sees it fail where it is wrong.

A mistake is a function of the right one, and takes its place in every module that uses it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest

from scratchgen import check, ops
from scratchgen.backend import get_backend
from scratchgen.densities import Density
from scratchgen.inference.gradient_estimators import exact_elbo_gradient
from scratchgen.inference.variational import reverse_kl
from scratchgen.models.energy.contrastive import Contrastive
from scratchgen.models.likelihood import BernoulliLikelihood, GaussianLikelihood
from scratchgen.models.semi_supervised.m2 import expected_bound_backward
from scratchgen.models.semi_supervised.prediction_terms import PredictionTerms, prediction_backward
from scratchgen.models.semi_supervised.recoding import add_encoder_grads_, recoding_backward
from scratchgen.models.semi_supervised.rows import rows_backward
from scratchgen.nn.input_gradient import input_gradient_backward
from scratchgen.nn.linear_maps import linear_map, linear_map_adjoint, linear_map_weights_gradient
from scratchgen.nn.mlp import mlp_backward_
from scratchgen.ops.activation_slope import activation_slope_backward
from scratchgen.ops.activations import activation_backward
from scratchgen.ops.boltzmann import free_energy_backward, free_energy_backward_params_
from scratchgen.ops.class_rows import class_dense_backward_, class_dense_backward_params_, class_rows_backward
from scratchgen.ops.contraction import layer_contraction_backward, network_contraction_backward
from scratchgen.ops.convolution import conv2d_backward_, conv2d_backward_params_
from scratchgen.ops.divergences import kl_bernoulli_backward, kl_categorical_backward, kl_standard_normal_backward
from scratchgen.ops.gaussian import reparameterise_backward, reparameterise_kl_backward
from scratchgen.ops.gaussian_divergences import kl_diagonal_gaussians_backward, kl_gaussians_backward
from scratchgen.ops.importance import log_mean_exp_backward, reparameterise_ratio_backward
from scratchgen.ops.likelihoods import bernoulli_nll_and_dlogits, bernoulli_nll_backward, gaussian_nll_backward
from scratchgen.ops.linear import (
    dense_backward_,
    dense_backward_params_,
    linear_backward,
    linear_backward_params,
)
from scratchgen.ops.linear_gaussian import linear_gaussian_nll_backward
from scratchgen.ops.penalties import l1_backward, sparsity_backward
from scratchgen.ops.softmax import log_softmax_backward
from scratchgen.ops.transposed_convolution import conv2d_transpose_backward_
from scratchgen.ops.windows import apply_adjoint

# a backward pass: the number of arrays that it returns, and a pattern of pieces that use all of them
BACKWARDS = {
    linear_backward: (3, "linear"),
    linear_backward_params: (2, "linear"),
    dense_backward_: (3, "dense *"),
    dense_backward_params_: (2, "VAE bernoulli"),
    class_rows_backward: (1, "class_rows"),
    class_dense_backward_: (4, "class_dense [st]*"),
    class_dense_backward_params_: (3, "class_dense parameters"),
    conv2d_backward_: (3, "conv2d"),
    conv2d_backward_params_: (2, "conv2d parameters"),
    conv2d_transpose_backward_: (3, "conv2d_transpose"),
    activation_backward: (1, "activation *"),
    activation_slope_backward: (1, "activation_slope *"),
    bernoulli_nll_backward: (2, "bernoulli_nll L=2"),
    gaussian_nll_backward: (3, "gaussian_nll*"),
    free_energy_backward: (5, "free_energy gaussian"),
    free_energy_backward_params_: (4, "RBM learned sigma"),
    kl_bernoulli_backward: (2, "kl_bernoulli"),
    l1_backward: (1, "l1"),
    layer_contraction_backward: (2, "layer_contraction"),
    network_contraction_backward: (8, "network_contraction 4*"),
    kl_categorical_backward: (2, "kl_categorical"),
    kl_diagonal_gaussians_backward: (4, "kl_diagonal_gaussians"),
    kl_gaussians_backward: (4, "kl_gaussians"),
    linear_gaussian_nll_backward: (4, "linear_gaussian_nll"),
    log_mean_exp_backward: (1, "log_mean_exp"),
    log_softmax_backward: (1, "log_softmax"),
    reparameterise_ratio_backward: (2, "reparameterise_ratio"),
    sparsity_backward: (1, "sparsity"),
    kl_standard_normal_backward: (2, "kl_standard_normal"),
    reparameterise_backward: (2, "reparameterise L=2"),
    reparameterise_kl_backward: (1, "reparameterise_kl*"),
}
ONE_ARRAY = [pytest.param(f, k, id=f"{f.__name__} {k}") for f, (n, _) in BACKWARDS.items() for k in range(n)]


@pytest.fixture
def make_wrong(monkeypatch):
    def make_wrong(function, mistake):
        wrong = mistake(function)
        for name, module in list(sys.modules.items()):
            if name.startswith("scratchgen.") and vars(module).get(function.__name__) is function:
                monkeypatch.setattr(module, function.__name__, wrong)

    return make_wrong


def reports(pattern):
    """Check the pieces whose names match a pattern."""
    found = [piece.check() for piece in check.pieces(get_backend("cpu")) if fnmatchcase(piece.name, pattern)]
    assert found
    return found


def wrong_blocks(report):
    return {block for block, error in report.errors_by_block.items() if error > report.tolerance}


def arrays(tree):
    return [array for child in tree for array in arrays(child)] if isinstance(tree, tuple) else [tree]


def scaled(factor, k=0):
    """Return the mistake of multiplying array number `k` of a result."""

    def mistake(function):
        def wrong(*args, **kwargs):
            result = function(*args, **kwargs)
            arrays(result)[k][...] *= factor
            return result

        return wrong

    return mistake


# ---- every array that a backward pass of an op returns ----


@pytest.mark.parametrize("factor", [1.001, -1.0], ids=["0.1 % off", "wrong sign"])
@pytest.mark.parametrize(("function", "k"), ONE_ARRAY)
def test_wrong_array_is_rejected_by_every_piece_that_uses_it(function, k, factor, make_wrong):
    make_wrong(function, scaled(factor, k))
    for report in reports(BACKWARDS[function][1]):
        assert not report.passed
        assert len(wrong_blocks(report)) == 1
        # with the wrong derivative a and the right one n: abs(a - n) / max(abs(a), abs(n))
        assert report.worst_relative_error == pytest.approx(abs(factor - 1) / abs(factor), rel=1e-4)
        assert report.order == pytest.approx(1, abs=0.05)


def test_every_public_backward_pass_is_made_wrong():
    modules = [import_module(f"{ops.__name__}.{module.name}") for module in iter_modules(ops.__path__)]
    backwards = {
        value
        for module in modules
        for name, value in vars(module).items()
        if "_backward" in name and name[0] != "_" and value.__module__ == module.__name__
    }
    assert backwards == set(BACKWARDS)


def test_run_reports_a_wrong_gradient_as_failed_and_says_where(make_wrong):
    make_wrong(linear_backward, scaled(1.001))
    report = next(check.run("linear"))
    assert not report.passed
    assert report.order == "1.00"
    assert report.worst_relative_error == pytest.approx(1e-3, rel=2e-3)
    assert report.detail.startswith("linear FAILED: relative error 1.0e-03 in x[")
    assert "ratio 1.001" in report.detail


# ---- transposed weights ----


def with_transposed_weights(function):
    return lambda dy, cache, *rest, **named: function(dy, cache._replace(W=cache.W.T), *rest, **named)


def with_transposed_gradient(function):
    def wrong(*args, **named):
        dparams = function(*args, **named)
        return dparams._replace(W=dparams.W.T)

    return wrong


def test_transposed_weight_is_rejected(make_wrong):
    make_wrong(linear_backward, with_transposed_weights)
    make_wrong(dense_backward_, with_transposed_weights)
    for report in reports("linear"):
        assert wrong_blocks(report) == {"x"}
    for report in reports("dense *"):
        assert wrong_blocks(report) == {"x"}
    for report in reports("mlp"):
        assert wrong_blocks(report) == {"x", "layers[0].W", "layers[0].b"}


def test_transposed_gradient_of_a_weight_is_rejected(make_wrong):
    make_wrong(linear_backward_params, with_transposed_gradient)
    for report in reports("linear"):
        assert wrong_blocks(report) == {"params.W"}


def test_weight_with_its_channels_and_features_exchanged_is_rejected(make_wrong):
    def mistake(function):
        return lambda dy, cache, *rest, **named: function(dy, cache._replace(W=cache.W.swapaxes(2, 3)), *rest, **named)

    make_wrong(conv2d_backward_, mistake)
    make_wrong(conv2d_transpose_backward_, mistake)
    for report in reports("conv2d") + reports("conv2d_transpose"):
        assert wrong_blocks(report) == {"x"}


# ---- windows in the wrong places ----


@pytest.mark.parametrize(
    "change",
    [{"padding": (0, 1, 0, 2)}, {"padding": (1, 0, 1, 1)}],
    ids=["zeros at the bottom for zeros on top", "zeros on both sides for zeros on the right"],
)
def test_windows_that_backward_puts_elsewhere_are_rejected(change, make_wrong):
    def mistake(function):
        def wrong(dy, cache, *rest, **named):
            return function(dy, cache._replace(geometry=replace(cache.geometry, **change)), *rest, **named)

        return wrong

    make_wrong(conv2d_backward_, mistake)
    make_wrong(conv2d_transpose_backward_, mistake)
    for report in reports("conv2d") + reports("conv2d_transpose"):
        assert wrong_blocks(report) == {"x", "params.W"}


# ---- a missing 1/n, a sum for a mean ----

ENCODER = {"params.encoder[0].W", "params.encoder[0].b", "x"}
HEADS = {"params.heads.W", "params.heads.b"}
DECODER = {"params.decoder[0].W", "params.decoder[0].b", "params.decoder[1].W", "params.decoder[1].b"}


def test_kl_without_one_over_n_is_rejected(make_wrong):
    def mistake(function):
        return lambda dz, kl_weight, cache, backend: function(dz, len(cache.heads) * kl_weight, cache, backend)

    make_wrong(reparameterise_kl_backward, mistake)
    for report in reports("VAE gaussian"):
        assert wrong_blocks(report) == ENCODER | HEADS


def test_reconstruction_without_one_over_n_is_rejected(make_wrong):
    def mistake(function):
        return lambda output, x, weight, backend: function(output, x, 1.0, backend)

    make_wrong(bernoulli_nll_and_dlogits, mistake)
    for report in reports("VAE bernoulli"):
        assert wrong_blocks(report) == ENCODER | HEADS | DECODER


def test_sum_over_samples_for_their_mean_is_rejected(make_wrong):
    def mistake(function):
        return lambda output, x, weight, backend: function(output, x, 1.0 / len(x), backend)

    make_wrong(bernoulli_nll_and_dlogits, mistake)
    one_sample, three_samples = *reports("VAE bernoulli"), *reports("VAE bernoulli L=3")
    assert one_sample.passed  # its sum is its mean
    assert wrong_blocks(three_samples) == ENCODER | HEADS | DECODER


def test_bias_gradient_that_is_a_mean_over_the_batch_is_rejected(make_wrong):
    def mistake(function):
        def wrong(dy, *rest, **named):
            dparams = function(dy, *rest, **named)
            return dparams._replace(b=dparams.b / len(dy))

        return wrong

    make_wrong(linear_backward_params, mistake)
    for report in reports("linear"):
        assert wrong_blocks(report) == {"params.b"}


# ---- terms of the model ----


def test_beta_that_stays_that_of_the_first_step_is_rejected(make_wrong):
    def mistake(function):
        return lambda dz, kl_weight, cache, backend: function(dz, 0.0, cache, backend)

    make_wrong(reparameterise_kl_backward, mistake)
    for report in reports("VAE beta warm-up"):
        assert wrong_blocks(report) == ENCODER | HEADS


@pytest.mark.parametrize("likelihood", [BernoulliLikelihood, GaussianLikelihood])
def test_data_gradient_without_the_decoders_part_is_rejected(likelihood, monkeypatch):
    monkeypatch.setattr(likelihood, "grad_x", lambda self, output, x, dnll: np.zeros_like(x))
    for report in reports("VAE bernoulli" if likelihood is BernoulliLikelihood else "VAE learned sigma"):
        assert wrong_blocks(report) == {"x"}


def test_forgotten_gradient_of_sigma_is_rejected(make_wrong):
    make_wrong(gaussian_nll_backward, scaled(0.0, 2))
    for report in reports("VAE learned sigma"):
        assert wrong_blocks(report) == {"params.log_sigma"}


# ---- the gradient of an energy, differentiated once more ----


def test_input_gradient_without_the_second_derivative_of_the_activation_is_rejected(make_wrong):
    make_wrong(activation_slope_backward, scaled(0.0))
    for report in reports("input_gradient *"):
        assert wrong_blocks(report) == {"x", "layers[0].W", "layers[0].b", "layers[1].W", "layers[1].b"}
    for report in reports("EnergyModel score matching *"):
        assert {"x", "params[0].W", "params[0].b", "params[1].b"} <= wrong_blocks(report)
    for report in reports("EnergyModel contrastive *"):
        assert report.passed


@pytest.mark.parametrize("factor", [1.001, -1.0], ids=["0.1 % off", "wrong sign"])
@pytest.mark.parametrize(("k", "block"), [*enumerate(["x", "layers[0].W", "layers[0].b"])])
def test_wrong_gradient_through_the_input_gradient_is_rejected(k, block, factor, make_wrong):
    make_wrong(input_gradient_backward, scaled(factor, k))
    for report in reports("input_gradient *"):
        assert wrong_blocks(report) == {block}


def test_second_derivatives_are_needed_by_convolutions_too(make_wrong):
    make_wrong(activation_slope_backward, scaled(0.0))
    for report in reports("ConvEnergyModel score matching colour"):
        assert {"x", "params[0].W", "params[0].b", "params[1].b"} <= wrong_blocks(report)


WEIGHTS = {f"params[{layer}].W" for layer in range(4)}
HIDDEN_BIASES = {f"params[{layer}].b" for layer in range(3)}


@pytest.mark.parametrize(
    ("function", "wrong_in_chain", "wrong_in_score_matching"),
    [
        (linear_map, set(), {"x"} | WEIGHTS | HIDDEN_BIASES),
        (linear_map_adjoint, {"x"}, WEIGHTS | HIDDEN_BIASES),  # that of x has as many of them as the loss
        (linear_map_weights_gradient, set(), WEIGHTS),
    ],
    ids=["map", "adjoint", "weights"],
)
def test_wrong_linear_map_is_rejected_where_it_is_used(function, wrong_in_chain, wrong_in_score_matching, make_wrong):
    make_wrong(function, lambda right: lambda *args: 1.001 * right(*args))
    for report in reports("ConvEnergyModel grad_x"):
        assert wrong_blocks(report) == wrong_in_chain
    for report in reports("ConvEnergyModel score matching swish"):
        assert wrong_blocks(report) == wrong_in_score_matching


def test_kernel_that_a_chain_turns_around_is_rejected(make_wrong):
    def mistake(function):
        return lambda da, W, *rest: function(da, W[::-1], *rest)  # rows of W: places of the kernel, of one channel

    make_wrong(apply_adjoint, mistake)
    for report in reports("ConvEnergyModel grad_x"):
        assert wrong_blocks(report) == {"x"}


def test_windows_that_a_chain_puts_elsewhere_are_rejected(make_wrong):
    def mistake(function):
        def wrong(da, W, geometry, backend):
            top, bottom, left, right = geometry.padding
            return function(da, W, replace(geometry, padding=(bottom, top, right, left)), backend)

        return wrong

    make_wrong(apply_adjoint, mistake)
    for report in reports("ConvEnergyModel grad_x"):
        assert wrong_blocks(report) == {"x"}


def test_energies_without_the_slope_of_their_regularisation_are_rejected(monkeypatch):
    monkeypatch.setattr(Contrastive, "_dE", lambda self, E, sign: np.full_like(E, sign / len(E)))
    for report in reports("EnergyModel contrastive *"):
        assert {"x", "params[0].W", "params[2].W", "params[2].b"} <= wrong_blocks(report)


def test_gradients_in_the_wrong_order_are_rejected(make_wrong):
    def mistake(function):
        def wrong(*args, **named):
            dx, dlayers = function(*args, **named)
            return dx, dlayers[::-1]

        return wrong

    make_wrong(mlp_backward_, mistake)
    for report in reports("mlp"):
        assert {"layers[0].W", "layers[1].W"} <= wrong_blocks(report)


BELOW_THE_CODE = {"params.encoder[0].W", "params.encoder[0].b", "params.encoder[1].W", "params.encoder[1].b", "x"}


def test_contraction_that_takes_the_slopes_for_constants_is_rejected(make_wrong):
    make_wrong(activation_slope_backward, scaled(0.0))
    for report in reports("ContractiveAutoencoder sigmoid"):
        assert wrong_blocks(report) == {"params.encoder[0].W", "params.encoder[0].b", "x"}
    assert all(report.passed for report in reports("ContractiveAutoencoder linear"))


@pytest.mark.parametrize("penalty", ["kl", "l1"])
def test_sparsity_without_one_over_n_is_rejected(penalty, make_wrong):
    def mistake(function):
        return lambda dpenalty, cache: 3 * function(dpenalty, cache)  # the batch has three examples

    make_wrong(l1_backward if penalty == "l1" else sparsity_backward, mistake)
    for report in reports(f"SparseAutoencoder {penalty}"):
        assert wrong_blocks(report) == BELOW_THE_CODE


def test_importance_weighted_draws_that_all_count_the_same_are_rejected(make_wrong):
    def mistake(function):
        return lambda dbound, normalised: function(dbound, np.full_like(normalised, 1 / len(normalised)))

    make_wrong(log_mean_exp_backward, mistake)
    three_draws, one_draw = *reports("VAE iwae k=3"), *reports("VAE iwae k=1")
    assert one_draw.passed  # its weight is 1
    assert wrong_blocks(three_draws) == ENCODER | HEADS | DECODER


def test_importance_weight_whose_own_log_var_is_forgotten_is_rejected(make_wrong):
    def mistake(function):
        def wrong(dy, cache):
            dmean, dlog_var = function(dy, cache)
            return dmean, dlog_var - 0.5 * dy[1].sum(axis=0)[:, None]

        return wrong

    make_wrong(reparameterise_ratio_backward, mistake)
    for report in reports("VAE iwae k=?"):
        assert wrong_blocks(report) == ENCODER | HEADS


# ---- examples without a label ----

JOINT = {f"params.encoder[0].{name}" for name in ("W", "V", "b")}
CLASSIFIER = {f"params.{layer}.{name}" for layer in ("classifier[0]", "logits") for name in ("W", "b")}


def test_example_whose_classes_all_count_the_same_is_rejected(make_wrong):
    def mistake(function):
        def wrong(model, weight, cache, grads):
            known, unknown = np.split(weight, [cache.rows.n_labelled])
            same = np.full_like(unknown, unknown.sum() / max(len(unknown), 1))
            return function(model, np.concatenate([known, same]), cache, grads)

        return wrong

    make_wrong(rows_backward, mistake)
    for report in reports("M2 mixed"):
        assert wrong_blocks(report) == {"x"} | JOINT | HEADS | DECODER
    assert all(report.passed for report in reports("M2 labelled"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda q, bound, log_q, log_prior: q * bound,
        lambda q, bound, log_q, log_prior: 0 * q,
        lambda q, bound, log_q, log_prior: q * (bound + log_q - log_prior)[:, ::-1],
    ],
    ids=["no entropy", "q is a constant", "bounds of other classes"],
)
def test_wrong_derivative_by_the_opinion_of_the_classifier_is_rejected(wrong, make_wrong):
    make_wrong(expected_bound_backward, lambda function: wrong)
    for report in reports("M2 mixed") + reports("M2 unlabelled") + reports("M1M2 mixed"):
        assert wrong_blocks(report) == {"x"} | CLASSIFIER
    assert all(report.passed for report in reports("M2 labelled"))


def test_forgotten_prior_of_the_classes_is_rejected_where_they_are_not_equally_probable(make_wrong):
    def mistake(function):
        return lambda q, bound, log_q, log_prior: function(q, bound, log_q, 0 * log_prior)

    make_wrong(expected_bound_backward, mistake)
    assert all(report.passed for report in reports("M2 mixed"))  # a constant then, which changes nothing
    for report in reports("M2 estimated prior"):
        assert wrong_blocks(report) == {"x"} | CLASSIFIER


def test_class_that_only_the_decoder_sees_is_rejected(make_wrong):
    make_wrong(class_dense_backward_params_, scaled(0.0, 1))
    for report in reports("M2 mixed") + reports("ConditionalVAE bernoulli"):
        assert wrong_blocks(report) == {"params.encoder[0].V"}


def test_mean_over_the_classes_for_their_sum_is_rejected(make_wrong):
    def mistake(function):
        def wrong(drows, cache):
            dx = function(drows, cache)
            dx[cache.n_labelled :] /= cache.n_classes
            return dx

        return wrong

    make_wrong(class_rows_backward, mistake)
    for report in reports("M2 mixed"):
        assert wrong_blocks(report) == {"x", "params.encoder[0].W"}
    assert all(report.passed for report in reports("M2 labelled"))


# ---- constraints on the predictions from a code ----

PREDICTOR = {"params.classifier[0].W", "params.classifier[0].b"}
OF_THE_VAE = {name.replace("params.", "params.vae.") for name in ENCODER | HEADS}


def test_consistency_whose_second_pass_through_the_encoder_is_forgotten_is_rejected(make_wrong):
    make_wrong(add_encoder_grads_, lambda function: lambda total, part: None)
    for report in reports("PredictionConstrainedVAE consistent"):
        assert wrong_blocks(report) == OF_THE_VAE - {"x"}
    assert all(report.passed for report in reports("PredictionConstrainedVAE linear"))


def test_consistency_that_takes_the_reconstruction_for_a_constant_is_rejected(make_wrong):
    def mistake(function):
        def wrong(*args):
            doutput, grads = function(*args)
            return np.zeros_like(doutput), grads

        return wrong

    make_wrong(recoding_backward, mistake)
    for report in reports("PredictionConstrainedVAE consistent"):
        assert wrong_blocks(report) == OF_THE_VAE | {name.replace("params.", "params.vae.") for name in DECODER}


def test_reconstruction_without_the_slope_of_its_mean_is_rejected(monkeypatch):
    monkeypatch.setattr(BernoulliLikelihood, "mean_backward", lambda self, dmean, mean: dmean)
    for report in reports("PredictionConstrainedVAE consistent"):
        assert wrong_blocks(report) == OF_THE_VAE | {name.replace("params.", "params.vae.") for name in DECODER}


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights._replace(prediction=weights.prediction * 2 / 3),  # two of three have a label
        lambda weights: weights._replace(aggregate=0.0),
        lambda weights: weights._replace(consistency=weights.consistency / 2),
    ],
    ids=["mean over all examples", "no aggregate", "half the consistency"],
)
def test_constraint_with_a_wrong_weight_is_rejected(change, make_wrong):
    make_wrong(prediction_backward, lambda function: lambda weights, cache: function(change(weights), cache))
    for report in reports("PredictionConstrainedVAE consistent"):
        assert wrong_blocks(report) >= OF_THE_VAE | PREDICTOR


def test_first_prediction_that_is_taken_for_a_constant_by_the_consistency_is_rejected(make_wrong):
    def mistake(function):
        def wrong(weights: PredictionTerms, cache):
            dlog_p = function(weights, cache)
            dlog_p[0] = function(weights._replace(consistency=0.0), cache)[0]
            return dlog_p

        return wrong

    make_wrong(prediction_backward, mistake)
    for report in reports("PredictionConstrainedVAE consistent"):
        assert wrong_blocks(report) == OF_THE_VAE | PREDICTOR


# ---- inference ----


@pytest.mark.parametrize("factor", [1.001, -1.0], ids=["0.1 % off", "wrong sign"])
@pytest.mark.parametrize(("k", "block"), [*enumerate(["mean", "log_var"])])
def test_wrong_gradient_by_the_parameters_of_q_is_rejected(k, block, factor, make_wrong):
    make_wrong(exact_elbo_gradient, scaled(factor, k))

    def mistake(function):
        def wrong(*args):
            kl, *gradient = function(*args)
            gradient[k] = factor * gradient[k]
            return kl, *gradient

        return wrong

    make_wrong(reverse_kl, mistake)
    for report in reports("exact_elbo") + reports("reverse_kl *"):
        assert not report.passed
        assert wrong_blocks(report) == {block}
        assert report.order == pytest.approx(1, abs=0.05)


def test_reverse_divergence_without_the_gradient_of_the_entropy_is_rejected(make_wrong):
    def mistake(function):
        def wrong(*args):
            kl, dmean, dlog_var = function(*args)
            return kl, dmean, dlog_var + 0.5

        return wrong

    make_wrong(reverse_kl, mistake)
    for report in reports("reverse_kl *"):
        assert wrong_blocks(report) == {"log_var"}


# ---- densities ----


@pytest.mark.parametrize("factor", [1.001, -1.0], ids=["0.1 % off", "wrong sign"])
@pytest.mark.parametrize("component", [0, 1])
@pytest.mark.parametrize("family", Density.__subclasses__())
def test_wrong_component_of_the_gradient_of_a_density_is_rejected(family, component, factor, monkeypatch):
    right = family._gradient

    def wrong(x0, x1, table):
        gradient = list(right(x0, x1, table))
        gradient[component] *= factor
        return gradient

    monkeypatch.setattr(family, "_gradient", staticmethod(wrong))
    for report in reports(f"{family.__name__}*"):
        assert not report.passed
        assert report.worst_relative_error == pytest.approx(abs(factor - 1) / abs(factor), rel=1e-4)
