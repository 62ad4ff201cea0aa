"""Independent samples against the density that they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scratchgen import Stream, densities
from scratchgen.densities.rejection import rejection_sample
from scratchgen.errors import InputError

N = 100_000
N_ERRORS = 4.5  # standard errors allowed: one in 150,000 lies further off
ALL = {
    "gaussian": densities.gaussian((1, -2), ((2.0, 0.6), (0.6, 0.5))),
    "mixture": densities.GaussianMixture([(0, 0), (2, 1)], [((2.0, 0.6), (0.6, 0.5)), np.eye(2)], (3, 1)),
    "eight gaussians": densities.eight_gaussians(),
    "widest ring": densities.Rings([1.0], 1.0),
    "unequal rings": densities.Rings((0.5, 2.0), 0.4, (0.9, 0.1)),
    "double well": densities.DoubleWell(),
    "flat well": densities.DoubleWell(0.01, 0.1),
}
every_density = pytest.mark.parametrize("density", ALL.values(), ids=ALL)


def cells(density, n_cells=12, n_inside=48):
    """Edges of a lattice over the bounds, the probability of each cell, and of all that lies outside at the end."""
    edges, centres = [], []
    for low, high in density.bounds:
        fine = np.linspace(low, high, n_cells * n_inside + 1)
        edges.append(fine[::n_inside])
        centres.append((fine[1:] + fine[:-1]) / 2)
    points = np.stack(np.meshgrid(*centres, indexing="ij"), axis=-1).reshape(-1, 2)
    area = np.prod([centre[1] - centre[0] for centre in centres])
    mass = np.exp(density.log_density(points)).reshape(n_cells, n_inside, n_cells, n_inside).sum(axis=(1, 3)) * area
    return edges, np.append(mass.reshape(-1), 1 - mass.sum())


@every_density
def test_frequencies_of_samples_are_the_probabilities_of_cells(density):
    edges, p = cells(density)
    x = density.sample(N, Stream(0), "float64")
    inside, _, _ = np.histogram2d(x[:, 0], x[:, 1], bins=edges)
    counts = np.append(inside.reshape(-1), N - inside.sum())
    often = N * p >= 10  # where counts are nearly normal
    z = (counts[often] - N * p[often]) / np.sqrt(N * p[often] * (1 - p[often]))
    assert np.abs(z).max() < N_ERRORS
    rest = counts[~often].sum(), N * p[~often].sum()
    assert abs(rest[0] - rest[1]) < N_ERRORS * np.sqrt(rest[1] + 1)
    assert stats.chi2.sf(np.sum(z**2), often.sum()) > 1e-4


@every_density
def test_moments_of_samples_are_those_of_the_density(density):
    (left, right), (bottom, top) = density.bounds
    axes = [np.linspace(2 * a - b, 2 * b - a, 501) for a, b in ((left, right), (bottom, top))]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    p = np.exp(density.log_density(points)) * np.prod([axis[1] - axis[0] for axis in axes])
    x = density.sample(N, Stream(1), "float64")
    for moment in (lambda x: x, lambda x: x**2, lambda x: x**4, lambda x: x[:, :1] * x[:, 1:]):
        expected = p @ moment(points)
        error = np.sqrt((p @ moment(points) ** 2 - expected**2) / N)
        np.testing.assert_array_less(np.abs(moment(x).mean(axis=0) - expected), N_ERRORS * error)


@every_density
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_follow_from_the_seed_on_every_backend(density, dtype, backend):
    x = density.sample(51, Stream(3, backend), dtype)
    assert (x.shape, x.dtype) == ((51, 2), dtype)
    np.testing.assert_array_equal(x, density.sample(51, Stream(3), dtype))
    assert (x != density.sample(51, Stream(4), dtype)).all()


@every_density
def test_samples_come_in_no_order(density):
    x = density.sample(2000, Stream(5), "float64")
    error = np.sqrt(2 * x.var(axis=0) / 1000)
    np.testing.assert_array_less(np.abs(x[:1000].mean(axis=0) - x[1000:].mean(axis=0)), N_ERRORS * error)


def test_two_thirds_of_the_candidates_for_the_widest_ring_are_accepted(monkeypatch):
    tried = []
    monkeypatch.setattr("scratchgen.densities.rings.rejection_sample", counting(tried))
    densities.Rings([1.0], 1.0).sample(10_000, Stream(6))
    assert 10_000 / sum(tried) == pytest.approx(0.657, abs=0.015)


def counting(tried):
    def sample(n, propose, stream):
        def counted(places):
            tried.append(places.size)
            return propose(places)

        return rejection_sample(n, counted, stream)

    return sample


@every_density
@pytest.mark.parametrize(("n", "dtype", "message"), [(0, "float32", "n must be"), (2.0, "float32", "n must be")])
def test_a_number_of_samples_that_is_none_is_refused(density, n, dtype, message):
    with pytest.raises(InputError, match=message):
        density.sample(n, Stream(0), dtype)
    with pytest.raises(InputError, match="dtype must be one of"):
        density.sample(5, Stream(0), "float16")
