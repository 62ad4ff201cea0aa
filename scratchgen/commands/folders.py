"""The folder that a run leaves behind: can it be written to, what is in it, and what an interrupted run left there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from scratchgen.errors import InputError, ScratchgenError


def prepare_folder(folder: Path) -> None:
    """Make `folder` if it is not there, and try to write to it, so that a long run does not fail at its end.

    Raises
    ------
    InputError
        Something else has that name, or the folder cannot be made or written to.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder: choose another name with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"cannot write to the folder {folder}: {error.strerror}; choose another with --out") from error


def print_contents(folder: Path, descriptions: Mapping[str, str]) -> None:
    """Print the names of the files that a run left in `folder`, and what each is."""
    width = max(map(len, descriptions))
    print(f"\n{folder}{os.sep}")
    for name, description in descriptions.items():
        print(f"  {name:{width}}  {description}")


@contextlib.contextmanager
def interruptible(weights: Path, advice: str = "") -> Iterator[None]:
    """Let Ctrl-C say which state of the training the file `weights` holds."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_what_is_left(weights, advice)) from None


def _what_is_left(weights: Path, advice: str) -> str:
    if not weights.exists():
        return "before the first checkpoint, nothing was saved"
    from scratchgen.checkpoint import load

    try:
        epoch = load(weights, "numpy").epoch
    except ScratchgenError as error:
        return str(error)
    return f"{weights} holds the model after epoch {epoch}{advice}"
