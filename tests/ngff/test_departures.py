"""Metadata that is not quite as OME-NGFF asks for, and is read."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from yaozarrs import v04

from cellmap_data.errors import FormatWarning
from cellmap_data.ngff import format_violations, parse_multiscale
from cellmap_data.ngff.units import NANOMETRES
from cellmap_data.storage import read_attributes
from tests.ngff.test_multiscale import axis, level, multiscale, scale, translation
from tests.volumes import ramp, write_multiscale

Change = dict[str, Any]


def changed(**changes: Any) -> dict[str, Any]:
    """Good metadata with some of its fields replaced; None removes one."""
    attributes = multiscale(scale(4, 2, 1), translation(1, 2, 3))
    fields = attributes["multiscales"][0] | changes
    attributes["multiscales"][0] = {key: value for key, value in fields.items() if value is not None}
    return attributes


def steps(*listed: Any) -> list[dict[str, Any]]:
    return [{"path": "s0", "coordinateTransformations": list(listed)}]


@pytest.mark.parametrize(
    ("attributes", "place", "expected"),
    [
        pytest.param(changed(version=None), "version: is missing", ((4, 2, 1), (1, 2, 3)), id="no version"),
        pytest.param(changed(version="0.3"), "version: is '0.3'", ((4, 2, 1), (1, 2, 3)), id="old version"),
        pytest.param(
            changed(datasets=steps(translation(1, 2, 3), scale(4, 2, 1))),
            "datasets[0].coordinateTransformations: should be a scale, then a translation",
            ((4, 2, 1), (4, 4, 3)),
            id="translation before scale",
        ),
        pytest.param(
            changed(datasets=steps(scale(2, 1, 1), scale(2, 2, 1), translation(1, 2, 3))),
            "scale, scale, translation are applied in this order",
            ((4, 2, 1), (1, 2, 3)),
            id="two scales",
        ),
        pytest.param(
            changed(datasets=steps({"type": "identity"}, scale(4, 2, 1))),
            "identity, scale are applied",
            ((4, 2, 1), (0, 0, 0)),
            id="identity",
        ),
        pytest.param(
            changed(axes=[axis(name, None) for name in "zyx"]),
            "axes: the unit of z, y, x is missing; read as nanometer",
            ((4, 2, 1), (1, 2, 3)),
            id="no unit",
        ),
        pytest.param(
            changed(axes=[{"name": name, "unit": "nanometer"} for name in "zyx"]),
            "axes: the type of z, y, x is missing",
            ((4, 2, 1), (1, 2, 3)),
            id="no type",
        ),
        pytest.param(
            changed(axes=[axis("Z"), axis("y"), axis("x")]),
            "axes: 'Z' should be 'z'",
            ((4, 2, 1), (1, 2, 3)),
            id="capital",
        ),
        pytest.param(
            changed(axes=[axis("y"), axis("x"), axis("c", None, "channel")]),
            "axes: time and channels should come before space",
            ((4, 2, 1), (1, 2, 3)),
            id="channel last",
        ),
    ],
)
def test_what_is_meant_is_read_with_a_warning(attributes, place, expected) -> None:
    """A departure that leaves no doubt is read; one warning names the volume, the place, and what is done."""
    with pytest.warns(FormatWarning) as caught:
        assert level(attributes) == expected
    (warning,) = caught
    assert place in str(warning.message)
    assert "/volume" in str(warning.message)


@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("nm", 1),
        ("µm", 1e3),
        ("μm", 1e3),
        ("um", 1e3),
        ("mm", 1e6),
        ("m", 1e9),
        ("Å", 0.1),
        ("micron", 1e3),
        ("nanometre", 1),
        ("Micrometers", 1e3),
    ],
    ids=str,
)
def test_units_written_in_another_way_are_known(unit, nm) -> None:
    """Symbols, plurals, capitals and the British spelling are units of length, with a warning."""
    with pytest.warns(FormatWarning, match=f"the unit '{unit}' of z should be"):
        sizes, _ = level(changed(axes=[axis(name, unit) for name in "zyx"]))
    assert sizes == pytest.approx((4 * nm, 2 * nm, nm))


@pytest.mark.parametrize("unit", NANOMETRES)
def test_every_unit_of_the_format_is_known(unit) -> None:
    """The names this package takes without a warning are those that the format's own model takes."""
    assert v04.SpaceAxis(type="space", name="x", unit=unit).unit == unit  # it warns of any other
    sizes, _ = level(changed(axes=[axis(name, unit) for name in "zyx"]))
    assert sizes == pytest.approx(tuple(n * NANOMETRES[unit] for n in (4, 2, 1)))


def test_a_volume_is_complained_about_once() -> None:
    """Under the usual filters, reading a volume again says nothing more; another volume does."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for uri in ("/one", "/two", "/one"):
            parse_multiscale(uri, changed(version=None))
    assert len(caught) == 2


@pytest.mark.parametrize("path", ["", ".", "/".join([".", ""])])
def test_the_group_may_be_the_array(path) -> None:
    """An empty path of a dataset stands for the group itself."""
    entry = steps(scale(4, 2, 1))[0] | {"path": path}
    with pytest.warns(FormatWarning, match="read as the group itself"):
        (found,) = parse_multiscale("/volume", changed(datasets=[entry])).levels
    assert found.path == ""


@pytest.mark.parametrize(
    "extra",
    [
        {"cellmap": {"annotation": {"class_name": "mito", "complement_counts": {"absent": 3}}}},
        {
            "pixelResolution": {"dimensions": [4, 4, 4], "unit": "nm"},
            "units": ["nm"] * 3,
            "scales": [[1]],
        },
        {"checksum": "e3b0c442", "omero": None, "_ARRAY_DIMENSIONS": ["z", "y", "x"]},
    ],
    ids=["annotation", "resolution", "stray"],
)
def test_what_is_not_known_is_passed_over(extra) -> None:
    """Further attributes, of the group and of the multiscale, change nothing and cause no warning."""
    attributes = changed(name=None, type="mean", **extra) | extra
    attributes["multiscales"].append({"what": "comes second does not count"})
    assert level(attributes) == ((4, 2, 1), (1, 2, 3))


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_what_we_write_is_as_the_format_demands(ngff, tmp_path) -> None:
    """Volumes of the testing module pass the format's own models, and are read without a warning."""
    path = write_multiscale(tmp_path, ramp((8, 8, 8)), levels=2, ngff=ngff)
    assert format_violations(read_attributes(path)) == []


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        pytest.param(
            changed(datasets=steps(translation(1, 2, 3), scale(4, 2, 1))),
            "multiscales[0].datasets[0].coordinateTransformations",
            id="0.4",
        ),
        pytest.param(
            {"ome": changed(axes=[axis("y"), axis("x"), axis("c", None, "channel")]) | {"version": "0.5"}},
            "multiscales[0].axes: ",
            id="0.5",
        ),
    ],
)
def test_violations_are_named_with_their_place(attributes, place) -> None:
    """What the format's own models refuse is listed, also where this package reads it."""
    (violation,) = format_violations(attributes)
    assert place in violation
