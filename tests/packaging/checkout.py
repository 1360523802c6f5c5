"""The sources of this project, as a build gets them."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["PACKAGES", "ROOT", "copy_checkout"]

ROOT = Path(__file__).parents[2]
PACKAGES = ("cellmap_data", "cellmap_data_plugins_builtin")
SOURCES = ("pyproject.toml", "setup.cfg", "README.md", "LICENSE", *PACKAGES)


def copy_checkout(target: Path) -> Path:
    """Copy what a build needs into an empty folder, so that no earlier build can leak into it."""
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target / name)
    return target
