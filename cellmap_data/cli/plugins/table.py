"""What is installed, and what of it a loader in this environment has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cellmap_data.errors import CellMapDataError
from cellmap_data.plugins import InstalledPlugin
from cellmap_data.plugins.listing import survey
from cellmap_data.plugins.selection import DEFAULT_PLUGINS, try_names

__all__ = ["Row", "rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """An installed plugin, or a name that the environment asks for and nobody offers.

    Attributes
    ----------
    plugin
        What is known about it; of a name that nobody offers, only why that is an error.
    wanted
        Whether a default loader asks for it.
    enabled
        Whether a default loader has it.
    """

    plugin: InstalledPlugin
    wanted: bool
    enabled: bool

    def as_json(self) -> dict[str, Any]:
        """The same as names and values."""
        return asdict(self.plugin) | {"wanted": self.wanted, "enabled": self.enabled}


def rows() -> list[Row]:
    """All that is installed, by name, then what the environment asks for in vain."""
    trial = try_names(DEFAULT_PLUGINS)
    enabled = trial.manager.list_plugins()
    found = sorted(survey(), key=lambda plugin: (plugin.name, plugin.distribution))
    listed = [_row(plugin, enabled, trial.refused) for plugin in found]
    known = {row.plugin.name for row in listed}
    in_vain = [
        Row(InstalledPlugin(name, "", "", broken=str(error)), wanted=True, enabled=False)
        for name, error in trial.refused.items()
        if name not in known
    ]
    return listed + in_vain


def _row(plugin: InstalledPlugin, enabled: list[str], refused: Mapping[str, CellMapDataError]) -> Row:
    """One that can be used, but not without options or next to the others, is broken where it is wanted."""
    if plugin.name in refused and not plugin.broken:
        plugin = replace(plugin, broken=str(refused[plugin.name]))
    return Row(plugin, plugin.name in refused or plugin.name in enabled, plugin.name in enabled)
