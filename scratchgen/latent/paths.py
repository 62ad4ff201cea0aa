"""Codes along a path: between two examples, straight or on an arc, and along one latent variable at a time.

========  =================  ==============================================
symbol    shape              meaning
========  =================  ==============================================
start     (..., n_latent)    codes at t = 0
end       (..., n_latent)    codes at t = 1
t         (n_points,)        equally spaced from 0 to 1, both included
========  =================  ==============================================

References
----------
K. Shoemake: "Animating rotation with quaternion curves", SIGGRAPH 1985 (the formula of the arc).
T. White: "Sampling generative networks", 2016, arXiv:1609.04468 (why an arc: most of the prior's mass is in a shell).
"""

from __future__ import annotations

import math
from typing import Any

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_float_array

_LARGEST_ANGLE = math.pi - 1e-3  # beyond it rounding in float32 decides on which arc the path goes


def interpolate_linear(start: Any, end: Any, n_points: int) -> Array:
    """Return ``z(t) = (1 - t) start + t end``, (n_points, ..., n_latent), in the type of `start`.

    Parameters
    ----------
    start, end : array (..., n_latent)
        One code or several, such as ``vae.encode(x)[0]``; of the same shape.
    n_points : int
        Points of each path, its ends included: at least 2.

    Raises
    ------
    InputError
        The codes do not have the same shape or are not finite numbers, or `n_points` is not an integer >= 2.

    Examples
    --------
    >>> interpolate_linear([0.0, 4.0], [2.0, 0.0], 3).tolist()
    [[0.0, 4.0], [1.0, 2.0], [2.0, 0.0]]
    """
    start, end, t = _check_path(start, end, n_points)
    return (1 - t) * start + t * end


def interpolate_spherical(start: Any, end: Any, n_points: int) -> Array:
    r"""Return the path that turns from `start` to `end` at a constant rate, (n_points, ..., n_latent).

    .. math:: z(t) = \frac{\sin((1 - t) \omega)}{\sin \omega} start + \frac{\sin(t \omega)}{\sin \omega} end,
              \quad \omega = \text{the angle between start and end}.

    Codes of the same length keep it along the whole path. Halfway on the straight line between two independent draws
    of N(0, I) the length is only about 1/sqrt(2) of theirs; in many dimensions the prior hardly ever gives such a code,
    and the decoder has hardly ever been trained on one.

    Parameters
    ----------
    start, end : array (..., n_latent)
        One code or several, of the same shape.
    n_points : int
        Points of each path, its ends included: at least 2.

    Raises
    ------
    InputError
        As for `interpolate_linear`; or a code is zero, or two codes point in opposite directions, so that no arc
        between them is the shortest.

    Examples
    --------
    >>> interpolate_spherical([0.0, 2.0], [2.0, 0.0], 3).round(3).tolist()
    [[0.0, 2.0], [1.414, 1.414], [2.0, 0.0]]
    """
    start, end, t = _check_path(start, end, n_points)
    xp = namespace(start, end)
    omega = _angle(start, end)
    # sin((1 - t) omega) / sin(omega), also where omega is 0
    weight_of_start = (1 - t) * xp.sinc((1 - t) * omega / math.pi) / xp.sinc(omega / math.pi)
    weight_of_end = t * xp.sinc(t * omega / math.pi) / xp.sinc(omega / math.pi)
    return weight_of_start * start + weight_of_end * end


def traverse(z: Any, values: Any) -> Array:
    """Return copies of one code with one variable changed: (n_latent, n_values, n_latent).

    Row k holds `z` with z_k set to each of `values` in turn and all other variables as they are, so that
    ``vae.decode(traverse(z, values))`` shows what each latent variable stands for.

    Parameters
    ----------
    z : array (n_latent,)
        The code to start from: zeros for the mean of the prior, or the code of an example.
    values : array (n_values,)
        For instance ``numpy.linspace(-3, 3, 9)``.

    Raises
    ------
    InputError
        Either is not a vector of finite numbers, or is empty.

    Examples
    --------
    >>> traverse([5.0, 6.0], [-1.0, 1.0]).tolist()
    [[[-1.0, 6.0], [1.0, 6.0]], [[5.0, -1.0], [5.0, 1.0]]]
    """
    z, values = check_float_array("z", z), check_float_array("values", values)
    if z.ndim != 1 or values.ndim != 1:
        raise InputError(f"z and values must be vectors, got shapes {tuple(z.shape)} and {tuple(values.shape)}")
    xp = namespace(z, values)
    changed = xp.eye(z.shape[0], dtype=bool)[:, None, :]
    return xp.where(changed, values[None, :, None].astype(z.dtype), z)


def _check_path(start: Any, end: Any, n_points: int) -> tuple[Array, Array, Array]:
    """Return both ends, and t of the shape (n_points, 1, ..., 1) that broadcasts against them."""
    start, end = check_float_array("start", start), check_float_array("end", end)
    if start.shape != end.shape:
        raise InputError(f"start and end must have the same shape, got {tuple(start.shape)} and {tuple(end.shape)}")
    xp = namespace(start, end)
    t = xp.linspace(0, 1, check_count("n_points", n_points, 2), dtype=start.dtype)
    return start, end.astype(start.dtype), t.reshape(-1, *(1,) * start.ndim)


def _angle(start: Array, end: Array) -> Array:
    """Return the angle between the codes, (..., 1), accurate also where it is small.

    Half of it has the tangent |u - v| / |u + v| for unit vectors u and v; the inverse cosine of their product would
    lose half of the digits near 0.
    """
    xp = namespace(start, end)
    lengths = [xp.linalg.norm(z, axis=-1, keepdims=True) for z in (start, end)]
    if not all(bool((length > 0).all()) for length in lengths):
        raise InputError("a code of length 0 has no direction: interpolate linearly from or to it")
    u, v = start / lengths[0], end / lengths[1]
    angle = 2 * xp.arctan2(xp.linalg.norm(u - v, axis=-1, keepdims=True), xp.linalg.norm(u + v, axis=-1, keepdims=True))
    if bool((angle > _LARGEST_ANGLE).any()):
        raise InputError("two codes point in opposite directions, so that no arc is the shortest: interpolate linearly")
    return angle
