"""How contenders are started: the C reader is compiled, peers have environments of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.driver import Contender
from benchmarks.tasks import Setting, Task

ROOT = Path(__file__).parents[1]
READER = ROOT / "benchmarks" / "native" / "reader"
SCRIPTS = {
    "ours": "ours",
    "earlier": "earlier",
    "gunpowder": "gunpowder_pipeline",
    "monai": "monai_cache",
    "torchio": "torchio_queue",
    "zarrdataset": "zarrdataset_patches",
}
SHARED = {"torchio": "monai"}  # peers that live in the environment of another


class LeftOutError(Exception):
    """A contender cannot be started here; says why, and what would help."""


def start(setting: Setting, task: Task, places: Sequence[str], variables: dict[str, str]) -> Contender:
    """Start a contender on a task.

    Parameters
    ----------
    setting : Setting
        The contender.
    task : Task
        What it is to deliver.
    places : sequence of str
        The volumes to read: one, or many crops. The C reader takes the first.
    variables : dict
        Added to the environment.

    Raises
    ------
    LeftOutError
        When there is no compiler, or no environment of the peer.
    """
    python = str(peer(setting.kind)) if setting.is_peer else sys.executable
    environment = environment_for(python) | variables
    if setting.in_c:
        return Contender(setting, task, [str(compiled()), *_flags(setting, task, places[0])], environment)
    script = ROOT / "benchmarks" / "contenders" / f"{SCRIPTS[setting.kind]}.py"
    given = asdict(task) | asdict(setting)
    given |= {"places": list(places), "classes": task.classes, "transforms": setting.transforms}
    return Contender(setting, task, [python, str(script), json.dumps(given)], environment)


def compiled() -> Path:
    """The C reader, compiled when its source is newer."""
    source = READER.with_suffix(".c")
    if READER.exists() and READER.stat().st_mtime > source.stat().st_mtime:
        return READER
    compiler = shutil.which("cc")
    needs = "the C reader needs a C compiler and libzstd with its header: apt install gcc libzstd-dev"
    if compiler is None:
        raise LeftOutError(f"no cc was found; {needs}")
    command = [compiler, "-O3", "-march=native", "-pthread", str(source), "-lzstd", "-o", str(READER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LeftOutError(f"{needs}\n{done.stderr}")
    return READER


def peer(kind: str) -> Path:
    """The Python of a peer's environment."""
    python = ROOT / f".venv-peer-{SHARED.get(kind, kind)}" / "bin" / "python"
    if not python.exists():
        raise LeftOutError(f"there is no {python.parents[1].name}; `make bench-peers` makes it")
    return python


def environment_for(python: str) -> dict[str, str]:
    """The variables that a Python sees: a peer's is not led to this package in place of the earlier one."""
    ours = python == sys.executable
    return {name: value for name, value in os.environ.items() if ours or name != "PYTHONPATH"}


def _flags(setting: Setting, task: Task, place: str) -> list[str]:
    numbers = {name: getattr(task, name) for name in ("size", "chunk", "patch", "batch", "align")}
    numbers |= {"threads": 2, "ram": int(setting.kind == "ram")}
    flags = [part for name, number in numbers.items() for part in (f"--{name}", str(number))]
    array = "s0/c" if task.layout == "v3" else "s0"
    groups = ["raw", *(f"labels/{name}" for name in task.classes)]
    return ["--folder", place, *flags, *(f"{group}/{array}" for group in groups)]
