"""Indices as a list takes them."""

from __future__ import annotations

import operator
from typing import SupportsIndex

from cellmap_data.errors import message


def position(index: SupportsIndex, size: int) -> int:
    """The position an index stands for; a negative one counts from the end, as for a list.

    Raises
    ------
    IndexError
        If there is no such position.
    """
    i = operator.index(index)
    if not -size <= i < size:
        raise IndexError(
            message("There is no such position.", expected=f"-{size} <= index < {size}", got=int(i))
        )
    return int(i) + size if i < 0 else int(i)
