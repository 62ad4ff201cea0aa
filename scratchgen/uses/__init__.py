"""What a trained autoencoder or VAE is good for: finding anomalies, finding similar examples, restoring damaged ones.

============  ====================================================================
module        has
============  ====================================================================
anomaly       scores of how unusual an example is, and their AUROC
retrieval     examples with the nearest codes, and their precision
restoration   inpainting by iterated reconstruction, denoising
protocols     what a model must offer for each
============  ====================================================================

The functions work with any object that has the methods they name, such as ``encode``, ``reconstruct`` and ``elbo``.
"""

from scratchgen.uses.anomaly import (
    AnomalyScores,
    LeftOut,
    anomaly_scores,
    area_under_roc,
    leave_class_out,
    squared_error,
)
from scratchgen.uses.restoration import DenoisingErrors, denoising_errors, inpaint
from scratchgen.uses.retrieval import nearest_codes, precision_at_k

__all__ = [
    "AnomalyScores",
    "DenoisingErrors",
    "LeftOut",
    "anomaly_scores",
    "area_under_roc",
    "denoising_errors",
    "inpaint",
    "leave_class_out",
    "nearest_codes",
    "precision_at_k",
    "squared_error",
]
