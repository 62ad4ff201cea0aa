"""Pictures of data, latent spaces and training: each function draws one and returns it as a Matplotlib ``Figure``.

================  =============================================
module            draws
================  =============================================
images            grids of images, originals above reconstructions
latent            the decoded latent plane, clusters of labels
curves            the terms of the loss over the epochs
trajectories      the paths of chains over the contours of their density
variational       Gaussians that approximate a density of the plane
estimators        errors of estimates of log p(x), the spread of gradients
================  =============================================

The figures are made without ``pyplot``: no display or back end is chosen, nothing stays open, no global setting is
changed. ``figure.savefig(path)`` writes one; a notebook shows the one that ends a cell after ``%matplotlib inline``.
Functions that draw a single axis take ``ax=``, so that several pictures can share a figure.
"""

from scratchgen.plots.curves import training_curves
from scratchgen.plots.estimators import estimator_errors, gradient_spread
from scratchgen.plots.images import image_grid, reconstructions
from scratchgen.plots.latent import latent_clusters, latent_plane
from scratchgen.plots.trajectories import chain_paths
from scratchgen.plots.variational import mean_field

__all__ = [
    "chain_paths",
    "estimator_errors",
    "gradient_spread",
    "image_grid",
    "latent_clusters",
    "latent_plane",
    "mean_field",
    "reconstructions",
    "training_curves",
]
