"""Former names of some functions of `elementary`, which now serve both precisions."""

from scratchgen.kernels.elementary import cos_quarter as cos_quarter64
from scratchgen.kernels.elementary import log1p as log1p64
from scratchgen.kernels.elementary import sin_quarter as sin_quarter64

__all__ = ["cos_quarter64", "log1p64", "sin_quarter64"]
