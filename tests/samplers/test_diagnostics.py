from __future__ import annotations

import math

import numpy as np
import pytest

from scratchgen.errors import InputError
from scratchgen.samplers import diagnostics

N_STEPS, N_CHAINS = 4000, 20


def autoregressive(rho, n_steps=N_STEPS, n_chains=N_CHAINS, seed=0):
    """Return stationary AR(1) chains of variance 1, for which rho_t = rho^t and tau = (1 + rho) / (1 - rho)."""
    noise = np.random.Generator(np.random.PCG64(seed)).normal(size=(n_steps, n_chains))
    x = np.empty_like(noise)
    x[0] = noise[0]
    for t in range(1, n_steps):
        x[t] = rho * x[t - 1] + math.sqrt(1 - rho**2) * noise[t]
    return x


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9, 0.97])
def test_the_autocorrelation_time_of_an_autoregressive_chain_is_known(rho):
    x = autoregressive(rho)
    tau = (1 + rho) / (1 - rho)
    assert diagnostics.integrated_autocorrelation_time(x) == pytest.approx(tau, rel=0.05)
    assert diagnostics.effective_sample_size(x) == pytest.approx(x.size / tau, rel=0.05)
    np.testing.assert_allclose(diagnostics.autocorrelation(x)[:20], rho ** np.arange(20.0), atol=0.04)


def test_the_effective_sample_size_predicts_the_scatter_of_the_mean():
    runs = autoregressive(0.8, n_steps=500, n_chains=2000).reshape(500, 500, 4)  # 500 runs of 4 chains
    scatter = runs.mean(axis=(0, 2)).var()
    claimed = [run.var() / diagnostics.effective_sample_size(run) for run in runs[:, :100].swapaxes(0, 1)]
    assert np.mean(claimed) == pytest.approx(scatter, rel=5 * math.sqrt(2 / 500))


def test_the_autocorrelation_is_the_sum_over_pairs_of_steps():
    x = autoregressive(0.6, n_steps=30, n_chains=1)[:, 0]
    halves = np.stack([x[:15], x[15:]], axis=1)
    centred = halves - halves.mean(axis=0)
    covariance = np.array([(centred[: 15 - t] * centred[t:]).sum(axis=0) / 14 for t in range(15)]).mean(axis=1)
    total = 14 / 15 * covariance[0] + halves.mean(axis=0).var(ddof=1)
    expected = 1 - (covariance[0] - covariance) / total
    np.testing.assert_allclose(diagnostics.autocorrelation(x[:, None]), expected, atol=1e-12)
    expected_r_hat = math.sqrt(total / covariance[0])
    assert diagnostics.split_r_hat(x[:, None]) == pytest.approx(expected_r_hat, rel=1e-12)


def test_the_sum_over_pairs_of_lags_stops_where_one_is_not_positive_and_never_rises():
    x = autoregressive(0.7, n_steps=60, n_chains=2, seed=17)
    rho = diagnostics.autocorrelation(x)
    tau, smallest, n_lowered = -1.0, np.inf, 0
    for k in range(15):
        pair = rho[2 * k] + rho[2 * k + 1]
        if pair <= 0:
            break
        n_lowered += pair > smallest
        smallest = min(smallest, pair)
        tau += 2 * smallest
    assert n_lowered > 0
    assert k < 14
    assert diagnostics.integrated_autocorrelation_time(x) == pytest.approx(tau, rel=1e-12)


def test_chains_that_agree_have_r_hat_near_one():
    assert diagnostics.split_r_hat(autoregressive(0.5)) == pytest.approx(1, abs=0.002)


def test_chains_that_disagree_have_a_large_r_hat_and_few_effective_draws():
    x = autoregressive(0.0)
    x[:, : N_CHAINS // 2] += 3.0  # two modes, 3 apart: the variance is 1 + 1.5^2
    assert diagnostics.split_r_hat(x) == pytest.approx(math.sqrt(1 + 1.5**2), rel=0.03)
    assert diagnostics.effective_sample_size(x) < 3 * N_CHAINS


def test_one_chain_that_drifts_disagrees_with_itself():
    x = autoregressive(0.0, n_chains=1) + np.linspace(0, 5, N_STEPS)[:, None]
    assert diagnostics.split_r_hat(x) > 1.3


def test_dimensions_are_looked_at_one_by_one():
    x = np.stack([autoregressive(rho, 1001, 4, seed) for seed, rho in enumerate((0.0, 0.9))], axis=2)
    for name in ("autocorrelation", "integrated_autocorrelation_time", "effective_sample_size", "split_r_hat"):
        diagnostic = getattr(diagnostics, name)
        expected = np.stack([diagnostic(x[:, :, k]) for k in range(2)], axis=-1)
        np.testing.assert_allclose(diagnostic(x), expected, rtol=1e-10, atol=1e-12)


def test_neither_a_shift_nor_a_scale_nor_the_order_of_the_chains_matters():
    x = autoregressive(0.7, n_steps=400, n_chains=5)
    for same in (3 - 1e3 * x, x[:, ::-1], x.astype(np.float32) + np.float32(0)):
        for diagnostic in (diagnostics.integrated_autocorrelation_time, diagnostics.split_r_hat):
            np.testing.assert_allclose(diagnostic(same), diagnostic(x), rtol=1e-5)


def test_chains_that_alternate_are_worth_more_than_their_number_of_steps_but_not_without_limit():
    x = autoregressive(-0.9)
    assert diagnostics.effective_sample_size(x) > 3 * x.size
    alternating = np.resize([1.0, -1.0], 100)[:, None] * np.ones(3)
    assert diagnostics.effective_sample_size(alternating) == pytest.approx(300 * math.log10(300))


def test_what_does_not_vary_has_no_diagnostics():
    for diagnostic in (diagnostics.effective_sample_size, diagnostics.split_r_hat):
        assert np.isnan(diagnostic(np.full((50, 3), 0.1)))


def test_chains_that_stand_still_at_different_places_have_an_infinite_r_hat_and_one_draw_a_chain_at_most():
    x = np.ones((64, 1)) * [0.0, 1.0, 2.0]
    assert diagnostics.split_r_hat(x) == np.inf
    assert diagnostics.effective_sample_size(x) < 6


def test_acceptance_is_the_share_of_each_chain():
    accepted = np.array([[True, False], [True, False], [False, False], [True, True]])
    np.testing.assert_array_equal(diagnostics.acceptance_rate(accepted), [0.75, 0.25])


def test_the_energy_of_stationary_chains_does_not_drift():
    drifts = []
    for seed in range(100):
        energy = 5 + 2 * autoregressive(0.6, 400, 4, seed)
        drifts.append(diagnostics.energy_summary(energy).drift)
    assert np.std(drifts) == pytest.approx(1, abs=0.25)
    assert np.abs(np.mean(drifts)) < 0.4
    summary = diagnostics.energy_summary(energy)
    assert summary.mean == pytest.approx(energy.mean())
    assert summary.standard_deviation == pytest.approx(energy.std())
    expected = energy.std() / math.sqrt(diagnostics.effective_sample_size(energy))
    assert summary.standard_error == pytest.approx(expected)


def test_the_energy_of_chains_that_still_fall_drifts_downwards():
    energy = autoregressive(0.0, 400, 4) + 3 * np.exp(-np.arange(400) / 100)[:, None]
    assert diagnostics.energy_summary(energy).drift < -3


TRACE = np.zeros((20, 3))
BAD_INPUT = {
    "one chain as a vector": (lambda: diagnostics.split_r_hat(TRACE[:, 0]), r"\(steps, chains\).*got \(20,\)"),
    "too short": (lambda: diagnostics.effective_sample_size(TRACE[:7]), r"at least 8 steps, got \(7, 3\)"),
    "no chains": (lambda: diagnostics.autocorrelation(TRACE[:, :0]), r"got \(20, 0\)"),
    "NaN": (lambda: diagnostics.split_r_hat(TRACE * np.nan), "finite"),
    "complex": (lambda: diagnostics.split_r_hat(TRACE * 1j), "real numbers"),
    "accepted": (lambda: diagnostics.acceptance_rate(TRACE[0]), r"\(steps, chains\).*got \(3,\)"),
    "no steps": (lambda: diagnostics.acceptance_rate(TRACE[:0]), r"steps >= 1.*got \(0, 3\)"),
    "few energies": (lambda: diagnostics.energy_summary(TRACE[:15]), r"at least 16 steps, got \(15, 3\)"),
    "energies": (lambda: diagnostics.energy_summary(TRACE[:, :, None]), r"\(steps, chains\), got \(20, 3, 1\)"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
