"""Target paths."""

from __future__ import annotations

import pytest

from cellmap_data.config import TargetPath
from cellmap_data.errors import ConfigurationError


@pytest.mark.parametrize(
    ("path", "annotated", "first"),
    [
        pytest.param("/a/[nuc,mito]", ("nuc", "mito"), "/a/nuc", id="brackets"),
        pytest.param("/a/[nuc, mito]/s", ("nuc", "mito"), "/a/nuc/s", id="suffix"),
        pytest.param("/a/gt_[nuc]", ("nuc",), "/a/gt_nuc", id="prefix in the same part"),
        pytest.param("/a/[nuc,nuc]", ("nuc",), "/a/nuc", id="twice the same"),
        pytest.param("/a/labels/nuc/", ("nuc",), "/a/labels/nuc", id="no brackets"),
        pytest.param("nuc", ("nuc",), "nuc", id="a name only"),
    ],
)
def test_a_target_path_names_its_classes(path, annotated, first) -> None:
    """Brackets list the annotated classes; without them it is the last part of the path."""
    target = TargetPath.parse(path)
    assert target.annotated == annotated
    assert target.of(annotated[0]) == first
    assert TargetPath.parse(str(target)) == target


def test_a_crop_may_have_no_annotation() -> None:
    """Empty brackets are a crop in which nothing is annotated."""
    assert TargetPath.parse("/a/[]").annotated == ()


@pytest.mark.parametrize("path", ["/a/[nuc,,mito]", "/"], ids=["empty name", "no name"])
def test_a_class_has_a_name(path) -> None:
    """A path without a name for a class is refused."""
    with pytest.raises(ConfigurationError, match="without a name"):
        TargetPath.parse(path)
