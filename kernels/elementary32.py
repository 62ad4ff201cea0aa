"""Former names of some functions of `elementary`, which now serve both precisions."""

from scratchgen.kernels.elementary import cos_quarter as cos_quarter32
from scratchgen.kernels.elementary import log1p as log1p32
from scratchgen.kernels.elementary import sin_quarter as sin_quarter32

__all__ = ["cos_quarter32", "log1p32", "sin_quarter32"]
