"""The disk cache of compiled kernels.

Compiled code is cached under a name that covers *all* sources of this package: Numba by itself looks only at the file
of the kernel, and would go on using a stale copy after an edit of ``scalar.py``.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


@functools.cache
def source_stamp() -> str:
    """Return a hash of all sources of this package: what a cached kernel depends on."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:20]


@functools.cache
def _cache_class() -> type:
    import numba
    from numba.core import caching

    class NamedByContent(caching.IndexDataCacheFile):
        """A folder of compiled functions, each in a file whose name tells everything that it depends on.

        Numba keeps an index of numbered files instead, and writes the index before the file: a process that is
        stopped in between, or another that reads in between, then finds old code under the new stamp.
        """

        def save(self, key: Any, data: Any) -> None:
            self._save_data(self._name(key), data)
            for path in Path(self._cache_path).glob("*.nb[ci]"):
                if source_stamp() not in path.name:  # compiled from sources that are no more
                    path.unlink(missing_ok=True)

        def load(self, key: Any) -> Any:
            try:
                return self._load_data(self._name(key))
            except OSError:
                return None

        def _name(self, key: Any) -> str:
            rest = (numba.__version__, self._index_name, key)  # of the index: module, function and line
            return f"{source_stamp()}-{hashlib.sha256(repr(rest).encode()).hexdigest()[:20]}.nbc"

    class Cache(caching.FunctionCache):
        def __init__(self, function: Callable[..., Any], purpose: str = "") -> None:
            super().__init__(function)
            self._cache_file = NamedByContent(self.cache_path, self._impl.filename_base + purpose, source_stamp())

    return Cache


def enable(dispatcher: Any, function: Callable[..., Any], purpose: str = "") -> None:
    """Keep what the dispatcher compiles from `function` on disk; `purpose` tells several such dispatchers apart."""
    try:
        dispatcher._cache = _cache_class()(function, purpose)
    except RuntimeError:  # Numba found no folder that it may write to
        _announce_uncached()


def kernels_are_cached() -> bool:
    """Say whether the disk cache holds kernels of the present sources; if not, first calls will compile for seconds."""
    try:
        folder = Path(_cache_class()(kernels_are_cached).cache_path)
    except RuntimeError:
        return False
    return any(folder.glob(f"{source_stamp()}-*.nbc"))


@functools.cache
def _announce_uncached() -> None:
    print("scratchgen: no writable cache folder; kernels are compiled anew in this process", file=sys.stderr)
