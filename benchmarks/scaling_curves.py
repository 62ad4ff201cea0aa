"""What the curves of `benchmarks.scaling` say: where the cost is in proportion to the size, where it is not, and why.

Between two points the exponent is log(time ratio) / log(size ratio). For a cost a + b n it is b n / (a + b n), the
share of the time that grows with n: below 0.5, most of the time is spent on what does not depend on the size. At large
sizes an exponent above 1 says that a unit of work has become dearer: something no longer fits into a cache.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

OURS, PRODUCTS, GPU, GPU_CAPTURED = "scratchgen", "its products", "scratchgen GPU", "scratchgen GPU captured"
PER = {
    "width": "a step of batch 128",
    "batch": "a step",
    "chains": "10 sweeps of all chains",
    "images": "an epoch",
}
_INDEPENDENT = {  # what takes time whatever the size is
    "width": "calls, and passes over the images and the loss",
    "batch": "calls, and Adam's pass over all parameters",
    "chains": "calls, and reading the weights",
    "images": "calls at the start and the end of fit",
}
BYTES_PER_IMAGE = 4 * 784
_TOLERANCE = 0.15  # of an exponent of 1

Points = Sequence[tuple[int, float]]  # (size, cost), by size


class Regimes(NamedTuple):
    """Where a curve is flat, linear and steeper again; None where it is not.

    Attributes
    ----------
    flat_until : int, optional
        Up to this size less than half of the cost grows with it.
    linear_from : int, optional
        The exponent is 1 within the tolerance from here on.
    leaves_at : int, optional
        Until here: from this size to the last it is another one.
    exponent : float, optional
        That one.
    """

    flat_until: int | None = None
    linear_from: int | None = None
    leaves_at: int | None = None
    exponent: float | None = None


def curves(record: Mapping[str, Any]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Return the points of a record, the size and seconds: by what grows, then by who does it."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for row in record["contenders"]:
        who, _, rest = row["name"].partition(", ")
        what, size = rest.split()
        if "seconds" in row:
            found.setdefault(what, {}).setdefault(who, []).append((int(size), row["seconds"]["median"]))
    return found


def epoch_curves(record: Mapping[str, Any], quantity: str) -> dict[str, list[tuple[int, float]]]:
    """Return the points (images, quantity) of a record's epochs by who makes them."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in record["details"]["epochs"]:
        who = OURS if row["backend"] == "cpu" else GPU
        if row[quantity] > 0:  # memory need not grow
            found.setdefault(who, []).append((row["images"], row[quantity]))
    return found


def exponents(points: Points) -> list[float]:
    """Return log(cost ratio) / log(size ratio) between each point and the next.

    >>> exponents([(1, 2.0), (10, 20.0), (100, 20.0)])
    [1.0, 0.0]
    """
    return [_exponent(*pair) for pair in pairwise(points)]


def _exponent(first: tuple[int, float], second: tuple[int, float]) -> float:
    return math.log(second[1] / first[1]) / math.log(second[0] / first[0])


def regimes(points: Points) -> Regimes:
    """Return where the curve is flat, where linear, and where it leaves that for good.

    One interval that is off, as measurements are, is not the end of linearity: the exponent from its start to the last
    point must be off in the same direction.

    >>> regimes([(1, 1.0), (2, 1.1), (4, 2.0), (8, 4.0), (16, 8.0), (32, 32.0)])
    Regimes(flat_until=2, linear_from=2, leaves_at=16, exponent=2.0)
    """
    slopes, sizes = exponents(points), [size for size, _ in points]
    growing = next((i for i, slope in enumerate(slopes) if slope >= 0.5), len(slopes))
    flat_until = sizes[growing] if growing else None
    linear = next((i for i in range(growing, len(slopes)) if _is_linear(slopes[i])), None)
    if linear is None:
        return Regimes(flat_until)
    for i in range(linear + 1, len(slopes)):
        to_the_end = _exponent(points[i], points[-1])
        if not (_is_linear(slopes[i]) or _is_linear(to_the_end)) and (slopes[i] > 1) == (to_the_end > 1):
            return Regimes(flat_until, sizes[linear], sizes[i], to_the_end)
    return Regimes(flat_until, sizes[linear])


def _is_linear(exponent: float) -> bool:
    return abs(exponent - 1) <= _TOLERANCE


def break_even(cpu: Points, gpu: Points) -> int | None:
    """Return the smallest size from which on the GPU is faster at every size.

    >>> break_even([(1, 1.0), (2, 2.0), (4, 4.0)], [(1, 3.0), (2, 1.9), (4, 2.0)])
    2
    """
    on_gpu, first = dict(gpu), None
    for size, seconds in cpu:
        if on_gpu.get(size, math.inf) >= seconds:
            first = None
        elif first is None:
            first = size
    return first


def explanation(what: str, by_whom: Mapping[str, Points]) -> str:
    """Return in one sentence where our cost is not linear and whose doing that is, by the products beside it."""
    ours, products = by_whom[OURS], by_whom.get(PRODUCTS, ())
    found = regimes(ours)
    parts = []
    if found.flat_until is not None:
        independent = _independent(what, by_whom)
        parts.append(f"up to {found.flat_until:,} most of it does not depend on the size: {independent}")
    if found.linear_from is None:
        parts.append("nowhere linear within these sizes")
    elif found.leaves_at is None:
        parts.append(f"linear from {found.linear_from:,} on")
    else:
        parts.append(f"linear from {found.linear_from:,} to {found.leaves_at:,}")
        parts.append(f"the exponent is {found.exponent:.2f} from there on{_whose(found, products)}")
    return f"{what}: {'; '.join(parts)}"


def explanation_of_memory(points: Points) -> str:
    """Return in one sentence what an epoch takes besides its images, from (images, bytes)."""
    besides = "; ".join(f"{(n_bytes - n * BYTES_PER_IMAGE) / 1e6:.1f} MB at {n:,}" for n, n_bytes in points)
    return f"memory: besides the images themselves an epoch takes {besides}"


def _independent(what: str, by_whom: Mapping[str, Points]) -> str:
    """Say what that is, and which part of it are the products."""
    size, seconds = by_whom[OURS][0]
    alone = dict(by_whom.get(PRODUCTS, ())).get(size)
    share = "" if alone is None else f" (at {size:,} its products are {min(1.0, alone / seconds):.0%} of it)"
    return _INDEPENDENT[what] + share


def _whose(found: Regimes, products: Points) -> str:
    """Say whether the products leave proportionality too, at least half as far."""
    after = [point for point in products if point[0] >= (found.leaves_at or 0)]
    if len(after) < 2 or found.exponent is None:
        return ""
    alone = _exponent(after[0], after[-1])
    theirs = abs(alone - 1) >= abs(found.exponent - 1) / 2 and (alone > 1) == (found.exponent > 1)
    reason = "it is theirs" if theirs else "it is the passes over arrays between them"
    return f", that of its products {alone:.2f}: {reason}"
