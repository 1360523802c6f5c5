"""Which version of the plugin interface there is, and whether it is one that a plugin can work with."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from cellmap_data.plugins.binding import Author
from cellmap_data.plugins.refusals import refusal

__all__ = ["API_VERSION", "check_api", "declared"]

API_VERSION = "1.0"
"""Of the hooks and of what plugins may import. The first number grows when something that plugins use goes or
changes, the second when something is added."""


def check_api(source: Any, author: Author) -> None:
    """Refuse what says ``requires_api`` and does not get it; most plugins say nothing, and that is fine.

    Raises
    ------
    PluginRegistrationError
        When the version of the interface is none of those that the plugin asks for.
    """
    required = declared(source, "requires_api")
    if required is None:
        return
    try:
        if not isinstance(required, str):
            raise InvalidSpecifier(required)
        accepted = SpecifierSet(required)
    except InvalidSpecifier:
        raise refusal(
            author,
            "has a requires_api that cannot be read",
            expected="a version specifier such as '>=1,<2'",
            got=repr(required),
            hint="correct it in the plugin, or leave it out",
        ) from None
    if API_VERSION not in accepted:
        name = author.distribution.partition(" ")[0]
        repair = f"pip install --upgrade cellmap-data {name}".rstrip()
        leave_out = f", or leave the plugin out: 'no:{author.plugin}'" if name else ""
        raise refusal(
            author,
            "was written for another version of the plugin interface",
            expected=f"requires_api = {required!r}",
            got=f"version {API_VERSION} (cellmap_data.plugins.API_VERSION)",
            hint=f"{repair}{leave_out}",
        )


def declared(source: Any, attribute: str) -> Any:
    """What a plugin says of itself, or else the module in which it is written; None if neither does."""
    if isinstance(source, ModuleType):
        return getattr(source, attribute, None)
    module = sys.modules.get(getattr(source, "__module__", None) or "")
    own = getattr(source, attribute, None)
    return getattr(module, attribute, None) if own is None else own
