"""A virtual environment of its own, and the commands that a person types there."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Environment", "build_wheels"]

PROGRAMS = Path(__file__).parent / "programs"
DROPPED = ("CELLMAP_DATA_", "PIP_", "PYTHON", "VIRTUAL_ENV")
"""Of the variables that the tests run with, these would have a say in what is found."""


class Environment:
    """A new virtual environment, which also sees the dependencies of the one that the tests run in.

    Parameters
    ----------
    root
        The folder of the environment, which must not exist.
    wheels
        The only place from which pip takes packages, and it takes what is named without its dependencies.
    """

    def __init__(self, root: Path, wheels: Path) -> None:
        self.root = root
        venv.create(root, symlinks=True)
        self._python = root / "bin" / "python"
        self._packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(root)}))
        # Not a plain path: packages that are installed as links would be listed and not found.
        seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        lines = [f"import site; site.addsitedir({path!r})" for path in sorted(seen)]
        (self._packages / "dependencies.pth").write_text("\n".join(lines))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
        self._variables = inherited | {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": str(wheels),
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_YES": "1",
            "PYTHONSAFEPATH": "1",
            "PYTHONWARNINGS": "error",
        }

    def module(self, name: str) -> Path:
        """The file of an installed module."""
        return self._packages / f"{name}.py"

    def pip(self, command: str) -> None:
        """Run what a person would type, such as ``pip install acme-denoise``; it must succeed."""
        word, *arguments = shlex.split(command)
        assert word == "pip"
        # The pip of the tests' environment, for a new one takes longer to install than all the rest. Its
        # own warnings are not ours.
        pip = [sys.executable, "-m", "pip", "--python", str(self._python), *arguments]
        done = subprocess.run(
            pip, capture_output=True, text=True, check=False, env=self._variables | {"PYTHONWARNINGS": ""}
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``cellmap-data`` as it was installed here."""
        return self._run([self.root / "bin" / "cellmap-data", *arguments])

    def program(self, name: str, *arguments: Any) -> Any:
        """Run one of ``programs/`` with arguments that JSON can hold, and return what it prints as JSON."""
        done = self._run([self._python, PROGRAMS / name, *map(json.dumps, arguments)])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def _run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.root, env=self._variables
        )


def build_wheels(sources: Sequence[Path], target: Path) -> Path:
    """Build each source with pip, as ``pip install`` does, into a folder."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--wheel-dir", str(target), *map(str, sources)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target
