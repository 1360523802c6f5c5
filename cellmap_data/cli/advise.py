"""``cellmap-data advise``. What it needs is imported when it runs: it imports torch."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

__all__ = ["advise"]


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of numbers such as 128,128,128") from None


def advise(
    volume: Annotated[str, typer.Argument(help="A multiscale group: a path, s3://, gs://, http(s)://.")],
    patch: Annotated[str, typer.Option(help="Voxels of a patch along z, y, x; two for a plane.")],
    scale: Annotated[
        str | None, typer.Option(help="Voxel size in nm along z, y, x. Default: the finest that is stored.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Say which chunks suit patches that are read at random places of a volume. No voxel is read.

    Figures are of voxels as they are decoded, on average over all places;
    compressed they are fewer. Smaller chunks decode less that is not used,
    and cost more files or requests: each counts as 64 KiB.
    """
    from cellmap_data.advice import advise as advise_on

    shape = [int(number) for number in _numbers(patch)]
    found = advise_on(volume, shape, None if scale is None else _numbers(scale))
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
        return
    _show(found)


def _show(found: Any) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from cellmap_data.advice import amount, by

    table = Table(box=box.SIMPLE_HEAD)
    for title in ("chunk", "", "chunks/patch", "MB decoded/patch", "decoded/used"):
        table.add_column(title, justify="left" if title in ("chunk", "") else "right")
    rows = {option.chunk: option for option in (*found.options, found.present)}
    for option in sorted(rows.values(), key=lambda one: one.nbytes):
        notes = ["present"] * (option is found.present) + ["best"] * (option.chunk == found.best.chunk)
        table.add_row(
            by(option.chunk),
            ", ".join(notes),
            f"{option.chunks:.1f}",
            f"{option.nbytes / 1e6:.2f}",
            amount(option.nbytes / found.nbytes_used),
        )
    console = Console()
    console.print(table)
    console.print(str(found), soft_wrap=True, highlight=False)
