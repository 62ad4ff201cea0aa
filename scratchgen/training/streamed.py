"""Which data are taken batch by batch from where they are, instead of as one array in memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.backend import get_backend
from scratchgen.errors import InputError
from scratchgen.training.batches import Check
from scratchgen.training.disk_source import DiskSource
from scratchgen.training.iterator_source import IteratorSource
from scratchgen.training.on_disk import OnDisk, is_mapped
from scratchgen.training.sources import Source

if TYPE_CHECKING:
    from scratchgen.models.model import Model


def streamed_source(model: Model, x: Any, name: str) -> Source | None:
    """Return the source of a memmap, a path, an `OnDisk` or a function that returns iterators; None for other data.

    A sample is read and checked at once, so that data that do not fit the model are refused before training begins.

    Raises
    ------
    InputError
        As of `OnDisk` and `Model.check_data`; or an iterator, which could be gone through only once.
    """
    if isinstance(x, Iterator):
        raise InputError(
            f"{name} is an iterator, which can be gone through only once: give a function that returns a fresh one for "
            "each pass"
        )
    source: Source
    if callable(x):
        source = IteratorSource(x, model.n_visible, _check_on_host(model), model.backend, name)
    elif isinstance(x, OnDisk | str | Path) or is_mapped(x):
        data = x if isinstance(x, OnDisk) else OnDisk(x)
        if data.shape[1] != model.n_visible:
            raise InputError(f"{name} must have shape (n, {model.n_visible}), got {data.shape}")
        source = DiskSource(data, _check_on_host(model), model.dtype, model.backend, name)
    else:
        return None
    source.examples()
    return source


def _check_on_host(model: Model) -> Check:
    """Return the model's check of data without their way to the device, which has its own stream."""
    if model.backend.xp is np:
        return model.check_data
    on_host = copy.copy(model)
    on_host.backend = get_backend("cpu")
    return on_host.check_data
