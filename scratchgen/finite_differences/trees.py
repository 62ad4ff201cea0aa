"""Nested tuples, lists and mappings of arrays: their leaves by name, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.finite_differences.arguments import Vector


def leaves_of(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield name and value of each leaf of nested tuples, lists and mappings; (slice, shape) is one, None is none."""
    place = isinstance(tree, tuple | list) and len(tree) == 2 and isinstance(tree[0], slice)
    if isinstance(tree, Mapping):
        children = [(f"{name}.{key}" if name else str(key), child) for key, child in tree.items()]
    elif hasattr(tree, "_fields") and not place:
        children = [(f"{name}.{key}" if name else key, getattr(tree, key)) for key in tree._fields]
    elif isinstance(tree, tuple | list) and not place:
        children = [(f"{name}[{i}]", child) for i, child in enumerate(tree)]
    else:
        if tree is not None:
            yield name or "x", tree
        return
    for child_name, child in children:
        yield from leaves_of(child, child_name)


def rebuilt(tree: Any, leaves: Iterator[Any]) -> Any:
    """Return a tree built as `tree`, with its leaves replaced in order."""
    if isinstance(tree, Mapping):
        return {key: rebuilt(child, leaves) for key, child in tree.items()}
    if hasattr(tree, "_fields"):
        return type(tree)(*(rebuilt(child, leaves) for child in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(rebuilt(child, leaves) for child in tree)
    return None if tree is None else next(leaves)


def flattened(tree: Any) -> Vector:
    """Return the values of all leaves, one after the other."""
    return np.concatenate([np.empty(0), *(np.ravel(to_numpy(leaf)) for _, leaf in leaves_of(tree))])
