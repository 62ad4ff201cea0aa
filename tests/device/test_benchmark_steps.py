"""What the benchmarks time as our step on a GPU is the step of `fit`, and a captured one is replayed or absent."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import BackendError
from scratchgen.models.boltzmann.negative_phase import ParallelTempering
from scratchgen.training import graphs
from scratchgen.training.sources import ArraySource

pytestmark = pytest.mark.simulator

BATCHES = np.random.default_rng(0).integers(0, 2, (2, 16, 7)).astype(np.float32)


@pytest.fixture
def steps(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    monkeypatch.setenv("SCRATCHGEN_CUDA_GRAPHS", "0")  # which the module sets
    return importlib.import_module("benchmarks.steps")


def vae_on(backend):
    return sg.VAE(7, hidden=(5,), n_latent=2, backend=backend)


def test_a_captured_contender_replays_its_graph(device, steps):
    vae = vae_on(device.backend)
    take_step = steps.steps_over(vae, BATCHES, captured=True)
    first, device.counts = vae.step, type(device.counts)()
    for _ in range(5):
        take_step()
    assert vae.step == first + 5
    assert device.counts == replace(type(device.counts)(), array_launches=5 * 3)  # the batch, and Adam's two rates


def test_a_plain_contender_makes_each_step_and_never_waits(device, steps):
    vae = vae_on(device.backend)
    take_step = steps.steps_over(vae, BATCHES)
    take_step()
    device.counts = type(device.counts)()
    take_step()
    assert device.counts.products == 11
    assert device.counts.host_reads == device.counts.uploads == []


@pytest.mark.parametrize("captured", [False, True])
def test_steps_are_those_of_training(device, steps, captured):
    ours, theirs = vae_on(device.backend), vae_on(device.backend)
    take_step = steps.steps_over(ours, BATCHES[:1], captured)
    while ours.step < 4:
        take_step()
    x, plain = device.module.asarray(BATCHES[0]), graphs.PlainStep(theirs)
    theirs.adapt_to_data_(x)
    for _ in range(4):
        plain(x, lambda terms, n: None)
    np.testing.assert_array_equal(ours.theta.values, theirs.theta.values)


def test_where_nothing_can_be_captured_the_contender_is_absent_and_says_why(device, steps, monkeypatch):
    with pytest.raises(BackendError, match="needs backend 'cuda'"):
        steps.steps_over(vae_on("cpu"), BATCHES, captured=True)
    rbm = sg.RBM(7, 5, backend=device.backend)
    rbm.use_negative_phase(ParallelTempering())
    with pytest.raises(BackendError, match="without CUDA graphs: in parallel tempering the host chooses"):
        steps.steps_over(rbm, BATCHES, captured=True)

    def refuse(*_):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(graphs.PlainStep, "follow_gradient_", refuse_while_captured(device, refuse))
    with pytest.raises(BackendError, match="cannot be captured into a CUDA graph"):
        steps.steps_over(vae_on(device.backend), BATCHES, captured=True)


def refuse_while_captured(device, refuse):
    original = graphs.PlainStep.follow_gradient_
    return lambda step: refuse() if device.tape is not None else original(step)


def test_a_pass_over_shuffled_rows_is_replays(device, steps):
    rbm = sg.RBM(7, 5, backend=device.backend)
    rows = ArraySource(device.module.asarray(BATCHES.reshape(-1, 7)))
    step = steps.step_like(rbm, rows.x[:16], captured=True)
    first, device.counts = rbm.step, type(device.counts)()
    for batch in rows.shuffled(16, rbm.streams["shuffling"]):
        step(batch)
    assert rbm.step == first + 2
    assert device.counts.products == 0
    assert device.counts.host_reads == []


def test_factors_of_products_keep_their_layout_on_the_device(device, steps):
    large_batch = importlib.import_module("benchmarks.large_batch")
    for array in (BATCHES[0], BATCHES[0].T):
        on_device = large_batch.moved(array, device.backend).values
        np.testing.assert_array_equal(on_device, array)
        assert on_device.flags.c_contiguous == array.flags.c_contiguous
