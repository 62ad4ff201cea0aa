"""One line of the table of gradient checks: a piece of the package, and what its check found."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from scratchgen.errors import InputError
from scratchgen.finite_differences import GradcheckReport


@dataclass(frozen=True)
class PieceReport:
    """What the check of one piece found.

    Attributes
    ----------
    name : str
    shapes : str
        Of all that the piece was differentiated by, as "x 3×4, params 4×4 4"; empty where the check could not be made.
    worst_relative_error : float
        As `scratchgen.finite_differences` defines it; infinite where the check could not be made.
    order : str
        Of the Taylor remainder: about "2.00" where the gradient is right, "1.00" where it is wrong; "linear" where the
        remainder is rounding.
    passed : bool
        Every coordinate agrees with central differences, and the order is that of a right gradient.
    detail : str
        The full report: the worst coordinate, and the error of each parameter block.
    """

    name: str
    shapes: str
    worst_relative_error: float
    order: str
    passed: bool
    detail: str = field(repr=False)


class Piece(NamedTuple):
    """A piece of the package that has a gradient, and how to check it.

    Attributes
    ----------
    name : str
        What it is, then in which variant: "linear", "dense relu", "VAE learned sigma". The first word is that of the
        op's ``<word>_forward``, the class of the model or density, or the function.
    check : callable
        Returns the full report.
    """

    name: str
    check: Callable[[], GradcheckReport]

    def report(self) -> PieceReport:
        """Check this piece. One that cannot be checked, for its gradient has a wrong shape or is NaN, has failed."""
        try:
            found = self.check()
        except InputError as error:
            return PieceReport(self.name, "", math.inf, "none", False, f"{self.name} FAILED: {error}")
        order = "linear" if found.linear else f"{found.order:.2f}"
        passed = found.passed and (found.linear or found.order > 1.5)  # by both methods
        return PieceReport(self.name, _shapes(found), found.worst_relative_error, order, passed, str(found))


def _shapes(report: GradcheckReport) -> str:
    """Return the shapes of all blocks, those that belong to one argument (params.W, params.b) side by side."""
    by_argument: dict[str, list[str]] = {}
    for block, shape in report.shapes.items():
        argument = re.split(r"[.[]", block, maxsplit=1)[0]
        by_argument.setdefault(argument, []).append("×".join(map(str, shape)))
    return ", ".join(f"{argument} {' '.join(shapes)}" for argument, shapes in by_argument.items())
