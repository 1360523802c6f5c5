"""What users write for the edges of volumes."""

from __future__ import annotations

import pytest

from cellmap_data.config import Pad
from cellmap_data.errors import ConfigurationError


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (True, Pad.CONSTANT),
        (False, Pad.NONE),
        ("constant", Pad.CONSTANT),
        ("none", Pad.NONE),
        (Pad.CONSTANT, Pad.CONSTANT),
    ],
    ids=repr,
)
def test_words_and_flags_mean_the_same(written, meant) -> None:
    """True and False keep their meaning beside the words; what is padded is true."""
    assert Pad.parse(written) is meant
    assert bool(meant) == (meant is Pad.CONSTANT)


@pytest.mark.parametrize("written", ["reflect", "", 1, None], ids=repr)
def test_other_ways_are_refused(written) -> None:
    """What is no behaviour at edges is named, with those there are."""
    with pytest.raises(ConfigurationError, match="'none', 'constant'"):
        Pad.parse(written)
