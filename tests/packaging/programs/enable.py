"""Enable plugins, one selection after the other, and tell what became of each."""

from __future__ import annotations

import json
import sys
from typing import Any

from cellmap_data.errors import CellMapDataError
from cellmap_data.plugins import build_manager


def outcome(selection: Any) -> dict[str, Any]:
    """The names of the plugins, or the error and its message."""
    try:
        manager = build_manager(selection)
    except CellMapDataError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"plugins": manager.list_plugins()}


print(json.dumps([outcome(json.loads(selection)) for selection in sys.argv[1:]]))
