"""Every sampler, in float32, on every backend: the same draws, and the same chains."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from scratchgen import Stream, get_backend, namespace, to_numpy
from scratchgen.densities.welling_teh import WellingTehPosterior, draw_examples
from scratchgen.samplers import diagnostics, hmc, langevin, mala, metropolis, run_chains, sgld

START = np.random.Generator(np.random.PCG64(1)).normal(size=(20, 2)).astype(np.float32)


def posterior_on(backend):
    return WellingTehPosterior(backend.asarray(draw_examples(Stream(7)), dtype="float32"))


def multiply(stream, x):
    xp = namespace(x)
    log_factor = 0.2 * stream.normal(x.shape, x.dtype)
    return x * xp.exp(log_factor), log_factor.sum(axis=1)


def run_langevin(p, stream, x):
    step = partial(langevin.step, grad_log_density=p.grad_log_density, step_size=0.003)
    return partial(step, stream), langevin.init(x)


def run_mala(p, stream, x):
    step = partial(mala.step, stream, log_density=p.log_density, grad_log_density=p.grad_log_density, step_size=0.01)
    return step, mala.init(x, p.log_density, p.grad_log_density)


def run_hmc(p, stream, x):
    functions = {"log_density": p.log_density, "grad_log_density": p.grad_log_density}
    mass = stream.backend.asarray([2.0, 1.0], dtype="float32")
    return partial(hmc.step, stream, step_size=0.1, n_leapfrog=3, **functions), hmc.init(x, mass=mass, **functions)


def run_metropolis(p, stream, x):
    step = partial(metropolis.step, stream, log_density=p.log_density, proposal=metropolis.random_walk(0.2))
    return step, metropolis.init(x, p.log_density)


def run_hastings(p, stream, x):
    return partial(metropolis.step, stream, log_density=p.log_density, proposal=multiply), metropolis.init(
        x, p.log_density
    )


def run_sgld(p, stream, x):
    gradients = {"grad_log_prior": p.grad_log_prior, "grad_log_likelihood": p.grad_log_likelihood}
    schedule = sgld.PolynomialStep.between(0.003, 0.001, 20)
    return partial(sgld.step, stream, data=p.examples, step_size=schedule, batch_size=4, **gradients), sgld.init(x)


SAMPLERS = [run_langevin, run_mala, run_hmc, run_metropolis, run_hastings, run_sgld]
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler.__name__.removeprefix("run_"))


def trace_on(name, sampler):
    backend = get_backend(name)
    stream = Stream(3, backend)
    step, state = sampler(posterior_on(backend), stream, backend.asarray(START))
    state, trace = run_chains(step, state, 20)
    for x in (state.x, trace.x):
        assert namespace(x) is backend.xp
        assert x.dtype == np.float32
    assert state.n_steps == 20
    assert (diagnostics.split_r_hat(trace.x) > 0).all()
    return to_numpy(trace.x)


@every_sampler
def test_chains_are_the_same_with_and_without_compiled_kernels(sampler):
    np.testing.assert_array_equal(trace_on("numpy", sampler), trace_on("cpu", sampler))


@every_sampler
def test_a_chain_moves_and_leaves_its_start_as_it_was(sampler):
    before = START.copy()
    trace = trace_on("cpu", sampler)
    assert (np.abs(np.diff(trace, axis=0)).max(axis=(0, 2)) > 0).all()
    np.testing.assert_array_equal(START, before)


@pytest.mark.gpu
@every_sampler
def test_chains_on_a_gpu_are_those_on_a_cpu_up_to_rounding(sampler):
    """Where a decision falls the other way, the chain parts: not more than one in twenty does."""
    on_gpu, on_cpu = (trace_on(name, sampler) for name in ("cuda", "cpu"))
    together = np.isclose(on_gpu, on_cpu, rtol=1e-3, atol=1e-3).all(axis=(0, 2))
    assert together.sum() >= 19
