"""The plugins of one loader."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cellmap_data import hookspecs
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.plugins.binding import HOOKS
from cellmap_data.plugins.construction import author_of, construct
from cellmap_data.plugins.failures import FailurePolicy
from cellmap_data.plugins.inspection import examine, names_in
from cellmap_data.plugins.order_report import OrderReport, report
from cellmap_data.plugins.ordering import Snapshot
from cellmap_data.plugins.refusals import nearest
from cellmap_data.plugins.relay import PluginRelay
from cellmap_data.plugins.roster import Roster

__all__ = ["PluginManager"]


class PluginManager:
    """Holds plugins and calls their hooks: highest priority first, equal ones in the order of registration.

    There is no global one: :func:`cellmap_data.plugins.build_manager` makes one for each loader. Changes
    take effect from the next call of a hook. A manager may be used from any thread, and pickles with its
    plugins for worker processes.

    Attributes
    ----------
    roster
        The plugins as they stand.
    relay
        Calls hooks; what a loader is given.
    """

    def __init__(self, roster: Roster | None = None) -> None:
        self.roster = roster or Roster()
        self.relay = PluginRelay(self.roster)

    def __reduce__(self) -> tuple[type[PluginManager], tuple[Roster]]:
        return PluginManager, (self.roster,)

    @property
    def tracing(self) -> bool:
        """Whether every call of a hook is told on stderr, with shapes and dtypes but without values.

        True from the start if CELLMAP_DATA_TRACE is set; workers obey from their start on.
        """
        return self.roster.tracing

    @tracing.setter
    def tracing(self, value: bool) -> None:
        self.roster.tracing = value

    def register_plugin(
        self,
        plugin: Any,
        *,
        name: str | None = None,
        priority: int | None = None,
        options: Mapping[str, Any] | None = None,
        before: str | Iterable[str] | None = None,
        after: str | Iterable[str] | None = None,
        on_error: str | FailurePolicy | None = None,
    ) -> str:
        """Add a plugin.

        Parameters
        ----------
        plugin
            A :class:`DataLoaderPlugin`; a module or an object with functions marked by ``hookimpl``; a class
            or a function that makes one of these.
        name
            What to call it; None for its own name.
        priority
            Its place in the order; None for its own.
        options
            Arguments for the class or function.
        before, after
            Names of plugins that it shall run before or after; None for its own wishes. Names that nobody
            has are ignored, see :meth:`order_report`.
        on_error
            What happens when it fails: ``"raise"``, ``"skip_sample"`` or ``"skip_plugin(limit=10)"``, see
            :class:`FailurePolicy`; None for its own wish.

        Returns
        -------
        str
            The name.

        Raises
        ------
        PluginRegistrationError
            When it is no plugin, one of its hooks cannot work, its name is taken, or ``before``
            and ``after`` go around in a circle.
        ConfigurationError
            When ``priority`` is no whole number, ``on_error`` no policy, ``name`` no text or ``options`` no
            mapping.
        """
        _check_words(name, options)
        made = construct(plugin, author_of(plugin, name), options or {})
        examined = examine(made, author_of(made, name))
        if before is not None:
            examined = replace(examined, before=names_in(before, "before", examined.author))
        if after is not None:
            examined = replace(examined, after=names_in(after, "after", examined.author))
        if on_error is not None:
            examined = examined.failing(FailurePolicy.of(on_error))
        self.roster.add(examined, priority)
        return examined.name

    def unregister_plugin(self, name: str) -> Any:
        """Take a plugin out and return it.

        Raises
        ------
        UnknownPluginError
            When there is none of that name.
        """
        return self.roster.remove(name).plugin

    def get_plugin(self, name: str) -> Any | None:
        """The plugin of that name; None if there is none."""
        return next((each.plugin for each in self.roster.plugins if each.name == name), None)

    def list_plugins(self) -> list[str]:
        """The names of all plugins, enabled or not, in the order of registration."""
        return self.roster.names

    def enable_plugin(self, name: str) -> None:
        """Let the hooks of a plugin run. Raises UnknownPluginError when there is none of that name."""
        self.roster.find(name).controls.enable()

    def disable_plugin(self, name: str) -> None:
        """Skip the hooks of a plugin. Raises UnknownPluginError when there is none of that name."""
        self.roster.find(name).controls.disable()

    def set_priority(self, name: str, priority: int) -> None:
        """Move a plugin in the order. Raises UnknownPluginError when there is none of that name."""
        self.roster.find(name).controls.priority = priority

    def set_on_error(self, name: str, policy: str | FailurePolicy) -> None:
        """Say what happens when a plugin fails, see :class:`FailurePolicy`; in workers from the next epoch.

        Raises
        ------
        UnknownPluginError
            When there is none of that name.
        ConfigurationError
            When it is no policy.
        """
        read = FailurePolicy.of(policy)
        self.roster.change(name, lambda plugin: plugin.failing(read))

    def list_hooks(self) -> list[str]:
        """The names of all hooks."""
        return sorted(HOOKS)

    def call_order(self, hook: str) -> list[str]:
        """The names of the enabled plugins that answer a hook, in the order of the calls.

        Raises
        ------
        ConfigurationError
            When there is no such hook.
        """
        return [bound.author.plugin for bound in self.snapshot().order[_known(hook)]]

    def order_report(self) -> OrderReport:
        """For each hook who is called, in which order and why; and wishes about absent plugins."""
        snapshot = self.snapshot()
        return report(snapshot.arrangement, snapshot.order)

    def execute_hook(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a hook.

        Parameters
        ----------
        name
            The hook.
        *args, **kwargs
            Its arguments, in the order of ``cellmap_data.hookspecs`` or by name; those left out are None.

        Returns
        -------
        Any
            A chain hook gives the value as the plugins made it, a first-result hook the first answer or
            None, a notify hook None.

        Raises
        ------
        ConfigurationError
            When there is no such hook, or it has no such arguments.
        HookError
            When a plugin fails.
        """
        signature = inspect.signature(getattr(hookspecs, _known(name)))
        try:
            given = signature.bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            expected = f"{name}({', '.join(HOOKS[name])})"
            raise ConfigurationError(
                message(f"{name} was called with wrong arguments", expected=expected, got=error)
            ) from error
        arguments = {argument: given.get(argument) for argument in HOOKS[name]}
        return getattr(self.relay, name)(**arguments)

    def snapshot(self) -> Snapshot:
        """The plugins as they are now, for whoever wants pluggy's own view of them."""
        return self.roster.snapshot()


def _check_words(name: Any, options: Any) -> None:
    if not isinstance(name, str | None) or not isinstance(options, Mapping | None):
        rule = "a plugin is registered with a name and options"
        got = f"name={name!r}, options={options!r}"
        raise ConfigurationError(message(rule, expected="a str and {option: value}, or None", got=got))


def _known(hook: str) -> str:
    if hook not in HOOKS:
        raise ConfigurationError(message(f"there is no hook {hook!r}", hint=nearest(hook, HOOKS)))
    return hook
