"""Stores that are broken: each is an error of this package that says where and what was expected."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellmap_data import CellMapDataset, CellMapImage
from cellmap_data.errors import CellMapDataError, MetadataError, StoreError, StoreNotFoundError
from cellmap_data.image import check_volume, read_multiscale
from tests.volumes import ramp, write_multiscale

ARRAYS = {"raw": {"shape": (4, 4, 4), "scale": (8, 8, 8)}}

Breaks = Callable[[Path], Any]


def edited(name: str, change: Callable[[dict[str, Any]], Any]) -> Breaks:
    """Change a JSON document of the store."""

    def breaks(path: Path) -> None:
        document = json.loads((path / name).read_text())
        change(document)
        (path / name).write_text(json.dumps(document))

    return breaks


def multiscale(**changes: Any) -> Breaks:
    """Replace fields of the multiscale; None removes one."""

    def change(document: dict[str, Any]) -> None:
        fields = document["multiscales"][0] | changes
        document["multiscales"] = [{key: value for key, value in fields.items() if value is not None}]

    return edited(".zattrs", change)


def level(*steps: Any, path: Any = "s0") -> Breaks:
    """Replace the one dataset."""
    return multiscale(datasets=[{"path": path, "coordinateTransformations": list(steps)}])


def scaled(*values: Any) -> Breaks:
    return level({"type": "scale", "scale": list(values)})


def axes(*names: str, **more: Any) -> Breaks:
    kinds = {"c": "channel", "d": "channel", "t": "time"}
    return multiscale(
        axes=[
            {"name": name, "type": kinds[name]}
            if name in kinds
            else {"name": name, "type": "space", "unit": "nanometer"} | more
            for name in names
        ]
    )


def array(**changes: Any) -> Breaks:
    """Replace fields of the array's metadata."""
    return edited("s0/.zarray", lambda document: document.update(changes))


def array_v3(**changes: Any) -> Breaks:
    return edited("s0/zarr.json", lambda document: document.update(changes))


def without(name: str, field: str) -> Breaks:
    return edited(name, lambda document: document.pop(field))


def written(name: str, content: str) -> Breaks:
    return lambda path: (path / name).write_text(content)


def chunk(content: bytes, name: str = "s0/0/0/0") -> Breaks:
    return lambda path: (path / name).write_bytes(content)


V2 = [
    pytest.param(lambda path: shutil.rmtree(path), StoreNotFoundError, "no zarr group", id="nothing there"),
    pytest.param(lambda path: shutil.rmtree(path / "s0"), StoreNotFoundError, "s0", id="missing level"),
    pytest.param(
        lambda path: (path / "s0" / ".zarray").rename(path / "s0" / ".zgroup"),
        StoreNotFoundError,
        "a .zgroup",
        id="group for an array",
    ),
    pytest.param(written(".zattrs", '{"multiscales": ['), MetadataError, "must hold JSON", id="cut off"),
    pytest.param(written(".zattrs", "\x00\x01"), MetadataError, "must hold JSON", id="no text"),
    pytest.param(written(".zattrs", "[" * 100_000), MetadataError, "must hold JSON", id="nested without end"),
    pytest.param(written(".zattrs", "[]"), MetadataError, "a JSON object", id="no object"),
    pytest.param(written(".zattrs", "{}"), MetadataError, "not a multiscale", id="no multiscales"),
    pytest.param(written(".zattrs", '{"plate": {}}'), MetadataError, "this is a plate", id="a plate"),
    pytest.param(written(".zattrs", '{"multiscales": {}}'), MetadataError, "not a multiscale", id="no list"),
    pytest.param(multiscale(datasets=[]), MetadataError, "one entry for each level", id="no datasets"),
    pytest.param(multiscale(datasets=[{}]), MetadataError, "an object with a path", id="no path"),
    pytest.param(multiscale(datasets=[{"path": "s0"}]), MetadataError, "a scale", id="no transformation"),
    pytest.param(level({"scale": [8] * 3}), MetadataError, "expected scale, translation", id="no type"),
    pytest.param(level("scale"), MetadataError, "expected scale, translation", id="a word"),
    pytest.param(level({"type": "affine", "affine": []}), MetadataError, "keeps the axes apart", id="affine"),
    pytest.param(multiscale(coordinateTransformations=3), MetadataError, "list of", id="common is no list"),
    pytest.param(scaled(8, 0, 8), MetadataError, "3 numbers > 0", id="zero scale"),
    pytest.param(scaled(8, 8, -8), MetadataError, "3 numbers > 0", id="negative scale"),
    pytest.param(scaled(8, 8, float("nan")), MetadataError, "3 numbers > 0", id="NaN scale"),
    pytest.param(scaled(8, 8, 10**400), MetadataError, "3 numbers > 0", id="scale beyond floats"),
    pytest.param(scaled(8, 8, "8"), MetadataError, "3 numbers > 0", id="scale as text"),
    pytest.param(scaled(8, 8), MetadataError, "3 numbers > 0", id="scale too short"),
    pytest.param(level(path="../other/s0"), MetadataError, "a path below the group", id="path leads out"),
    pytest.param(level(path="/s0"), MetadataError, "a path below the group", id="path from the root"),
    pytest.param(multiscale(axes=None), MetadataError, "before version 0.4", id="no axes"),
    pytest.param(multiscale(axes=["z", "y", "x"]), MetadataError, "before version 0.4", id="axes of 0.3"),
    pytest.param(axes("z", "x", "x"), MetadataError, "the space axes z, y, x", id="an axis twice"),
    pytest.param(axes("c", "d", "y", "x"), MetadataError, "one channel axis", id="two channel axes"),
    pytest.param(axes("y", "x"), MetadataError, "3 numbers|2 numbers", id="axes and scale differ"),
    pytest.param(axes("z", "y", "x", unit="furlong"), MetadataError, "'furlong'", id="unknown unit"),
    pytest.param(axes("z", "y", "x", unit=7), MetadataError, "unit 7", id="unit is a number"),
    pytest.param(axes("z", "y", "x", type=["space"]), MetadataError, "as the type", id="type is a list"),
    pytest.param(array(shape=[16, 16], chunks=[16, 16]), MetadataError, "3 axes", id="wrong ndim"),
    pytest.param(array(shape=[16, 16, -1]), MetadataError, "shape: expected", id="negative shape"),
    pytest.param(array(shape=[16, 16, 2**70]), MetadataError, "shape: expected", id="shape beyond integers"),
    pytest.param(array(chunks=[16, 0, 16]), MetadataError, "whole numbers > 0", id="empty chunks"),
    pytest.param(array(chunks=[16, 16]), MetadataError, "as many numbers", id="chunks too short"),
    pytest.param(array(dtype="<c8"), MetadataError, "integers, floats or bool", id="complex"),
    pytest.param(array(dtype=[["a", "<u1"]]), MetadataError, "integers, floats or bool", id="records"),
    pytest.param(without("s0/.zarray", "fill_value"), MetadataError, "fill_value: missing", id="no fill"),
    pytest.param(without("s0/.zarray", "compressor"), MetadataError, "compressor: ", id="no compressor"),
    pytest.param(array(compressor={"id": "nonsense"}), MetadataError, '"nonsense"', id="unknown codec"),
    pytest.param(array(filters=[{"id": "delta"}]), MetadataError, "filters", id="filters"),
    pytest.param(array(order="Q"), MetadataError, '"C", "F"', id="unknown order"),
    pytest.param(array(zarr_format=7), MetadataError, "zarr_format: expected 2", id="unknown format"),
    pytest.param(chunk(b""), StoreError, "chunk of a stored array is damaged", id="empty chunk"),
    pytest.param(chunk(b"garbage"), StoreError, "chunk of a stored array is damaged", id="garbage"),
]

V3 = [
    pytest.param(array_v3(node_type="group"), StoreNotFoundError, "of a group", id="group for an array"),
    pytest.param(written("zarr.json", '{"attributes": 7}'), MetadataError, "a JSON object", id="attributes"),
    pytest.param(
        edited("zarr.json", lambda document: document["attributes"]["ome"].pop("multiscales")),
        MetadataError,
        "not a multiscale",
        id="no multiscales",
    ),
    pytest.param(array_v3(data_type="complex64"), MetadataError, "integers, floats", id="complex"),
    pytest.param(array_v3(data_type={"name": "struct"}), MetadataError, "integers, floats", id="records"),
    pytest.param(array_v3(chunk_grid={"name": "rectilinear"}), MetadataError, "chunk_shape", id="chunks"),
    pytest.param(array_v3(codecs=[{"name": "nonsense"}]), MetadataError, '"nonsense"', id="unknown codec"),
    pytest.param(array_v3(fill_value="0xz"), MetadataError, "fill_value", id="fill is no number"),
    pytest.param(without("s0/zarr.json", "codecs"), MetadataError, "codecs: expected", id="no codecs"),
    pytest.param(array_v3(twist={"name": "twist"}), MetadataError, '"twist"', id="unknown extension"),
    pytest.param(chunk(b"x", "s0/c/0/0/0"), StoreError, "chunk of a stored array is damaged", id="cut off"),
]


@pytest.fixture
def volume(tmp_path):
    return Path(write_multiscale(tmp_path / "volume", ramp((16, 16, 16))))


@pytest.fixture
def volume_v3(tmp_path):
    return Path(write_multiscale(tmp_path / "volume", ramp((16, 16, 16)), ngff="0.5"))


def fails_as_it_should(path: Path, kind: type[StoreError], said: str) -> None:
    """An image, and a dataset, fail with an error that names the path."""
    image = CellMapImage(str(path), "raw", (8, 8, 8), (4, 4, 4))
    with pytest.raises(kind, match=said) as caught:
        _ = image[{"z": 60.0, "y": 60.0, "x": 60.0}]
    assert str(path) in str(caught.value)
    dataset = CellMapDataset(str(path), input_arrays=ARRAYS)
    with pytest.raises(CellMapDataError, match=said) as caught:
        _ = dataset[0]
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("breaks", "kind", "said"), V2)
def test_a_broken_store_is_a_clear_error(breaks, kind, said, volume) -> None:
    """Whatever is wrong with a v2 store, the error says where and what was expected, and is one of ours."""
    breaks(volume)
    fails_as_it_should(volume, kind, said)


@pytest.mark.parametrize(("breaks", "kind", "said"), V3)
def test_a_broken_v3_store_is_a_clear_error(breaks, kind, said, volume_v3) -> None:
    """Whatever is wrong with a v3 store, the error says where and what was expected, and is one of ours."""
    breaks(volume_v3)
    fails_as_it_should(volume_v3, kind, said)


def test_a_cut_off_shard_is_a_clear_error(tmp_path) -> None:
    """A shard whose index is gone fails the reads that need it."""
    path = write_multiscale(tmp_path, ramp((16, 16, 16)), ngff="0.5", chunks=(8, 8, 8), shards=(16, 16, 16))
    shard = tmp_path / "s0" / "c" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:-40])
    fails_as_it_should(Path(path), StoreError, "chunk of a stored array is damaged")


def test_a_damaged_chunk_is_named_with_what_to_do(volume) -> None:
    """The error for a chunk that does not decode names array, box and file, and a way out."""
    chunk(b"garbage")(volume)
    image = CellMapImage(str(volume), "raw", (8, 8, 8), (4, 4, 4))
    with pytest.raises(StoreError) as caught:
        _ = image[image.get_center(0)]
    text = str(caught.value)
    for part in (f"{volume}/s0 [0:4, 0:4, 0:4]", f"{volume}/s0/0.0.0".replace(".", "/"), "write the chunk"):
        assert part in text
    assert "tensorstore_spec" not in text


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_all_faults_of_metadata_and_arrays_are_one_error(ngff, tmp_path) -> None:
    """Where the metadata has faults, the arrays are looked at too, and one error lists everything."""
    path = Path(write_multiscale(tmp_path, ramp((16, 16, 16)), levels=3, ngff=ngff))
    name = ".zattrs" if ngff == "0.4" else "zarr.json"
    document = json.loads((path / name).read_text())
    attributes = document if ngff == "0.4" else document["attributes"]["ome"]
    fields = attributes["multiscales"][0]
    fields["axes"][0]["unit"] = "furlong"
    fields["datasets"][0]["coordinateTransformations"][0]["scale"] = [8, 0, 8]
    (path / name).write_text(json.dumps(document))
    shutil.rmtree(path / "s1")
    with pytest.raises(MetadataError) as caught:
        read_multiscale(str(path))
    for part in (str(path), "'furlong'", "datasets[0].coordinateTransformations[0]", f"{path}/s1"):
        assert part in str(caught.value)
    assert f"{path}/s2" not in str(caught.value)


def test_all_faults_of_arrays_are_one_error(tmp_path) -> None:
    """Where the level that is read has a fault, the other levels are looked at too."""
    path = Path(write_multiscale(tmp_path, ramp((16, 16, 16)), levels=3))
    shutil.rmtree(path / "s0")
    edited("s1/.zarray", lambda document: document.update(shape=[8, 8], chunks=[8, 8]))(path)
    image = CellMapImage(str(path), "raw", (8, 8, 8), (4, 4, 4))
    with pytest.raises(StoreError) as caught:
        _ = image.bounding_box
    assert type(caught.value) is StoreError  # one is missing, one has other metadata
    for part, times in ((f"{path}/s0\n", 1), (f"{path}/s1\n", 1), (f"{path}/s2", 0)):
        assert str(caught.value).count(part) == times


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"checksum": "d41d8cd9"}, id="text"),
        pytest.param({"written_by": {"tool": "x", "must_understand": False}}, id="marked as harmless"),
        pytest.param({"fill_value": None}, id="empty fill value"),
    ],
)
def test_what_does_no_harm_is_read(change, volume_v3) -> None:
    """A stray field in the metadata of an array, or an empty fill value, changes no voxel."""
    (volume_v3 / "s0" / "c" / "0" / "0" / "0").unlink()
    array_v3(**change)(volume_v3)
    image = CellMapImage(str(volume_v3), "raw", (8, 8, 8), (16, 16, 16))
    values = image[image.get_center(0)]
    assert values.eq(0).all()


@pytest.mark.parametrize("name", [".zattrs", "s0/.zarray", "s0/.zattrs"])
def test_stray_fields_of_v2_are_read(name, volume) -> None:
    """Fields nobody knows, and files nobody asked for, do no harm."""
    place = volume / name
    document = json.loads(place.read_text()) if place.exists() else {}
    place.write_text(json.dumps(document | {"checksum": "d41d8cd9", "pixelResolution": {"unit": "nm"}}))
    (volume / "checksums.md5").write_text("d41d8cd9  s0")
    image = CellMapImage(str(volume), "raw", (8, 8, 8), (16, 16, 16))
    np.testing.assert_array_equal(image[image.get_center(0)], ramp((16, 16, 16)))


def test_the_group_may_be_the_array(tmp_path) -> None:
    """A volume whose one dataset has an empty path is read from the group itself."""
    path = Path(write_multiscale(tmp_path, ramp((16, 16, 16))))
    level({"type": "scale", "scale": [8, 8, 8]}, path="")(path)
    for inner in ("0", ".zarray"):
        (path / "s0" / inner).rename(path / inner)
    image = CellMapImage(str(path), "raw", (8, 8, 8), (16, 16, 16))
    with pytest.warns(UserWarning, match="the group itself"):
        centre = image.get_center(0)
    np.testing.assert_array_equal(image[centre], ramp((16, 16, 16)))


def test_a_good_volume_passes_a_close_look(tmp_path) -> None:
    """What is as it should be passes, with all its levels."""
    path = write_multiscale(tmp_path, ramp((16, 16, 16)), levels=3, ngff="0.5")
    check_volume(path)
    assert CellMapDataset(path, input_arrays=ARRAYS).verify(strict=True)


def test_a_close_look_finds_what_reading_passes_over(tmp_path) -> None:
    """Damage to a level that is not read, and departures from the format, are listed for all volumes."""
    raw = Path(write_multiscale(tmp_path / "raw", ramp((16, 16, 16)), levels=3))
    edited("s2/.zarray", lambda document: document.update(compressor={"id": "nonsense"}))(raw)
    labels = Path(write_multiscale(tmp_path / "labels" / "nuc", ramp((16, 16, 16))))
    steps = [{"type": "translation", "translation": [0, 0, 0]}, {"type": "scale", "scale": [8, 8, 8]}]
    level(*steps)(labels)
    dataset = CellMapDataset(str(raw), str(labels), ["nuc"], ARRAYS, {"labels": ARRAYS["raw"]})
    with pytest.warns(UserWarning, match="departs from OME-NGFF"):
        assert dataset.verify()
    with pytest.raises(MetadataError) as caught, pytest.warns(UserWarning, match="departs from OME-NGFF"):
        dataset.verify(strict=True)
    for part in (f"{raw}/s2", '"nonsense"', str(labels), "multiscales[0].datasets[0]", "(OME-NGFF)"):
        assert part in str(caught.value)
