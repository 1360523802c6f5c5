"""Builds the command line."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer
from rich.console import Console

from cellmap_data import __version__
from cellmap_data.cli.advise import advise
from cellmap_data.cli.demo.command import demo
from cellmap_data.cli.plugins.command import plugins
from cellmap_data.cli.split.command import split
from cellmap_data.errors import (
    CellMapDataError,
    ConfigurationError,
    HookError,
    PluginRegistrationError,
    StoreError,
    UnknownPluginError,
)
from cellmap_data.plugins import PluginManager
from cellmap_data.plugins.selection import try_names

__all__ = ["build_app", "main"]

EXPECTED = (ConfigurationError, PluginRegistrationError, StoreError, UnknownPluginError)
"""Errors whose message says what to do: the command prints it without a traceback."""


def build_app() -> typer.Typer:
    """The command line, with the commands of the plugins that CELLMAP_DATA_PLUGINS names.

    One of these that is broken is reported on stderr and has no commands: the command that shows what is
    wrong with it must start.
    """
    with redirect_stdout(sys.stderr):  # what plugins print is no part of what a script reads
        trial = try_names()
        for error in trial.refused.values():
            _go_on_without(error)
        return _with_commands(trial.manager)


def main() -> None:
    """Entry point of ``cellmap-data``."""
    try:
        build_app()()
    except EXPECTED as error:
        _complain(error)
        raise SystemExit(1) from None


def _with_commands(manager: PluginManager) -> typer.Typer:
    """Begin anew when a plugin fails: it may have added half of its commands."""
    while True:
        app = _own_commands()
        try:
            manager.relay.add_commands(app)
        except HookError as error:
            _go_on_without(error)
            manager.unregister_plugin(error.plugin)
        else:
            return app


def _own_commands() -> typer.Typer:
    app = typer.Typer(
        name="cellmap-data", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(_common)
    app.command("advise")(advise)
    app.command("demo")(demo)
    app.command("split")(split)
    app.add_typer(plugins, name="plugins")
    return app


def _go_on_without(error: CellMapDataError) -> None:
    _complain(error)
    typer.echo("cellmap-data goes on without the commands of this plugin.\n", err=True)


def _complain(error: CellMapDataError) -> None:
    text = "\n".join([str(error), *getattr(error, "__notes__", ())])
    Console(stderr=True).print(text, style="red", markup=False, emoji=False, highlight=False, soft_wrap=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Feed PyTorch with patches of OME-Zarr volumes; every stage is a plugin hook."""
