"""The fixture under test, made known as a plugin author would."""

from __future__ import annotations

from cellmap_data.testing import clean_manager

__all__ = ["clean_manager"]
