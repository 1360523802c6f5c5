"""The folders of this machine."""

from __future__ import annotations

import os

import pytest

from cellmap_data.errors import StoreError
from cellmap_data.storage import Folders


def test_folders_are_listed_without_files_and_hidden_ones(tmp_path) -> None:
    """Sorted names of folders, links to folders too; nothing where there is no folder."""
    for name in ("b", "a", ".zcache"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("")
    os.symlink(tmp_path / "a", tmp_path / "link")
    folders = Folders()
    assert folders.below(str(tmp_path)) == folders.below(f"file://{tmp_path}/") == ["a", "b", "link"]
    assert folders.below(f"{tmp_path}/nowhere") == folders.below(f"{tmp_path}/file") == []


def test_a_place_is_asked_once(tmp_path) -> None:
    """What was there at first is what is there."""
    folders = Folders()
    assert folders.below(str(tmp_path)) == []
    (tmp_path / "late").mkdir()
    assert folders.below(str(tmp_path)) == []
    assert Folders().below(str(tmp_path)) == ["late"]


def test_what_cannot_be_listed_is_an_error(tmp_path) -> None:
    """Never taken for an empty folder."""
    with pytest.raises(StoreError, match="cannot be listed"):
        Folders().below(f"{tmp_path}/{'x' * 300}")
