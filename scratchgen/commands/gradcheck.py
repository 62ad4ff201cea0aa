"""``scratchgen gradcheck``: the table of gradient checks, one line a piece."""

from __future__ import annotations

import textwrap

from scratchgen import check
from scratchgen.backend import Backend

_NAME, _SHAPES = 48, 56  # characters


def print_gradient_checks(backend: Backend, pattern: str | None = None) -> bool:
    """Check the gradients whose names match `pattern`, print a line for each, and say whether all are right.

    What is wrong with one that failed, coordinate and parameter block, follows below the table.

    Raises
    ------
    InputError
        No piece has such a name.
    """
    reports = check.run(pattern, backend.name)
    print(f"{'piece':{_NAME}}  {'shapes':{_SHAPES}}  worst error   order")
    n_pieces, failed = 0, []
    for report in reports:
        n_pieces += 1
        verdict = "" if report.passed else "  FAILED"
        error = f"{report.worst_relative_error:11.1e}"
        shapes = textwrap.shorten(report.shapes, _SHAPES, placeholder=" …")  # a convolutional model has many
        print(f"{report.name:{_NAME}}  {shapes:{_SHAPES}}  {error}  {report.order:>6}{verdict}")
        if not report.passed:
            failed.append(report)
    for report in failed:
        print(f"\n{report.detail}")
    n_right = n_pieces - len(failed)
    print(
        f"\n{n_right} of {n_pieces} gradients are right: they agree with central differences in float64, "
        "and the Taylor remainder is of order 2, or zero where the piece is linear"
    )
    return not failed
