"""The gradient checks behind ``scratchgen gradcheck``: one table with a line for every op, model, density and bound.

>>> for report in run("mlp"):
...     print(f"{report.name}  {report.shapes}  order {report.order}  {report.passed}")
mlp  x 3×4, layers 4×4 4 4×4 4  order 2.00  True
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from scratchgen.backend import Backend, get_backend
from scratchgen.check.densities import density_pieces
from scratchgen.check.inference import inference_pieces
from scratchgen.check.models import model_pieces
from scratchgen.check.ops import op_pieces
from scratchgen.check.piece import Piece, PieceReport
from scratchgen.errors import InputError

__all__ = ["Piece", "PieceReport", "pieces", "run"]


def pieces(backend: Backend) -> list[Piece]:
    """Return the whole table."""
    return op_pieces(backend) + model_pieces(backend) + density_pieces(backend) + inference_pieces(backend)


def run(pattern: str | None = None, backend: str = "cpu") -> Iterator[PieceReport]:
    """Check the gradients of this package in float64, through the kernels of `backend`.

    Parameters
    ----------
    pattern : str, optional
        A part of the names of the pieces to check, or a pattern for whole names such as "VAE*sigma". Default: all.
    backend : {"cpu", "numpy", "cuda"}

    Returns
    -------
    iterator of PieceReport
        Each piece is checked when its report is asked for.

    Raises
    ------
    InputError
        No piece has such a name.
    BackendError
        The backend cannot work here.
    """
    table = pieces(get_backend(backend))
    chosen = [p for p in table if pattern is None or pattern in p.name or fnmatchcase(p.name, pattern)]
    if not chosen:
        raise InputError(f"no piece matches {pattern!r}: choose among {', '.join(piece.name for piece in table)}")
    return (piece.report() for piece in chosen)
