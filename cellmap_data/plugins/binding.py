"""From a function that wants some arguments of a hook to one that takes them all and blames its plugin."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter
from operator import itemgetter
from typing import Any, NoReturn

import pluggy

from cellmap_data import hookspecs
from cellmap_data.errors import HookError, LoaderError, StoreError, message
from cellmap_data.plugins.failures import RAISE, FailurePolicy

__all__ = ["HOOKS", "Author", "BoundHook", "adapt", "path_of", "unfillable"]

_parser = pluggy.PluginManager(hookspecs.PROJECT_NAME)

HOOKS: Mapping[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(getattr(hookspecs, name)).parameters)
    for name in dir(hookspecs)
    if _parser.parse_hookspec_opts(hookspecs, name) is not None
}
"""Hook name -> its arguments. The value that passes through a chain hook comes first."""

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Author:
    """Whom to blame.

    Attributes
    ----------
    plugin
        The name the plugin goes by.
    code
        The class or module it is.
    distribution
        "name version" of what it was installed by; empty if it was handed in as an object.
    """

    plugin: str
    code: str
    distribution: str = ""

    def __str__(self) -> str:
        origin = f" of {self.distribution}" if self.distribution else ", handed in by the program"
        return f"{self.code}{origin}"


@dataclass(frozen=True, slots=True, eq=False)
class BoundHook:
    """One hook of one plugin.

    Attributes
    ----------
    hook
        Its name.
    call
        Takes all arguments of the hook, by position.
    author
        Whom to blame.
    options
        What the plugin told ``hookimpl``.
    policy
        What to do when it raises.
    """

    hook: str
    call: Callable[..., Any]
    author: Author
    options: Mapping[str, Any]
    policy: FailurePolicy = RAISE

    @property
    def is_wrapper(self) -> bool:
        """Whether it is a generator that runs around the others instead of among them."""
        return bool(self.options.get("wrapper") or self.options.get("hookwrapper"))

    def check(self, returned: Any, given: Any, index: int | None = None) -> None:
        """Raise if a chain hook returned something else than what it was ``given``: None, or no mapping."""
        value = HOOKS[self.hook][0]
        if returned is None:
            raise self._error(
                "returned None from",
                index,
                expected=f"the {value}, changed or not",
                hint=f"end the function with 'return {value}'",
            )
        if isinstance(given, Mapping) and not isinstance(returned, Mapping):
            raise self._error(
                f"returned no {value} from",
                index,
                expected="a mapping, as it was given",
                got=path_of(type(returned)),
                hint=f"put it under a key and end the function with 'return {value}'",
            )

    def refuse(self, expected: str, got: str) -> NoReturn:
        """Raise because nobody can use what the plugin answered."""
        hint = f"correct the plugin, or go on without it: remove_plugin({self.author.plugin!r})"
        raise self._error("gave a wrong answer to", None, expected=expected, got=got, hint=hint)

    def is_own(self, error: Exception) -> bool:
        """Whether an error is the plugin's own, and not one that it only handed on.

        What another plugin was blamed for is not, nor is what reading or the loader reported while a plugin
        waited for it.
        """
        if isinstance(error, HookError):
            return error.plugin == self.author.plugin
        return not isinstance(error, LoaderError | StoreError)

    def blame(self, error: Exception, index: int | None = None) -> NoReturn:
        """Raise what the plugin raised as an error that names it; what is not its own keeps its type."""
        if isinstance(error, HookError):
            raise error
        if not self.is_own(error):
            error.add_note(f"while plugin {self.author.plugin!r} ran in {self.hook}")
            raise error
        raise self.error_of(error, index) from error

    def error_of(self, error: Exception, index: int | None = None) -> HookError:
        """An error of the plugin's own as one that names it."""
        if isinstance(error, HookError):
            return error
        error.add_note(f"raised by plugin {self.author.plugin!r} ({self.author}) in {self.hook}{_of(index)}")
        return self._error(
            "failed in",
            index,
            got=f"{type(error).__name__}: {error}",
            hint=self._ways_on(),
        )

    def _ways_on(self) -> str:
        """What to do about a failure: nothing of a policy where one has run out already."""
        name = self.author.plugin
        repair, without = "repair the plugin", f"go on without it: remove_plugin({name!r})"
        if self.policy.kind != "raise":
            return f"{repair}, or {without}"
        policy = "skip_sample" if self.hook == "post_sample" else "skip_plugin"
        skipping = f"plugin_manager.set_on_error({name!r}, {policy!r})"
        return f"{repair}, {without},\nor pass over what fails: {skipping}"

    def _error(self, fault: str, index: int | None, **parts: str) -> HookError:
        name, distribution = self.author.plugin, self.author.distribution
        text = message(f"plugin {name!r} {fault} {self.hook}{_of(index)}", place=str(self.author), **parts)
        return HookError(text, name, self.hook, distribution, None if index is None else int(index))


def path_of(code: Any) -> str:
    """Where a class or a function is written, as one would import it."""
    return f"{code.__module__}.{code.__qualname__}"


def _of(index: int | None) -> str:
    return "" if index is None else f" (sample {int(index)})"


def unfillable(signature: inspect.Signature, arguments: tuple[str, ...]) -> list[str]:
    """The parameters that a function requires and a hook with these ``arguments`` does not have."""
    named = {*_POSITIONAL, Parameter.KEYWORD_ONLY}
    wrong = [
        name
        for name, p in signature.parameters.items()
        if p.kind in named and p.default is p.empty and name not in arguments
    ]
    kinds = {p.kind: name for name, p in signature.parameters.items()}
    if Parameter.VAR_POSITIONAL in kinds and Parameter.VAR_KEYWORD not in kinds:
        wrong.append(f"*{kinds[Parameter.VAR_POSITIONAL]}")
    return wrong


def adapt(
    function: Callable[..., Any], signature: inspect.Signature, arguments: tuple[str, ...]
) -> Callable[..., Any]:
    """Make a callable that takes all ``arguments`` by position and passes on those ``function`` wants.

    The function itself is returned if it wants all of them in this order: chains call it with nothing in
    between.
    """
    parameters = signature.parameters
    leading = _leading(parameters, arguments)
    named = [n for n, p in parameters.items() if p.kind in _BY_NAME and n in arguments and n not in leading]
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values()):
        named += [name for name in arguments if name not in parameters]
    positions = [arguments.index(name) for name in leading]
    if named:
        places = {name: arguments.index(name) for name in named}
        return lambda *given: function(
            *(given[i] for i in positions), **{name: given[i] for name, i in places.items()}
        )
    if leading == arguments and len(parameters) == len(arguments):
        return function
    if not positions:
        return lambda *given: function()  # noqa: ARG005
    if len(positions) == 1:
        only = positions[0]
        return lambda *given: function(given[only])
    pick = itemgetter(*positions)
    return lambda *given: function(*pick(given))


def _leading(parameters: Mapping[str, Parameter], arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters that can be passed by position: up to the first that the hook does not have."""
    leading: list[str] = []
    for name, parameter in parameters.items():
        if name not in arguments or parameter.kind not in _POSITIONAL:
            break
        leading.append(name)
    return tuple(leading)
