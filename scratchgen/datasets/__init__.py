"""Data sets by name, all in one form: float32 rows in [0, 1], int64 labels, a training and a test half.

>>> from scratchgen import datasets
>>> datasets.load("bars-and-stripes", size=3).x_train.shape
(14, 9)
"""

from scratchgen.datasets.dataset import Dataset
from scratchgen.datasets.registry import available, load

__all__ = ["Dataset", "available", "load"]
