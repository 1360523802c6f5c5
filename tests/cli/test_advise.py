"""``cellmap-data advise``: chunks for patches."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cellmap_data.advice import advise
from tests.volumes import write_multiscale


@pytest.fixture
def volume(tmp_path):
    return write_multiscale(tmp_path / "v", np.zeros((96,) * 3, np.uint8), chunks=(96,) * 3)


def test_it_shows_sizes_and_says_which(volume, command):
    """A table of chunks with the present ones and the best ones marked, and the advice below."""
    done = command("advise", volume, "--patch", "32,32,32")
    assert done.code == 0
    for words in ("96 x 96 x 96", "present", "best", str(advise(volume, (32, 32, 32)))):
        assert words in done.out


def test_for_scripts_it_is_json(volume, command):
    """With the same numbers as the function gives."""
    done = command("advise", volume, "--patch", "32,32,32", "--scale", "16,16,16", "--json")
    expected = advise(volume, (32, 32, 32), (16, 16, 16))
    found = json.loads(done.out)
    assert found == json.loads(json.dumps(expected.as_dict()))
    assert found["present"]["chunk"] == [96, 96, 96]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--patch", "a,b"], 2, "no list of numbers"),
        (["--patch", "0,8,8"], 1, "shape"),
    ],
    ids=["words", "nothing"],
)
def test_what_cannot_be_is_refused(arguments, code, words, volume, command):
    """With a message and an exit code, not a traceback."""
    done = command("advise", volume, *arguments)
    assert done.code == code
    assert words in done.err


def test_a_volume_that_is_not_there_is_an_error(tmp_path, command):
    """That names the path."""
    done = command("advise", str(tmp_path / "nowhere"), "--patch", "8,8,8")
    assert done.code == 1
    assert "nowhere" in done.err
