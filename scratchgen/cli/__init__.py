"""The command line: what each command takes, and how it ends.

====  =============================================================================
exit  means
====  =============================================================================
0     done
1     a gradient is wrong
2     one line on stderr, ``scratchgen: error: ...``, says what is wrong
130   Ctrl-C; one line says what has been saved
====  =============================================================================

The work is in `scratchgen.commands`, imported by the command that needs it: ``scratchgen --help`` answers at once.
A command of ``scratchgen train`` is a module of this package.
Names, as of backends and likelihoods, are checked by what takes them, against its own list.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from scratchgen.cli import (  # noqa: F401  # they add their commands
    train_autoencoders,
    train_conv_vae,
    train_ebm,
    train_few_labels,
    train_linear,
    train_rbm,
    train_vae,
)
from scratchgen.cli.expansion import expanded
from scratchgen.cli.groups import app
from scratchgen.commands.options import BackendName, DataName, Evaluation, Quiet, Sampling, Seed, Weights
from scratchgen.commands.values import parse_image_shape
from scratchgen.errors import ScratchgenError

_USAGE_ERROR: Any = typer.BadParameter.__base__  # typer has no public name for all usage errors
_BROKEN_PIPE = 141  # as a shell reports a command that was ended by SIGPIPE
_EVALUATION, _SAMPLING = Evaluation(), Sampling()

# -------------------------------------------------------------------------------------------------------- commands


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the files; those of an earlier demo are replaced.")] = Path(
        "scratchgen-demo"
    ),
    seed: Seed = 0,
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes of each VAE over the training data; the RBM makes four times as many.")
    ] = 80,
    backend: BackendName = "auto",
    quiet: Quiet = False,
) -> None:
    """Do the main job, offline, in about a minute.

    Check all gradients, train two VAEs and an RBM on 1,797 handwritten digits, print what held-out ones cost, leave
    pictures.
    """
    from scratchgen.commands.demo import run_demo

    if not run_demo(out, seed, epochs, backend, progress=not quiet):
        raise typer.Exit(1)


@app.command()
@expanded
def evaluate(
    weights: Weights,
    data: DataName = "digits",
    evaluation: Evaluation = _EVALUATION,
    limit: Annotated[int | None, typer.Option(min=2, help="Take the first so many test images.")] = None,
    backend: BackendName = "auto",
    quiet: Quiet = False,
) -> None:
    """Print what test images cost, in nats.

    Of a VAE reconstruction, KL, ELBO, and log p(x) by importance sampling; of a linear Gaussian model log p(x), exact,
    and squared error; of an RBM free energy,
    pseudo-log-likelihood, and log p(x) with an exact log Z or one by annealed importance sampling (AIS); of an
    energy-based model energies; of an autoencoder reconstruction, and squared error beside that of PCA; of a model that
    was told labels the per cent of images that it classifies wrongly, and a bound of log p(x). Means over the images
    with standard errors.
    """
    from scratchgen.commands.evaluate import evaluate_weights

    evaluate_weights(weights, data, evaluation, limit, backend, progress=not quiet)


@app.command()
@expanded
def sample(
    weights: Weights,
    n: Annotated[int, typer.Option("-n", "--number", min=1, help="Number of images.")] = 64,
    out: Annotated[
        list[Path] | None,
        typer.Option(help="A grid (.png) or an array (.npy); give it twice for both.", show_default="samples.png"),
    ] = None,
    sampling: Sampling = _SAMPLING,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the draws.", show_default="the state of the model's own stream")
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(
            help="Height x width of an image, such as 28x28; of a colour one x 3, such as 32x32x3.",
            show_default="the model's own, else a square",
        ),
    ] = None,
    backend: BackendName = "auto",
) -> None:
    """Draw new images from a trained model.

    Those of a model that takes a class come class by class.
    """
    from scratchgen.commands.sample import draw_samples

    image_shape = None if shape is None else parse_image_shape(shape)
    draw_samples(weights, n, out or [Path("samples.png")], sampling, seed, image_shape, backend)


@app.command()
def gradcheck(
    pattern: Annotated[
        str | None, typer.Option("--filter", help="Part of a name, or a pattern such as 'VAE*sigma'.")
    ] = None,
    backend: BackendName = "auto",
) -> None:
    """Check every gradient by finite differences.

    Prints a line a piece: name, shapes, worst relative error, order of the Taylor remainder. Exits with 1 if one fails.
    """
    from scratchgen.commands.announcements import announce_backend
    from scratchgen.commands.gradcheck import print_gradient_checks

    if not print_gradient_checks(announce_backend(backend), pattern):
        raise typer.Exit(1)


@app.command()
def data() -> None:
    """List the data sets, and where they are."""
    from scratchgen.commands.data import print_data_sets

    print_data_sets()


# --------------------------------------------------------------------------------------------------------- main


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line of this process, or `arguments`, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what a terminal cannot show becomes "?", and each line appears at once
            stream.reconfigure(errors="replace", line_buffering=True)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: _print_line(f"warning: {message}")
        sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(app)
    try:
        with command.make_context("scratchgen", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except _USAGE_ERROR as error:
        where = error.ctx.command_path if error.ctx else "scratchgen"
        return _fail(f"error: {error.format_message()} (see {where} --help)", 2)
    except ScratchgenError as error:
        return _fail(f"error: {error}", 2)
    except KeyboardInterrupt as interrupt:
        return _fail(f"interrupted: {interrupt}" if interrupt.args else "interrupted", 130)
    except BrokenPipeError:  # whoever read the output has seen enough; what is still in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except MemoryError as error:
        return _fail(f"error: not enough memory: {error}", 2)
    except OSError as error:
        return _fail(f"error: {error.filename or 'system'}: {error.strerror}", 2)
    return 0


def _fail(text: str, exit_code: int) -> int:
    _print_line(text)
    return exit_code


def _print_line(text: str) -> None:
    print(f"scratchgen: {' '.join(text.split())}", file=sys.stderr)
