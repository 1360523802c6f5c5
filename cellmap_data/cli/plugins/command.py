"""The options of ``cellmap-data plugins``. The rest is imported when it runs: plugins import torch."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from typing import Annotated, Any

import typer

__all__ = ["plugins"]

plugins = typer.Typer(add_completion=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@plugins.callback(invoke_without_command=True)
def overview(context: typer.Context, as_json: Json = False) -> None:
    """List the installed plugins, broken or not; or see the commands below.

    A plugin is enabled if a default EnhancedCellMapDataLoader has it in this
    environment: the built-in ones and those that CELLMAP_DATA_PLUGINS names,
    unless 'no:name' or CELLMAP_DATA_DISABLE_PLUGINS leaves them out.

    Exit code: 0 if all is well; 1 if a plugin is broken, or the environment
    names one that is not there; 2 if the command is used wrongly.
    """
    if context.invoked_subcommand:
        if as_json:
            raise typer.BadParameter(f"write it behind the command: {context.invoked_subcommand} --json")
        return
    from cellmap_data.cli.plugins import show
    from cellmap_data.cli.plugins.table import rows

    with redirect_stdout(sys.stderr):
        found = rows()
    if as_json:
        _print_json([row.as_json() for row in found])
    else:
        show.overview(found)
    if any(row.broken for row in found):
        raise typer.Exit(1)


@plugins.command()
def order(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="More plugins to enable; 'no:name' leaves one out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say for each hook which plugins are called, in which order and why.

    They are those of an EnhancedCellMapDataLoader(plugins=[NAME, ...]) in this
    environment.

    Exit code: 0 if all is well; 1 if such a loader cannot be made, because a
    plugin is unknown or broken or their wishes go around in a circle; 2 if the
    command is used wrongly.
    """
    from dataclasses import asdict

    from cellmap_data.cli.plugins import show
    from cellmap_data.plugins import build_manager
    from cellmap_data.plugins.selection import DEFAULT_PLUGINS

    with redirect_stdout(sys.stderr):
        report = build_manager([*DEFAULT_PLUGINS, *(names or ())]).order_report()
    if as_json:
        _print_json(asdict(report))
    else:
        show.order(report)


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2))
