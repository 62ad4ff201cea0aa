"""How far SGLD's histogram of the Welling & Teh posterior is from its integral on a grid, in total variation.

The setting is that of the reference: 100 examples drawn with theta = (0, 1), minibatches of one example, 10,000 sweeps
(10^6 updates), and a step epsilon_t = 2 h_t = a (b + t)^-0.55 that falls from 0.01 to 0.0001 (a = 0.199551, b =
231.066). Minibatches are drawn with replacement. In each seed, chains with noise of their own run side by side on the
same examples, from draws of the prior; no update is discarded. Two histograms are taken of each seed: in one every
update counts the same, in the other in proportion to its step, as in the averages of the reference. A chain is counted
as having been in both modes where each side of theta_2 = 0 has at least 5 % of its updates.

A gap remains, because the minibatches heat the chain while the steps are large (`scratchgen.samplers.sgld`). It nearly
vanishes with --batch 100.

Run ``python -m benchmarks.welling_teh``; it takes one to three minutes a seed on one core.

Reference: M. Welling, Y. W. Teh, "Bayesian learning via stochastic gradient Langevin dynamics", ICML 2011, section 5.1.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from scratchgen import Stream
from scratchgen.densities.welling_teh import PRIOR_VARIANCES, WellingTehPosterior, draw_examples
from scratchgen.samplers import run_chains, sgld

FIRST_STEP, LAST_STEP, GAMMA = 0.01 / 2, 0.0001 / 2, 0.55  # h = epsilon / 2
EDGES = np.linspace(-2.0, 3.0, 51), np.linspace(-3.0, 3.0, 61)  # cells of 0.1 x 0.1; 5e-8 of the posterior is outside
UPDATES_AT_A_TIME = 1000  # kept before they are counted


class Histograms(NamedTuple):
    """Probabilities of the cells, (chains, n_1, n_2): all updates alike, and weighted by their steps."""

    equal: np.ndarray
    by_step: np.ndarray


def run_seed(posterior: WellingTehPosterior, seed: int, n_chains: int, n_updates: int, batch_size: int) -> Histograms:
    """Return the histograms of one seed."""
    stream = Stream(seed)
    schedule = sgld.PolynomialStep.between(FIRST_STEP, LAST_STEP, n_updates, GAMMA)
    state = sgld.init(np.sqrt(PRIOR_VARIANCES) * stream.normal((n_chains, 2), "float64"))

    def step(state: sgld.State) -> tuple[sgld.State, sgld.Info]:
        prior, likelihood = posterior.grad_log_prior, posterior.grad_log_likelihood
        return sgld.step(stream, state, prior, likelihood, posterior.examples, schedule, batch_size)

    totals = np.zeros((2, n_chains, EDGES[0].size - 1, EDGES[1].size - 1))
    weight = np.zeros(2)
    while state.n_steps < n_updates:
        state, trace = run_chains(step, state, min(UPDATES_AT_A_TIME, n_updates - state.n_steps))
        for i, weights in enumerate((np.ones(len(trace.x)), trace.info.step_size)):
            totals[i] += count(trace.x, weights)
            weight[i] += weights.sum()
    return Histograms(*(totals / weight[:, None, None, None]))


def count(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weight of the visits of each chain to each cell, (chains, n_1, n_2); those outside are left out."""
    n_chains, shape = x.shape[1], tuple(edges.size - 1 for edges in EDGES)
    cell_1, cell_2 = (np.searchsorted(edges, x[:, :, k], side="right") - 1 for k, edges in enumerate(EDGES))
    inside = (cell_1 >= 0) & (cell_1 < shape[0]) & (cell_2 >= 0) & (cell_2 < shape[1])
    cell = (np.arange(n_chains) * shape[0] + cell_1) * shape[1] + cell_2
    every_weight = np.broadcast_to(weights[:, None], cell.shape)
    flat = np.bincount(cell[inside], every_weight[inside], minlength=n_chains * shape[0] * shape[1])
    return flat.reshape(n_chains, *shape)


def total_variation(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return half the sum of abs(found - exact), what is missing from `found` included."""
    return (np.abs(found - exact).sum(axis=(-2, -1)) + 1 - found.sum(axis=(-2, -1))) / 2


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.welling_teh", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="of the chains: 0, 1, ... are run")
    parser.add_argument("--examples", type=int, default=7, metavar="SEED", help="of the examples")
    parser.add_argument("--chains", type=int, default=100, help="in each seed")
    parser.add_argument("--updates", type=int, default=1_000_000, help="of each chain")
    parser.add_argument("--batch", type=int, default=1, help="examples in a minibatch")
    options = parser.parse_args(arguments)

    posterior = WellingTehPosterior(draw_examples(Stream(options.examples)))
    exact = posterior.cell_probabilities(*EDGES)
    lower = EDGES[1][:-1] < 0  # the second mode: theta_2 < 0
    print(f"{options.chains} chains of {options.updates} updates a seed, {options.batch} of 100 examples a batch;")
    print(
        f"the posterior has {exact[:, lower].sum():.3f} of its mass at theta_2 < 0, {exact[:, ~lower].sum():.3f} above"
    )
    print("seed  TV, all chains  by step  TV, one chain (median)  mass at theta_2 < 0  chains in both modes  seconds")
    for seed in range(options.seeds):
        started = time.perf_counter()
        found = run_seed(posterior, seed, options.chains, options.updates, options.batch)
        pooled, pooled_by_step = (total_variation(h.mean(axis=0), exact) for h in found)
        single = np.median(total_variation(found.equal, exact))
        mass = found.equal[:, :, lower].sum(axis=(1, 2))
        both = ((mass > 0.05) & (mass < 0.95)).sum()
        print(
            f"{seed:4}  {pooled:14.4f}  {pooled_by_step:7.4f}  {single:22.4f}  {mass.mean():19.3f}  {both:20}  "
            f"{time.perf_counter() - started:7.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
