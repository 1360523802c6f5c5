"""Random numbers by counter."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from cellmap_data.sampler import Draw, SampleIndex, Stream, generator_for

numbers = st.integers(0, 2**63 - 1)
draws = st.builds(Draw, numbers, numbers, numbers, st.integers(0, 10))


@given(draw=draws, between=st.integers(0, 50))
def test_a_draw_is_a_function_of_its_coordinates(draw, between):
    """The same (seed, epoch, k) gives the same numbers, whatever was drawn before."""
    first = generator_for(draw, Stream.SPATIAL).normal(size=5)
    generator_for(Draw(1, 2, 3), Stream.SPATIAL).integers(0, 9, size=between, dtype="uint8")
    assert (generator_for(draw, Stream.SPATIAL).normal(size=5) == first).all()


@given(draw=draws, stream=st.sampled_from(Stream))
def test_any_other_coordinate_gives_other_numbers(draw, stream):
    """Seed, epoch, k, attempt and stream each change the numbers."""
    numbers = generator_for(draw, stream).random(4).tolist()
    others = [draw._replace(**{name: getattr(draw, name) + 1}) for name in Draw._fields]
    for other in others:
        assert generator_for(other, stream).random(4).tolist() != numbers
    for other_stream in set(Stream) - {stream}:
        assert generator_for(draw, other_stream).random(4).tolist() != numbers


def test_an_index_is_an_int_that_travels():
    """Foreign code may use an index as a number and pickle it; it keeps its draw."""
    index = pickle.loads(pickle.dumps(SampleIndex(5, Draw(1, 2, 3))))
    assert index == 5
    assert [10, 11, 12, 13, 14, 15][index] == 15
    assert index.draw == Draw(1, 2, 3)
    assert index.at(9) == 9
    assert index.at(9).draw == index.draw
