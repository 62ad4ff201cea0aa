from __future__ import annotations

import io
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import scratchgen
from scratchgen.backend import BACKEND_NAMES
from scratchgen.cli import app, main
from scratchgen.commands import data as data_command
from scratchgen.errors import BackendError
from scratchgen.kernels.bias_activation import ACTIVATIONS
from scratchgen.models.boltzmann.negative_phase import METHODS, ParallelTempering, PersistentContrastiveDivergence
from scratchgen.models.boltzmann.rbm import VISIBLE
from scratchgen.models.likelihood import LIKELIHOODS, OUTPUT_MEANS
from scratchgen.models.semi_supervised.labelled_model import CLASS_PRIORS
from scratchgen.models.semi_supervised.m1 import CLASSIFIERS
from scratchgen.validation import DTYPES

from .conftest import TINY, Run


def _commands(command: Any, name: str = "scratchgen") -> Iterator[tuple[str, Any]]:
    yield name, command
    for child_name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, f"{name} {child_name}")


COMMANDS = dict(_commands(typer.main.get_command(app)))


def test_all_commands_are_there() -> None:
    names = {"demo", "train", "train ebm", "train vae", "train rbm", "evaluate", "sample", "gradcheck", "data"}
    names |= {"train iwae", "train conv-vae", "train linear"}
    names |= {"train autoencoder", "train denoising", "train sparse", "train contractive"}
    names |= {"train cvae", "train m1", "train m2", "train pc-vae"}
    assert {name.removeprefix("scratchgen").strip() for name in COMMANDS} == names | {""}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_has_help_and_each_command_shows_it(name: str, run: Run) -> None:
    assert all(parameter.help for parameter in COMMANDS[name].params if parameter.name != "help")
    result = run(*name.split()[1:], "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: {name} ")


def test_summaries_of_commands_are_not_cut_off(run: Run) -> None:
    assert "..." not in run("--help").stdout.partition("Commands:")[2]


NAMES = {
    "cvae": (LIKELIHOODS, OUTPUT_MEANS, ACTIVATIONS, CLASS_PRIORS, DTYPES, BACKEND_NAMES, ("auto", "learned", "all")),
    "m1": (LIKELIHOODS, OUTPUT_MEANS, ACTIVATIONS, CLASSIFIERS, DTYPES, BACKEND_NAMES, ("auto", "learned", "all")),
    "m2": (LIKELIHOODS, OUTPUT_MEANS, ACTIVATIONS, CLASS_PRIORS, DTYPES, BACKEND_NAMES, ("auto", "learned", "all")),
    "pc-vae": (LIKELIHOODS, OUTPUT_MEANS, ACTIVATIONS, CLASS_PRIORS, DTYPES, BACKEND_NAMES, ("auto", "learned")),
    "vae": (LIKELIHOODS, OUTPUT_MEANS, ACTIVATIONS, DTYPES, BACKEND_NAMES, ("auto", "learned")),
    "iwae": (LIKELIHOODS, OUTPUT_MEANS, ACTIVATIONS, DTYPES, BACKEND_NAMES, ("auto", "learned")),
    "conv-vae": (LIKELIHOODS, OUTPUT_MEANS, ACTIVATIONS, DTYPES, BACKEND_NAMES, ("auto", "learned")),
    "linear": (DTYPES, BACKEND_NAMES, ("auto",)),
    "rbm": (VISIBLE, METHODS, DTYPES, BACKEND_NAMES, ("auto", "learned")),
}


@pytest.mark.parametrize("model", NAMES)
def test_help_has_every_name_that_an_option_takes(model: str, run: Run) -> None:
    words = re.findall(r"\w+", run("train", model, "--help").stdout)
    for names in NAMES[model]:
        assert set(names) <= set(words)


def test_defaults_that_the_library_sets_are_told(run: Run) -> None:
    text = " ".join(run("train", "rbm", "--help").stdout.split())
    for method in (PersistentContrastiveDivergence(), ParallelTempering()):
        assert f"of pt at each temperature. [default: ({method.n_chains});" in text
    assert f"Temperatures of pt. [default: ({ParallelTempering().n_temperatures});" in text


@pytest.mark.parametrize("arguments", [(), ("train",)])
def test_a_group_without_a_command_shows_its_help(arguments: tuple[str, ...], run: Run) -> None:
    result = run(*arguments)
    assert result.exit_code == 0
    assert "Commands:" in result.stdout


def test_help_waits_for_no_heavy_import() -> None:
    script = "import sys, scratchgen.cli; print({'numpy', 'numba', 'sklearn', 'matplotlib'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "set()\n"


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"scratchgen {scratchgen.__version__}\n", "")


WRONG = {
    ("trian",): "Did you mean 'train'?",
    ("train", "gan"): "No such command 'gan'",
    ("evaluate",): "Missing argument 'FILE'",
    ("train", "vae", "--bogus"): "(see scratchgen train vae --help)",
    ("train", "vae", "--epochs", "0"): "'--epochs'",
    ("train", "vae", "--epochs", "many"): "'--epochs'",
    ("train", "vae", "--batch-size", "0"): "'--batch-size'",
    ("train", "vae", "--latent", "0"): "'--latent'",
    ("train", "vae", "--beta", "-1"): "'--beta'",
    ("train", "vae", "--learning-rate", "inf"): "learning_rate must be a finite number",
    ("train", "vae", "--hidden", "4,x"): "--hidden takes layer widths",
    ("train", "vae", "--hidden", "4,,5"): "--hidden takes layer widths",
    ("train", "vae", "--hidden", "0"): "each width in hidden must be an integer >= 1",
    ("train", "vae", "--decoder-hidden", "x"): "--decoder-hidden takes layer widths",
    ("train", "vae", "--sigma", "wide"): "--sigma takes a number or 'learned'",
    ("train", "vae", "--sigma", "0"): "sigma must be a finite number > 0",
    ("train", "vae", "--likelihood", "poisson"): "'bernoulli', 'gaussian', got 'poisson'",
    ("train", "vae", "--output-mean", "exp"): "output_mean must be one of",
    ("train", "vae", "--output-mean", "tanh"): "output_mean is that of a Gaussian likelihood",
    ("train", "vae", "--sigma", "0.3"): "sigma is that of a Gaussian likelihood",
    ("train", "vae", "--activation", "gelu"): "unknown activation 'gelu'",
    ("train", "vae", "--dtype", "float16"): "float32, float64, got float16",
    ("train", "vae", "--seed", str(2**64)): "seed must be an integer in [0, 2**64)",
    ("train", "vae", "--data", "dgits"): "Did you mean 'digits'?",
    ("train", "vae", "--backend", "gpu"): "unknown backend 'gpu'",
    ("train", "vae", "--resume"): "does not exist",
    ("train", "vae", "--objective", "iwae"): "No such option: --objective",
    ("train", "iwae", "--draws", "0"): "'--draws'",
    ("train", "iwae", "--hidden", "wide"): "--hidden takes layer widths",
    ("train", "iwae", "--beta", "2"): "No such option: --beta",
    ("train", "iwae", "--likelihood", "gaussian", "--binarise"): "binarise is for a Bernoulli likelihood",
    ("train", "iwae", "--likelihood", "poisson"): "'bernoulli', 'gaussian', got 'poisson'",
    ("train", "iwae", "--sigma", "wide"): "--sigma takes a number or 'learned'",
    ("train", "iwae", "--data", "dgits"): "Did you mean 'digits'?",
    ("train", "iwae", "--resume"): "does not exist",
    ("train", "conv-vae", "--channels", "a"): "--channels takes numbers of maps such as 16,32,64, got 'a'",
    ("train", "conv-vae", "--channels", ""): "--channels takes numbers of maps such as 16,32,64, got ''",
    ("train", "conv-vae", "--channels", "4,0"): "each width in channels must be an integer >= 1, got 0",
    ("train", "conv-vae", "--channels", "4,4,4,4"): "8 x 8 pixels can be halved 3 times",
    ("train", "conv-vae", "--kernel", "0"): "'--kernel'",
    ("train", "conv-vae", "--dense", "0"): "'--dense'",
    ("train", "conv-vae", "--beta", "-1"): "'--beta'",
    ("train", "conv-vae", "--latent", "0"): "'--latent'",
    ("train", "conv-vae", "--sigma", "wide"): "--sigma takes a number or 'learned'",
    ("train", "conv-vae", "--likelihood", "poisson"): "'bernoulli', 'gaussian', got 'poisson'",
    ("train", "conv-vae", "--data", "rings"): "rings holds points of the plane, not images",
    ("train", "conv-vae", "--data", "dgits"): "Did you mean 'digits'?",
    ("train", "conv-vae", "--resume"): "does not exist",
    ("train", "linear", "--latent", "0"): "'--latent'",
    ("train", "linear", "--latent", "64"): "n_latent must be below n_visible = 64, got 64",
    ("train", "linear", "--epochs", "3"): "No such option: --epochs",
    ("train", "linear", "--dtype", "float16"): "float32, float64, got float16",
    ("train", "linear", "--data", "dgits"): "Did you mean 'digits'?",
    ("train", "cvae", "--hidden", ""): "hidden must hold at least one width, such as (500,), got ()",
    ("train", "cvae", "--labels", "1440"): "--labels 1440: class 8 has 140 examples, fewer than 144",
    ("train", "cvae", "--labelled-per-batch", "2"): "No such option: --labelled-per-batch",
    ("train", "m1", "--classifier", "tree"): "classifier must be one of 'logistic', 'svm', got 'tree'",
    ("train", "m1", "--channels", "4", "--hidden", "5,5"): "convolutional encoder has one width",
    ("train", "m1", "--data", "bars-and-stripes"): "bars-and-stripes has no labels: choose a data set that has",
    ("train", "m2", "--labels", "15"): "n_labelled must be a multiple of the number of classes, 10, got 15",
    ("train", "m2", "--labels", "some"): "--labels takes a number above 0, or 'all', got 'some'",
    ("train", "m2", "--labels", "0"): "--labels takes a number above 0, or 'all', got '0'",
    ("train", "m2", "--label-seed", "-1"): "'--label-seed'",
    ("train", "m2", "--labelled-per-batch", "0"): "'--labelled-per-batch'",
    ("train", "m2", "--classification-weight", "-1"): "'--classification-weight'",
    ("train", "m2", "--class-prior", "bayes"): "class_prior must be one of 'uniform', 'estimated', got 'bayes'",
    ("train", "m2", "--channels", "a"): "--channels takes numbers of maps such as 16,32,64, got 'a'",
    ("train", "m2", "--channels", "4", "--decoder-hidden", "5"): "leave --decoder-hidden out",
    ("train", "m2", "--features", "nowhere"): "nowhere does not exist",
    ("train", "m2", "--resume"): "does not exist",
    ("train", "pc-vae", "--prediction-weight", "-1"): "'--prediction-weight'",
    ("train", "pc-vae", "--warm-up", "-1"): "'--warm-up'",
    ("train", "pc-vae", "--data", "rings"): "rings has no labels: choose a data set that has",
    ("train", "rbm", "--hidden", "0"): "'--hidden'",
    ("train", "rbm", "--visible", "poisson"): "visible must be one of 'bernoulli', 'gaussian', got 'poisson'",
    ("train", "rbm", "--sigma", "2"): "sigma is that of Gaussian visible units",
    ("train", "rbm", "--sigma", "wide"): "--sigma takes a number or 'learned'",
    ("train", "rbm", "--visible", "gaussian", "--binarise"): "binarise is for Bernoulli visible units",
    ("train", "rbm", "--visible", "gaussian", "--method", "pt"): "tempering of Gaussian visible units",
    ("train", "rbm", "--method", "adam"): "method must be one of 'cd', 'pcd', 'pt'",
    ("train", "rbm", "--method", "cd", "--chains", "5"): "ContrastiveDivergence takes k, not n_chains",
    ("train", "rbm", "--temperatures", "5"): "PersistentContrastiveDivergence takes k, n_chains, not n_temperatures",
    ("train", "rbm", "--k", "0"): "'--k'",
    ("train", "rbm", "--momentum", "1"): "momentum must be in [0, 1), got 1.0",
    ("train", "rbm", "--sparsity-target", "0"): "sparsity_target must be in (0, 1)",
    ("train", "rbm", "--weight-decay", "-1"): "'--weight-decay'",
    ("train", "rbm", "--learning-rate", "inf"): "must be a finite number",
    ("train", "rbm", "--ais-chains", "1"): "--ais-chains takes 0 for no AIS, or at least 2 chains, got 1",
    ("train", "rbm", "--ais-chains", "-1"): "--ais-chains takes 0 for no AIS",
    ("train", "rbm", "--ais-temperatures", "1"): "'--ais-temperatures'",
    ("train", "rbm", "--data", "dgits"): "Did you mean 'digits'?",
    ("train", "rbm", "--resume"): "does not exist",
    ("demo", "--backend", "gpu"): "unknown backend 'gpu'",
    ("gradcheck", "--backend", "gpu"): "unknown backend 'gpu'",
    ("gradcheck", "--filter", "no such piece"): "no piece matches 'no such piece'",
    ("evaluate", "nowhere.safetensors"): "nowhere.safetensors does not exist",
    ("evaluate", "nowhere.safetensors", "--limit", "1"): "'--limit'",
    ("evaluate", "nowhere.safetensors", "--ais-chains", "1"): "at least 2 chains",
    ("sample", "nowhere.safetensors"): "nowhere.safetensors does not exist",
    ("sample", "nowhere.safetensors", "--out", "a.jpg"): "must end in .png or .npy",
    ("sample", "nowhere.safetensors", "--shape", "28"): "--shape takes height x width",
    ("sample", "nowhere.safetensors", "--shape", "4x4x2"): "such as 28x28, or 32x32x3 for colours, got '4x4x2'",
    ("sample", "nowhere.safetensors", "-n", "0"): "'-n'",
    ("sample", "nowhere.safetensors", "--sweeps", "0"): "'--sweeps'",
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.items(), ids=map(" ".join, WRONG))
def test_bad_input_is_one_clear_line(arguments: tuple[str, ...], message: str, run: Run) -> None:
    assert message in run(*arguments).error


@pytest.mark.parametrize("arguments", [a for a in WRONG if a[0] == "train" and "--resume" not in a])
def test_bad_settings_leave_no_folder_behind(arguments: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    run(*arguments)
    assert not list(tmp_path.iterdir())


def test_a_backend_that_cannot_work_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise BackendError(f"{name!r} needs CuPy")

    monkeypatch.setattr("scratchgen.commands.announcements.resolve_backend", fail)
    for command in ("demo", "train vae", "train rbm", "evaluate FILE", "sample FILE", "gradcheck"):
        assert "'cuda' needs CuPy" in run(*command.split(), "--backend", "cuda").error


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_command, "available", lambda: warnings.warn("on two\nlines", stacklevel=2) or [])
    assert run("data").stderr == "scratchgen: warning: on two lines\n"


def test_a_terminal_without_special_characters_shows_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    with pytest.raises(SystemExit, match="0"):
        main(["data"])
    sys.stdout.seek(0)
    assert "8?8" in sys.stdout.read()


def test_an_error_of_the_system_is_one_line(run: Run, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "samples.png").mkdir()
    assert "samples.png: Is a directory" in run("sample", trained, "--backend", "numpy").error


def test_what_does_not_fit_into_memory_is_one_line(run: Run, trained: Path) -> None:
    assert "do not fit in memory" in run("train", "vae", "--hidden", "10000000000000", "--backend", "numpy").error
    assert "not enough memory" in run("sample", trained, "-n", "10000000000000", "--backend", "numpy").error


@pytest.mark.parametrize("command", [("gradcheck", "--filter", "mlp"), ("train", "vae", *TINY[:-3], "--epochs", "1")])
def test_auto_says_which_backend_it_took(command: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "scratchgen.commands.announcements.resolve_backend", lambda name: scratchgen.get_backend("numpy")
    )
    assert run(*command).stdout.startswith("backend: numpy\n")
