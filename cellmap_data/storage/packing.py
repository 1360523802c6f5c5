"""How the chunks of a zarr array are packed, where that is usual enough to unpack them here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cellmap_data.chunks import Codec, Packing

_CODECS = {"zstd": Codec.ZSTD, "blosc": Codec.BLOSC}
_WORDS = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


def packing_of(document: Mapping[str, Any], zarr_format: int, dtype: np.dtype[Any]) -> Packing | None:
    """What the metadata of an array says of its chunks.

    None where they are packed in another way than whole, in C order, in the byte order of this machine, and
    by nothing, zstd or blosc; or where something is not as the specification has it, which tensorstore tells.

    Parameters
    ----------
    document : mapping
        ``.zarray`` (zarr v2) or ``zarr.json`` (v3) of an array.
    zarr_format : int
        2 or 3.
    dtype : numpy.dtype
        Of the values, with the byte order in which they are stored.
    """
    codec = _codec_of_v2(document) if zarr_format == 2 else _codec_of_v3(document, dtype)
    fill = _fill(document.get("fill_value"), dtype)
    if codec is None or fill is None or not dtype.isnative:
        return None
    return Packing(codec, fill)


def _codec_of_v2(document: Mapping[str, Any]) -> Codec | None:
    if document.get("order") != "C" or document.get("filters"):
        return None
    compressor = document.get("compressor")
    return Codec.NONE if compressor is None else _CODECS.get(compressor.get("id"))


def _codec_of_v3(document: Mapping[str, Any], dtype: np.dtype[Any]) -> Codec | None:
    codecs = document["codecs"]
    grid = document["chunk_grid"].get("name")
    if grid != "regular" or document.get("storage_transformers") or not 1 <= len(codecs) <= 2:
        return None
    if not all(isinstance(codec, Mapping) for codec in codecs) or codecs[0].get("name") != "bytes":
        return None
    options = codecs[0].get("configuration") or {}
    endian = options.get("endian") if isinstance(options, Mapping) else None
    if endian != "little" and dtype.itemsize > 1:
        return None
    return Codec.NONE if len(codecs) == 1 else _CODECS.get(codecs[1].get("name"))


def _fill(value: Any, dtype: np.dtype[Any]) -> float | None:
    """The value of voxels whose chunk is missing; None for one that this type does not have."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return int(value) if dtype.kind == "b" else None
    if dtype.kind == "f":
        value = _WORDS.get(value, value) if isinstance(value, str) else value
        return float(value) if isinstance(value, int | float) else None
    if not isinstance(value, int) or dtype.kind not in "iu":
        return None
    limits = np.iinfo(dtype)
    return value if limits.min <= value <= limits.max else None
