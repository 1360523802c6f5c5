"""One function for one hook: the reasons why it cannot answer, and how it is bound if it can."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

from cellmap_data.hookspecs import CHAIN_HOOKS
from cellmap_data.plugins.binding import HOOKS, Author, BoundHook, adapt, unfillable
from cellmap_data.plugins.refusals import nearest, refusal

__all__ = ["called", "fit"]


def fit(hook: str, function: Callable[..., Any], options: Mapping[str, Any], author: Author) -> BoundHook:
    """Bind a function to a hook.

    Raises
    ------
    PluginRegistrationError
        When there is no such hook, its arguments do not fit, or a call would not run it.
    """
    if hook not in HOOKS:
        raise refusal(
            author,
            f"answers a hook that does not exist: {hook!r}",
            expected="a hook of cellmap_data.hookspecs",
            got=repr(hook),
            hint=nearest(hook, HOOKS),
        )
    signature = _signature(hook, function, author)
    bound = BoundHook(hook, adapt(function, signature, HOOKS[hook]), author, options)
    _check_kind(bound, function)
    return bound


def _check_kind(bound: BoundHook, function: Callable[..., Any]) -> None:
    """Refuse what would return a generator or a coroutine instead of running, and impossible wrappers."""
    hook, author = bound.hook, bound.author
    yields = inspect.isgeneratorfunction(function)
    if bound.is_wrapper and hook in CHAIN_HOOKS:
        raise refusal(
            author,
            f"wraps {hook}, through which the {CHAIN_HOOKS[hook]} passes from plugin to plugin",
            expected="a function that returns",
            got="a wrapper, which yields",
            hint="use two plugins, one with a high and one with a low priority",
        )
    if bound.is_wrapper and not yields:
        raise refusal(
            author,
            f"wraps {hook} with a function that never yields",
            expected="one yield, where the other plugins run",
            got=f"{called(function)}, which has none",
            hint="write 'return (yield)' where they shall run, or take wrapper=True out",
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise refusal(
            author,
            f"answers {hook} with a function that nobody would await",
            expected="def",
            got=f"async def {called(function)}",
            hint="write a plain function; asyncio.run inside of it if need be",
        )
    if yields and not bound.is_wrapper:
        value = CHAIN_HOOKS.get(hook)
        wrapping = "to run around the other plugins write @hookimpl(wrapper=True); otherwise "
        raise refusal(
            author,
            f"answers {hook} with a generator, which would never run",
            expected=f"a function that returns the {value}" if value else "a function that returns",
            got=f"{called(function)}, which yields",
            hint=f"{'' if value else wrapping}return instead of yield",
        )


def called(function: Callable[..., Any]) -> str:
    """The name of a function as its author knows it."""
    return getattr(function, "__qualname__", repr(function)).rpartition("<locals>.")[2]


def _signature(hook: str, function: Callable[..., Any], author: Author) -> inspect.Signature:
    """The signature of a function that can be called with the arguments of a hook."""
    arguments = HOOKS[hook]
    expected = f"{hook}({', '.join(arguments)}): any of these, or **kwargs"
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        rule = f"answers {hook} with a function whose arguments are unknown"
        hint = "write a function that calls it"
        raise refusal(author, rule, expected=expected, got=error, hint=hint) from error
    wrong = unfillable(signature, arguments)
    if wrong:
        rule = f"wants what {hook} does not have: {', '.join(wrong)}"
        is_nameless = wrong[0].startswith("*")
        hint = (
            f"name those you want, or add **kwargs to {wrong[0]}"
            if is_nameless
            else nearest(wrong[0], arguments)
        )
        got = f"{hook}{signature}"
        raise refusal(author, rule, expected=expected, got=got, hint=hint)
    own = function.__func__ if isinstance(function, MethodType) else None
    first = next(iter(inspect.signature(own).parameters), "") if own else ""
    if first in arguments:
        rule = f"answers {hook} with a method whose first parameter is {first!r}"
        got, hint = f"{hook}{inspect.signature(own)}" if own else "", "add 'self', or make it a @staticmethod"
        raise refusal(author, rule, expected="self", got=got, hint=hint)
    return signature
