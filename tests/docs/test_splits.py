"""The code that docs/splits.md shows, run as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from cellmap_data.cli import main
from cellmap_data.datasplit.table import read_table

PAGE = Path(__file__).parents[2] / "docs" / "splits.md"
BLOCKS = re.findall(r"```(python|sh)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


def test_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a folder to batches, in the order in which it is read; the leak is told as the page says."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    for number, (language, block) in enumerate(BLOCKS):
        if language == "python":
            exec(compile(block, f"splits.md, block {number}", "exec"), names)
            continue
        monkeypatch.setattr("sys.argv", shlex.split(block))
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
    batches = list(names["train"])
    assert [batch["raw"].shape for batch in batches] == [(2, 1, 16, 16, 16)] * 4
    assert sum(len(batch["idx"]) for batch in names["validation"]) == 8
    assert [row.usage for row in read_table("made.csv")].count("validate") == 1
    told = capsys.readouterr().out
    assert "3 1 ()" in told
    assert "share z -4 to 252, y -4 to 252, x -4 to 252 nm of" in told
    assert names["split"].validation_blocks[0]["labels"].shape == (2, 8, 8, 8)
    for loader in ("train", "validation"):
        names[loader].close()
