"""The options of ``cellmap-data split``. The rest is imported when it runs: torch takes a second."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["split"]


def split(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="Where volumes lie.")
    ],
    output: Annotated[Path, typer.Option(dir_okay=False, help="The table.")] = Path("datasplit.csv"),
    classes: Annotated[
        str | None, typer.Option(metavar="A,B", help="Classes to list; the default is all that are there.")
    ] = None,
    validation: Annotated[float, typer.Option(min=0, max=1, help="Fraction of crops for validation.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Another one gives crops another use.")] = 0,
    raw: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="How the paths of raw volumes end, such as em/fibsem-uint8."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a table that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Find crops in folders of volumes, and write which are for training and which for validation.

    The table is what CellMapDataSplit(csv_path=...) reads. Crops that overlap
    in one raw volume have the same use.

    Exit code: 0 if all is well; 1 if nothing was written; 2 if the command is
    used wrongly.
    """
    from cellmap_data.cli.split import show
    from cellmap_data.datasplit import make_datasplit

    listed = None if classes is None else [name.strip() for name in classes.split(",")]
    made = make_datasplit(
        folders,
        output,
        classes=listed,
        validation_fraction=validation,
        seed=seed,
        raw=raw,
        overwrite=overwrite,
    )
    if as_json:
        typer.echo(json.dumps(asdict(made), indent=2))
    else:
        show.made(made)
