"""Where the time of a contender's calls goes, by kind of work.

All matrix products go through one function, and the fused kernels are `Operation` objects: while a breakdown is taken,
both are replaced by functions that time themselves. Products are told apart by the layer that asks for them, or by
their sizes where none does. What no timer sees is the rest: Python, and NumPy outside products and kernels.

A part does not count what is timed within it, so that the parts add up to the whole. The timers see the time at which a
function returns: on a GPU that is not when its work is done, so this is for contenders on a CPU.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any, NamedTuple

from benchmarks.harness import WARM_UP_CALLS, Contender, in_a_process
from benchmarks.report import PER_SECOND
from scratchgen.kernels import Operation, all_operations
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.convolution import conv2d_backward_, conv2d_backward_params_, conv2d_forward
from scratchgen.ops.linear import (
    dense_backward_,
    dense_backward_params_,
    dense_forward,
    linear_backward,
    linear_backward_params,
    linear_forward,
)
from scratchgen.ops.transposed_convolution import conv2d_transpose_backward_, conv2d_transpose_forward

LAYERS = (
    conv2d_forward,
    conv2d_backward_,
    conv2d_backward_params_,
    conv2d_transpose_forward,
    conv2d_transpose_backward_,
    dense_forward,
    dense_backward_,
    dense_backward_params_,
    linear_forward,
    linear_backward,
    linear_backward_params,
)
PRODUCTS, REST = "products", "the rest"


class Part(NamedTuple):
    """A kind of work, and of products whose they are."""

    kind: str
    detail: str = ""


Breakdown = Mapping[Part, float]  # seconds


class Clock:
    """Adds up the seconds of each part; a part that begins within another one interrupts it."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.layer = ""
        self._now = now
        self._seconds: dict[Part, float] = defaultdict(float)
        self._parts: list[Part] = []  # those that have begun, the one that runs last
        self._since = 0.0

    def breakdown_of(self, call: Callable[[], Any]) -> Breakdown:
        """Return where the time of one call goes."""
        self._seconds = defaultdict(float)
        self.timed(call, lambda: Part(REST))()
        return dict(self._seconds)

    def timed(self, function: Callable[..., Any], part_of: Callable[..., Part]) -> Callable[..., Any]:
        """Return `function` with its time added to a part, which `part_of` its arguments tells."""

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            part = part_of(*args, **kwargs)
            self._stop()
            self._parts.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._stop()
                self._parts.pop()

        return call

    def within_layer(self, layer: Callable[..., Any]) -> Callable[..., Any]:
        """Return the op `layer` with its name and the shape of its weights told to the clock as it is called."""

        @wraps(layer)
        def call(first: Any, second: Any, *args: Any, **kwargs: Any) -> Any:
            if self.layer:  # one within another
                return layer(first, second, *args, **kwargs)
            W = (first if hasattr(first, "W") else second).W  # (params, x, ...) or (dy, cache, ...)
            self.layer = f"{layer.__name__} {_sizes(W.shape)}"
            try:
                return layer(first, second, *args, **kwargs)
            finally:
                self.layer = ""

        return call

    def _stop(self) -> None:
        """Give the time since the last stop to the part that has been running."""
        now = self._now()
        if self._parts:
            self._seconds[self._parts[-1]] += now - self._since
        self._since = now


@contextmanager
def timers(clock: Clock) -> Iterator[None]:
    """Let all products and kernels tell `clock` their time."""

    def part_of_product(a: Any, b: Any, *args: Any, **kwargs: Any) -> Part:
        return Part(PRODUCTS, clock.layer or f"{_sizes(a.shape)} by {_sizes(b.shape)}")

    with ExitStack() as undo:
        _replace(matmul, clock.timed(matmul, part_of_product), undo)
        for layer in LAYERS:
            _replace(layer, clock.within_layer(layer), undo)
        for name, operation in all_operations().items():
            _time_variants(operation, Part(name), clock, undo)
        yield


def _replace(function: Any, by: Callable[..., Any], undo: ExitStack) -> None:
    """Let `by` stand for `function` in every module that has it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("scratchgen.") and vars(module).get(function.__name__) is function:
            setattr(module, function.__name__, by)
            undo.callback(setattr, module, function.__name__, function)


def _time_variants(operation: Operation, part: Part, clock: Clock, undo: ExitStack) -> None:
    for variant in ("reference", "cpu", "cuda"):
        function = getattr(operation, variant)
        object.__setattr__(operation, variant, clock.timed(function, lambda *_, **__: part))  # it is frozen
        undo.callback(object.__setattr__, operation, variant, function)


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


# ----------------------------------------------------------------------------------------------------- of a contender


def breakdown(contender: Contender, calls: int) -> Breakdown:
    """Return where the time of a unit of work goes: means over the faster half of `calls` calls."""
    clock = Clock()
    with timers(clock):
        call = contender.make()
        for _ in range(WARM_UP_CALLS):
            call()
        found = [clock.breakdown_of(call) for _ in range(calls)]
    found.sort(key=lambda one: sum(one.values()))  # what another process takes is nobody's part
    faster = found[: (calls + 1) // 2]
    parts = {part for one in faster for part in one}
    return {part: statistics.fmean(one.get(part, 0.0) for one in faster) / contender.units for part in parts}


def table(found: Breakdown, unit: str) -> str:
    """Return the breakdown as lines, the longest first; products are added up, then told apart."""
    total, kinds = sum(found.values()), dict[str, float]()
    for part, seconds in found.items():
        kinds[part.kind] = kinds.get(part.kind, 0.0) + seconds
    rows = []
    for kind, seconds in sorted(kinds.items(), key=lambda item: -item[1]):
        rows.append((kind, seconds))
        details = {part: s for part, s in found.items() if part.kind == kind and part.detail}
        rows += [(f"  {part.detail}", s) for part, s in sorted(details.items(), key=lambda item: -item[1])]
    rows.append(("the whole", total))
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:{width}}  {PER_SECOND[unit] * s:8.3f}  {100 * s / total:5.1f} %" for label, s in rows)


def print_breakdown(contender: Contender, per: str, unit: str, calls: int, threads: int) -> None:
    """Print where the time of a unit of work goes, seen by timers in a process that has so many threads."""
    found = in_a_process(partial(breakdown, contender, calls), threads)
    print(f"\nwhere the time of a {per} of {contender.name} goes, {unit}; the faster half of {calls} calls")
    print(table(found, unit))
