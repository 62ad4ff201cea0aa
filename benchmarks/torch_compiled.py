"""Functions of PyTorch, compiled or as they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import torch


def compiled(function: Callable[..., Any], how: bool | str) -> Callable[..., Any]:
    """Return `function` as `torch.compile` makes it, in the mode `how` if that is a text; as it is for False.

    Raises
    ------
    ModuleNotFoundError
        There is no compiler, which both of PyTorch's code generators need.
    """
    if how is False:
        return function
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++", "cl"))):
        raise ModuleNotFoundError("torch.compile finds no C++ compiler here")
    return torch.compile(function, mode=how if isinstance(how, str) else None)
