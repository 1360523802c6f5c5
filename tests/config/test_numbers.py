"""Numbers as users write them."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from cellmap_data.config import as_range, check_finite, check_place, counted, whole_number
from cellmap_data.errors import ConfigurationError

INTEGERS = {"int": 3, "numpy": np.uint8(3), "tensor": torch.tensor(3), "array": np.array(3)}


@pytest.mark.parametrize("given", INTEGERS.values(), ids=INTEGERS)
def test_integers_of_any_type_are_whole(given) -> None:
    """And come as an int."""
    found = whole_number(given)
    assert (found, type(found)) == (3, int)


NOT_WHOLE = [3.0, torch.tensor(3.0), "3", [3], None, True, torch.tensor(True)]


@pytest.mark.parametrize("given", NOT_WHOLE, ids=repr)
def test_nothing_is_rounded_to_be_whole(given) -> None:
    """What is no integer, or says yes or no, is a TypeError that says what was given."""
    with pytest.raises(TypeError, match=rf"(?s)whole number.*got: +{type(given).__name__}"):
        whole_number(given)


@pytest.mark.parametrize(("given", "least"), [(-1, 0), (0, 1), (1.0, 0), ("1", None), (True, 0)], ids=repr)
def test_what_counts_nothing_is_refused(given, least) -> None:
    """By name, with what it should be."""
    assert counted("epoch", np.int64(3), least) == 3
    with pytest.raises(ConfigurationError, match=r"(?s)epoch is a whole number.*expected: an int"):
        counted("epoch", given, least)


@pytest.mark.parametrize(
    "given", [(8, 8), (9, 8), (math.nan, 8), (0, math.inf), (0,), (0, 1, 2), 5, "ab", None], ids=repr
)
def test_what_is_no_range(given) -> None:
    """Two finite numbers, the first the smaller one, are a range and nothing else is."""
    assert as_range(given) is None
    assert as_range(np.array([-4, 8])) == (-4.0, 8.0)


@pytest.mark.parametrize("given", [{"z": 1, "y": 2}, [1, 2, 3], "zyx", 0], ids=repr)
def test_a_place_has_every_axis(given) -> None:
    """What has not is refused, and told how a place is written."""
    with pytest.raises(ConfigurationError, match=r"\{'z': nm, 'y': nm, 'x': nm\}"):
        check_place(given, "zyx")


@pytest.mark.parametrize("given", [math.nan, math.inf, -math.inf, "8 nm", None, [1]], ids=str)
def test_a_coordinate_is_finite(given) -> None:
    """NaN and infinity are nowhere, and neither is what is no number."""
    check_finite({"z": 1, "y": -1e9, "x": torch.tensor(2)})
    with pytest.raises(ConfigurationError, match=f"(?s)finite number of nm.*{re.escape(str(given))}"):
        check_finite({"z": 1, "y": given})
