"""Pictures of data, latent spaces and training: each function draws one and returns it as a Matplotlib ``Figure``.

================  =============================================
module            draws
================  =============================================
images            grids of images, originals above reconstructions
latent            the decoded latent plane, clusters of labels
curves            the terms of the loss over the epochs
trajectories      the paths of chains over the contours of their density
energies          a learnt energy beside the true one, images that form out of noise
================  =============================================

The figures are made without ``pyplot``: no display or back end is chosen, nothing stays open, no global setting is
changed. ``figure.savefig(path)`` writes one; a notebook shows the one that ends a cell after ``%matplotlib inline``.
Functions that draw a single axis take ``ax=``, so that several pictures can share a figure.
"""

from scratchgen.plots.curves import training_curves
from scratchgen.plots.energies import chains_through_time, energy_landscapes
from scratchgen.plots.images import image_grid, reconstructions
from scratchgen.plots.latent import latent_clusters, latent_plane
from scratchgen.plots.trajectories import chain_paths

__all__ = [
    "chain_paths",
    "chains_through_time",
    "energy_landscapes",
    "image_grid",
    "latent_clusters",
    "latent_plane",
    "reconstructions",
    "training_curves",
]
