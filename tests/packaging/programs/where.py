"""Tell which copy of the package is imported."""

from __future__ import annotations

import json

import cellmap_data

print(json.dumps(cellmap_data.__file__))
