"""Sharpens edges, or would if two letters stood the right way round."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from cellmap_data.hookspecs import hookimpl


class Sharpen:
    """Doubles what stands out from the mean."""

    @hookimpl
    def post_sampel(self, sample: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Sharpen the raw array."""
        sample["raw"] = 2 * sample["raw"] - sample["raw"].mean()
        return sample
