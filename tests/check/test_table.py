"""The table of gradient checks is complete, and everything in it passes."""

from __future__ import annotations

import dataclasses
import functools
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest

from scratchgen import check, ops
from scratchgen.backend import get_backend
from scratchgen.densities import Density
from scratchgen.errors import BackendError, InputError
from scratchgen.finite_differences import gradcheck
from scratchgen.models import MODELS
from scratchgen.models.model import Model

NAMES = [piece.name for piece in check.pieces(get_backend("numpy"))]


@functools.cache
def report_of(name, backend):
    (piece,) = (piece for piece in check.pieces(backend) if piece.name == name)
    return piece.check()


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_right_in_every_coordinate(name, backend):
    report = report_of(name, backend)
    assert report.passed, str(report)
    assert report.name == name
    assert report.tolerance == 1e-6
    assert report.worst_relative_error < 1e-7
    # slopes do not depend on the constant of an energy, the bias of its last layer
    assert report.n_unresolved == ("score matching" in name)
    assert report.n_checked == sum(np.prod(shape) for shape in report.shapes.values())
    assert report.linear or report.order == pytest.approx(2, abs=0.05)


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


def test_every_public_op_is_in_the_table():
    modules = [import_module(f"{ops.__name__}.{module.name}") for module in iter_modules(ops.__path__)]
    forwards = {
        name.removesuffix("_forward")
        for module in modules
        for name, value in vars(module).items()
        if name.endswith("_forward") and value.__module__ == module.__name__
    }
    assert len(forwards) >= 8
    assert forwards <= {name.split()[0] for name in NAMES}


def test_every_model_is_in_the_table():
    models = {name for name, module in MODELS.items() if issubclass(getattr(import_module(module), name), Model)}
    assert set(MODELS) - models == {"M1"}  # whose gradients are those of its VAE
    assert models <= {name.split()[0] for name in NAMES}


def test_every_family_of_densities_is_in_the_table():
    assert {family.__name__ for family in Density.__subclasses__()} <= {name.split()[0] for name in NAMES}


def test_bounds_and_divergences_that_inference_follows_are_in_the_table():
    assert {"reverse_kl gaussian", "reverse_kl mixture", "exact_elbo", "ConvVAE iwae k=3"} <= set(NAMES)
    for name in ("reverse_kl gaussian", "reverse_kl mixture", "exact_elbo"):
        assert set(report_of(name, get_backend("numpy")).shapes) == {"mean", "log_var"}


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("VAE ")])
def test_vae_is_differentiated_by_every_parameter_and_by_the_data(name):
    blocks = set(report_of(name, get_backend("numpy")).shapes)
    assert {"x", "params.heads.W", "params.heads.b", "params.decoder[0].W"} <= blocks
    assert ("params.encoder[0].W" in blocks) == ("no hidden layer" not in name)
    assert ("params.log_sigma" in blocks) == ("learned sigma" in name)


# ---- running it ----


def test_pattern_is_a_part_of_a_name_or_matches_whole_names():
    def chosen(pattern):
        return [report.name for report in check.run(pattern, "numpy")]

    assert chosen("mlp") == ["mlp"]
    assert chosen("nse re") == ["dense relu"]
    assert chosen("activation s*") == ["activation sigmoid", "activation softplus", "activation swish"]
    assert chosen("bernoulli_nll") == [name for name in NAMES if name.startswith("bernoulli_nll")]


def test_whole_table_is_run_by_default_one_piece_at_a_time(monkeypatch):
    checked = []
    table = [check.Piece(name, lambda name=name: checked.append(name)) for name in ("first", "second")]
    monkeypatch.setattr(check, "pieces", lambda backend: table)
    monkeypatch.setattr(check.Piece, "report", lambda piece: piece.check())
    reports = check.run()
    assert checked == []
    next(reports)
    assert checked == ["first"]
    assert len([*reports]) == 1
    assert checked == ["first", "second"]


def test_pattern_that_matches_nothing_is_an_error_that_lists_the_pieces():
    with pytest.raises(InputError, match=r"no piece matches 'attention': choose among linear, dense linear, .*VAE"):
        check.run("attention")
    with pytest.raises(BackendError, match="unknown backend 'gpu'"):
        check.run(backend="gpu")


def test_reports_say_name_shapes_error_and_order():
    (report,) = check.run("gaussian_nll L", "numpy")
    assert report.name == "gaussian_nll L=2"
    assert report.shapes == "mean 6×4, x 3×4, log_sigma 1"
    assert 0 < report.worst_relative_error < 1e-6
    assert report.order == "2.00"
    assert report.passed
    assert report.detail.startswith("gaussian_nll L=2 passed: relative error")
    (relu,) = check.run("activation relu", "numpy")
    assert relu.order == "linear"
    (vae,) = check.run("VAE no hidden layer", "numpy")
    assert vae.shapes == "params 5×4 4 2×5 5, x 3×5"


@pytest.mark.parametrize(
    ("found", "passed"),
    [
        ({}, True),
        ({"passed": False}, False),
        ({"order": 1.0}, False),
        ({"order": np.nan}, False),
        ({"order": np.nan, "linear": True}, True),
    ],
)
def test_piece_passes_by_differences_and_by_the_order_of_its_remainder(found, passed):
    report = dataclasses.replace(report_of("mlp", get_backend("numpy")), **found)
    assert check.Piece("mlp", lambda: report).report().passed == passed


def test_piece_that_cannot_be_checked_has_failed():
    def check_gradient():
        return gradcheck(np.sum, np.zeros(3), np.full(3, np.nan))

    report = check.Piece("broken", check_gradient).report()
    assert not report.passed
    assert report.worst_relative_error == np.inf
    assert report.detail.startswith("broken FAILED: gradient must be finite")
