"""Which arrays are read by our own loops."""

from __future__ import annotations

import numpy as np
import pytest

from cellmap_data.chunks import Codec, Packing
from cellmap_data.storage.packing import packing_of

V2 = {"order": "C", "filters": None, "compressor": {"id": "zstd", "level": 3}, "fill_value": 0}
V3 = {
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [8, 8, 8]}},
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd"}],
    "fill_value": 0,
}
LITTLE, BIG = (
    {"name": "bytes", "configuration": {"endian": "little"}},
    {"name": "bytes", "configuration": {"endian": "big"}},
)
SHARDS = {"name": "sharding_indexed", "configuration": {"chunk_shape": [4, 4, 4], "codecs": []}}
FOUND = [
    pytest.param(V2, 2, "<u2", Packing(Codec.ZSTD, 0), id="v2 zstd"),
    pytest.param(V2 | {"filters": []}, 2, "|u1", Packing(Codec.ZSTD, 0), id="v2 no filters"),
    pytest.param(V2 | {"compressor": None}, 2, "<f4", Packing(Codec.NONE, 0), id="v2 stored"),
    pytest.param(V2 | {"compressor": {"id": "blosc"}}, 2, "|u1", Packing(Codec.BLOSC, 0), id="v2 blosc"),
    pytest.param(V2 | {"fill_value": None}, 2, "|u1", Packing(Codec.ZSTD, 0), id="v2 no fill value"),
    pytest.param(V2 | {"fill_value": "-Infinity"}, 2, "<f8", Packing(Codec.ZSTD, -np.inf), id="v2 infinity"),
    pytest.param(V2 | {"fill_value": 255}, 2, "|u1", Packing(Codec.ZSTD, 255), id="v2 largest"),
    pytest.param(V3, 3, "<u2", Packing(Codec.ZSTD, 0), id="v3 zstd"),
    pytest.param(V3 | {"codecs": [{"name": "bytes"}]}, 3, "|u1", Packing(Codec.NONE, 0), id="v3 stored"),
    pytest.param(
        V3 | {"codecs": [LITTLE, {"name": "blosc"}]}, 3, "<i4", Packing(Codec.BLOSC, 0), id="v3 blosc"
    ),
    pytest.param(V3 | {"fill_value": True}, 3, "|b1", Packing(Codec.ZSTD, 1), id="v3 bool"),
]
LEFT = [
    pytest.param(V2 | {"order": "F"}, 2, "|u1", id="v2 F order"),
    pytest.param(V2 | {"filters": [{"id": "delta"}]}, 2, "|u1", id="v2 filter"),
    pytest.param(V2 | {"compressor": {"id": "gzip"}}, 2, "|u1", id="v2 gzip"),
    pytest.param(V2, 2, ">u2", id="v2 big endian"),
    pytest.param(V2 | {"fill_value": 256}, 2, "|u1", id="v2 fill value too large"),
    pytest.param(V2 | {"fill_value": "AAA="}, 2, "<u2", id="v2 fill value in base64"),
    pytest.param(V2 | {"fill_value": 0.5}, 2, "<u2", id="v2 fill value of a half"),
    pytest.param(V3 | {"codecs": [SHARDS]}, 3, "|u1", id="v3 shards"),
    pytest.param(V3 | {"codecs": [BIG]}, 3, "<u2", id="v3 big endian"),
    pytest.param(V3 | {"codecs": [{"name": "bytes"}]}, 3, "<u2", id="v3 no byte order"),
    pytest.param(V3 | {"codecs": [{"name": "transpose"}, LITTLE]}, 3, "<u2", id="v3 transposed"),
    pytest.param(V3 | {"codecs": [LITTLE, {"name": "zstd"}, {"name": "crc32c"}]}, 3, "<u2", id="v3 crc32c"),
    pytest.param(V3 | {"codecs": [LITTLE, {"name": "gzip"}]}, 3, "<u2", id="v3 gzip"),
    pytest.param(V3 | {"codecs": ["bytes"]}, 3, "<u2", id="v3 codec that is none"),
    pytest.param(V3 | {"chunk_grid": {"name": "rectilinear"}}, 3, "<u2", id="v3 other grid"),
    pytest.param(V3 | {"storage_transformers": [{"name": "x"}]}, 3, "<u2", id="v3 storage transformer"),
]


@pytest.mark.parametrize(("document", "zarr_format", "dtype", "packing"), FOUND)
def test_usual_arrays_are_read_by_loops(document, zarr_format, dtype, packing) -> None:
    """Chunks in C order and this machine's byte order, as they are or packed by zstd or blosc."""
    assert packing_of(document, zarr_format, np.dtype(dtype)) == packing


@pytest.mark.parametrize(("document", "zarr_format", "dtype"), LEFT)
def test_others_are_left_to_tensorstore(document, zarr_format, dtype) -> None:
    """Whatever else there is, or is not as the specification has it."""
    assert packing_of(document, zarr_format, np.dtype(dtype)) is None
