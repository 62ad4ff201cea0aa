"""Looking into a latent space: paths through it, what its codes tell, and p(x) by integrating over it.

============  ================================================================================
module        has
============  ================================================================================
paths         linear and spherical interpolation, traversals
codes         principal components, correlation, KL divergence of each variable
activity      which variables are in use
integration   log p(x) of a model with two latent variables, on a grid
============  ================================================================================

The pictures to it are in `scratchgen.plots`.
"""

from scratchgen.latent.activity import active_units
from scratchgen.latent.codes import (
    PrincipalComponents,
    code_correlation,
    kl_per_dimension,
    mean_absolute_correlation,
    principal_components,
)
from scratchgen.latent.integration import GridLikelihood, integrated_log_likelihood
from scratchgen.latent.paths import interpolate_linear, interpolate_spherical, traverse

__all__ = [
    "GridLikelihood",
    "PrincipalComponents",
    "active_units",
    "code_correlation",
    "integrated_log_likelihood",
    "interpolate_linear",
    "interpolate_spherical",
    "kl_per_dimension",
    "mean_absolute_correlation",
    "principal_components",
    "traverse",
]
