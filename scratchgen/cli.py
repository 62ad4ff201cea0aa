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

from scratchgen import __version__
from scratchgen.commands.values import parse_image_shape, parse_sigma, parse_widths
from scratchgen.errors import ScratchgenError

_USAGE_ERROR: Any = typer.BadParameter.__base__  # typer has no public name for all usage errors
_BROKEN_PIPE = 141  # as a shell reports a command that was ended by SIGPIPE

_PLAIN: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}
app = typer.Typer(**_PLAIN)
train = typer.Typer(**_PLAIN)
app.add_typer(train, name="train")

# ------------------------------------------------------------------------------------- options of several commands

Weights = Annotated[Path, typer.Argument(metavar="FILE", help="A weights file (.safetensors).", show_default=False)]
BackendName = Annotated[
    str, typer.Option("--backend", help="auto, numpy, cpu or cuda; auto takes a working GPU, else the CPU.")
]
DataName = Annotated[str, typer.Option("--data", help="A data set: see 'scratchgen data'.")]
Seed = Annotated[int, typer.Option(min=0, help="Of all random numbers.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]

# -------------------------------------------------------------------------------------------------------- commands


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"scratchgen {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Train and use generative models from scratch: forward and backward by hand, every gradient checked."""
    _show_help_without_command(context)


@train.callback(invoke_without_command=True)
def _train(context: typer.Context) -> None:
    """Train a model and leave it in a folder.

    Beside the weights stand the history of the training and pictures.
    """
    _show_help_without_command(context)


def _show_help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the files; those of an earlier demo are replaced.")] = Path(
        "scratchgen-demo"
    ),
    seed: Seed = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training data, for each of the models.")] = 80,
    backend: BackendName = "auto",
    quiet: Quiet = False,
) -> None:
    """Do the main job, offline, in about a minute.

    Check all gradients, train two VAEs on 1,797 handwritten digits, print what held-out ones cost, leave pictures.
    """
    from scratchgen.commands.demo import run_demo

    if not run_demo(out, seed, epochs, backend, progress=not quiet):
        raise typer.Exit(1)


@train.command("vae")
def train_vae(
    data: DataName = "digits",
    hidden: Annotated[str, typer.Option(help="Widths of the encoder's layers, such as 512,256; '' for none.")] = "400",
    decoder_hidden: Annotated[
        str | None, typer.Option(help="Widths of the decoder's layers.", show_default="those of the encoder, reversed")
    ] = None,
    latent: Annotated[int, typer.Option(min=1, help="Number of latent variables.")] = 20,
    activation: Annotated[
        str, typer.Option(help="Of the hidden layers: relu, tanh, sigmoid, softplus, swish or linear.")
    ] = "relu",
    likelihood: Annotated[str, typer.Option(help="p(x|z): bernoulli or gaussian.")] = "bernoulli",
    output_mean: Annotated[str, typer.Option(help="Mean of a Gaussian p(x|z): linear, tanh or sigmoid.")] = "linear",
    sigma: Annotated[str, typer.Option(help="Standard deviation of a Gaussian p(x|z): a number, or learned.")] = "1",
    beta: Annotated[float, typer.Option(min=0, help="Weight of the KL divergence in the loss.")] = 1.0,
    beta_warmup: Annotated[int, typer.Option(min=0, help="Steps in which beta rises linearly from 0.")] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training data, in all.")] = 10,
    batch_size: Annotated[int, typer.Option(min=1, help="Images a step.")] = 128,
    learning_rate: Annotated[float, typer.Option(min=0, help="Of Adam.")] = 1e-3,
    seed: Seed = 0,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    backend: BackendName = "auto",
    out: Annotated[Path, typer.Option(help="Folder for the files; made if it is not there.")] = Path("runs/vae"),
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Epochs between checkpoints.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in the folder.")] = False,
    quiet: Quiet = False,
) -> None:
    """Train a variational autoencoder.

    Encoder and decoder are fully connected; the optimiser is Adam.
    """
    from scratchgen.commands.train import Run, run_vae
    from scratchgen.schedules import LinearWarmup

    run_vae(
        Run(data, out, epochs, batch_size, learning_rate, checkpoint_every, backend, resume, overwrite, not quiet),
        hidden=parse_widths("--hidden", hidden),
        decoder_hidden=None if decoder_hidden is None else parse_widths("--decoder-hidden", decoder_hidden),
        n_latent=latent,
        activation=activation,
        likelihood=likelihood,
        output_mean=output_mean,
        sigma=parse_sigma(sigma),
        beta=LinearWarmup(beta_warmup, stop=beta) if beta_warmup else beta,
        seed=seed,
        dtype=dtype,
    )


@app.command()
def evaluate(
    weights: Weights,
    data: DataName = "digits",
    samples: Annotated[int, typer.Option(min=1, help="Draws of z an image for log p(x).")] = 500,
    limit: Annotated[int | None, typer.Option(min=2, help="Take the first so many test images.")] = None,
    backend: BackendName = "auto",
    quiet: Quiet = False,
) -> None:
    """Print what test images cost, in nats.

    Reconstruction, KL, ELBO, and log p(x) by importance sampling: means over the images with standard errors.
    """
    from scratchgen.commands.evaluate import evaluate_weights

    evaluate_weights(weights, data, samples, limit, backend, progress=not quiet)


@app.command()
def sample(
    weights: Weights,
    n: Annotated[int, typer.Option("-n", "--number", min=1, help="Number of images.")] = 64,
    out: Annotated[
        list[Path] | None,
        typer.Option(help="A grid (.png) or an array (.npy); give it twice for both.", show_default="samples.png"),
    ] = None,
    mean: Annotated[bool, typer.Option("--mean/--draw", help="The mean of p(x|z), or a draw from it.")] = True,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the draws.", show_default="the state of the model's own stream")
    ] = None,
    shape: Annotated[
        str | None, typer.Option(help="Height x width of an image, such as 28x28.", show_default="a square")
    ] = None,
    backend: BackendName = "auto",
) -> None:
    """Draw new images from a trained model."""
    from scratchgen.commands.sample import draw_samples

    draw_samples(
        weights,
        n,
        out or [Path("samples.png")],
        mean,
        seed,
        None if shape is None else parse_image_shape(shape),
        backend,
    )


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
