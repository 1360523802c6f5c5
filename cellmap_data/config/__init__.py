"""What users write down, checked once and turned into frozen values; nothing here opens anything."""

from cellmap_data.config.arrays import ArraySpec, parse_arrays
from cellmap_data.config.axes import AXES, axes_of, in_zyx
from cellmap_data.config.faults import list_faults, raise_faults, raise_together
from cellmap_data.config.numbers import (
    as_count,
    as_range,
    check_finite,
    check_place,
    counted,
    named,
    whole_number,
)
from cellmap_data.config.pad import Pad
from cellmap_data.config.targets import TargetPath

__all__ = [
    "AXES",
    "ArraySpec",
    "Pad",
    "TargetPath",
    "as_count",
    "as_range",
    "axes_of",
    "check_finite",
    "check_place",
    "counted",
    "in_zyx",
    "list_faults",
    "named",
    "parse_arrays",
    "raise_faults",
    "raise_together",
    "whole_number",
]
