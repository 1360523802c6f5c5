"""The suite for a plugin."""

from __future__ import annotations

from cellmap_data.testing.hook_tests import HookTests
from cellmap_data.testing.loader_tests import LoaderTests
from cellmap_data.testing.sample_tests import SampleTests

__all__ = ["PluginTests"]


class PluginTests(LoaderTests, SampleTests, HookTests):
    """What every plugin promises; inherit it, and say how yours is made.

    Checks of hooks that the plugin does not answer are skipped. Each has a few seconds of work at most, uses
    the CPU, and leaves nothing behind. They run under pytest, or one by one with
    :func:`cellmap_data.testing.run`.

    Attributes
    ----------
    may_drop
        Keys that the plugin takes out of samples or batches on purpose; by default none.
    spatial_options
        Name -> options for what it adds to the table of spatial transforms; by default ``{}`` for each.

    Examples
    --------
    ::

        class TestBrighten(PluginTests):
            def make_plugin(self):
                return Brighten()

    Also ``make_sample(self, index)`` and ``make_dataset(self, folder)`` can be overridden, for a plugin that
    needs other samples than :class:`~cellmap_data.CellMapDataset` gives for a raw volume and two classes.
    """
