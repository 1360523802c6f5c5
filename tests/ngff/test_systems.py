"""Named coordinate systems and transformations of RFC-5."""

from __future__ import annotations

from typing import Any

import pytest

from cellmap_data.errors import FormatWarning, MetadataError
from cellmap_data.ngff import format_violations, parse_multiscale
from tests.ngff.test_multiscale import axis, scale, translation

WORLD = {"name": "world", "axes": [axis(name, "micrometer") for name in "zyx"]}
ATLAS = {"name": "atlas", "axes": [axis(name) for name in "zyx"]}
AFFINE = {"type": "affine", "affine": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]}


def sequence(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "sequence", "transformations": list(steps)}


def volume(*steps: dict[str, Any], systems: Any = None, **more: Any) -> dict[str, Any]:
    """A volume of which each level has one transformation into the system "world"."""
    datasets = [
        {
            "path": f"s{i}",
            "coordinateTransformations": [
                {"input": {"path": f"s{i}"}, "output": {"name": "world"}} | step,
            ],
        }
        for i, step in enumerate(steps)
    ]
    systems = [ATLAS, WORLD] if systems is None else systems
    return {
        "ome": {
            "version": "0.6",
            "multiscales": [{"coordinateSystems": systems, "datasets": datasets} | more],
        }
    }


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(scale(4, 2, 1), ("zyx", (4, 2, 1), (0, 0, 0)), id="scale"),
        pytest.param({"type": "identity"}, ("zyx", (1, 1, 1), (0, 0, 0)), id="identity"),
        pytest.param(
            sequence(scale(4, 2, 1), translation(1, 2, 3)), ("zyx", (4, 2, 1), (1, 2, 3)), id="sequence"
        ),
        pytest.param(
            sequence(translation(1, 2, 3), sequence(scale(4, 2, 1))),
            ("zyx", (4, 2, 1), (4, 4, 3)),
            id="nested",
        ),
        pytest.param(
            sequence(scale(1, 2, 4), translation(3, 2, 1), {"type": "mapAxis", "mapAxis": [2, 1, 0]}),
            ("xyz", (1, 2, 4), (3, 2, 1)),
            id="axes swapped",
        ),
        pytest.param(
            sequence({"type": "mapAxis", "mapAxis": [2, 0, 1]}, scale(4, 2, 1), translation(1, 2, 3)),
            ("yxz", (2, 1, 4), (2, 3, 1)),
            id="axes turned",
        ),
    ],
)
def test_transformations_that_keep_axes_apart_are_read(step, expected) -> None:
    """Scale and translation come in nm, axes in the order in which the array stores them."""
    parsed = parse_multiscale("/volume", volume(step))
    (level,) = parsed.levels
    sizes, places = (tuple(n * 1e3 for n in numbers) for numbers in expected[1:])
    assert "".join(axis.name for axis in parsed.axes) == expected[0]
    assert (level.scale, level.translation) == (sizes, places)


def test_a_system_may_be_named_by_a_string() -> None:
    """Earlier drafts name a system by a string, not by an object."""
    (level,) = parse_multiscale("/volume", volume(scale(4, 2, 1) | {"output": "world"})).levels
    assert level.scale == (4e3, 2e3, 1e3)


def test_further_systems_are_not_followed() -> None:
    """Coordinates are those of the system of the levels; that there are others is said."""
    onward = AFFINE | {"input": {"name": "world"}, "output": {"name": "atlas"}}
    with pytest.warns(FormatWarning, match="not applied; coordinates are those of 'world'"):
        parsed = parse_multiscale("/volume", volume(scale(4, 2, 1), coordinateTransformations=[onward]))
    assert parsed.levels[0].scale == (4e3, 2e3, 1e3)
    assert format_violations(volume(scale(4, 2, 1))) == []


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(AFFINE, id="affine"),
        pytest.param({"type": "rotation", "rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}, id="rotation"),
        pytest.param(sequence(scale(1, 1, 1), {"type": "displacements"}), id="displacements"),
        pytest.param({"type": "byDimension", "transformations": []}, id="by dimension"),
        pytest.param({"type": "mapAxis", "mapAxis": {"z": "x", "y": "y", "x": "z"}}, id="axes by name"),
        pytest.param({"type": "mapAxis", "mapAxis": [0, 0, 1]}, id="an axis twice"),
        pytest.param({"type": "scale", "path": "numbers"}, id="scale in an array"),
        pytest.param({"type": "sequence"}, id="empty sequence"),
    ],
)
def test_other_transformations_are_refused(step) -> None:
    """A transformation that cannot be read is an error that names volume and place."""
    with pytest.raises(MetadataError, match="/volume") as caught:
        parse_multiscale("/volume", volume(step))
    assert "datasets[0].coordinateTransformations[0]" in str(caught.value)
    assert "expected" in str(caught.value)


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        pytest.param(volume(scale(1, 1, 1), systems=[ATLAS]), "one named 'world'", id="no such system"),
        pytest.param(volume(scale(1, 1, 1), systems={}), "a list of objects with a name", id="no list"),
        pytest.param(volume(scale(1, 1, 1), scale(2, 2, 2) | {"output": "a"}), "in one", id="two systems"),
        pytest.param(volume(scale(1, 1, 1) | {"output": None}), "output: expected the name", id="no output"),
        pytest.param(
            volume(scale(1, 1, 1), sequence(scale(2, 2, 2), {"type": "mapAxis", "mapAxis": [1, 0, 2]})),
            "the same order at each level",
            id="two orders",
        ),
        pytest.param(
            volume(scale(1, 1, 1), systems=[{"name": "world", "axes": [axis("z"), axis("x")]}]),
            "coordinateSystems[0].axes: expected the space axes",
            id="axes",
        ),
    ],
)
def test_faulty_systems_are_named(attributes, fault) -> None:
    """A coordinate system that cannot be made out is an error that says what was expected where."""
    with pytest.raises(MetadataError, match="/volume") as caught:
        parse_multiscale("/volume", attributes)
    assert fault in str(caught.value)
