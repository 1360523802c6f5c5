"""What the demo prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from cellmap_data.cli.demo.labels import CLASSES
from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader
from cellmap_data.plugins import PluginManager

__all__ = ["arrays", "epoch", "line", "plugins", "progress", "scores"]


def line(console: Console, text: str) -> None:
    """Text as it is: no markup, no colours, not broken to the width of the terminal."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(console: Console, steps: int) -> Iterator[Callable[[float], float]]:
    """A bar of ``steps`` steps; call what it gives with the loss of each step, it returns that loss."""
    columns = [
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=steps, loss=float("nan"))

        def advance(loss: float) -> float:
            bar.update(task, advance=1, loss=loss)
            return loss

        yield advance


def arrays(console: Console, loader: EnhancedCellMapDataLoader) -> None:
    """What every sample of a batch holds: shapes in voxels, and the size of a voxel in nm."""
    dataset = loader.dataset
    for name, array in (dataset.input_arrays | dataset.target_arrays).items():
        shape, scale = (" x ".join(f"{size:g}" for size in array[key]) for key in ("shape", "scale"))
        line(console, f"{name}: {loader.batch_size} patches of {shape} voxels of {scale} nm")


def plugins(console: Console, manager: PluginManager) -> None:
    """The plugins in the order in which they run, and the hooks that each answers."""
    table = Table("plugin", "number", "hooks", title="Plugins, highest number first")
    answers = manager.order_report().hooks
    numbers = {place.plugin: place.number for places in answers.values() for place in places}
    names = [name for name in manager.list_plugins() if name in numbers]
    for name in sorted(names, key=lambda name: -numbers[name]):
        hooks = ", ".join(hook for hook, places in answers.items() if any(p.plugin == name for p in places))
        table.add_row(name, str(numbers[name]), hooks)
    console.print(table)


def epoch(console: Console, number: int, losses: Sequence[float], dice: Mapping[str, float]) -> None:
    """One line at the end of an epoch."""
    mean = sum(losses) / len(losses)
    quality = ", ".join(f"{name} {score:.3f}" for name, score in dice.items())
    line(console, f"epoch {number + 1}: loss {mean:.3f}, held-out Dice: {quality}")


def scores(console: Console, dice: Mapping[str, Mapping[str, float]]) -> None:
    """Dice of every class for every method."""
    table = Table("method", *(f"Dice {name}" for name in CLASSES), title="Held-out region")
    for method, score in dice.items():
        table.add_row(method, *(f"{score[name]:.3f}" for name in CLASSES))
    console.print(table)
