"""Check a forward/backward pair: its outputs are contracted with a fixed random cotangent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scratchgen.errors import InputError
from scratchgen.finite_differences.arguments import Vector, checked_point
from scratchgen.finite_differences.coordinates import GradcheckReport, gradcheck
from scratchgen.finite_differences.trees import flattened, leaves_of, rebuilt


def gradcheck_pair(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Any, Any], Any],
    inputs: Mapping[str, Any],
    *,
    directions: int | None = None,
    tolerance: float = 1e-6,
    step: float | None = None,
    seed: int = 0,
    name: str = "pair",
) -> GradcheckReport:
    r"""Check a forward/backward pair: its gradients against differences of :math:`f = \langle dy, y(inputs) \rangle`.

    The cotangent dy is drawn once from N(0, 1), so that no two outputs are treated alike: the sum of all outputs would
    not see a transposed or permuted one.

    Parameters
    ----------
    forward : callable
        ``forward(**inputs) -> (y, cache)``, y being an array, a scalar or a (named) tuple of them.
    backward : callable
        ``backward(dy, cache)`` -> the gradients, in the order of `inputs`; dy is built as y is.
    inputs : mapping of str to array, or to a NamedTuple (tuple, mapping) of arrays
        All float64. They go to `forward` by name, and the report's blocks are named after them ("params.W"). What is
        not to be differentiated (labels, noise) is bound to `forward` beforehand.
    directions, tolerance, step, seed, name
        As for `gradcheck`.

    Raises
    ------
    InputError
        As for `gradcheck`; or the gradients differ in number or shape from the inputs.

    Examples
    --------
    >>> def square_forward(x):
    ...     return x**2, x
    >>> def square_backward(dy, cache):
    ...     return 2 * dy * cache
    >>> gradcheck_pair(square_forward, square_backward, {"x": np.array([1.0, -2.0])}).passed
    True
    """
    leaves = dict(leaves_of(inputs))
    for leaf_name, leaf in leaves.items():
        if np.asarray(leaf).dtype != np.float64:
            raise InputError(f"input {leaf_name} must be float64, got {np.asarray(leaf).dtype}: convert it, or bind it")
    shapes = {leaf_name: np.shape(leaf) for leaf_name, leaf in leaves.items()}
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])

    def output(x: Vector) -> tuple[Any, Any]:
        parts = (part.reshape(shape) for part, shape in zip(np.split(x, ends[:-1]), shapes.values(), strict=True))
        return forward(**rebuilt(inputs, parts))

    x = checked_point(flattened(inputs))
    generator = np.random.Generator(np.random.Philox(seed))
    y, cache = output(x.copy())
    dy = rebuilt(y, (generator.standard_normal(np.shape(leaf)) for _, leaf in leaves_of(y)))
    flat_dy = flattened(dy)  # a copy: backward may use up its argument
    gradients = backward(dy, cache)
    gradient_shapes = [np.shape(leaf) for _, leaf in leaves_of(gradients)]
    if gradient_shapes != list(shapes.values()):
        raise InputError(f"backward must return a gradient for each of {shapes}, in that order: got {gradient_shapes}")
    return gradcheck(
        lambda x: float(flat_dy @ flattened(output(x)[0])),
        x,
        flattened(gradients),
        blocks=inputs,
        directions=directions,
        tolerance=tolerance,
        step=step,
        seed=seed,
        name=name,
    )
