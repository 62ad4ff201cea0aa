"""Write cupy_names.json: which functions and methods of arrays CuPy has, and by which names they take arguments.

The stand-in refuses all else. Run it where CuPy is installed (a GPU is not needed) when a new version is supported:

    python tests/device/write_cupy_names.py
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import cupy

UFUNC = ["out", "dtype", "casting", "axis", "keepdims"]


def arguments_of(function: Any) -> list[str] | None:
    """Return the names of the arguments, or None where nobody says or any name is taken."""
    if isinstance(function, cupy.ufunc):
        return UFUNC
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # compiled: the first line of its documentation is its signature
        signature = re.search(r"\(([^)]*)\)", (function.__doc__ or "").partition("\n")[0])
        if signature is None:
            return None
        names = (re.split(r"[=:]", argument)[0].split() for argument in signature[1].split(","))
        return [name[-1] for name in names if name and name[-1] not in ("/", "*", "\\*", "self")]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]


def names_of(owner: Any) -> dict[str, list[str] | None]:
    """Return the public names of a module or a class, with the arguments of those that are functions."""
    found = {name: getattr(owner, name) for name in dir(owner) if not name.startswith("_")}
    return {
        name: arguments_of(x) if callable(x) and not isinstance(x, type) else None
        for name, x in found.items()
        if not inspect.ismodule(x) or name == "linalg"
    }


def main() -> None:
    """Write the file, a name a line."""
    parts = [f'"version": {json.dumps(cupy.__version__)}']
    for owner, of in (("cupy", cupy), ("ndarray", cupy.ndarray)):
        names = ",\n".join(f"{json.dumps(name)}: {json.dumps(names)}" for name, names in names_of(of).items())
        parts.append(f'"{owner}": {{\n{names}\n}}')
    Path(__file__).with_name("cupy_names.json").write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
