"""Run a benchmark from the command line: print its table, write its record, say on which machine and how.

A results file maps the names of benchmarks to their records, so that one file can hold all results of a machine. Times
in it are in seconds a unit of work.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness import Contender, Spread, Timing, measure, ratios
from benchmarks.machine import describe_machine, product_speed_up
from scratchgen.errors import ScratchgenError

RESULTS = Path(__file__).parent / "results"
PER_SECOND = {"s": 1.0, "ms": 1e3, "µs": 1e6, "ns": 1e9}


@dataclass(frozen=True)
class Ratio:
    """A ratio of two contenders, by name, and what it should be, if anything."""

    numerator: str
    denominator: str
    at_least: float | None = None
    at_most: float | None = None

    def verdict(self, ratio: float) -> str:
        """Say whether `ratio` is what it should be."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}: {'yes' if ratio >= self.at_least else 'no'}"
        if self.at_most is not None:
            return f"at most {self.at_most:g}: {'yes' if ratio <= self.at_most else 'no'}"
        return ""


@dataclass(frozen=True)
class Benchmark:
    """A comparison: who contends, and which ratios matter.

    Attributes
    ----------
    name : str
        Of its module.
    title : str
        One line.
    unit : {"s", "ms", "µs", "ns"}
        In which the table gives times.
    per : str
        The unit of work.
    contenders : sequence of Contender
    ratios : sequence of Ratio
    details : dict
        What else the record should hold: sizes, data.
    """

    name: str
    title: str
    unit: str
    per: str
    contenders: Sequence[Contender]
    ratios: Sequence[Ratio]
    details: dict[str, Any] = field(default_factory=dict)


def command_line(name: str, description: str, *, rounds: int, calls: int, threads: int) -> argparse.ArgumentParser:
    """Return the options that all benchmarks have, with these defaults."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description.splitlines()[0])
    for option, default, least, meaning in (
        ("--rounds", rounds, 2, "turns of each contender"),
        ("--calls", calls, 1, "timed calls in a turn"),
        ("--threads", threads, 1, "of each contender"),
    ):
        parser.add_argument(option, type=at_least(least), default=default, help=f"{meaning} (default: %(default)s)")
    add_out(parser, name)
    return parser


def add_out(parser: argparse.ArgumentParser, name: str) -> None:
    """Add the option that says where the record goes."""
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS / f"local-{name}.json",
        help="results file; records of other benchmarks in it stay (default: benchmarks/results/local-NAME.json)",
    )


def at_least(least: int) -> Callable[[str], int]:
    """Return what an argument parser takes for the type of a number that is not below `least`."""

    def count(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be an integer >= {least}, got {text}")
        return int(text)

    return count


def run(benchmark: Benchmark, options: argparse.Namespace) -> dict[str, Any]:
    """Measure, print the table, write the record into the file ``options.out``, and return it.

    Raises
    ------
    ScratchgenError
        A contender failed: the record of the others is written, and the names are in the message.
    """
    record = start_record(benchmark.name, benchmark.title, options, benchmark.details)
    timings = measure(benchmark.contenders, options.rounds, options.calls, options.threads)
    record["machine"]["product_speed_up_after"] = product_speed_up()
    record |= {
        "unit": benchmark.unit,
        "per": benchmark.per,
        "contenders": [_contender_record(*pair) for pair in zip(benchmark.contenders, timings, strict=True)],
        "ratios": _ratio_records(benchmark.ratios, timings),
    }
    print(table(benchmark, record))
    write(options.out, benchmark.name, record)
    print(f"\nwritten to {options.out}")
    if failed := [timing.name for timing in timings if timing.failed]:
        raise ScratchgenError(f"{benchmark.name}: failed, see above: {'; '.join(failed)}")
    return record


def start_record(name: str, title: str, options: argparse.Namespace, details: dict[str, Any]) -> dict[str, Any]:
    """Return what every record has: the question, the command that asks it, date, machine, sizes and data."""
    return {
        "title": title,
        "command": command_of(name, options),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": describe_machine() | {"product_speed_up_before": product_speed_up()},
        "details": details,
    }


def command_of(name: str, options: argparse.Namespace) -> str:
    """Return the command with its options; paths are left out, which change nothing that is measured."""
    given = []
    for key, value in sorted(vars(options).items()):
        if isinstance(value, bool):
            given += [f"--{key}"] * value
        elif value is not None and not isinstance(value, Path):
            given.append(f"--{key}={value}")
    return shlex.join(["python", "-m", f"benchmarks.{name}", *given])


def _contender_record(contender: Contender, timing: Timing) -> dict[str, Any]:
    if timing.absent:
        return {"name": timing.name, "absent": timing.absent}
    spread = Spread.of(timing.seconds)
    record = {
        "name": timing.name,
        "seconds": _rounded(asdict(spread)),
        "rounds": [_significant(seconds) for seconds in timing.seconds],
        "libraries": timing.libraries,
        "thread_pools": timing.thread_pools,
    }
    if contender.at_most is not None:
        record["aim"] = f"at most {contender.at_most:g} s: {'yes' if spread.median <= contender.at_most else 'no'}"
    return record


def _ratio_records(wanted: Sequence[Ratio], timings: Sequence[Timing]) -> list[dict[str, Any]]:
    by_name = {timing.name: timing for timing in timings}
    records = []
    for ratio in wanted:
        values = ratios(by_name[ratio.numerator], by_name[ratio.denominator])
        if values:
            spread = Spread.of(values)
            records.append(
                {
                    "ratio": f"{ratio.numerator} / {ratio.denominator}",
                    **_rounded(asdict(spread)),
                    "aim": ratio.verdict(spread.median),
                }
            )
    return records


def _significant(number: float) -> float:
    return float(f"{number:.4g}")


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: _significant(number) for name, number in numbers.items()}


def table(benchmark: Benchmark, record: dict[str, Any]) -> str:
    """Return what is printed: the title, the machine, a line a contender, a line a ratio."""
    machine = record["machine"]
    libraries = {name: version for row in record["contenders"] for name, version in row.get("libraries", {}).items()}
    lines = [
        benchmark.title,
        *(f"{name}: {value}" for name, value in benchmark.details.items()),
        f"{machine['processor']} ({machine['microarchitecture']}), {machine['cores']} cores, "
        f"load average before: {machine['load_average_before']}; a product on all cores, beside one: "
        f"{machine['product_speed_up_before']} times as fast before, {machine['product_speed_up_after']} after",
        *(["{name}, driver {driver}, CUDA {cuda}".format(**machine["gpu"])] if machine["gpu"] else []),
        ", ".join(f"{name} {version}" for name, version in libraries.items()),
        " ".join([*(f"{name}={value}" for name, value in machine["variables"].items()), record["command"]]),
        "",
    ]
    labels = [row["name"] for row in record["contenders"]] + [row["ratio"] for row in record["ratios"]]
    width = max(map(len, labels))
    factor = PER_SECOND[benchmark.unit]
    lines.append(f"{'':{width}}  {'median':>8}  {'quartiles':>17}  {benchmark.unit} a {benchmark.per}")
    for row in record["contenders"]:
        if "absent" in row:
            lines.append(f"{row['name']:{width}}  absent: {row['absent']}")
        else:
            numbers = {name: factor * s for name, s in row["seconds"].items()}
            lines.append(f"{_line(row['name'], width, numbers)}  {row.get('aim', '')}".rstrip())
    lines += ["", f"{'':{width}}  {'median':>8}  {'quartiles':>17}  ratio, taken round by round"]
    lines += [f"{_line(row['ratio'], width, row)}  {row['aim']}".rstrip() for row in record["ratios"]]
    return "\n".join(lines)


def _line(label: str, width: int, numbers: dict[str, Any]) -> str:
    return f"{label:{width}}  {numbers['median']:8.3f}  {numbers['lower']:8.3f} {numbers['upper']:8.3f}"


def write(path: Path, name: str, record: dict[str, Any]) -> None:
    """Put `record` under `name` into the JSON file at `path`, which keeps what else it holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(records | {name: record}, indent=2, ensure_ascii=False) + "\n")
