"""Uniforms and normals on one core, beside NumPy's generator of the same family, Philox.

Both draw 2^20 numbers at a call, into a new array, with one thread. NumPy's Philox is the variant of 64-bit words
(4x64), its normals are made by the ziggurat method; ours is the variant of 32-bit words (4x32) with Box-Muller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.harness import Contender
from benchmarks.report import Benchmark, Ratio, command_line, run

N_ELEMENTS = 2**20
_AIMS = {("uniform", "float32"): 5.0, ("normal", "float32"): 8.0}


def make_ours(distribution: str, dtype: str) -> Callable[[], Any]:
    from scratchgen import Stream

    return partial(getattr(Stream(0), distribution), N_ELEMENTS, dtype)


def make_numpy(distribution: str, dtype: str) -> Callable[[], Any]:
    import numpy as np

    generator = np.random.Generator(np.random.Philox(0))
    draw: Any = generator.random if distribution == "uniform" else generator.standard_normal
    return partial(draw, N_ELEMENTS, dtype)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("philox", __doc__, rounds=20, calls=20, threads=1)
    contenders, ratios = [], []
    for distribution in ("uniform", "normal"):
        for dtype in ("float32", "float64"):
            ours, numpy = f"scratchgen {distribution} {dtype}", f"NumPy {distribution} {dtype}"
            contenders.append(Contender(ours, partial(make_ours, distribution, dtype), units=N_ELEMENTS))
            contenders.append(Contender(numpy, partial(make_numpy, distribution, dtype), units=N_ELEMENTS))
            ratios.append(Ratio(numpy, ours, at_least=_AIMS.get((distribution, dtype))))
    benchmark = Benchmark(
        name="philox",
        title=__doc__.splitlines()[0],
        unit="ns",
        per="number",
        contenders=contenders,
        ratios=ratios,
        details={"numbers at a call": N_ELEMENTS},
    )
    run(benchmark, parser.parse_args(arguments))


if __name__ == "__main__":
    main()
