"""From what a user hands in, or an entry point names, to the plugin object."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from types import ModuleType, NoneType
from typing import Any

from cellmap_data.config import named
from cellmap_data.errors import CellMapDataError
from cellmap_data.hookspecs import PROJECT_NAME
from cellmap_data.plugins.binding import Author, path_of
from cellmap_data.plugins.options import model_of, validated
from cellmap_data.plugins.refusals import refusal
from cellmap_data.plugins.requirements import check_api

__all__ = ["author_of", "construct"]

_PLAIN = (NoneType, bool, int, float, bytes, tuple, list, set, dict)
_PLUGIN = "a DataLoaderPlugin, an object, class or module with functions marked with hookimpl, or a name"


def author_of(source: Any, name: str | None = None) -> Author:
    """Whom to blame for an object that was handed in; its own name unless ``name`` is given."""
    if isinstance(source, ModuleType):
        return Author(name or source.__name__, f"module {source.__name__}")
    is_code = isinstance(source, type) or inspect.isroutine(source)
    code = source if is_code else type(source)
    called = None if is_code else getattr(source, "name", None)
    called = source if isinstance(source, str) else called
    own = called if isinstance(called, str) and called else code.__name__
    return Author(name or own, path_of(code))


def construct(source: Any, author: Author, options: Mapping[str, Any]) -> Any:
    """Make the plugin: call a class or a function with ``options``, take a module or an object as it is.

    What has an ``options_model`` is called with all fields of it, as the model makes them of ``options``.

    Raises
    ------
    PluginRegistrationError
        When it cannot be made, its model refuses the options, or options are given to what takes none.
    """
    if isinstance(source, str):
        raise refusal(
            author,
            "is only a name",
            expected="a plugin: an object, a class or a module",
            got=repr(source),
            hint="name installed plugins in plugins=[...] of the loader",
        )
    if type(source) in _PLAIN:
        raise refusal(author, "is a plain value", expected=_PLUGIN, got=named(source), hint=_hint(source))
    if inspect.isroutine(source) and hasattr(source, f"{PROJECT_NAME}_impl"):
        raise refusal(
            author,
            "is a single function",
            expected="a module or an object that has the function",
            got=f"the function {source.__qualname__}",
            hint=f"hand in the module {source.__module__}, or put the function into a class",
        )
    check_api(source, author)
    model = model_of(source, author)
    if isinstance(source, type | functools.partial) or inspect.isroutine(source):
        made = _call(source, author, validated(model, options, author) if model else options)
        if type(made) in _PLAIN:
            raise refusal(
                author,
                "is a function that makes no plugin",
                expected=_PLUGIN,
                got=named(made),
                hint="let it return the plugin; what only changes samples goes into transforms=[...]",
            )
        return made
    if options:
        raise refusal(
            author,
            "takes no options: it is no class",
            expected="a class, or a function that makes the plugin",
            got=dict(options),
            hint="leave the options out",
        )
    return source


def _hint(value: Any) -> str:
    if isinstance(value, tuple | list) and value and isinstance(value[0], str):
        return f"options stand in a mapping: {{{value[0]!r}: {{option: value}}}}; an object stands alone"
    return "put each plugin into the list by itself"


def _call(source: Any, author: Author, options: Mapping[str, Any]) -> Any:
    try:
        return source(**options)
    except CellMapDataError:
        raise  # says what is wrong with an option better than we can
    except Exception as error:
        raise refusal(
            author,
            f"cannot be made with the options {dict(options)!r}",
            expected=_parameters(source),
            got=f"{type(error).__name__}: {error}",
            hint=f"give options that it takes: {{{author.plugin!r}: {{option: value}}}}",
        ) from error


def _parameters(source: Any) -> str:
    try:
        return f"options {inspect.signature(source)}"
    except (TypeError, ValueError):
        return "options that it takes"
