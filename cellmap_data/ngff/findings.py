"""What reading the metadata of a volume brings to light."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

from cellmap_data.config import list_faults
from cellmap_data.errors import FormatWarning, message


@dataclass(frozen=True, slots=True)
class Findings:
    """Faults, with which a volume cannot be read, and departures from the format, with which it can.

    Each is a line that begins with its place in the metadata.
    """

    faults: list[str] = field(default_factory=list)
    departures: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Take note of a fault; one of the whole volume is met at each level and listed once."""
        if text not in self.faults:
            self.faults.append(text)

    def depart(self, text: str) -> None:
        """Take note of a departure, once."""
        if text not in self.departures:
            self.departures.append(text)

    def warn(self, uri: str) -> None:
        """Tell of the departures, if there are any.

        The text is the same each time, so that the usual filters show it once for each volume and process.
        """
        if self.departures:
            rule = "A volume departs from OME-NGFF; it is read nevertheless."
            text = message(rule, place=uri, got=list_faults(self.departures))
            warnings.warn(text, FormatWarning, stacklevel=2)
