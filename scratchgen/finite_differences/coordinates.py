"""Is a claimed gradient right, and if not, which term is wrong: central differences, by parameter block.

====  ==================================================================================================
a, n  claimed and measured derivative along one line: a coordinate, or a random direction
e     error of n: what the extrapolation to step zero leaves open, plus the rounding of f (`lines`)
====  ==================================================================================================

The relative error of a derivative is abs(a - n) / max(abs(a), abs(n), e / tolerance). It is at most the tolerance
exactly where a and n agree to that fraction of the larger one, or to within e. So the only absolute scale is what
differences of f can resolve: f times 1e-8 is checked as sharply as f, and a zero does not fail by rounding.

A derivative with e > tolerance * max(abs(a), abs(n), root mean square of its block) could not be checked to the
tolerance. It is counted as unresolved, and a check that resolves nothing of a gradient that is not zero does not pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgen.errors import InputError
from scratchgen.finite_differences import lines, taylor
from scratchgen.finite_differences.arguments import (
    Gradient,
    Vector,
    checked_function,
    checked_gradient,
    checked_point,
)
from scratchgen.finite_differences.trees import leaves_of

ALL_COORDINATES = 2000  # up to this size every coordinate is checked by default, beyond it RANDOM_DIRECTIONS a block
RANDOM_DIRECTIONS = 10

Index = tuple[int, ...] | None  # of a coordinate in its block; None along a random direction


class _Block(NamedTuple):
    name: str
    positions: NDArray[np.intp]  # in the flattened x
    shape: tuple[int, ...]


class _Derivative(NamedTuple):
    block: str
    where: Index
    claimed: float
    measured: float
    error: float  # of `measured`
    relative_error: float
    kink: bool


@dataclass(frozen=True, repr=False)
class GradcheckReport:
    """What `gradcheck` found: true where the check passed, and ``print(report)`` says which term is wrong.

    Attributes
    ----------
    passed : bool
        All derivatives agree to the tolerance; and some could be resolved, or all are zero as far as can be seen.
    name : str
    tolerance, worst_relative_error : float
        Relative errors are defined at the head of this module.
    worst_block, worst_index : str, tuple of int
        Where the error is largest; the index, within the block, is None along a random direction.
    claimed, measured, measured_error : float
        The two derivatives there, and the error of the measured one.
    kink : bool
        They disagree, and the slopes to the left and to the right of x differ, as those of ReLU at 0.
    errors_by_block, shapes : dict
        The largest relative error of each block, and its shape.
    n_checked, n_unresolved : int
        Number of derivatives compared, and of those among them that could not be checked to the tolerance.
    order, linear : float, bool
        Of the Taylor remainder along a random direction, as in `TaylorReport`.
    """

    passed: bool
    name: str
    tolerance: float
    worst_relative_error: float
    worst_block: str
    worst_index: Index
    claimed: float
    measured: float
    measured_error: float
    kink: bool
    errors_by_block: dict[str, float]
    shapes: dict[str, tuple[int, ...]]
    n_checked: int
    n_unresolved: int
    order: float
    linear: bool

    def __bool__(self) -> bool:  # so that `assert gradcheck(...)` does not hold for every report
        return self.passed

    def __repr__(self) -> str:  # one line: pytest shows it where `assert gradcheck(...)` fails
        wrong = self.worst_relative_error > self.tolerance
        verdict = "passed" if self.passed else "FAILED" if wrong else "INCONCLUSIVE"
        ratio = f", ratio {self.claimed / self.measured:.5g}" if wrong and self.measured else ""
        place = _place(self.worst_block, self.worst_index)
        return (
            f"{self.name} {verdict}: relative error {self.worst_relative_error:.1e} in {place}, "
            f"claimed {self.claimed:.8g}, measured {self.measured:.8g} ± {self.measured_error:.0e}{ratio}"
        )

    def __str__(self) -> str:
        lines = [repr(self)]
        if self.kink:
            lines.append("  the slopes to its left and right differ: at a kink there is no derivative to compare with")
        if self.n_unresolved:
            why = f"too small, or f too noisy, to be checked to {self.tolerance:.0e}"
            lines.append(f"  {self.n_unresolved} of {self.n_checked} derivatives are {why}")
        lines.append("  Taylor remainder: " + ("rounding, f is linear" if self.linear else f"order {self.order:.2f}"))
        width = max(map(len, self.errors_by_block))
        for block, error in self.errors_by_block.items():
            mark = "  wrong" if error > self.tolerance else ""
            lines.append(f"  {block:{width}}  {error:.1e}  {self.shapes[block]}{mark}")
        return "\n".join(lines)


def gradcheck(
    f: Callable[[Vector], float],
    x: ArrayLike,
    gradient: Gradient,
    *,
    blocks: Any = None,
    directions: int | None = None,
    tolerance: float = 1e-6,
    step: ArrayLike | None = None,
    seed: int = 0,
    name: str = "gradient",
) -> GradcheckReport:
    r"""Compare a claimed gradient of `f` at `x` with central differences.

    A derivative is extrapolated to step zero from :math:`(f(x + t d) - f(x - t d)) / 2t` with
    :math:`t = 2^{-5}, 2^{-6}, \dots` relative to :math:`\max(1, |x_i|)`, until rounding outweighs what a smaller step
    gains: the step finds the length over which f varies, and withdraws from a kink nearby and from the edge of f's
    domain. Exactly at a kink (ReLU at 0) there is no derivative to compare with: check elsewhere.

    Parameters
    ----------
    f : callable
        Maps a float64 array of x's shape to a finite scalar; deterministic: draw noise once and pass it in.
    x : array_like of float64, any shape
    gradient : array_like of x's shape, or callable
        The claimed gradient at `x`, or the function that computes it from `x`.
    blocks : mapping of str to slice or to (slice, shape), or a NamedTuple, tuple or mapping of arrays, optional
        Names for the parts of the flattened `x`: slices of it, or the named views of a flat buffer in the order of the
        buffer, nested as they come ("encoder[0].W"). Together they cover `x` exactly once.
    directions : int, optional
        Number of random directions a block, in place of its coordinates. Default: all coordinates where `x` has at
        most 2,000, else 10 directions. One wrong coordinate of n shows in a direction about sqrt(n) times smaller.
    tolerance : float
        Largest relative error that passes.
    step : array_like, optional
        Largest step, one or for each coordinate, in place of max(1, abs(x_i)) / 32; rounded down to a power of two.
    seed : int
        Of the random directions.
    name : str
        Of the piece, for the report.

    Raises
    ------
    InputError
        `x` is not float64, not finite or empty; the gradient is not finite, not real or not of x's shape; `f` does not
        return a finite float64 scalar, or returns two values for one `x`; `blocks` do not cover `x`.

    Examples
    --------
    >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> gradcheck(lambda W: np.sum(W**3), W, 3 * W**2).passed
    True
    >>> print(gradcheck(lambda W: np.mean(W**3), W, 3 * W**2, blocks={"W": (slice(0, 4), (2, 2))}))
    gradient FAILED: relative error 7.5e-01 in W[0, 0], claimed 3, measured 0.75 ± 1e-12, ratio 4
      Taylor remainder: order 1.00
      W  7.5e-01  (2, 2)  wrong
    """
    point = checked_point(x)
    layout = _layout({"x": (slice(None), point.shape)} if blocks is None else blocks, point.size)
    value = checked_function(f, point)
    claimed_gradient = checked_gradient(gradient, point, {block.name: block.positions for block in layout})
    scale = lines.length_scale(point, step)
    if not 0.0 < tolerance < 1.0:
        raise InputError(f"tolerance must lie between 0 and 1, got {tolerance!r}")
    if directions is not None and directions < 1:
        raise InputError(f"directions must be at least 1, got {directions!r}: leave it out to check every coordinate")
    if directions is None and point.size > ALL_COORDINATES:
        directions = RANDOM_DIRECTIONS

    generator = np.random.Generator(np.random.Philox(seed))
    d = lines.random_direction(scale, generator)
    phi = lines.restricted(value, point, d)
    noise = lines.rounding_noise(phi)
    remainder = taylor.remainder_order(phi, float(claimed_gradient @ d), noise)
    derivatives: dict[str, list[_Derivative]] = {block.name: [] for block in layout}
    for block in layout:
        for index, d, first_step in _lines(block, scale, directions, generator):
            phi = lines.restricted(value, point, d)
            claimed = float(claimed_gradient @ d)
            measured, error = lines.derivative(phi, first_step, noise)
            if math.isnan(measured):
                raise InputError(f"f is not finite beside x along {_place(block.name, index)}, whatever the step")
            largest = max(abs(claimed), abs(measured), error / tolerance)
            relative_error = abs(claimed - measured) / largest if largest else 0.0
            kink = relative_error > tolerance and lines.has_kink(phi, first_step, noise)
            found = _Derivative(block.name, index, claimed, measured, error, relative_error, kink)
            derivatives[block.name].append(found)
    return _report(name, tolerance, {block.name: block.shape for block in layout}, derivatives, remainder)


def _lines(
    block: _Block, scale: Vector, n_directions: int | None, generator: np.random.Generator
) -> Iterator[tuple[Index, Vector, float]]:
    """Yield index, direction and first step of each line along which a block is measured."""
    if n_directions is None:
        for index, position in zip(np.ndindex(block.shape), block.positions, strict=True):
            d = np.zeros(scale.size)
            d[position] = 1.0
            yield index, d, lines.FIRST_STEP * float(scale[position])
    elif block.positions.size:
        for _ in range(n_directions):
            d = np.zeros(scale.size)
            d[block.positions] = lines.random_direction(scale[block.positions], generator)
            yield None, d, lines.FIRST_STEP


def _report(
    name: str,
    tolerance: float,
    shapes: dict[str, tuple[int, ...]],
    derivatives: dict[str, list[_Derivative]],
    remainder: taylor.TaylorReport,
) -> GradcheckReport:
    every = [d for in_block in derivatives.values() for d in in_block]
    n_unresolved = 0
    for in_block in derivatives.values():
        typical = math.hypot(*(d.measured for d in in_block)) / math.sqrt(max(1, len(in_block)))
        n_unresolved += sum(d.error > tolerance * max(abs(d.claimed), abs(d.measured), typical) for d in in_block)
    looks_zero = all(max(abs(d.claimed), abs(d.measured)) <= d.error for d in every)
    worst = max(every, key=lambda d: d.relative_error)
    return GradcheckReport(
        passed=worst.relative_error <= tolerance and (n_unresolved < len(every) or looks_zero),
        name=name,
        tolerance=tolerance,
        worst_relative_error=worst.relative_error,
        worst_block=worst.block,
        worst_index=worst.where,
        claimed=worst.claimed,
        measured=worst.measured,
        measured_error=worst.error,
        kink=worst.kink,
        errors_by_block={key: max((d.relative_error for d in derivatives[key]), default=0.0) for key in derivatives},
        shapes=shapes,
        n_checked=len(every),
        n_unresolved=n_unresolved,
        order=remainder.order,
        linear=remainder.linear,
    )


def _layout(blocks: Any, size: int) -> list[_Block]:
    """Return the blocks of a flat vector of `size` numbers, which they must cover exactly once."""
    layout = []
    start = 0
    for name, leaf in leaves_of(blocks):
        if isinstance(leaf, slice | tuple):
            part, shape = leaf if isinstance(leaf, tuple) else (leaf, np.arange(size)[leaf].shape)
            positions = np.arange(size)[part]
        else:
            shape = np.shape(leaf)
            positions = np.arange(start, start + math.prod(shape))
            start += positions.size
        if positions.size != math.prod(shape):
            raise InputError(f"block {name} has {positions.size} values, which do not fill its shape {shape}")
        layout.append(_Block(name, positions, shape))
    covered = np.sort(np.concatenate([block.positions for block in layout])) if layout else np.empty(0)
    if not np.array_equal(covered, np.arange(size)):
        shapes = {block.name: block.shape for block in layout}
        raise InputError(f"blocks must cover the {size} values of x exactly once, got {shapes}")
    return layout


def _place(block: str, index: Index) -> str:
    if index is None:
        return f"{block} along a random direction"
    return f"{block}[{', '.join(map(str, index))}]" if index else block
