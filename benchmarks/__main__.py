"""Run all benchmarks, or those that are named, and draw what the README shows: ``python -m benchmarks [NAME ...]``.

All records go into one file, named after processor, cores and GPU; what else is in it stays. Then the pictures beside
it are drawn anew, and the README gets its table. With ``--out`` the file is another one, and the README is left alone:
its pictures, too, where the file lies beside them.
"""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import speed_plot, summary
from benchmarks.machine import describe_machine, machine_name
from benchmarks.report import RESULTS

NAMES = (
    "adam",
    "conv_vae_step",
    "ebm_step",
    "gibbs",
    "langevin",
    "large_batch",
    "mnist_epochs",
    "philox",
    "rbm_epoch",
    "scaling",
    "startup",
    "vae_step",
    "bigger_than_memory",
)
WITH_PICTURES = ("gibbs", "scaling")  # of their own, by the function `plot` of the module


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run all benchmarks, or those named.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, help="results file (default: that of this machine, and the README)")
    options = parser.parse_args(arguments)
    if unknown := set(options.names).difference(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    out = options.out or RESULTS / f"{machine_name(describe_machine())}.json"
    failed = [name for name in options.names or NAMES if not _succeeds(_run_benchmark, name, out)]
    failed += show(
        out, in_readme=options.out is None, draw=options.out is None or out.resolve().parent != RESULTS.resolve()
    )
    if failed:
        raise SystemExit(f"failed, see above: {', '.join(failed)}")


def _run_benchmark(name: str, out: Path) -> None:
    import_module(f"benchmarks.{name}").main([f"--out={out}"])
    print()


def show(out: Path, in_readme: bool, draw: bool) -> list[str]:
    """Print the table of a results file and draw its pictures beside it, if it is to be; return what failed."""
    if not out.exists():
        return []
    records = json.loads(out.read_text())
    print(summary.table(records))
    failed = [
        f"{name}.png"
        for name in WITH_PICTURES
        if draw and name in records and not _succeeds(_draw, name, records[name], out.parent)
    ]
    if draw and summary.shorter(records) and not _succeeds(speed_plot.plot, records, out.parent / "speed.png"):
        failed.append("speed.png")
    if in_readme and not _succeeds(summary.write_readme, records):
        failed.append("README.md")
    return failed


def _draw(name: str, record: dict[str, Any], folder: Path) -> None:
    import_module(f"benchmarks.{name}").plot(record, folder / f"{name}.png")


def _succeeds(action: Callable[..., None], *arguments: Any) -> bool:
    """Do it; an error is printed and stops nothing else."""
    try:
        action(*arguments)
    except (Exception, SystemExit) as error:
        traceback.print_exception(error)
        return False
    return True


if __name__ == "__main__":
    main()
