"""Checks of what a user passes in: each error says what was expected, what came, and what to do."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from scratchgen.backend import Backend, namespace, to_numpy
from scratchgen.errors import InputError
from scratchgen.typing import Array

DTYPES = ("float32", "float64")
_NAMES: dict[Any, str] = {key: name for name in DTYPES for key in (name, np.dtype(name))}


def check_dtype(dtype: Any) -> str:
    """Return the name of a supported floating type."""
    if isinstance(dtype, str | np.dtype) and (known := _NAMES.get(dtype)):
        return known  # at each draw of a training step: NumPy makes a name letter by letter
    try:
        name = repr(dtype) if dtype is None else np.dtype(dtype).name  # NumPy takes None for float64
    except TypeError:
        name = repr(dtype)
    if name not in DTYPES:
        raise InputError(f"dtype must be one of {', '.join(DTYPES)}, got {name}")
    return name


def is_finite_number(value: Any) -> bool:
    """Say whether `value` is a number of Python's or NumPy's (not a bool) that float64 can hold, finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of float64
        return False


def is_integer(value: Any) -> bool:
    """Say whether `value` is an integer of Python's or NumPy's (not a bool)."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_count(name: str, n: Any, least: int = 1) -> int:
    """Return `n` if it is an integer of at least `least`."""
    if not is_integer(n) or n < least:
        raise InputError(f"{name} must be an integer >= {least}, got {n!r}")
    return int(n)


def check_positive(name: str, value: Any) -> float:
    """Return `value` if it is a finite number above 0."""
    if not (is_finite_number(value) and value > 0):
        raise InputError(f"{name} must be a finite number > 0, got {value!r}")
    return float(value)


def check_nonnegative(name: str, value: Any) -> float:
    """Return `value` if it is a finite number of at least 0."""
    if not (is_finite_number(value) and value >= 0):
        raise InputError(f"{name} must be a finite number >= 0, got {value!r}")
    return float(value)


def check_widths(name: str, widths: Any) -> tuple[int, ...]:
    """Return the widths of hidden layers as a tuple; one integer stands for one layer."""
    if isinstance(widths, int | np.integer):
        widths = (widths,)
    if not isinstance(widths, tuple | list):
        raise InputError(f"{name} must be a tuple of layer widths such as (400,), got {widths!r}")
    return tuple(check_count(f"each width in {name}", n) for n in widths)


def check_image_shape(image_shape: Any) -> tuple[int, ...]:
    """Return (height, width) or (height, width, channels) as a tuple."""
    if not isinstance(image_shape, tuple | list) or len(image_shape) not in (2, 3):
        raise InputError(f"image_shape must be (height, width) or (height, width, channels), got {image_shape!r}")
    return tuple(check_count("each number in image_shape", n) for n in image_shape)


def check_channels(channels: Any, image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the maps after each convolution of a stack, all of which halve the image; one integer stands for one."""
    channels = check_widths("channels", channels)
    if not channels:
        raise InputError("channels must hold at least one number, such as (32, 64), got ()")
    height, width = image_shape[:2]
    most = (max(height, width) - 1).bit_length()  # from a size s to ceil(s / 2), until one pixel is left
    if len(channels) > most:
        raise InputError(
            f"images of {height} x {width} pixels can be halved {most} times, channels {channels} would do so "
            f"{len(channels)} times: give fewer numbers"
        )
    return channels


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return str(value)


def check_options(
    model: str, options: Mapping[str, Any], base: Callable[..., Any], others: Collection[str], networks: str
) -> None:
    """Raise unless a model can pass all `options` on to its `base`: keywords of that, but for those in `others`.

    Parameters
    ----------
    networks : str
        What describes the networks instead of `others`, in words.
    """
    known = [n for n, p in inspect.signature(base).parameters.items() if p.kind is p.KEYWORD_ONLY and n not in others]
    if unknown := [name for name in options if name not in known]:
        raise InputError(f"{model} takes no {', '.join(unknown)}: {networks}, its other options are {', '.join(known)}")


def check_numbers(name: str, x: Any) -> Array:
    """Return `x`, or what NumPy makes of it where it is no array, if it holds real numbers."""
    if not hasattr(getattr(x, "dtype", None), "kind"):  # a list, or an array of a library that NumPy can read
        x = _from_nested(name, x)
    if x.dtype.kind not in "fiub":
        raise InputError(f"{name} must hold real numbers, got dtype {x.dtype}")
    return x


def check_float_array(name: str, x: Any) -> Array:
    """Return `x` where it lives and in its type, or float64 if it holds no floating-point numbers.

    Raises
    ------
    InputError
        A single number, no element, not real numbers, NaN or infinite.
    """
    x = check_numbers(name, x)
    if x.ndim == 0 or 0 in x.shape:
        raise InputError(f"{name} must be an array with at least one element, got shape {tuple(x.shape)}")
    xp = namespace(x)
    if not bool(xp.isfinite(x).all()):
        raise InputError(f"{name} has NaN or infinite values")
    return x if x.dtype.kind == "f" else x.astype(xp.float64)


def check_matrix(name: str, x: Any, n_columns: int, backend: Backend, dtype: str, unit_range: bool = False) -> Array:
    """Return `x` on `backend` as a C-contiguous (n, n_columns) array of type `dtype`.

    Parameters
    ----------
    unit_range : bool
        Ask for values in [0, 1], as the data of a Bernoulli model are.

    Raises
    ------
    InputError
        Wrong number of dimensions or columns, no rows, not numbers, NaN or infinite, out of range.
    """
    x = check_numbers(name, x)
    if x.ndim != 2 or x.shape[1] != n_columns:
        advice = f"; reshape one example with {name}.reshape(1, -1)" if x.ndim == 1 else ""
        raise InputError(f"{name} must have shape (n, {n_columns}), got {tuple(x.shape)}{advice}")
    if x.shape[0] == 0:
        raise InputError(f"{name} has no rows")
    _check_values(name, x, dtype, unit_range)
    return backend.asarray(x, dtype=dtype)


def check_vectors(name: str, z: Any, n_components: int, backend: Backend, dtype: str) -> Array:
    """Return `z` on `backend` as an array (..., n_components) of type `dtype` with any number of leading axes.

    Raises
    ------
    InputError
        As for `check_matrix`.
    """
    z = check_numbers(name, z)
    if z.ndim == 0 or z.shape[-1] != n_components:
        raise InputError(f"{name} must have shape (..., {n_components}), got {tuple(z.shape)}")
    return check_matrix(name, z.reshape(-1, n_components), n_components, backend, dtype).reshape(z.shape)


def check_latents(name: str, z: Any, n_rows: int, n_latent: int, backend: Backend, dtype: str) -> Array:
    """Return latent vectors of `n_rows` examples, (n_rows, n_latent), or several an example, (k, n_rows, n_latent).

    Raises
    ------
    InputError
        Another shape, or as for `check_matrix`.
    """
    z = check_numbers(name, z)
    if z.ndim not in (2, 3) or tuple(z.shape[-2:]) != (n_rows, n_latent):
        raise InputError(
            f"{name} must have shape ({n_rows}, {n_latent}) or (k, {n_rows}, {n_latent}) for {n_rows} examples, "
            f"got {tuple(z.shape)}"
        )
    return check_vectors(name, z, n_latent, backend, dtype)


def check_gaussians(x: Any, mean: Any, log_var: Any, n_latent: int | None = None) -> tuple[Array, Array, Array]:
    """Return examples (n, n_visible), and mean and log_var of one Gaussian for each, both (n, n_latent).

    They are neither moved nor cast.

    Raises
    ------
    InputError
        Another shape, which would be broadcast; no element, not real numbers, NaN or infinite.
    """
    x, mean, log_var = (check_float_array(n, v) for n, v in (("x", x), ("mean", mean), ("log_var", log_var)))
    if x.ndim != 2:
        raise InputError(f"x must have shape (n, n_visible), got {tuple(x.shape)}")
    wanted = (x.shape[0], mean.shape[-1] if n_latent is None else n_latent)
    for name, array in (("mean", mean), ("log_var", log_var)):
        if tuple(array.shape) != wanted:
            raise InputError(f"{name} must have shape (n, n_latent) = {wanted}, got {tuple(array.shape)}")
    return x, mean, log_var


def _from_nested(name: str, x: Any) -> np.ndarray:
    try:
        return np.asarray(x)
    except ValueError as error:
        raise InputError(f"{name} must be a rectangular array of numbers") from error


def _check_values(name: str, x: Array, dtype: str, unit_range: bool) -> None:
    low, high = float(x.min()), float(x.max())  # a NaN anywhere makes both NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        rows = np.flatnonzero(~np.isfinite(to_numpy(x)).all(axis=1))
        raise InputError(f"{name} has NaN or infinite values in {rows.size} row(s), the first of them row {rows[0]}")
    if max(-low, high) > float(np.finfo(dtype).max):
        raise InputError(f"{name} has values in [{low:g}, {high:g}], which {dtype} cannot hold: scale it")
    if unit_range and (low < 0 or high > 1):
        advice = "divide by 255" if low >= 0 and high <= 255 and high > 1 else "scale it, or choose a Gaussian model"
        raise InputError(
            f"{name} must lie in [0, 1] for a Bernoulli model, got values in [{low:g}, {high:g}]: {advice}"
        )
