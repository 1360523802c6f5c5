"""The code that the README shows, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cellmap_data.cli.demo.sample import load_nuclei
from cellmap_data.cli.demo.volume import write_volume

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(str(p.relative_to(ROOT)) for p in sorted(ROOT.glob("docs/**/*.md"))),
]


def test_readme_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples work in the order in which they are read, on the volume that the demo writes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo_output").mkdir()
    write_volume(tmp_path / "demo_output" / "nuclei.zarr", load_nuclei())
    names: dict[str, Any] = {"__name__": "readme"}
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"README.md, block {number}", "exec"), names)
    batch = next(iter(names["loader"]))
    assert batch["raw"].shape == (2, 1, 32, 64, 64)
    assert batch["labels"].shape == (2, 2, 32, 64, 64)
    assert len(names["loader"].plugin_manager.list_plugins()) == 5
    names["loader"].close()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link of a page is a file of the repository."""
    text = (ROOT / page).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
