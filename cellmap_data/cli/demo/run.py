"""The demo from end to end: write the volume, train through the loader, score, draw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from cellmap_data.cli.demo import show
from cellmap_data.cli.demo.feed import held_out_region, training_loader
from cellmap_data.cli.demo.labels import CLASSES
from cellmap_data.cli.demo.model import UNet
from cellmap_data.cli.demo.sample import CREDIT, load_nuclei, require_modules
from cellmap_data.cli.demo.score import HeldOut, class_dice, everything, thresholded
from cellmap_data.cli.demo.train import Trainer
from cellmap_data.cli.demo.volume import HELDOUT, write_volume
from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader

__all__ = ["DemoOptions", "DemoResult", "run_demo"]


TRY_A_PLUGIN = (
    "No plugin of another package is enabled; install one, for example examples/plugin_template of the"
    " repository, and name it: --plugin template.sections"
)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line asks for; see ``cellmap_data.cli.demo.command``."""

    output: Path
    epochs: int = 6
    steps: int = 50
    workers: int = 0
    seed: int = 0
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Dice of each class on the held-out region, for each method; and where the picture is."""

    dice: dict[str, dict[str, float]]
    picture: Path


def run_demo(options: DemoOptions, console: Console | None = None) -> DemoResult:
    """Write, train, score and draw; every step is printed to ``console``.

    Raises
    ------
    ConfigurationError
        If the sample images or an optional package are not installed.
    UnknownPluginError
        If no installed plugin has one of the names.
    """
    console = console or Console()
    require_modules("matplotlib", "tifffile")
    options.output.mkdir(parents=True, exist_ok=True)
    sample = load_nuclei()
    volume = write_volume(options.output / "nuclei.zarr", sample)
    show.line(console, f"Volume: {volume} ({CREDIT})")
    region = held_out_region(volume, HELDOUT.cut(sample.raw).shape)
    with training_loader(volume, options.steps, options.workers, options.seed, options.plugins) as loader:
        assert loader.plugin_manager is not None, "the loader was made with plugins"
        show.arrays(console, loader)
        show.plugins(console, loader.plugin_manager)
        if not options.plugins:
            show.line(console, TRY_A_PLUGIN)
        model = _train(loader, region, options, console)
        show.line(console, str(loader.report()))
    result = _judge(model, region, options.output / "demo.png")
    show.scores(console, result.dice)
    show.line(console, f"Picture: {result.picture}")
    return result


def _train(
    loader: EnhancedCellMapDataLoader, region: HeldOut, options: DemoOptions, console: Console
) -> UNet:
    """Train for all epochs and return the model; loss and held-out Dice are printed after each."""
    torch.manual_seed(options.seed)
    model = UNet(len(CLASSES))
    steps = options.epochs * len(loader)
    trainer = Trainer(model, steps)
    with show.progress(console, steps) as advance:
        for epoch in range(options.epochs):
            losses = [advance(loss) for loss in trainer.epoch(loader)]
            show.epoch(console, epoch, losses, class_dice(region.predict(model), region.truth))
    return model


def _judge(model: UNet, region: HeldOut, picture: Path) -> DemoResult:
    """Score the model and the methods that learn nothing, and draw all but the trivial one."""
    from cellmap_data.cli.demo.picture import save_picture  # matplotlib is optional

    masks = {"U-Net": region.predict(model), "Otsu's threshold": thresholded(region)}
    save_picture(picture, region, masks)
    masks["Otsu after a blur"] = thresholded(region, sigma=1)
    masks["everything"] = everything(region)
    return DemoResult({name: class_dice(mask, region.truth) for name, mask in masks.items()}, picture)
