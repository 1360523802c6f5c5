"""Small files of a store.

They are read as files, in this thread: asking a zarr hierarchy for the same two documents takes fifty times
as long, and starts threads, after which a process should not fork.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cellmap_data.errors import MetadataError, StoreError, message


def local_path(uri: str) -> str:
    """The path on this machine that ``uri`` stands for.

    Raises
    ------
    StoreError
        If it stands for something elsewhere.
    """
    scheme, found, rest = uri.partition("://")
    if found and scheme != "file":
        raise StoreError(
            message(
                "Only volumes on a local file system can be opened.",
                place=uri,
                expected="a path, or file://path",
                got=f"{scheme}://",
                hint="mount or copy the volume, or use a plugin that answers the hook open_array",
            )
        )
    return rest if found else uri


def join(uri: str, *parts: str) -> str:
    """A path below another."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts if part)])


def read_json(uri: str, name: str) -> dict[str, Any] | None:
    """The JSON object in the file ``name`` below ``uri``, or None where there is no such file.

    Raises
    ------
    StoreError
        If the file cannot be read.
    MetadataError
        If it holds anything but a JSON object.
    """
    place = Path(local_path(uri), name)
    try:
        document = json.loads(place.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(message("A metadata file cannot be read.", place=str(place), got=error)) from error
    except (ValueError, RecursionError) as error:  # neither JSON nor text, or nested without end
        raise MetadataError(
            message("A metadata file must hold JSON.", place=str(place), got=error)
        ) from error
    if not isinstance(document, dict):
        raise MetadataError(
            message("A metadata file must hold a JSON object.", place=str(place), got=type(document).__name__)
        )
    return document
