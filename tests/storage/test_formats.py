"""What zarr can hold, of both versions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import zarr

from cellmap_data.errors import MetadataError
from cellmap_data.storage import describe_array, open_array
from tests.volumes import ramp

WHOLE = slice(0, 4), slice(0, 4), slice(0, 4)
TYPES = [
    f"{order}{kind}" for kind in ("i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8") for order in "<>"
] + ["|b1", "|i1", "|u1"]


def written(path: Any, values: Any, zarr_format: int, **options: Any) -> str:
    """Write an array of 4 x 4 x 4 in chunks of 2 x 2 x 2."""
    stored = zarr.create_array(
        str(path), shape=(4, 4, 4), chunks=(2, 2, 2), dtype=values.dtype, zarr_format=zarr_format, **options
    )
    stored[...] = values
    return str(path)


def extremes(dtype: np.dtype[Any]) -> Any:
    """The smallest and the largest value there is, and those next to 0."""
    if dtype.kind == "b":
        return np.array([False, True] * 32).reshape(4, 4, 4)
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return np.resize(np.array([limits.min, limits.max, 0, 1], dtype), (4, 4, 4)).astype(dtype)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", TYPES)
def test_every_type_of_number_is_exact(name, zarr_format, tmp_path) -> None:
    """Any number type in any byte order reads as it was written, to the last bit."""
    values = extremes(np.dtype(name))
    reader = open_array(written(tmp_path / "a", values, zarr_format))
    assert reader.dtype == np.dtype(name).newbyteorder("=")
    np.testing.assert_array_equal(reader.read(WHOLE), values)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", ["complex64", "complex128"])
def test_complex_numbers_are_refused(name, zarr_format, tmp_path) -> None:
    """A volume of complex numbers is an error that says what can be read."""
    path = written(tmp_path / "a", np.zeros((4, 4, 4), name), zarr_format)
    with pytest.raises(MetadataError, match="expected a type of integers, floats or bool") as caught:
        open_array(path)
    assert path in str(caught.value)


@pytest.mark.parametrize("separator", ["/", "."])
@pytest.mark.parametrize(("zarr_format", "name"), [(2, "v2"), (3, "v2"), (3, "default")])
def test_keys_may_be_nested_or_flat(zarr_format, name, separator, tmp_path) -> None:
    """Chunks are found whatever stands between the numbers of their keys, and before them."""
    values = ramp((4, 4, 4))
    keys = {"name": name, "separator": separator}
    reader = open_array(written(tmp_path / "a", values, zarr_format, chunk_key_encoding=keys))
    np.testing.assert_array_equal(reader.read(WHOLE), values)


@pytest.mark.parametrize(
    ("zarr_format", "dtype", "stored", "expected"),
    [
        (2, "float32", "NaN", np.nan),
        (2, "float32", "-Infinity", -np.inf),
        (2, "uint8", None, 0),
        (2, "bool", None, False),
        (2, "uint8", 7.0, 7),
        (2, "uint64", 2**64 - 1, 2**64 - 1),
        (3, "float32", "NaN", np.nan),
        (3, "float64", "-Infinity", -np.inf),
        (3, "float32", "0x7fc00001", np.nan),
        (3, "float16", "0x3c00", 1.0),
        (3, "float32", None, 0.0),
        (3, "uint16", None, 0),
        (3, "bool", None, False),
        (3, "bool", True, True),
        (3, "int64", -(2**63), -(2**63)),
        (3, "uint64", 2**64 - 1, 2**64 - 1),
    ],
    ids=str,
)
def test_missing_chunks_hold_any_fill_value(zarr_format, dtype, stored, expected, tmp_path) -> None:
    """A chunk that is not there reads as the fill value, however that is written; as 0 where it is empty."""
    zarr.create_array(str(tmp_path), shape=(4, 4, 4), chunks=(2, 2, 2), dtype=dtype, zarr_format=zarr_format)
    name = tmp_path / (".zarray" if zarr_format == 2 else "zarr.json")
    name.write_text(json.dumps(json.loads(name.read_text()) | {"fill_value": stored}))
    found = open_array(str(tmp_path)).read(WHOLE)
    np.testing.assert_array_equal(found, np.full((4, 4, 4), expected, dtype))


@pytest.mark.parametrize("transposed", [False, True], ids=["upright", "transposed"])
def test_the_chunks_of_shards_are_known(transposed, tmp_path) -> None:
    """The inner chunk is what is decoded as a whole, along the axes of the array however it lies there."""
    inner = (1, 2, 4)
    codecs = [
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [inner[2], inner[0], inner[1]] if transposed else list(inner),
                "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
                "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            },
        }
    ]
    if transposed:
        codecs.insert(0, {"name": "transpose", "configuration": {"order": [2, 0, 1]}})
    path = written(tmp_path / "a", ramp((4, 4, 4)), 3)
    document = json.loads((tmp_path / "a" / "zarr.json").read_text())
    document["codecs"] = codecs
    document["chunk_grid"]["configuration"]["chunk_shape"] = [4, 4, 4]
    (tmp_path / "a" / "zarr.json").write_text(json.dumps(document))
    info = describe_array(path)
    assert (info.chunks, info.shards) == (inner, (4, 4, 4))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_without_shards_chunks_are_what_is_stored(zarr_format, tmp_path) -> None:
    """And nothing is said of shards."""
    info = describe_array(written(tmp_path / "a", ramp((4, 4, 4)), zarr_format))
    assert (info.chunks, info.shards) == ((2, 2, 2), None)
