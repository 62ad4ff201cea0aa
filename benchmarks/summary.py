"""The tables of a results file, and what the README quotes of it: every figure about speed comes from here.

``python -m benchmarks.summary FILE`` prints a table of all comparisons in the file, ``--readme`` puts the shorter one
and the figure about memory into the README between their marks, and ``--plot PICTURE`` draws the shorter one.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.machine import ROOT, machine_name
from benchmarks.report import PER_SECOND

README = ROOT / "README.md"
BEGIN, END = "<!-- speed: written by python -m benchmarks.summary -->", "<!-- end of speed -->"
BEGIN_MEMORY, END_MEMORY = "<!-- memory: written by python -m benchmarks.summary -->", "<!-- end of memory -->"
IN_README = ("vae_step", "rbm_epoch", "conv_vae_step", "adam", "philox")
OURS = "scratchgen"

Records = Mapping[str, Any]


class Aim(NamedTuple):
    """What a number should be, and whether it is."""

    relation: str  # "≥" or "≤"
    number: float
    met: bool

    def cell(self, number: str) -> str:
        """Return the cell of a table, with the number as it is written there."""
        return f"{self.relation} {number}" + ("" if self.met else ", **missed**")


class Comparison(NamedTuple):
    """Somebody beside us: seconds of both, and theirs over ours, median and quartiles over the rounds.

    Attributes
    ----------
    is_limit : bool
        They do a part of the work alone, such as its products: what it takes at least.
    """

    benchmark: str
    unit: str
    who: str
    ours: float
    theirs: float
    ratio: float
    lower: float
    upper: float
    is_limit: bool
    aim: Aim | None


def comparisons(records: Records) -> Iterator[Comparison]:
    """Yield what the ratios of all records say; one of ours over somebody's, who is a limit, is turned round."""
    for name, record in records.items():
        seconds = {row["name"]: row["seconds"]["median"] for row in record["contenders"] if "seconds" in row}
        for row in record["ratios"]:
            first, second = row["ratio"].split(" / ")
            numbers = row["median"], row["lower"], row["upper"]
            if is_limit := OURS not in second:
                if OURS not in first:
                    continue
                first, second = second, first
                numbers = 1 / numbers[0], 1 / numbers[2], 1 / numbers[1]
            aim = _aim(row["aim"], turned=is_limit)
            yield Comparison(name, record["unit"], first, seconds[second], seconds[first], *numbers, is_limit, aim)


def _aim(text: str, turned: bool = False) -> Aim | None:
    """Return the aim that a record states, if `turned` that for the number's inverse."""
    found = re.match(r"at (least|most) ([\d.e+-]+)(?: s)?: (yes|no)", text)
    if found is None:
        return None
    number, at_least = float(found[2]), (found[1] == "least") != turned
    return Aim("≥" if at_least else "≤", 1 / number if turned else number, found[3] == "yes")


def table(records: Records) -> str:
    """Return the comparisons as a table in Markdown, with the aims, also those for the time of a contender."""
    lines = [
        "| benchmark | | it takes | scratchgen takes | it, over scratchgen | aim |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, record in records.items():
        rows = [*map(_compared, comparisons({name: record})), *_limited(record)]
        for i, row in enumerate(rows):
            lines.append(f"| {'' if i else f'`{name}`'} | {' | '.join(row)} |")
    return "\n".join(lines)


def _compared(found: Comparison) -> tuple[str, ...]:
    times = (_time(seconds, found.unit) for seconds in (found.theirs, found.ours))
    return (found.who, *times, f"{found.ratio:.2f}", found.aim.cell(f"{found.aim.number:.3g}") if found.aim else "")


def _limited(record: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for row in record["contenders"]:
        if "seconds" in row and (aim := _aim(row.get("aim", ""))):
            time = _time(row["seconds"]["median"], record["unit"])
            yield row["name"], time, "", "", aim.cell(_time(aim.number, record["unit"]))


def _time(seconds: float, unit: str) -> str:
    number = PER_SECOND[unit] * seconds
    return f"{number:,.0f} {unit}" if number >= 1000 else f"{number:.3g} {unit}"


def shorter(records: Records) -> dict[str, Any]:
    """Return the records that the README shows, as far as they are there."""
    return {name: records[name] for name in IN_README if name in records}


def where_and_when(records: Records) -> str:
    """Return the machine of the first record, and the days of all."""
    machine = next(iter(records.values()))["machine"]
    days = sorted({record["date"].split()[0] for record in records.values()})
    on = f"{machine['cores']} cores of an {machine['processor']} ({machine['microarchitecture']})"
    gpu = f" and an {machine['gpu']['name']}" if machine.get("gpu") else ""
    return f"{on}{gpu}, {' to '.join(dict.fromkeys((days[0], days[-1])))}"


def section(records: Records) -> str:
    """Return what stands between the marks of the README."""
    chosen = shorter(records)
    name = machine_name(next(iter(chosen.values()))["machine"])
    lines = [
        BEGIN,
        f"Measured on {where_and_when(chosen)} ([record](benchmarks/results/{name}.json)):",
        "",
        table(chosen),
        "",
        "Products and copies are limits, a part of our work by itself: ≥ 0.8 says that all of it shall take at most",
        "1.25 times as long as they do.",
        END,
    ]
    return "\n".join(lines)


def sentence_about_memory(records: Records) -> str:
    """Return what the README says of data larger than the memory, between its marks."""
    details = records["bigger_than_memory"]["details"]
    data, peak = details["data_bytes"] / 1e9, details["peak_bytes_after"] / 1e6
    return f"{BEGIN_MEMORY}{data:.0f} GB trained with a peak of {peak:.0f} MB of resident memory{END_MEMORY}"


def put_into(text: str, new: str, begin: str = BEGIN, end: str = END) -> str:
    """Return `text` with what stands between its marks replaced by `new`, marks included."""
    before, _, rest = text.partition(begin)
    return before + new + rest.partition(end)[2]


def write_readme(records: Records) -> None:
    """Put into the README what it quotes, as far as there are records of it."""
    text = README.read_text()
    if shorter(records):
        text = put_into(text, section(records))
    if "bigger_than_memory" in records:
        text = put_into(text, sentence_about_memory(records), BEGIN_MEMORY, END_MEMORY)
    README.write_text(text)


def main(arguments: Sequence[str] | None = None) -> None:
    from benchmarks.speed_plot import plot

    parser = argparse.ArgumentParser(prog="python -m benchmarks.summary", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="a results file")
    parser.add_argument("--readme", action="store_true", help="put the shorter table into the README")
    parser.add_argument("--plot", type=Path, metavar="PICTURE", help="draw the shorter table")
    options = parser.parse_args(arguments)
    records = json.loads(options.file.read_text())
    print(table(records))
    if options.readme:
        write_readme(records)
    if options.plot:
        plot(records, options.plot)


if __name__ == "__main__":
    main()
