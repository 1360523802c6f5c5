"""``cellmap-data`` as a person runs it, and the demo from end to end with a little training."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import cellmap_data
from cellmap_data.cli.demo import show
from cellmap_data.cli.demo.labels import CLASSES
from cellmap_data.cli.demo.run import DemoOptions, run_demo
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import build_manager


def run_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from cellmap_data.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_version() -> None:
    """The command knows the version of the package."""
    done = run_command("--version")
    assert (done.returncode, done.stdout.strip()) == (0, cellmap_data.__version__)


GREETER = """
from cellmap_data.hookspecs import hookimpl

@hookimpl
def add_commands(app):
    app.command("greet")(lambda: print("hello"))
"""


def test_plugins_add_commands(tmp_path: Path) -> None:
    """A command of an installed plugin is there when the environment enables the plugin, and only then."""
    info = tmp_path / "greeter-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeter\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[cellmap_data.plugins]\ngreeter = greeter\n")
    (tmp_path / "greeter.py").write_text(GREETER)
    enabled = run_command("greet", PYTHONPATH=str(tmp_path), CELLMAP_DATA_PLUGINS="greeter")
    assert (enabled.returncode, enabled.stdout.strip()) == (0, "hello"), enabled.stderr
    assert run_command("greet", PYTHONPATH=str(tmp_path)).returncode == 2


def test_unknown_plugin_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    """A slip in a plugin's name ends the command with the nearest name, before anything is trained."""
    done = run_command("demo", "--output", str(tmp_path), "--plugin", "template.sectoins")
    assert done.returncode == 1
    assert "template.sections" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("workers", "plugins"), [(0, ("template.sections",)), (2, ())], ids=["a plugin", "two workers"]
)
def test_demo(tmp_path: Path, workers: int, plugins: tuple[str, ...]) -> None:
    """It trains, scores all methods, draws, and shows the plugins in the order in which they run.

    Without a plugin from elsewhere it tells how to try one.
    """
    printed = StringIO()
    console = Console(file=printed, width=110)
    options = DemoOptions(tmp_path, epochs=2, steps=1, workers=workers, plugins=plugins)
    result = run_demo(options, console)

    assert set(result.dice) == {"U-Net", "Otsu's threshold", "Otsu after a blur", "everything"}
    expected = ("Otsu's threshold", 0.8, 0.95), ("Otsu after a blur", 0.9, 0.98), ("everything", 0.2, 0.4)
    for method, low, high in expected:
        assert low < result.dice[method]["nuclei"] < high
    assert all(set(scores) == set(CLASSES) for scores in result.dice.values())
    assert result.picture.read_bytes().startswith(b"\x89PNG")

    text = printed.getvalue()
    order = ["prefetch", "augmentation", *plugins, "memory_optimization", "device_transfer"]
    places = [text.index(name) for name in order]
    assert places == sorted(places)
    assert ("--plugin" in text) == (not plugins)
    assert text.count("held-out Dice") == 2
    assert "post_sample" in text
    assert "coarse: 2 patches of 16 x 32 x 32 voxels of 580 x 520 x 520 nm" in text


def test_the_demo_replaces_nothing_but_its_own(tmp_path: Path) -> None:
    """A volume of the user's that has the same name stays, and the command says so without a traceback."""
    mine = tmp_path / "nuclei.zarr" / "precious"
    mine.mkdir(parents=True)
    done = run_command("demo", "--output", str(tmp_path))
    assert done.returncode == 1
    assert "replaces no data but its own" in done.stderr
    assert mine.exists()


def test_an_output_that_is_a_file_is_wrong_usage(tmp_path: Path) -> None:
    """The message names the option."""
    (tmp_path / "file").touch()
    done = run_command("demo", "--output", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "--output" in done.stderr


def test_plugins_are_shown_with_the_numbers_that_count() -> None:
    """A number that was given at registration is shown, not the one that the plugin has by itself."""
    manager = build_manager(["prefetch", "augmentation"])
    manager.register_plugin(GreyValues(), name="grey", priority=70)
    manager.disable_plugin("augmentation")
    printed = StringIO()
    show.plugins(Console(file=printed, width=110), manager)
    rows = [line.split("\u2502")[1:3] for line in printed.getvalue().splitlines() if "\u2502" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [["prefetch", "100"], ["grey", "70"]]


class GreyValues:
    priority = 200

    @hookimpl
    def post_sample(self, sample: dict[str, object]) -> dict[str, object]:
        return sample
