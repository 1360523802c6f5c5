"""Metadata by the letter of the format."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError


def format_violations(attributes: Mapping[str, Any]) -> list[str]:
    """What is not as OME-NGFF 0.4 or 0.5 demands in the attributes of a multiscale group.

    yaozarrs judges. It refuses much that can be read, and accepts some things that cannot.

    Parameters
    ----------
    attributes : mapping
        The attributes of the group.

    Returns
    -------
    list of str
        A line for each violation, which begins with its place; empty for versions it does not know.
    """
    from yaozarrs import v04, v05  # half a second, which no worker should spend

    ome = attributes.get("ome")
    model: type[BaseModel] = v05.Image if isinstance(ome, Mapping) else v04.Image
    document = ome if isinstance(ome, Mapping) else attributes
    multiscales = document.get("multiscales")
    if isinstance(multiscales, list) and any("coordinateSystems" in one for one in multiscales if one):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its advice on what may be done better
        try:
            model.model_validate(document)
        except ValidationError as error:
            lines = (f"{_place(fault['loc'])}: {fault['msg']}" for fault in error.errors())
            return list(dict.fromkeys(" ".join(line.split()) for line in lines))
    return []


def _place(location: Sequence[int | str]) -> str:
    """A place as it is written elsewhere: without the names of the models that were tried."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location if _is_key(part))
    return "".join(parts).removeprefix(".")


def _is_key(part: int | str) -> bool:
    return isinstance(part, int) or (part[:1].islower() and not part.startswith(("function-", "list[")))
