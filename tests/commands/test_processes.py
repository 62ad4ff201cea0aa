"""What only a process of its own can show: signals, pipes, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

import scratchgen as sg

from .conftest import SCRATCHGEN, TINY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and pipes as POSIX has them")


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    # A parent that ignores Ctrl-C, as a shell does for what runs in its background, hands that on: undone here.
    return subprocess.Popen(
        [*SCRATCHGEN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_ctrl_c_leaves_the_last_checkpoint_whole(tmp_path: Path) -> None:
    weights = tmp_path / "vae.safetensors"
    options = [option for option in TINY if option != "--quiet"]
    with _start("train", "vae", *options, "--epochs", "5000", "--out", str(tmp_path)) as process:
        while not weights.exists():  # the progress bar goes on writing
            assert process.stderr is not None
            assert process.stderr.read(1), "training ended"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
    vae = sg.load(weights, "numpy")
    last_line = stderr.decode().splitlines()[-1]
    assert process.returncode == 130
    assert last_line.startswith(f"scratchgen: interrupted: {weights} holds the model after epoch {vae.epoch};")
    assert [path.name for path in tmp_path.iterdir()] == [weights.name]  # nothing half written
    assert vae.fit(sg.datasets.load("digits").x_train, epochs=1, progress=False).epoch[-1] == vae.epoch


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    with _start("gradcheck", "--backend", "numpy") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("arguments", "code"), [(("--help",), 0), (("data",), 0), (("evaluate", "nowhere"), 2), (("--bogus",), 2)]
)
def test_exit_codes(arguments: tuple[str, ...], code: int) -> None:
    with _start(*arguments) as process:
        _, stderr = process.communicate()
    assert process.returncode == code
    assert stderr.count(b"\n") == (code == 2)
