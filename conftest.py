"""Run the tests marked ``simulator`` and ``ptx`` in child processes and count their results with the rest.

Numba chooses between CUDA and its simulator when it is imported, and compiles nothing to PTX under the simulator. The
session that collects such tests therefore hands them to one child session a marker, which runs beside it and whose
reports it takes over at the end. Selection works as for any test: what a path, ``-k`` or ``-m`` selects is run, so that
``pytest -m simulator`` runs these tests alone.

Sessions that run beside each other multiply matrices with one thread each: of two threads that wait for each other one
often waits for a core, which made small products twenty times slower.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

ENVIRONMENTS = {"simulator": {"NUMBA_ENABLE_CUDASIM": "1"}, "ptx": {"NUMBA_ENABLE_CUDASIM": "0"}}  # by marker
REPORTS = "SCRATCHGEN_CHILD_REPORTS"  # set in a child session: the file to leave the reports in
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


class ChildSession:
    """A pytest process that runs the tests of one marker.

    Attributes
    ----------
    counts : Counter
        How many tests passed, failed, were skipped..., once `take_over` has seen the reports.
    """

    def __init__(self, marker: str, items: Sequence[pytest.Item]) -> None:
        self.marker = marker
        self.items = items
        self.counts: Counter[str] = Counter()

    def start(self, config: pytest.Config) -> None:
        """Start the process; its working folder is the root, because test names are relative to that."""
        self._folder = tempfile.TemporaryDirectory(prefix="scratchgen-pytest-")
        self._path = Path(self._folder.name)
        tests = self._path / "tests"
        tests.write_text("\n".join(item.nodeid for item in self.items))
        maxfail = f"--maxfail={config.getoption('maxfail') or 0}"
        with (self._path / "output").open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pytest", f"@{tests}", "-p", "no:cacheprovider", maxfail],
                cwd=config.rootpath,
                env=os.environ | ENVIRONMENTS[self.marker] | {REPORTS: str(self._path / "reports")} | ONE_THREAD,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def take_over(self, config: pytest.Config) -> None:
        """Wait for the process and report its tests as if they had run here."""
        status = self._process.wait()
        for report in self._reports(config, status):
            if report.when == "setup":
                config.hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
            config.hook.pytest_runtest_logreport(report=report)
            self.counts[config.hook.pytest_report_teststatus(report=report, config=config)[0]] += 1
            if report.when == "teardown":
                config.hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)

    def _reports(self, config: pytest.Config, status: int) -> Iterator[pytest.TestReport]:
        reports = self._path / "reports"
        for data in json.loads(reports.read_text()) if reports.exists() else []:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            if isinstance(report.longrepr, list):  # where a test was skipped: JSON has no tuples
                report.longrepr = tuple(report.longrepr)
            yield report
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            name = f"<the {self.marker} child process, exit status {status}>"
            output = (self._path / "output").read_text(errors="replace")
            yield pytest.TestReport(name, (name, None, name), {}, "failed", output, "call")

    def stop(self) -> None:
        """End the process if it still runs and remove its files."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


CHILDREN = pytest.StashKey[list[ChildSession]]()


def pytest_configure(config: pytest.Config) -> None:
    """In a child session, keep the reports; in any other, there may be child sessions."""
    config.stash[CHILDREN] = []
    if REPORTS in os.environ:
        config.pluginmanager.register(_Recorder(config))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Move the marked tests that ``-k`` and ``-m`` have left from this session to its children."""
    if REPORTS in os.environ or config.getoption("collectonly"):
        return
    for marker in ENVIRONMENTS:
        marked = [item for item in items if item.get_closest_marker(marker)]
        if hasattr(config, "workerinput"):  # a worker of pytest-xdist cannot report the tests of a child
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=f"{marker} tests need a run without -n"))
        elif marked:
            config.stash[CHILDREN].append(ChildSession(marker, marked))
            items[:] = [item for item in items if not item.get_closest_marker(marker)]


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say how many tests run elsewhere."""
    return [f"{len(child.items)} tests in a child process: {child.marker}" for child in config.stash[CHILDREN]]


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Run the children beside the session; they end with it, however it ends."""
    children = [] if session.testsfailed else session.config.stash[CHILDREN]  # errors of collection: nothing is run
    with ExitStack() as stack:
        if children:
            stack.enter_context(threadpool_limits(1, "blas"))
            patch = stack.enter_context(pytest.MonkeyPatch.context())  # for what the tests start
            for name, value in ONE_THREAD.items():
                patch.setenv(name, value)
        for child in children:
            session.testscollected += len(child.items)
            child.start(session.config)
            stack.callback(child.stop)
        result = yield
        for child in children:
            child.take_over(session.config)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the counts of each child."""
    for child in config.stash[CHILDREN]:
        counts = ", ".join(f"{n} {category}" for category, n in sorted(child.counts.items()) if category)
        terminalreporter.write_line(f"{child.marker} (child process): {counts or 'stopped'}")


class _Recorder:
    """Keeps the reports of a child session and leaves them in a file at its end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._reports: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        hook = self._config.hook
        self._reports.append(hook.pytest_report_to_serializable(config=self._config, report=report))

    def pytest_sessionfinish(self) -> None:
        Path(os.environ[REPORTS]).write_text(json.dumps(self._reports))
