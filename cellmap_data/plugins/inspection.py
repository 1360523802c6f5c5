"""What hooks a plugin has, and every reason to refuse it."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

import pluggy

from cellmap_data.errors import ConfigurationError, PluginRegistrationError, message
from cellmap_data.hookspecs import CHAIN_HOOKS, PROJECT_NAME
from cellmap_data.plugins.base import Controls, DataLoaderPlugin
from cellmap_data.plugins.binding import HOOKS, Author, BoundHook, adapt, unfillable

__all__ = ["Registered", "examine", "nearest", "refusal"]

_parser = pluggy.PluginManager(PROJECT_NAME)

_Implementation = tuple[str, Callable[..., Any], Mapping[str, Any]]
"""Hook name, function, options given to ``hookimpl``."""


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """A plugin that was found good.

    Attributes
    ----------
    plugin
        The object, as its author knows it.
    author
        The name it goes by, and where it comes from.
    controls
        Its priority and switch: the plugin itself if it is a DataLoaderPlugin.
    hooks
        Hook name -> what answers it.
    """

    plugin: Any
    author: Author
    controls: Controls
    hooks: Mapping[str, BoundHook]

    @property
    def name(self) -> str:
        """What the plugin goes by."""
        return self.author.plugin


def nearest(name: str, names: Collection[str]) -> str:
    """A hint that offers the most similar of ``names``, or all of them."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(names)) or 'none'}"


def refusal(
    author: Author, fault: str, *, expected: str = "", got: object = "", hint: str = ""
) -> PluginRegistrationError:
    """The error of a plugin that is not accepted."""
    rule = f"plugin {author.plugin!r} {fault}"
    return PluginRegistrationError(message(rule, place=str(author), expected=expected, got=got, hint=hint))


def examine(plugin: Any, author: Author) -> Registered:
    """Check a plugin and bind its hooks.

    Raises
    ------
    PluginRegistrationError
        When it is none, or one of its hooks cannot work.
    """
    found = [*_marked(plugin), *_listed(plugin, author)]
    if not found and not isinstance(plugin, DataLoaderPlugin):
        raise refusal(
            author,
            "answers no hook",
            expected="functions marked with cellmap_data.hookspecs.hookimpl, or a DataLoaderPlugin",
            got=type(plugin),
        )
    hooks: dict[str, BoundHook] = {}
    for hook, function, options in found:
        if hook not in HOOKS and options.get("optionalhook"):
            continue
        if hook in hooks:
            raise refusal(author, f"answers {hook} twice", hint="write one function for each hook")
        hooks[hook] = _bind(hook, function, options, author)
    return Registered(plugin, author, _controls(plugin, author), hooks)


def _controls(plugin: Any, author: Author) -> Controls:
    if isinstance(plugin, DataLoaderPlugin):
        return plugin
    controls = Controls()
    try:
        controls.priority = getattr(plugin, "priority", 0)
    except ConfigurationError as error:
        raise refusal(
            author, "has no number as its priority", expected="an int", got=plugin.priority
        ) from error
    return controls


def _marked(plugin: Any) -> Iterator[_Implementation]:
    """The functions that carry ``hookimpl``; properties and other descriptors are left alone."""
    for attribute in dir(plugin):
        static = inspect.getattr_static(plugin, attribute, None)
        if isinstance(static, FunctionType | MethodType | staticmethod | classmethod):
            options = _parser.parse_hookimpl_opts(plugin, attribute)
            if options is not None:
                yield options.get("specname") or attribute, getattr(plugin, attribute), dict(options)


def _listed(plugin: Any, author: Author) -> Iterator[_Implementation]:
    """The methods that a DataLoaderPlugin names."""
    if not isinstance(plugin, DataLoaderPlugin):
        return
    expected = "get_hook_methods() -> {hook: method name}"
    try:
        methods = plugin.get_hook_methods()
    except Exception as error:
        raise refusal(author, "cannot say what it answers", expected=expected, got=repr(error)) from error
    if not isinstance(methods, Mapping):
        raise refusal(author, "does not say what it answers", expected=expected, got=repr(methods))
    for hook, method in methods.items():
        function = getattr(plugin, method, None) if isinstance(method, str) else None
        if not callable(function):
            rule = f"has no method for {hook}"
            raise refusal(author, rule, expected="the name of a method", got=repr(method))
        yield hook, function, {}


def _bind(hook: str, function: Callable[..., Any], options: Mapping[str, Any], author: Author) -> BoundHook:
    if hook not in HOOKS:
        raise refusal(author, f"answers a hook that does not exist: {hook!r}", hint=nearest(hook, HOOKS))
    signature = _signature(hook, function, author)
    bound = BoundHook(hook, adapt(function, signature, HOOKS[hook]), author, options)
    if bound.is_wrapper and hook in CHAIN_HOOKS:
        raise refusal(
            author,
            f"wraps {hook}, through which the {CHAIN_HOOKS[hook]} passes from plugin to plugin",
            expected="a function that returns",
            got="a wrapper, which yields",
            hint="use two plugins, one with a high and one with a low priority",
        )
    if bound.is_wrapper and not inspect.isgeneratorfunction(function):
        raise refusal(author, f"wraps {hook} with a function that never yields", expected="one yield")
    return bound


def _signature(hook: str, function: Callable[..., Any], author: Author) -> inspect.Signature:
    """The signature of a function that can be called with the arguments of a hook."""
    arguments = HOOKS[hook]
    expected = f"{hook}({', '.join(arguments)}): any of these, or **kwargs"
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        rule = f"answers {hook} with a function whose arguments are unknown"
        raise refusal(author, rule, expected=expected, got=error) from error
    wrong = unfillable(signature, arguments)
    if wrong:
        rule = f"wants what {hook} does not have: {', '.join(wrong)}"
        got, hint = f"{hook}{signature}", nearest(wrong[0], arguments)
        raise refusal(author, rule, expected=expected, got=got, hint=hint)
    own = function.__func__ if isinstance(function, MethodType) else None
    first = next(iter(inspect.signature(own).parameters), "") if own else ""
    if first in arguments:
        rule = f"answers {hook} with a method whose first parameter is {first!r}"
        raise refusal(author, rule, hint="add 'self', or make it a @staticmethod")
    return signature
