"""The peak of resident memory of this process, and how to let it begin anew.

On Linux both are those of the process's own memory. `getrusage`, which serves elsewhere, keeps the largest value there
has ever been: on Linux even that of the parent before the child was another program.
"""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_CLEAR_PEAK = "5"  # proc(5)


def peak_resident_bytes() -> int:
    """Return the largest resident memory that this process has had, since `restart_peak` where that is possible."""
    if found := re.search(r"VmHWM:\s*(\d+) kB", _STATUS.read_text() if _STATUS.exists() else ""):
        return 1024 * int(found[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def restart_peak() -> int:
    """Let the peak begin anew at the present resident memory, where the system can, and return it."""
    if _CLEAR.exists():
        _CLEAR.write_text(_CLEAR_PEAK)
    return peak_resident_bytes()
