"""Training: the loop of every model, and where its batches come from."""

from scratchgen.training.loop import fit

__all__ = ["fit"]
