"""Installed distributions, and the command as a person runs it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from cellmap_data.cli import main
from tests.plugins.conftest import acme, clean_environment, install

__all__ = ["Done", "acme", "clean_environment", "command", "install"]


class Done(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch, capsys):
    """Run ``cellmap-data`` with arguments, its output in a pipe."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def command(*arguments):
        monkeypatch.setattr("sys.argv", ["cellmap-data", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(ended.value.code or 0, *capsys.readouterr())

    return command
