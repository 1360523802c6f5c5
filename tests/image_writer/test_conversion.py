"""Numbers are stored as they are, or the way that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellmap_data.errors import ConfigurationError
from cellmap_data.image_writer.conversion import converted

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
TYPES = ["bool", *INTEGERS, "float16", "float32", "float64"]


@given(st.data(), st.sampled_from(TYPES), st.sampled_from(TYPES))
def test_exact_is_exact_or_an_error(data, given_type, stored_type) -> None:
    """What is stored is what was given, to the last digit; anything else is refused with an example."""
    values = data.draw(hnp.arrays(given_type, 3))
    if np.dtype(given_type).kind == np.dtype(stored_type).kind == "f":
        return  # floats are rounded to floats
    if not all(fits_in(value.item(), np.dtype(stored_type)) for value in values):
        with pytest.raises(ConfigurationError, match="conversion="):
            converted(values, np.dtype(stored_type), "exact")
        return
    found = converted(values, np.dtype(stored_type), "exact")
    assert found.dtype == stored_type
    assert [value.item() for value in found] == [value.item() for value in values]


def fits_in(value, dtype) -> bool:
    """Whether a type has a number, found out in Python's own numbers."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return float(dtype.type(value)) == value and int(dtype.type(value)) == value
    if value != value or value in (float("inf"), float("-inf")) or value != int(value):
        return False
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return low <= value <= high


@given(
    st.sampled_from(INTEGERS),
    hnp.arrays("float64", 4, elements=st.floats(-1e25, 1e25) | st.floats(-300, 300)),
)
def test_round_is_the_nearest_number_of_the_type(name, values) -> None:
    """Halves go to the even number, and what lies beyond the range to its end."""
    limits = np.iinfo(name)
    found = converted(values, np.dtype(name), "round")
    expected = [min(max(round(value), limits.min), limits.max) for value in values.tolist()]
    assert [int(value) for value in found] == expected


@pytest.mark.parametrize("name", ["uint8", "int8", "uint16", "int32", "uint64"])
def test_unit_spreads_probabilities(name) -> None:
    """0 is 0, 1 is the largest number, what lies between is in proportion, and what lies beyond is cut."""
    values = np.array([-0.5, 0, 0.25, 0.5, 1, 1.5])
    found = converted(values, np.dtype(name), "unit")
    top = np.iinfo(name).max
    assert found[[0, 1, 4, 5]].tolist() == [0, 0, top, top]
    assert (found[2:4] / top).tolist() == pytest.approx([0.25, 0.5], abs=1 / top)
    assert converted(np.array([True, False]), np.dtype(name), "unit").tolist() == [top, 0]


def test_integers_are_cut_to_the_range() -> None:
    """With "round", numbers beyond a smaller type are its end; the nearest number to a bool is 0 or not."""
    values = np.array([-5, 3, 300])
    assert converted(values, np.dtype("uint8"), "round").tolist() == [0, 3, 255]
    assert converted(values, np.dtype("uint64"), "round").tolist() == [0, 3, 300]
    assert converted(np.array([0.2, 0.8]), np.dtype("bool"), "round").tolist() == [False, True]


@pytest.mark.parametrize("name", ["int64", "uint64"])
def test_large_ids_are_no_floats(name) -> None:
    """What a float64 does not have is refused, though numpy calls the cast safe; what it has is stored."""
    with pytest.raises(ConfigurationError, match=str(2**60 + 1)):
        converted(np.array([3, 2**60 + 1], name), np.dtype("float64"), "exact")
    assert converted(np.array([3, 2**60], name), np.dtype("float64"), "exact").tolist() == [3, 2**60]


@pytest.mark.parametrize("conversion", ["exact", "round", "unit"])
@pytest.mark.parametrize("name", ["uint8", "bool"])
def test_unknown_is_no_number(name, conversion) -> None:
    """NaN is never turned into a whole number, nor into a bool."""
    with pytest.raises(ConfigurationError, match=r"(?i)nan"):
        converted(np.array([1, np.nan]), np.dtype(name), conversion)


@pytest.mark.parametrize("conversion", ["round", "unit"])
def test_a_large_array_is_converted_like_its_values(conversion) -> None:
    """Pieces and strides do not show: what comes out is what all values in one row become."""
    values = np.random.default_rng(0).normal(0.5, 100 if conversion == "round" else 0.4, (3, 70, 80, 90)).T
    in_one_row = converted(values.reshape(-1), np.dtype("u1"), conversion)
    assert np.array_equal(converted(values, np.dtype("u1"), conversion), in_one_row.reshape(values.shape))


def test_one_value_of_a_large_array_that_does_not_fit_is_found() -> None:
    """Wherever it is, and it is named."""
    values = np.zeros((70, 80, 90), np.float32)
    values[69, 79, 89] = 0.5
    with pytest.raises(ConfigurationError, match=r"0\.5 among them"):
        converted(values, np.dtype("u1"), "exact")
