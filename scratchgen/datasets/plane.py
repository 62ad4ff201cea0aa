"""Points of the plane, drawn from a density of `scratchgen.densities`, which stays with them: the truth is known."""

from __future__ import annotations

from collections.abc import Callable

from scratchgen.datasets.dataset import Dataset

N_TRAIN_POINTS, N_TEST_POINTS = 20_000, 4_000


def read_points(name: str) -> Dataset:
    """Return independent samples of the density of this name, and the density.

    Parameters
    ----------
    name : {"rings", "eight-gaussians", "double-well"}
        `scratchgen.densities.three_rings`, `eight_gaussians` or `DoubleWell`, with their default parameters.

    Returns
    -------
    Dataset
        20,000 training and 4,000 test points, not scaled: what the gradient of the density says holds for them as they
        are. No labels.
    """
    from scratchgen import densities
    from scratchgen.random import Stream

    made_by: dict[str, Callable[[], densities.Density]] = {
        "rings": densities.three_rings,
        "eight-gaussians": densities.eight_gaussians,
        "double-well": densities.DoubleWell,
    }
    density = made_by[name]()
    x = density.sample(N_TRAIN_POINTS + N_TEST_POINTS, Stream(0, "numpy"))
    return Dataset(
        name=name,
        x_train=x[:N_TRAIN_POINTS],
        y_train=None,
        x_test=x[N_TRAIN_POINTS:],
        y_test=None,
        image_shape=None,
        density=density,
    )
