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

the command ``area`` takes ``--height`` and ``--width``, each 3 by default. Where the default is an empty text, the help
shows "none".
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import is_dataclass, replace
from typing import Annotated, Any, get_type_hints

Command = Callable[..., None]


def expanded(function: Command) -> Command:
    """Return `function` with each parameter whose default is a dataclass replaced by the options among its fields.

    Those are the fields whose type is ``Annotated``; the others keep the values that they have in the default.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    groups = {name: _options(p.default) for name, p in parameters.items() if is_dataclass(p.default)}

    @functools.wraps(function)
    def command(**values: Any) -> None:
        for name, options in groups.items():
            own = {option.name: values.pop(option.name) for option in options}
            values[name] = replace(parameters[name].default, **own)
        function(**values)

    flat: list[inspect.Parameter] = []
    for name, parameter in parameters.items():
        flat += groups.get(name, [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)])
    command.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]  # what Typer reads
    return command


def _options(defaults: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(type(defaults), include_extras=True)
    return [_option(name, getattr(defaults, name), h) for name, h in hints.items() if hasattr(h, "__metadata__")]


def _option(name: str, default: Any, hint: Any) -> inspect.Parameter:
    if default == "":
        option = copy.copy(hint.__metadata__[0])
        option.show_default = "none"
        hint = Annotated[hint.__origin__, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
