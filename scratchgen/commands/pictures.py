"""What is drawn of a trained model: the pictures of its family, each in a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scratchgen.commands.families import family_of
from scratchgen.datasets import Dataset
from scratchgen.models.model import Model

DOTS_PER_INCH = 150


def save_pictures(
    model: Model, data: Dataset, folder: Path, names: Iterable[str] | None = None, prefix: str = ""
) -> dict[str, str]:
    """Draw those pictures of `names`, by default all, that suit the model and the data.

    Return the description of each file; `prefix` begins their names.
    """
    pictures = family_of(model).pictures
    chosen = [name for name in (pictures if names is None else names) if pictures[name].suits(model, data)]
    for name in chosen:
        pictures[name].draw(model, data).savefig(folder / f"{prefix}{name}", dpi=DOTS_PER_INCH)
    return {f"{prefix}{name}": pictures[name].description for name in chosen}
