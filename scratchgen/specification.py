"""Values as JSON can hold them, and back: how settings, optimisers and schedules are written into a checkpoint."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from scratchgen.errors import FileFormatError, InputError

_KINDS: dict[str, type] = {}

Kind = TypeVar("Kind", bound=type)


def specified(cls: Kind) -> Kind:
    """Class decorator: instances of this frozen dataclass can be written into a checkpoint."""
    _KINDS[cls.__name__] = cls
    return cls


def to_specification(value: Any) -> Any:
    """Return `value` as JSON-ready data: a number, text, an instance of a `specified` class, a tuple or dict of these.

    Raises
    ------
    InputError
        It is something else, such as a function of the user's.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.number):
        return value.item()
    if isinstance(value, tuple | list):
        return [to_specification(part) for part in value]
    if isinstance(value, dict):
        return {name: to_specification(part) for name, part in value.items()}
    if is_dataclass(value) and type(value).__name__ in _KINDS:
        parts = {field.name: to_specification(getattr(value, field.name)) for field in fields(value)}
        return {"kind": type(value).__name__, **parts}
    raise InputError(
        f"a checkpoint cannot hold {value!r}: use a number or one of {', '.join(sorted(_KINDS))}, "
        "or train without a checkpoint"
    )


def from_specification(specification: Any) -> Any:
    """Return the value that `to_specification` was given, a tuple as a list.

    Raises
    ------
    FileFormatError
        The kind is unknown, or its parts are not those of that kind.
    """
    if isinstance(specification, list):
        return [from_specification(part) for part in specification]
    if not isinstance(specification, dict):
        return specification
    parts = {name: from_specification(part) for name, part in specification.items() if name != "kind"}
    if "kind" not in specification:
        return parts
    try:
        value: Any = _KINDS[specification["kind"]](**parts)
    except (KeyError, TypeError, InputError) as error:
        raise FileFormatError(f"not the description of an optimiser or a schedule: {specification!r}") from error
    return value
