"""Weights files: a model's settings and whole state in the safetensors format, which executes no code when it is read.

The arrays are tensors; everything else is one JSON text in the file's metadata.
"""

from __future__ import annotations

import contextlib
import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from scratchgen.backend import Backend, to_numpy
from scratchgen.errors import FileFormatError, InputError
from scratchgen.models import MODELS
from scratchgen.models.model import Model, State

_FORMAT = "scratchgen model"
_VERSION = 1


def save(model: Model, path: str | Path) -> None:
    """Write `model` to `path`, atomically: a crash leaves either the old file or the new one, whole.

    Raises
    ------
    InputError
        The folder does not exist or cannot be written to, or the state holds what a file cannot (a schedule that is a
        function of yours).
    """
    from safetensors.numpy import save as to_bytes

    state = model.state()
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "model": type(model).__name__,
        "settings": model.specified_settings(),
        "values": state.values,
    }
    arrays = {name: to_numpy(array) for name, array in state.arrays.items()}
    _write_atomically(Path(path), to_bytes(arrays, metadata={"scratchgen": json.dumps(header)}))


def load(path: str | Path, backend: str | Backend = "cpu") -> Any:
    """Return the model that was saved to `path`, ready to sample, evaluate or continue training.

    Raises
    ------
    FileFormatError
        The file is missing, truncated, or not a weights file of this version of scratchgen; it is left alone.
    """
    path = Path(path)
    header, arrays = _read(path)
    if header.get("format") != _FORMAT or header.get("version") != _VERSION:
        raise FileFormatError(
            f"{path} is {header.get('format')!r} version {header.get('version')!r}; "
            f"this is {_FORMAT!r} version {_VERSION}: load it with the release that wrote it"
        )
    if header.get("model") not in MODELS:
        raise FileFormatError(f"{path} holds a model {header.get('model')!r}, which this release does not know")
    cls = getattr(import_module(MODELS[header["model"]]), header["model"])
    try:
        model = cls.from_specified_settings(header["settings"], backend)
        model.restore(State(arrays, header["values"]))
    except (FileFormatError, InputError, KeyError, TypeError) as error:
        raise FileFormatError(f"{path} does not describe a {header['model']}: {error}") from error
    return model


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileFormatError(f"{path} does not exist or is not a file")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise FileFormatError(f"{path} cannot be read as a weights file ({error}): it may be truncated") from error
    try:
        header = json.loads(metadata["scratchgen"])
    except (KeyError, ValueError) as error:
        raise FileFormatError(f"{path} is a safetensors file, but not one of scratchgen's") from error
    return header, arrays


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
