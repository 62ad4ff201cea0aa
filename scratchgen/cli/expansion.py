"""Commands that take a group of options as one object: the fields of a dataclass, each declared once for all commands.

With::

    @dataclass(frozen=True)
    class Size:
        height: Annotated[int, typer.Option()] = 1
        width: Annotated[int, typer.Option()] = 1

    SQUARE = Size(3, 3)

    @app.command()
    @expanded
    def area(size: Size = SQUARE) -> None: ...

the command ``area`` takes ``--height`` and ``--width``, each 3 by default. The default of a group, or of a single
option, may depend on the data set, by the value of ``--data``::

    def paint(size: Size = by_data(SQUARE, {"seas": FLAT}), coats: ... = by_data(1, {"seas": 2})) -> None: ...

Where the default is an empty text, the help shows "none".
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Annotated, Any, TypeVar, cast, get_args, get_type_hints

Command = Callable[..., None]
Default = TypeVar("Default")


@dataclass(frozen=True)
class _ByData:
    """A default for most data sets, and others by the name of the data set."""

    usual: Any
    special: Mapping[str, Any]

    def of(self, data: str) -> Any:
        return self.special.get(data, self.usual)

    def field(self, name: str) -> _ByData:
        special = {data: getattr(group, name) for data, group in self.special.items()}
        return _ByData(getattr(self.usual, name), special)

    @property
    def shown(self) -> str:
        return "; ".join([f"{self.usual}", *(f"for {data} {value}" for data, value in self.special.items())])

    @property
    def differs(self) -> bool:
        return any(value != self.usual for value in self.special.values())


def by_data(usual: Default, special: Mapping[str, Default]) -> Default:
    """Return the default of a parameter of an `expanded` command that is `special` for some data sets."""
    return cast(Default, _ByData(usual, special))


def expanded(function: Command) -> Command:
    """Return `function` with each parameter whose default is a dataclass replaced by the options among its fields.

    Those are the fields whose type is ``Annotated``; the others keep the values that they have in the default. Where
    the default of an option depends on the data, it is None unless given, until that default takes its place.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    options = {name: _options(parameter) for name, parameter in parameters.items()}

    @functools.wraps(function)
    def command(**values: Any) -> None:
        data = values.get("data", "")
        for name, parameter in parameters.items():
            default = parameter.default.of(data) if isinstance(parameter.default, _ByData) else parameter.default
            if is_dataclass(default) and not isinstance(default, type):
                own = {option.name: values.pop(option.name) for option in options[name]}
                values[name] = replace(default, **{field: value for field, value in own.items() if value is not None})
            elif values[name] is None:
                values[name] = default
        function(**values)

    flat = [option for own in options.values() for option in own]
    command.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]  # what Typer reads
    return command


def _options(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """Return the options that a parameter of the function stands for."""
    default = parameter.default if isinstance(parameter.default, _ByData) else _ByData(parameter.default, {})
    if not is_dataclass(default.usual):
        return [_option(parameter.name, parameter.annotation, default)]
    hints = get_type_hints(type(default.usual), include_extras=True)
    return [_option(name, hint, default.field(name)) for name, hint in hints.items() if hasattr(hint, "__metadata__")]


def _option(name: str, annotation: Any, default: _ByData) -> inspect.Parameter:
    value = default.usual
    if default.differs:
        annotation, value = _shown(annotation, default.shown, optional=True), None
    elif value == "" and hasattr(annotation, "__metadata__"):
        annotation = _shown(annotation, "none")
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=annotation)


def _shown(annotation: Any, default: str, optional: bool = False) -> Any:
    """Return the annotation of an option with what its help says of the default."""
    kind, option = get_args(annotation)
    option = copy.copy(option)
    option.show_default = default
    return Annotated[kind | None if optional else kind, option]
