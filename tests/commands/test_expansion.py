from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import typer

from scratchgen.cli.expansion import by_data, expanded


@dataclass(frozen=True)
class Size:
    name: str
    height: Annotated[int, typer.Option(help="Upwards.")] = 1
    width: Annotated[int, typer.Option(help="Sideways.")] = 1
    unit: Annotated[str, typer.Option(help="Of both.")] = ""


SQUARE = Size("square", 3, 3)
seen = []


@expanded
def draw(colour: str = "red", size: Size = SQUARE, n: int = 1) -> None:
    """Draw it."""
    seen.append((colour, size, n))


def test_the_annotated_fields_stand_in_the_place_of_the_group_with_its_defaults() -> None:
    parameters = inspect.signature(draw).parameters
    assert {name: p.default for name, p in parameters.items()} == {
        "colour": "red",
        "height": 3,
        "width": 3,
        "unit": "",
        "n": 1,
    }
    assert list(parameters) == ["colour", "height", "width", "unit", "n"]
    assert [option.help for option in parameters["width"].annotation.__metadata__] == ["Sideways."]
    assert draw.__doc__ == "Draw it."


def test_the_function_receives_the_group_as_one_object() -> None:
    draw(colour="blue", height=5, width=3, unit="", n=2)
    assert seen.pop() == ("blue", Size("square", 5, 3), 2)


def test_a_default_that_is_empty_is_shown_as_none_and_no_other_is() -> None:
    def shown(function: Any) -> Any:
        return inspect.signature(function).parameters["unit"].annotation.__metadata__[0].show_default

    @expanded
    def measure(size: Size = Size("metric", unit="m")) -> None: ...

    assert shown(draw) == "none"
    assert shown(measure) is True


FLAT = by_data(Size("square", 3, 3), {"seas": Size("flat", 3, 9)})


@expanded
def paint(size: Size = FLAT, coats: Annotated[int, typer.Option()] = by_data(1, {"seas": 2}), data: str = "") -> None:
    """Paint it."""
    seen.append((size, coats))


def test_options_whose_default_depends_on_the_data_say_both_and_may_be_left_out() -> None:
    parameters = inspect.signature(paint).parameters
    assert list(parameters) == ["height", "width", "unit", "coats", "data"]
    assert [p.default for p in parameters.values()] == [3, None, "", None, ""]
    for name, shown in (("width", "3; for seas 9"), ("coats", "1; for seas 2")):
        kind, option = get_args(parameters[name].annotation)
        assert (kind, option.show_default) == (int | None, shown)
    assert get_args(parameters["width"].annotation)[1].help == "Sideways."
    assert inspect.signature(draw).parameters["width"].annotation.__metadata__[0].show_default is True


def test_defaults_are_those_of_the_data_and_what_is_given_stays() -> None:
    paint(height=3, width=None, unit="", coats=None, data="hills")
    paint(height=3, width=None, unit="", coats=None, data="seas")
    paint(height=4, width=3, unit="", coats=1, data="seas")
    assert [seen.pop() for _ in range(3)] == [
        (Size("flat", 4, 3), 1),
        (Size("flat", 3, 9), 2),
        (Size("square", 3, 3), 1),
    ]
