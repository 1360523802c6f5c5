"""What happens where a patch meets the edge of its volume."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from cellmap_data.errors import ConfigurationError, message


class Pad(StrEnum):
    """The behaviour of patches at the edges of volumes; ``bool(pad)`` says whether anything is padded.

    Whichever it is, raw outside its array is the pad value (0 after the value transforms of a dataset, the
    ``pad_value`` of an image) and a label outside its array is unknown: where a label crop is smaller than
    its raw, or a rotated patch reaches beyond the volume.
    """

    NONE = "none"
    """Positions are where every patch fits into its volume: along an axis that is too short there is none."""

    CONSTANT = "constant"
    """As none, but along an axis on which a volume is shorter than its patch there is one position, with the
    volume in its middle."""

    def __bool__(self) -> bool:
        return self is not Pad.NONE

    @classmethod
    def parse(cls, value: Self | str | bool) -> Pad:
        """The behaviour a user means; True is constant, False is none.

        Raises
        ------
        ConfigurationError
            If it is no such thing.
        """
        if isinstance(value, bool):
            return cls.CONSTANT if value else cls.NONE
        try:
            return cls(value)
        except ValueError as error:
            expected = f"True, False, {', '.join(map(repr, map(str, cls)))}"
            raise ConfigurationError(
                message("Unknown way to pad.", expected=expected, got=repr(value))
            ) from error
