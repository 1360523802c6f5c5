"""The options of ``cellmap-data demo``. The rest is imported when it runs: torch takes a second."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    output: Annotated[
        Path,
        typer.Option(file_okay=False, help="Folder for volume and picture; the demo's own are replaced."),
    ] = Path("demo_output"),
    epochs: Annotated[int, typer.Option(min=1, help="Rounds of training; each ends with a score.")] = 6,
    steps: Annotated[int, typer.Option(min=1, help="Batches of an epoch.")] = 50,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read; with 0, threads do.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the model and of all that the loader draws.")] = 0,
    plugin: Annotated[
        list[str] | None, typer.Option(help="Enable an installed plugin by its entry-point name; repeatable.")
    ] = None,
) -> None:
    """Train a small 3-D U-Net on a real volume of nuclei, in about two minutes on two cores."""
    from cellmap_data.cli.demo.run import DemoOptions, run_demo

    run_demo(DemoOptions(output, epochs, steps, workers, seed, tuple(plugin or ())))
