"""The tables and the picture of a results file: every figure about speed that is quoted comes from here.

``python -m benchmarks.summary FILE`` prints a table of all comparisons in the file, ``--readme`` puts the shorter one
into the README between its two marks, and ``--plot PICTURE`` draws that.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.report import PER_SECOND

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- speed: written by python -m benchmarks.summary -->", "<!-- end of speed -->"
IN_README = ("vae_step", "rbm_epoch", "conv_vae_step", "adam", "philox")
OURS = "scratchgen"


class Comparison(NamedTuple):
    """Somebody beside us: seconds of both, and the median over the rounds of theirs over ours."""

    benchmark: str
    unit: str
    who: str
    ours: float
    theirs: float
    ratio: float


def comparisons(records: Mapping[str, Any]) -> Iterator[Comparison]:
    """Yield what the ratios of all records say; one of ours over somebody's is turned round."""
    for name, record in records.items():
        seconds = {row["name"]: row["seconds"]["median"] for row in record["contenders"] if "seconds" in row}
        for row in record["ratios"]:
            first, second = row["ratio"].split(" / ")
            if OURS in second:
                yield Comparison(name, record["unit"], first, seconds[second], seconds[first], row["median"])
            elif OURS in first:
                yield Comparison(name, record["unit"], second, seconds[first], seconds[second], 1 / row["median"])


def table(records: Mapping[str, Any]) -> str:
    """Return the comparisons as a table in Markdown."""
    lines = ["| benchmark | | it takes | scratchgen takes | it, over scratchgen |", "| --- | --- | --- | --- | --- |"]
    previous = None
    for found in comparisons(records):
        name = "" if found.benchmark == previous else f"`{found.benchmark}`"
        theirs, ours = (_time(PER_SECOND[found.unit] * s, found.unit) for s in (found.theirs, found.ours))
        lines.append(f"| {name} | {found.who} | {theirs} | {ours} | {found.ratio:.2f} |")
        previous = found.benchmark
    return "\n".join(lines)


def _time(number: float, unit: str) -> str:
    return f"{number:,.0f} {unit}" if number >= 1000 else f"{number:.3g} {unit}"


def section(records: Mapping[str, Any]) -> str:
    """Return what stands between the marks of the README."""
    chosen = {name: records[name] for name in IN_README}
    machine = chosen[IN_README[0]]["machine"]
    header = f"Measured on {machine['cores']} cores of an {machine['processor']} ({machine['microarchitecture']}):"
    return f"{BEGIN}\n{header}\n\n{table(chosen)}\n{END}"


def put_into(text: str, new: str) -> str:
    """Return `text` with what stands between its marks replaced by `new`, marks included."""
    before, _, rest = text.partition(BEGIN)
    return before + new + rest.partition(END)[2]


def plot(records: Mapping[str, Any], path: Path) -> None:
    """Draw how many times as long as scratchgen each takes, a bar a comparison."""
    from matplotlib.figure import Figure

    found = list(comparisons({name: records[name] for name in IN_README}))[::-1]
    figure = Figure(figsize=(7, 0.27 * len(found) + 0.8), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh([f"{row.benchmark}: {row.who}" for row in found], [row.ratio for row in found])
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize="small")
    axes.axvline(1, color="black", linewidth=1)
    axes.margins(x=0.14, y=0.01)
    axes.set(xlabel="time, over that of scratchgen")
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.summary", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="a results file")
    parser.add_argument("--readme", action="store_true", help="put the shorter table into the README")
    parser.add_argument("--plot", type=Path, metavar="PICTURE", help="draw the shorter table")
    options = parser.parse_args(arguments)
    records = json.loads(options.file.read_text())
    print(table(records))
    if options.readme:
        README.write_text(put_into(README.read_text(), section(records)))
    if options.plot:
        plot(records, options.plot)


if __name__ == "__main__":
    main()
