"""Builds the command line."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from cellmap_data import __version__
from cellmap_data.cli.demo.command import demo
from cellmap_data.errors import ConfigurationError, PluginRegistrationError, StoreError, UnknownPluginError
from cellmap_data.plugins import environment_hooks

__all__ = ["build_app", "main"]

EXPECTED = (ConfigurationError, PluginRegistrationError, StoreError, UnknownPluginError)
"""Errors whose message says what to do: the command prints it without a traceback."""


def build_app() -> typer.Typer:
    """The command line, with the commands of the plugins that CELLMAP_DATA_PLUGINS names."""
    app = typer.Typer(
        name="cellmap-data", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(_common)
    app.command("demo")(demo)
    environment_hooks().add_commands(app)
    return app


def main() -> None:
    """Entry point of ``cellmap-data``."""
    try:
        build_app()()
    except EXPECTED as error:
        text = "\n".join([str(error), *getattr(error, "__notes__", ())])
        Console(stderr=True).print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from None


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
