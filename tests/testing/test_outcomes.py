"""Suites that run without pytest."""

from __future__ import annotations

import subprocess
import sys
from unittest import SkipTest

import pytest

from cellmap_data.errors import StoreError
from cellmap_data.testing import Outcome, PluginTests, run
from tests.testing.bad_plugins import NoisyValidation


class Base:
    def test_kept(self):
        """Holds."""

    def test_broken(self):
        """Does not hold.

        For a reason.
        """
        raise AssertionError("wrong")

    def test_elsewhere(self):
        """Does not apply."""
        raise SkipTest("nothing to check")


class Suite(Base):
    def test_store(self):
        raise StoreError("no such volume")

    def test_foreign(self):
        raise KeyError("x")

    def test_broken(self):
        """Holds now."""


@pytest.mark.parametrize("suite", [Suite, Suite()], ids=["class", "instance"])
def test_every_check_has_an_outcome(suite):
    """Passes, skips and failures are told apart, and none ends the run; inherited checks come first."""
    assert list(run(suite)) == [
        Outcome("kept", "Holds."),
        Outcome("broken", "Holds now."),
        Outcome("elsewhere", "Does not apply.", skipped="nothing to check"),
        Outcome("store", "", failure="no such volume"),
        Outcome("foreign", "", failure="KeyError: 'x'"),
    ]
    assert [outcome.passed for outcome in run(suite)] == [True, True, False, False, False]


def test_only_the_first_line_of_a_docstring_is_the_promise():
    """What follows is for readers of the code."""
    assert [*run(Base)][1] == Outcome("broken", "Does not hold.", failure="wrong")


def test_the_plugin_suite_runs_to_its_end():
    """A bad plugin fails where it is bad, and every check has a promise."""

    class Noisy(PluginTests):
        def make_plugin(self):
            return NoisyValidation()

    outcomes = list(run(Noisy))
    assert [one.name for one in outcomes if one.failure] == ["post_sample_draws_nothing_in_validation"]
    assert all(one.promise.endswith(".") for one in outcomes)
    assert outcomes[0].name == "registers"
    assert {one.skipped for one in outcomes if "collate" in one.name} == {
        "the plugin does not answer post_collate"
    }


def test_nothing_needs_pytest():
    """A command can run the suites where pytest is not installed."""
    code = "import sys; sys.modules['pytest'] = None; import cellmap_data.testing as t; t.PluginTests, t.run"
    subprocess.run([sys.executable, "-c", code], check=True)
