"""What examples and their numbers are called: two numbers are a point of the plane, any more are an image."""

from __future__ import annotations


def example_of(n_visible: int) -> str:
    """Return what an example of so many numbers is called."""
    return "point" if n_visible == 2 else "image"


def numbers_of(n_visible: int) -> str:
    """Return what so many numbers of an example are called."""
    return "coordinates" if n_visible == 2 else "pixels"


def counted(n: int, what: str) -> str:
    """Return a number and what it is of, such as "1 component" and "2 components"."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"
