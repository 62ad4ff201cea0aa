"""The two groups of commands: ``scratchgen`` itself, and ``scratchgen train`` with a command a model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scratchgen import __version__

_PLAIN: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}
app = typer.Typer(**_PLAIN)
train = typer.Typer(**_PLAIN)
app.add_typer(train, name="train")


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
