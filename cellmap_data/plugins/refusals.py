"""The one form in which a plugin is refused."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from cellmap_data.errors import PluginRegistrationError, message
from cellmap_data.plugins.binding import Author

__all__ = ["nearest", "refusal"]


def nearest(name: str, names: Collection[str]) -> str:
    """A hint that offers the most similar of ``names``, or all of them."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(names)) or 'none'}"


def refusal(author: Author, fault: str, *, expected: str, got: object, hint: str) -> PluginRegistrationError:
    """The error of a plugin that is not accepted; no part of the message may be missing."""
    rule = f"plugin {author.plugin!r} {fault}"
    return PluginRegistrationError(message(rule, place=str(author), expected=expected, got=got, hint=hint))
