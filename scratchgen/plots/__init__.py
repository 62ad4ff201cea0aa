"""Pictures of data, latent spaces and training: each function draws one and returns it as a Matplotlib ``Figure``.

================  =============================================
module            draws
================  =============================================
images            grids of images, originals above reconstructions
latent            the decoded latent plane, clusters of labels
curves            the terms of the loss, the free-energy gap
boltzmann         filters, chains, distributions of free energy
trajectories      the paths of chains over the contours of their density
vector_field      where a denoiser of the plane moves a point
================  =============================================

The figures are made without ``pyplot``: no display or back end is chosen, nothing stays open, no global setting is
changed. ``figure.savefig(path)`` writes one; a notebook shows the one that ends a cell after ``%matplotlib inline``.
Functions that draw a single axis take ``ax=``, so that several pictures can share a figure.
"""

from scratchgen.plots.boltzmann import fantasy_particles, filters, free_energy_histograms
from scratchgen.plots.curves import free_energy_gap, training_curves
from scratchgen.plots.images import image_grid, image_grids, image_rows, reconstructions
from scratchgen.plots.latent import latent_clusters, latent_plane
from scratchgen.plots.trajectories import chain_paths
from scratchgen.plots.vector_field import reconstruction_field

__all__ = [
    "chain_paths",
    "fantasy_particles",
    "filters",
    "free_energy_gap",
    "free_energy_histograms",
    "image_grid",
    "image_grids",
    "image_rows",
    "latent_clusters",
    "latent_plane",
    "reconstruction_field",
    "reconstructions",
    "training_curves",
]
