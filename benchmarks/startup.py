"""From the shell to the first result: how long a new process takes to import, to show its help, to train a first step.

Each contender starts a Python process and waits for its end. "Compiled" means that the kernels are on disk from an
earlier run, as they are from the second run on. A process that only starts Python stands below all of them.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.harness import Contender
from benchmarks.report import Benchmark, Ratio, command_line, run

FIRST_STEP = """
import numpy as np, scratchgen as sg
sg.VAE(784, (400,), 20).fit(np.zeros((128, 784)), epochs=1, progress=False)
"""
TORCH_FIRST_STEP = """
import torch
from benchmarks import torch_vae
torch_vae.training_step(torch_vae.VAE(784, 400, 20), fused=True, compiled=False)(torch.zeros(128, 784))
"""
EMPTY, IMPORT, HELP = "python", "import scratchgen", "scratchgen --help"
STEP, SKLEARN, TORCH, TORCH_STEP = (
    "a first training step, compiled",
    "import sklearn.neural_network",
    "import torch",
    "PyTorch: a first training step",
)


def make(arguments: Sequence[str], needs: str = "scratchgen") -> Callable[[], Any]:
    """Return the function that runs ``python ARGUMENTS`` and waits."""
    if importlib.util.find_spec(needs) is None:
        raise ModuleNotFoundError(f"No module named {needs!r}")
    return partial(subprocess.run, [sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("startup", __doc__, rounds=5, calls=1, threads=1)
    benchmark = Benchmark(
        name="startup",
        title=__doc__.splitlines()[0],
        unit="ms",
        per="process",
        contenders=[
            Contender(EMPTY, partial(make, ["-c", "pass"])),
            Contender(IMPORT, partial(make, ["-c", "import scratchgen"])),
            Contender(HELP, partial(make, ["-m", "scratchgen", "--help"])),
            Contender(STEP, partial(make, ["-c", FIRST_STEP])),
            Contender(SKLEARN, partial(make, ["-c", SKLEARN], "sklearn")),
            Contender(TORCH, partial(make, ["-c", TORCH], "torch")),
            Contender(TORCH_STEP, partial(make, ["-c", TORCH_FIRST_STEP], "torch")),
        ],
        ratios=[Ratio(IMPORT, EMPTY), Ratio(TORCH, IMPORT), Ratio(TORCH_STEP, STEP)],
    )
    run(benchmark, parser.parse_args(arguments))


if __name__ == "__main__":
    main()
