"""How near an RBM comes to the best possible likelihood of bars and stripes: ``python -m benchmarks.bars_and_stripes``.

Each distinct pattern once, training data = test data, at most 16 hidden units. No model exceeds a mean log-likelihood
of -log 14 = -2.6391 (3x3) or -log 30 = -3.4012 (4x4). The log-likelihood is exact, by enumeration.

The negative samples are those of parallel tempering with centred gradients; a tenth of the learning rate at the end
takes out the noise of the last steps. `--method pcd` shows what persistent chains without tempering do instead.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

from scratchgen import RBM, SGD
from scratchgen.datasets.patterns import bars_and_stripes

N_HIDDEN = 16
STEPS = {3: 8_000, 4: 20_000}
OPTIONS: dict[str, dict[str, Any]] = {"pt": {"n_chains": 100, "n_temperatures": 10}, "pcd": {"n_chains": 100}}


def train(size: int, seed: int, method: str, learning_rate: float) -> tuple[float, float]:
    """Return the mean log-likelihood of all patterns, and the seconds that it took."""
    x = bars_and_stripes(size).x_train
    started = time.perf_counter()
    rbm = RBM(size * size, N_HIDDEN, centred=True, seed=seed)
    options: dict[str, Any] = {"batch_size": len(x), "monitor_every": 10**9, "progress": False}
    for share, rate in ((1.0, learning_rate), (0.2, learning_rate / 10)):
        epochs = int(share * STEPS[size])
        rbm.fit(x, epochs=epochs, method=method, optimizer=SGD(rate), **OPTIONS[method], **options)
    return float(rbm.log_likelihood(x).mean()), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bars_and_stripes", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: %(default)s)")
    parser.add_argument("--method", choices=sorted(OPTIONS), default="pt", help="default: %(default)s")
    parser.add_argument("--learning-rate", type=float, default=0.2, help="default: %(default)s")
    options = parser.parse_args()
    for size in STEPS:
        ceiling = -math.log(2 ** (size + 1) - 2)
        for seed in range(options.seeds):
            found, seconds = train(size, seed, options.method, options.learning_rate)
            print(
                f"{size}x{size}, seed {seed}: log-likelihood {found:.4f}, ceiling {ceiling:.4f}, "
                f"{100 * (found / ceiling - 1):.2f} % below, {seconds:.0f} s"
            )


if __name__ == "__main__":
    main()
