"""Run all benchmarks, or those that are named: ``python -m benchmarks [NAME ...] [--out FILE]``."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

NAMES = (
    "adam",
    "conv_vae_step",
    "gibbs",
    "langevin",
    "philox",
    "rbm_epoch",
    "scaling",
    "startup",
    "vae_step",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run all benchmarks, or those named.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, help="one results file for all (default: a local one each)")
    options = parser.parse_args()
    if unknown := set(options.names).difference(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    for name in options.names or NAMES:
        import_module(f"benchmarks.{name}").main([f"--out={options.out}"] if options.out else [])
        print()


if __name__ == "__main__":
    main()
