"""Densities of the plane that are known exactly: log density, gradient and independent samples, to test samplers with.

>>> from scratchgen import Stream, densities
>>> density = densities.eight_gaussians()
>>> x = density.sample(5, Stream(0))
>>> density.log_density(x).shape, density.grad_log_density(x).shape
((5,), (5, 2))

All are normalised. Gaussians (alone or mixed), rings and the double well are the three families.
"""

from scratchgen.densities.density import Density
from scratchgen.densities.double_well import DoubleWell
from scratchgen.densities.gaussian_mixture import GaussianMixture, eight_gaussians, gaussian
from scratchgen.densities.rings import Rings, three_rings

__all__ = ["Density", "DoubleWell", "GaussianMixture", "Rings", "eight_gaussians", "gaussian", "three_rings"]
