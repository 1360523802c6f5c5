"""The options of ``cellmap-data plugins``. The rest is imported when it runs: plugins import torch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
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

    with _stdout_kept_clean():
        found = rows()
    if as_json:
        _print_json([row.as_json() for row in found])
    else:
        show.overview(found)
    if any(row.plugin.broken for row in found):
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

    with _stdout_kept_clean():
        report = build_manager([*DEFAULT_PLUGINS, *(names or ())]).order_report()
    if as_json:
        _print_json(asdict(report))
    else:
        show.order(report)


@plugins.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the plugin is enabled by.")],
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="An option that the plugin is made with; repeatable. The value is JSON, or else text.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import a plugin, make it, look at its hooks, and test its promises.

    Exit code: 0 if all is well; 1 if the plugin is unknown, is refused or fails
    a test; 2 if the command is used wrongly.
    """
    options = dict(_parsed(text) for text in option or ())
    from cellmap_data.cli.plugins import show
    from cellmap_data.cli.plugins.examination import examined

    with _stdout_kept_clean():
        result = examined(name, options)
    if as_json:
        _print_json(result.as_json())
    else:
        show.examination(result)
    if not result.passed:
        raise typer.Exit(1)


def _parsed(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--option")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


@contextmanager
def _stdout_kept_clean() -> Iterator[None]:
    """Send to stderr what plugins print, also in worker processes, which have the file and not the object."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2))
