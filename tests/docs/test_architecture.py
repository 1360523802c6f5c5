"""What docs/architecture.md and the index of decisions list, held against what there is."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import cellmap_data

DOCS = Path(__file__).parents[2] / "docs"


def test_every_package_is_described_once() -> None:
    """The table of architecture.md has each module of the package, and none that is not there."""
    table = (DOCS / "architecture.md").read_text().partition("| package |")[2]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    described = sorted(name for row in rows for name in re.findall(r"`(\w+)`", row))
    assert described == sorted(module.name for module in pkgutil.iter_modules(cellmap_data.__path__))


def test_every_decision_is_in_the_index() -> None:
    """The index has each record, in order."""
    listed = re.findall(r"\]\((\d{4}[^)]+)\)", (DOCS / "decisions" / "README.md").read_text())
    assert listed == sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))
