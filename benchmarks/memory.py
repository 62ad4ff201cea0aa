"""The peak of resident memory of this process."""

from __future__ import annotations

import resource
import sys


def peak_resident_bytes() -> int:
    """Return the largest resident memory that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
