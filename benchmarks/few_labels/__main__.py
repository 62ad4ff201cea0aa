"""Fill the cells that are wanted, print the tables, draw the pictures: ``python -m benchmarks.few_labels``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import scratchgen as sg
from benchmarks import few_labels
from benchmarks.few_labels import pictures
from benchmarks.few_labels.experiment import n_stale, run, task_of
from benchmarks.few_labels.methods import METHODS
from benchmarks.few_labels.settings import SIZES
from benchmarks.few_labels.table import table
from benchmarks.few_labels.task import SPLIT
from benchmarks.report import RESULTS

N_DRAWS = 5


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    description = few_labels.__doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.few_labels", description=description)
    parser.add_argument("--data", nargs="+", choices=list(SIZES), default=["digits"])
    parser.add_argument("--labels", nargs="+", default=["100", "1000", SPLIT], help=f"numbers, or {SPLIT}")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--draws", type=int, default=N_DRAWS, help="of the labels (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the epochs (default: %(default)s)")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--out", type=Path, default=RESULTS / "local-few-labels.json", help="cells; those in it stay")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where to draw them (default: nowhere)")
    options = parser.parse_args(arguments)
    if options.draws < 1 or not 0 < options.scale < float("inf"):
        parser.error("--draws takes a number of at least 1, and --scale one above 0")
    options.labels = [check_labels(parser, column, options.data) for column in dict.fromkeys(options.labels)]
    return options


def check_labels(parser: argparse.ArgumentParser, column: str, names: Sequence[str]) -> str:
    """Return a number of labels that every data set allows, or the name of the split; else the command ends."""
    if column == SPLIT:
        return column
    if not column.isdecimal():
        parser.error(f"--labels takes numbers, or {SPLIT}, got {column}")
    for name in names:
        try:
            sg.hide_labels(sg.datasets.load(SIZES[name].data).y_train, int(column))
        except sg.InputError as error:
            parser.error(f"--labels {column} of {name}: {error}")
    return str(int(column))


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    cells = json.loads(options.out.read_text()) if options.out.exists() else {}
    if stale := n_stale(cells):
        print(f"{stale} cells of {options.out} are of other settings, and stay out of the tables", file=sys.stderr)
    started = time.perf_counter()
    for name in options.data:
        task = task_of(options, name)
        fitted = run(options, cells, task, name)
        for column in options.labels:
            print(f"\n{table(cells, options, name, column)}")
        if options.pictures is not None:
            print("\n" + "\n".join(map(str, pictures.draw(options, cells, task, name, fitted))))
    print(f"\n{(time.perf_counter() - started) / 60:.1f} minutes, cells in {options.out}")


if __name__ == "__main__":
    main()
