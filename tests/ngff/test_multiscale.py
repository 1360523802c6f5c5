"""OME-Zarr metadata."""

from __future__ import annotations

from typing import Any

import pytest

from cellmap_data.errors import FormatWarning, MetadataError
from cellmap_data.ngff import parse_multiscale
from cellmap_data.storage import read_attributes
from tests.volumes import ramp, write_multiscale


def axis(name: str, unit: str | None = "nanometer", kind: str = "space") -> dict[str, str]:
    return {"name": name, "type": kind} | ({"unit": unit} if unit else {})


def scale(*values: float) -> dict[str, Any]:
    return {"type": "scale", "scale": list(values)}


def translation(*values: float) -> dict[str, Any]:
    return {"type": "translation", "translation": list(values)}


def multiscale(*steps: dict[str, Any], axes=None, common=None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "version": "0.4",
        "axes": axes or [axis(name) for name in "zyx"],
        "datasets": [{"path": "s0", "coordinateTransformations": list(steps)}],
    }
    return {"multiscales": [entry | ({"coordinateTransformations": common} if common else {})]}


def level(attributes: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    parsed = parse_multiscale("/volume", attributes).levels[0]
    return parsed.scale, parsed.translation


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_both_versions_are_read(ngff, tmp_path) -> None:
    """Levels come with their voxel size and the centre of their first voxel."""
    path = write_multiscale(
        tmp_path, ramp((8, 8, 8)), voxel=(40, 8, 4), origin=(100, -4, 0.5), levels=2, ngff=ngff
    )
    volume = parse_multiscale(path, read_attributes(path))
    assert volume.uri == path
    assert [a.name for a in volume.axes] == ["z", "y", "x"]
    assert [(lv.path, lv.scale, lv.translation) for lv in volume.levels] == [
        ("s0", (40, 8, 4), (100, -4, 0.5)),
        ("s1", (80, 16, 8), (120, 0, 2.5)),
    ]


@pytest.mark.parametrize(
    ("steps", "common", "expected"),
    [
        pytest.param([scale(4, 2, 1)], None, ((4, 2, 1), (0, 0, 0)), id="scale"),
        pytest.param(
            [scale(4, 2, 1), translation(1, 2, 3)], None, ((4, 2, 1), (1, 2, 3)), id="scale, translation"
        ),
        pytest.param(
            [scale(4, 2, 1), translation(1, 2, 3)],
            [scale(10, 10, 10), translation(0, 0, 5)],
            ((40, 20, 10), (10, 20, 35)),
            id="of the whole volume too",
        ),
    ],
)
def test_transformations_are_composed_in_order(steps, common, expected) -> None:
    """Each transformation acts on the result of those before it, the volume's own after the level's."""
    assert level(multiscale(*steps, common=common)) == expected


@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("nanometer", 1),
        ("micrometer", 1e3),
        ("angstrom", 0.1),
        ("meter", 1e9),
        ("yoctometer", 1e-15),
        ("yottameter", 1e33),
        ("inch", 2.54e7),
        ("parsec", 3.0856775814913673e25),
    ],
)
def test_units_become_nm(unit, nm) -> None:
    """Sizes and places are nm, whatever the unit."""
    attributes = multiscale(scale(4, 2, 1), translation(0, 0, 3), axes=[axis(name, unit) for name in "zyx"])
    sizes, places = level(attributes)
    assert sizes == pytest.approx((4 * nm, 2 * nm, nm))
    assert places == pytest.approx((0, 0, 3 * nm))


def test_axes_keep_the_order_of_the_metadata() -> None:
    """Axes are what the metadata says, channels and time among them, and these have no unit of length."""
    axes = [axis("t", "second", "time"), axis("c", None, "channel"), axis("x"), axis("y")]
    volume = parse_multiscale("/volume", multiscale(scale(5, 1, 2, 3), axes=axes))
    assert [(a.name, a.is_space) for a in volume.axes] == [
        ("t", False),
        ("c", False),
        ("x", True),
        ("y", True),
    ]
    assert volume.levels[0].scale == (5, 1, 2, 3)


@pytest.mark.parametrize(
    "attributes",
    [{}, {"multiscales": []}, {"multiscales": 3}, {"ome": {"version": "0.5"}}],
    ids=["nothing", "empty", "number", "0.5 without"],
)
def test_a_group_that_is_no_multiscale_is_named(attributes) -> None:
    """A group without multiscales is an error that says which, and what was expected."""
    with pytest.raises(MetadataError, match="/volume") as caught:
        parse_multiscale("/volume", attributes)
    assert "not a multiscale volume" in str(caught.value)


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        pytest.param(multiscale(), "datasets[0].coordinateTransformations", id="no transformation"),
        pytest.param(multiscale(translation(1, 2, 3)), "a list with a scale", id="no scale"),
        pytest.param(multiscale(scale(1, 1)), "3 numbers", id="too few numbers"),
        pytest.param(multiscale(scale(1, 0, 1)), "numbers > 0", id="no size"),
        pytest.param(multiscale(scale(1, 1, float("nan"))), "3 numbers", id="NaN"),
        pytest.param(multiscale(scale(1, 1, 1), {"type": "rotation"}), "rotation", id="unknown kind"),
        pytest.param(multiscale(scale(1, 1, 1), common=[scale(1)]), "3 numbers", id="of the whole volume"),
        pytest.param(multiscale(scale(1, 1), axes=[axis("z"), axis("x")]), "space axes", id="no y"),
        pytest.param(
            multiscale(scale(1, 1, 1), axes=[axis("x"), axis("y"), axis("x")]), "space", id="x twice"
        ),
        pytest.param(multiscale(scale(1, 1), axes=["y", "x"]), "objects with a name", id="axes of 0.3"),
        pytest.param(multiscale(scale(1, 1), axes=[axis("y"), axis("x", "furlong")]), "furlong", id="unit"),
        pytest.param(
            {"multiscales": [{"axes": [axis("y"), axis("x")]}]}, "datasets: expected", id="no levels"
        ),
    ],
)
def test_faulty_metadata_is_named(attributes, fault) -> None:
    """Each fault is named with its place in the metadata."""
    with pytest.raises(MetadataError) as caught:
        parse_multiscale("/volume", attributes)
    assert fault in str(caught.value)
    assert "/volume" in str(caught.value)


def test_all_faults_are_reported_together() -> None:
    """One error lists the faults of all axes and levels."""
    attributes = multiscale(scale(1, 1), axes=[axis(name, "furlong") for name in "zyx"])
    attributes["multiscales"][0]["datasets"].append({"path": 3})
    with pytest.raises(MetadataError) as caught:
        parse_multiscale("/volume", attributes)
    assert str(caught.value).count("furlong") == 3
    assert "datasets[0]" in str(caught.value)
    assert "datasets[1]" in str(caught.value)


def test_alike_volumes_are_told_apart() -> None:
    """Metadata that is read once for many volumes warns, and fails, for each of them with its own path."""
    short, bad = multiscale(scale(4, 2, 1)), multiscale(scale(0, 2, 1))
    del short["multiscales"][0]["version"]
    for uri in ("/one", "/other"):
        with pytest.warns(FormatWarning, match=f"(?s){uri}.*version: is missing"):
            assert parse_multiscale(uri, short).uri == uri
        for _ in range(2):
            with pytest.raises(MetadataError, match=uri) as caught:
                parse_multiscale(uri, bad, lambda paths, ndim: [f"{ndim} axes in {paths[0]}"])
            assert str(caught.value).count("3 axes in s0") == 1


def test_what_json_has_no_word_for_is_no_number() -> None:
    """Attributes from a plugin may hold anything: what is not understood is a fault, and no surprise."""
    with pytest.raises(MetadataError, match="expected"):
        parse_multiscale("/volume", multiscale(scale(object(), 2, 1)))
