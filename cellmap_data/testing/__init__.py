"""For authors of plugins: suites to inherit, small volumes, and a manager without any plugin.

::

    from cellmap_data.testing import PluginTests

    class TestBrighten(PluginTests):
        def make_plugin(self):
            return Brighten()

Nothing here needs pytest but the fixture ``clean_manager``, and that only when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from cellmap_data.testing.outcomes import Outcome, run
from cellmap_data.testing.plugin_tests import PluginTests
from cellmap_data.testing.reader_tests import ReaderTests
from cellmap_data.testing.volumes import ramp, write_crop, write_labels, write_volume

if TYPE_CHECKING:
    from cellmap_data.testing.fixtures import clean_manager

__all__ = [
    "Outcome",
    "PluginTests",
    "ReaderTests",
    "clean_manager",
    "ramp",
    "run",
    "write_crop",
    "write_labels",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    """Import the fixture, and with it pytest, when it is asked for."""
    if name != "clean_manager":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cellmap_data.testing import fixtures

    return fixtures.clean_manager


def __dir__() -> list[str]:
    return __all__
