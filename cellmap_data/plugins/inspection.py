"""What hooks a plugin has, and the reasons to refuse it as a whole."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pluggy

from cellmap_data.errors import ConfigurationError
from cellmap_data.hookspecs import PROJECT_NAME
from cellmap_data.plugins.base import Controls, DataLoaderPlugin
from cellmap_data.plugins.binding import HOOKS, Author, BoundHook
from cellmap_data.plugins.failures import RAISE, FailurePolicy
from cellmap_data.plugins.fitting import called, fit
from cellmap_data.plugins.lookalikes import FUNCTIONS, refuse_lookalikes
from cellmap_data.plugins.refusals import nearest, refusal
from cellmap_data.plugins.requirements import check_api

__all__ = ["Registered", "examine", "names_in"]

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
    policy
        What to do when one of them raises.
    before, after
        Names of plugins that it wants to run before or after.
    """

    plugin: Any
    author: Author
    controls: Controls
    hooks: Mapping[str, BoundHook]
    policy: FailurePolicy = RAISE
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the plugin goes by."""
        return self.author.plugin

    def failing(self, policy: FailurePolicy) -> Registered:
        """The same plugin under another policy."""
        hooks = {hook: replace(bound, policy=policy) for hook, bound in self.hooks.items()}
        return replace(self, hooks=hooks, policy=policy)


def examine(plugin: Any, author: Author) -> Registered:
    """Check a plugin and bind its hooks.

    Raises
    ------
    PluginRegistrationError
        When it is none, or one of its hooks cannot work.
    """
    check_api(plugin, author)
    listed = _listed_methods(plugin, author)
    refuse_lookalikes(plugin, author, listed.values())
    found = [*_marked(plugin), *_listed(plugin, listed, author)]
    if not found and not isinstance(plugin, DataLoaderPlugin):
        raise refusal(
            author,
            "answers no hook",
            expected="functions marked with hookimpl, or a DataLoaderPlugin",
            got=type(plugin),
            hint="mark its functions with cellmap_data.hookspecs.hookimpl",
        )
    policy = _policy(plugin, author)
    hooks: dict[str, BoundHook] = {}
    for hook, function, options in found:
        if hook not in HOOKS and options.get("optionalhook"):
            continue
        if hook in hooks:
            raise refusal(
                author,
                f"answers {hook} twice",
                expected="one function for each hook",
                got=" and ".join(called(f) for h, f, _ in found if h == hook),
                hint="take one of them out, or let one call the other",
            )
        hooks[hook] = replace(fit(hook, function, options, author), policy=policy)
    wishes = [names_in(getattr(plugin, wish, ()), wish, author) for wish in ("before", "after")]
    return Registered(plugin, author, _controls(plugin, author), hooks, policy, *wishes)


def names_in(names: Any, wish: str, author: Author) -> tuple[str, ...]:
    """The names of a wish ``before`` or ``after``: one, or several."""
    if isinstance(names, Iterable):
        several = (names,) if isinstance(names, str) else tuple(names)
        if all(isinstance(name, str) for name in several):
            return several
    raise refusal(
        author,
        f"has a {wish} that names no plugins",
        expected="the name of a plugin, or several of them",
        got=repr(names),
        hint=f"write {wish} = ('prefetch',) or leave it out",
    )


def _policy(plugin: Any, author: Author) -> FailurePolicy:
    try:
        return FailurePolicy.of(getattr(plugin, "on_error", RAISE))
    except ConfigurationError as error:
        raise refusal(
            author,
            "has an on_error that says nothing",
            expected="'raise', 'skip_sample', 'skip_plugin' or 'skip_plugin(limit=10)'",
            got=repr(plugin.on_error),
            hint="write on_error = 'raise', or leave it out, which means the same",
        ) from error


def _controls(plugin: Any, author: Author) -> Controls:
    if isinstance(plugin, DataLoaderPlugin):
        return plugin
    controls = Controls()
    try:
        controls.priority = getattr(plugin, "priority", 0)
    except ConfigurationError as error:
        raise refusal(
            author,
            "has no number as its priority",
            expected="an int",
            got=repr(plugin.priority),
            hint="write priority = 0 or another whole number; higher runs first",
        ) from error
    return controls


def _marked(plugin: Any) -> Iterator[_Implementation]:
    """The functions that carry ``hookimpl``; properties and other descriptors are left alone."""
    for attribute in dir(plugin):
        static = inspect.getattr_static(plugin, attribute, None)
        if isinstance(static, FUNCTIONS):
            options = _parser.parse_hookimpl_opts(plugin, attribute)
            if options is not None:
                yield options.get("specname") or attribute, getattr(plugin, attribute), dict(options)


def _listed_methods(plugin: Any, author: Author) -> Mapping[str, str]:
    """What a DataLoaderPlugin says: hook name -> method name."""
    if not isinstance(plugin, DataLoaderPlugin):
        return {}
    expected = "get_hook_methods() -> {hook: method name}"
    hint = "return a dictionary of two names, such as {'post_sample': 'brighten'}"
    try:
        methods: object = plugin.get_hook_methods()
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
        raise refusal(author, "cannot say what it answers", expected=expected, got=got, hint=hint) from error
    if not isinstance(methods, Mapping):
        rule = "does not say what it answers"
        raise refusal(author, rule, expected=expected, got=repr(methods), hint=hint)
    return methods


def _listed(plugin: Any, methods: Mapping[str, str], author: Author) -> Iterator[_Implementation]:
    for hook, method in methods.items():
        function = getattr(plugin, method, None) if isinstance(method, str) else None
        if not callable(function):
            raise refusal(
                author,
                f"has no method for {hook}",
                expected="the name of a method of the plugin",
                got=repr(method),
                hint=nearest(str(method), [name for name in dir(plugin) if not name.startswith("_")]),
            )
        yield hook, function, {}
