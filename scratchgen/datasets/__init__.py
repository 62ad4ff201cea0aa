"""Data sets by name, all in one form: float32 rows, int64 labels, a training and a test half.

Images lie in [0, 1]; points of the plane lie where their density has them.

>>> from scratchgen import datasets
>>> datasets.load("bars-and-stripes", size=3).x_train.shape
(14, 9)
"""

from scratchgen.datasets.dataset import Dataset
from scratchgen.datasets.registry import available, load

__all__ = ["Dataset", "available", "load"]
