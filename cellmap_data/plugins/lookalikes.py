"""What its author took for a hook and pluggy would not: silence would be the worst answer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Collection
from types import FunctionType, MethodType, ModuleType
from typing import Any

import pluggy

from cellmap_data.hookspecs import PROJECT_NAME
from cellmap_data.plugins.base import DataLoaderPlugin
from cellmap_data.plugins.binding import HOOKS, Author, path_of, unfillable
from cellmap_data.plugins.refusals import refusal

__all__ = ["FUNCTIONS", "refuse_lookalikes"]

FUNCTIONS = (FunctionType, MethodType, staticmethod, classmethod)
"""What can be a hook, as it stands in a class or module."""

_PARTIALS = (functools.partial, functools.partialmethod)
_MARK = f"{PROJECT_NAME}_impl"
_parser = pluggy.PluginManager(PROJECT_NAME)


def refuse_lookalikes(plugin: Any, author: Author, listed: Collection[str]) -> None:
    """Find functions that would never be called although they look like hooks.

    Those are: what carries ``hookimpl`` and is no function; and public functions without it that have the
    name of a hook, or a name one edit away and parameters that the hook could fill.

    Parameters
    ----------
    plugin, author
        What is examined, and whom to blame.
    listed
        Methods that ``get_hook_methods`` names: they are called, whatever their name is.

    Raises
    ------
    PluginRegistrationError
        For the first one, in the order of the alphabet.
    """
    for attribute in dir(plugin):
        static = inspect.getattr_static(plugin, attribute, None)
        is_function = isinstance(static, FUNCTIONS)
        if is_function and _parser.parse_hookimpl_opts(plugin, attribute) is not None:
            continue
        is_marked = inspect.getattr_static(static, _MARK, None) is not None
        if is_marked or (isinstance(static, _PARTIALS) and attribute in HOOKS and attribute not in listed):
            raise _not_a_function(attribute, static, author)
        is_public = not attribute.startswith("_") and attribute not in listed
        hook = _resembles(plugin, attribute) if is_function and is_public else None
        if hook:
            raise _undecorated(plugin, attribute, hook, author)


def _resembles(plugin: Any, attribute: str) -> str | None:
    """The hook that a function looks like; what a module took from elsewhere looks like none."""
    function = getattr(plugin, attribute)
    if isinstance(plugin, ModuleType) and function.__module__ != plugin.__name__:
        return None
    if attribute in HOOKS:
        return attribute
    near = [hook for hook in HOOKS if _one_edit(attribute, hook)]
    fits = near and not unfillable(inspect.signature(function), HOOKS[near[0]])
    return near[0] if fits else None


def _one_edit(one: str, other: str) -> bool:
    """Whether a letter more, less or changed, or two exchanged, make the words the same."""
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return abs(len(one) - len(other)) == 1
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _not_a_function(attribute: str, static: Any, author: Author) -> Exception:
    return refusal(
        author,
        f"has a hook that cannot be called: {attribute} is no plain function",
        expected="@hookimpl directly above 'def', below @staticmethod and other decorators",
        got=f"a {path_of(type(static))}".replace("builtins.", ""),
        hint=f"write a function {attribute} that calls it",
    )


def _undecorated(plugin: Any, attribute: str, hook: str, author: Author) -> Exception:
    is_listing = isinstance(plugin, DataLoaderPlugin)
    listing = f", or name it in get_hook_methods: {{{hook!r}: {attribute!r}}}" if is_listing else ""
    spelling = "" if attribute == hook else f"call it {hook} and "
    return refusal(
        author,
        f"has a function that looks like the hook {hook} and would never be called",
        expected=f"@hookimpl above {hook}({', '.join(HOOKS[hook])}){listing}",
        got=f"{attribute}{inspect.signature(getattr(plugin, attribute))} without it",
        hint=f"{spelling}mark it with cellmap_data.hookspecs.hookimpl; a helper could be called _{attribute}",
    )
