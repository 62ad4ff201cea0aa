"""Values of options that have a form of their own; each function raises `InputError` where it is another."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from scratchgen.errors import InputError

if TYPE_CHECKING:
    from scratchgen.corruptions import Corruption


def parse_widths(option: str, text: str) -> tuple[int, ...]:
    """Return the widths of hidden layers; an empty text stands for none."""
    try:
        return tuple(int(width) for width in text.split(",")) if text else ()
    except ValueError:
        raise InputError(f"{option} takes layer widths such as 400 or 512,256, got {text!r}") from None


def parse_channels(option: str, text: str) -> tuple[int, ...]:
    """Return the numbers of maps after convolutions."""
    try:
        return tuple(int(maps) for maps in text.split(","))
    except ValueError:
        raise InputError(f"{option} takes numbers of maps such as 16,32,64, got {text!r}") from None


def parse_number_of_labels(text: str) -> int | None:
    """Return a number, or None where all labels are wanted."""
    if text == "all":
        return None
    if not re.fullmatch(r"[1-9]\d*", text):
        raise InputError(f"--labels takes a number above 0, or 'all', got {text!r}")
    return int(text)


def parse_sigma(text: str) -> float | str:
    """Return a number, or "learned"."""
    try:
        return text if text == "learned" else float(text)
    except ValueError:
        raise InputError(f"--sigma takes a number or 'learned', got {text!r}") from None


def parse_corruption(name: str, level: float | None) -> Corruption:
    """Return the corruption of this name, at its default level where `level` is None."""
    from scratchgen import corruptions
    from scratchgen.validation import check_choice

    kinds: dict[str, Callable[..., Corruption]] = {
        "masking": corruptions.Masking,
        "independent-masking": corruptions.IndependentMasking,
        "gaussian": corruptions.GaussianNoise,
        "salt-and-pepper": corruptions.SaltAndPepper,
    }
    kind = kinds[check_choice("--corruption", name, tuple(kinds))]
    try:
        return kind() if level is None else kind(level)
    except InputError as error:
        raise InputError(f"--level of {name}: {error}") from None


def parse_image_shape(text: str) -> tuple[int, ...]:
    """Return height and width, and the number of channels where it is given."""
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*(x[13])?", text):
        raise InputError(f"--shape takes height x width, such as 28x28, or 32x32x3 for colours, got {text!r}")
    return tuple(int(side) for side in text.split("x"))
