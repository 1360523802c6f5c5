"""What was made, for people."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cellmap_data.config import TargetPath
from cellmap_data.datasplit import Made
from cellmap_data.datasplit.rows import USAGES

__all__ = ["made"]


def made(result: Made) -> None:
    """How many crops of each class there are for each use, and what was left out."""
    console = Console()
    annotated = {
        usage: Counter(name for row in result.of(usage) for name in TargetPath.parse(row.labels).annotated)
        for usage in USAGES
    }
    table = Table("class", *USAGES, box=None)
    for name in sorted(set().union(*annotated.values())):
        table.add_row(Text(name), *(str(annotated[usage][name]) for usage in USAGES))
    table.add_section()
    table.add_row("crops", *(str(len(result.of(usage))) for usage in USAGES))
    console.print(table)
    for row in result.left_out:
        console.print(f"left out: {row}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"\nwritten: {result.path}", markup=False, highlight=False, soft_wrap=True)
