"""Weights files: a model's settings and whole state in the safetensors format, which executes no code when it is read.

The arrays are tensors; everything else is one JSON text in the file's metadata.
"""

from __future__ import annotations

import contextlib
import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from scratchgen.backend import Backend, to_numpy
from scratchgen.errors import FileFormatError, InputError
from scratchgen.models import MODELS
from scratchgen.models.model import State
from scratchgen.specification import from_specification, to_specification

_FORMAT = "scratchgen model"
_VERSION = 2
_KEY = "scratchgen"  # of the JSON text among the file's metadata


class Saveable(Protocol):
    """What can be saved: a class of `scratchgen.models.MODELS`, its arguments, and its whole state."""

    @property
    def settings(self) -> dict[str, Any]:
        """Return the arguments that make another model like this one."""

    def state(self) -> State:
        """Return the whole state."""


def save(model: Saveable, path: str | Path) -> None:
    """Write `model` to `path`, atomically: a crash leaves either the old file or the new one, whole.

    Raises
    ------
    InputError
        The folder does not exist or cannot be written to, or the state holds what a file cannot (a schedule that is a
        function of yours).
    """
    from safetensors.numpy import save as to_bytes

    state = model.state()
    # safetensors writes an array as it lies in memory, and takes it for one in C order when it is read
    arrays = {name: np.ascontiguousarray(to_numpy(array)) for name, array in state.arrays.items()}
    metadata = {_KEY: json.dumps(_describe(model, state))}
    _write_atomically(_check_destination(path), to_bytes(arrays, metadata))


def check_can_save(model: Saveable, path: str | Path) -> None:
    """Raise what `save` would raise, as far as that can be seen without writing."""
    _describe(model, model.state())
    _check_destination(path)


def load(path: str | Path, backend: str | Backend = "cpu") -> Any:
    """Return the model that was saved to `path`, ready to sample, evaluate or continue training.

    Raises
    ------
    FileFormatError
        The file is missing, truncated, or not a weights file of this version of scratchgen; it is left alone.
    BackendError
        The backend is unknown or does not work here.
    """
    path = Path(path)
    header, arrays = _read(path)
    name = header.get("model")
    if header.get("format") != _FORMAT or header.get("version") != _VERSION:
        raise FileFormatError(
            f"{path} is {header.get('format')!r} version {header.get('version')!r}; "
            f"this is {_FORMAT!r} version {_VERSION}: load it with the release that wrote it"
        )
    if not isinstance(name, str) or name not in MODELS:
        raise FileFormatError(f"{path} holds a model {name!r}, which this release does not know")
    cls = getattr(import_module(MODELS[name]), name)
    try:
        model = cls(**from_specification(header["settings"]), backend=backend)
        model.restore(State(arrays, from_specification(header["values"])))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, MemoryError) as error:
        raise FileFormatError(f"{path} does not describe a {name}: {error}") from error
    return model


def _describe(model: Saveable, state: State) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "model": type(model).__name__,
        "settings": to_specification(model.settings),
        "values": to_specification(state.values),
    }


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileFormatError(f"{path} does not exist or is not a file")
    try:
        with safe_open(path, framework="np") as file:
            text = (file.metadata() or {}).get(_KEY)
            names = file.keys() if text is not None else []
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise FileFormatError(f"{path} cannot be read as a weights file ({error}): it may be truncated") from error
    except (TypeError, AttributeError) as error:  # how safetensors says that NumPy lacks a type, such as bfloat16
        raise FileFormatError(f"{path} holds arrays of a type that scratchgen does not write: {error}") from error
    if text is None:
        raise FileFormatError(f"{path} is a safetensors file, but not one of scratchgen's")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path} has a damaged description of its model: {error}") from error
    if not isinstance(header, dict):
        raise FileFormatError(f"{path} has a description that is no JSON object, but {type(header).__name__}")
    return header, arrays


def _check_destination(path: str | Path) -> Path:
    """Return where `path` leads, through links: a link itself would be replaced by the file."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise InputError(f"cannot write {path}: it is a folder or a device; give the name of a file")
    if not target.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {target.parent}; make it first")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"cannot write {path}: the folder {target.parent} is not yours to write to")
    return target


def _write_atomically(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    finally:  # an interrupt too must not leave the temporary file behind
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
