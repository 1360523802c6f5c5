"""What a split does to values unless it is told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

from cellmap_data.image import ValueCallable
from cellmap_data.transforms import Binarize, NaNtoNum, ScaleIntegers

ValueCallables: TypeAlias = ValueCallable | Sequence[ValueCallable] | None

RAW_TRANSFORMS: ValueCallables = (ScaleIntegers(), NaNtoNum({"nan": 0}))
"""Integers become 0..1 by the largest number of their type, NaN becomes 0."""

TARGET_TRANSFORMS: ValueCallables = (Binarize(),)
"""Labels, which come as floats, become 0 and 1; NaN, the unknown, stays."""


class Unchanged(Enum):
    """What stands for an argument that was not given, where None means something."""

    UNCHANGED = "as it is"

    def __repr__(self) -> str:
        return self.name


UNCHANGED = Unchanged.UNCHANGED
