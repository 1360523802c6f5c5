"""The code that docs/sampling.md shows, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "sampling.md"


def test_the_page_runs(tmp_path, monkeypatch) -> None:
    """Its blocks, one after the other, do what the text says."""
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        exec(compile(block, "sampling.md", "exec"), names)
    dataset = names["dataset"]
    assert len(names["by_class"]) == 10
    drawn = [int(batch["idx"]) for batch in names["by_dataset"]]
    assert len(drawn) == len(dataset)
    assert 0.7 < sum(i < len(dataset) / 2 for i in drawn) / len(drawn) < 0.8
    assert len(names["rest"]) == 39
    assert len(list(names["subset"])) == 20
    assert int(names["again"]["idx"]) == names["told"].index
    assert [int(batch["idx"]) for batch in names["sparse"]][:3] == [0, 2, 4]
    weights = dataset.crop_weights
    assert weights[1] > weights[0] > 0
