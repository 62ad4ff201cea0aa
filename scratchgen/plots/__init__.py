"""Pictures of data, latent spaces and training: each function draws one and returns it as a Matplotlib ``Figure``.

================  ==============================================================================
module            draws
================  ==============================================================================
images            grids of images, originals above reconstructions
latent            the decoded latent plane, spaced by the prior or evenly
clusters          codes in the colours of their labels, for one model or several side by side
classes           samples class by class, one style in every class
paths             latent traversals, interpolations between examples
codes             histograms, correlation and KL divergence of the latent variables
manifolds         what a reconstruction does to points of the plane, and of the line
vector_field      where a denoiser of the plane moves a point
beta              what changes with the weight of the KL divergence
curves            the terms of the loss, energies, the free-energy gap
annealing         the same terms of several trainings
boltzmann         filters, chains, distributions of free energy
spectrum          the variance along each principal component
encoders          mean activations of a code, the singular values of the encoder's Jacobian
energies          a learnt energy beside the true one
points            sets of points of the plane side by side
trajectories      the paths of chains over the contours of their density
variational       Gaussians that approximate a density of the plane
estimators        errors of estimates of log p(x), the spread of gradients
few_labels        the error over the number of labels, of several methods
================  ==============================================================================

The figures are made without ``pyplot``: no display or back end is chosen, nothing stays open, no global setting is
changed. ``figure.savefig(path)`` writes one; a notebook shows the one that ends a cell after ``%matplotlib inline``.
Functions that draw a single axis take ``ax=``, so that several pictures can share a figure.
"""

from scratchgen.plots.annealing import annealing_curves
from scratchgen.plots.beta import against_beta, rate_distortion
from scratchgen.plots.boltzmann import fantasy_particles, filters, free_energy_histograms
from scratchgen.plots.classes import class_samples, style_transfer
from scratchgen.plots.clusters import compared_latent_clusters, compared_latent_planes, latent_clusters
from scratchgen.plots.codes import code_histograms, correlation_matrix, kl_bars
from scratchgen.plots.curves import energy_curves, free_energy_gap, training_curves
from scratchgen.plots.encoders import jacobian_spectrum, mean_activations
from scratchgen.plots.energies import energy_landscapes
from scratchgen.plots.estimators import estimator_errors, gradient_spread
from scratchgen.plots.few_labels import against_labels
from scratchgen.plots.images import image_grid, image_grids, image_rows, reconstructions
from scratchgen.plots.latent import latent_plane, linear_latent_plane
from scratchgen.plots.manifolds import reconstruction_function, reconstruction_manifold
from scratchgen.plots.paths import interpolations, latent_traversals
from scratchgen.plots.points import point_clouds
from scratchgen.plots.spectrum import variance_spectrum
from scratchgen.plots.trajectories import chain_paths
from scratchgen.plots.variational import mean_field
from scratchgen.plots.vector_field import reconstruction_field

__all__ = [
    "against_beta",
    "against_labels",
    "annealing_curves",
    "chain_paths",
    "class_samples",
    "code_histograms",
    "compared_latent_clusters",
    "compared_latent_planes",
    "correlation_matrix",
    "energy_curves",
    "energy_landscapes",
    "estimator_errors",
    "fantasy_particles",
    "filters",
    "free_energy_gap",
    "free_energy_histograms",
    "gradient_spread",
    "image_grid",
    "image_grids",
    "image_rows",
    "interpolations",
    "jacobian_spectrum",
    "kl_bars",
    "latent_clusters",
    "latent_plane",
    "latent_traversals",
    "linear_latent_plane",
    "mean_activations",
    "mean_field",
    "point_clouds",
    "rate_distortion",
    "reconstruction_field",
    "reconstruction_function",
    "reconstruction_manifold",
    "reconstructions",
    "style_transfer",
    "training_curves",
    "variance_spectrum",
]
