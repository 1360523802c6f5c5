"""How plugins travel to worker processes."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing.reduction import ForkingPickler
from types import ModuleType
from typing import Any

from cellmap_data.errors import PluginError, message
from cellmap_data.plugins.binding import Author
from cellmap_data.plugins.failures import FailurePolicy
from cellmap_data.plugins.inspection import Registered, examine

__all__ = ["pack", "unpack"]


@dataclass(frozen=True, slots=True)
class _Module:
    """A module, which travels by its import name."""

    module: ModuleType

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        name = self.module.__name__
        if sys.modules.get(name) is not self.module:
            raise pickle.PicklingError(f"module {name!r} was made by hand and cannot be imported")
        return import_module, (name,)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """One plugin: its object, and what is kept beside it."""

    plugin: Any
    author: Author
    priority: int
    enabled: bool
    policy: FailurePolicy
    before: tuple[str, ...]
    after: tuple[str, ...]

    @classmethod
    def of(cls, registered: Registered) -> _Recipe:
        plugin, controls = registered.plugin, registered.controls
        portable = _Module(plugin) if isinstance(plugin, ModuleType) else plugin
        states = controls.priority, controls.enabled, registered.policy
        return cls(portable, registered.author, *states, registered.before, registered.after)

    def make(self) -> Registered:
        registered = examine(self.plugin, self.author)
        registered.controls.priority, registered.controls.enabled = self.priority, self.enabled
        return replace(registered.failing(self.policy), before=self.before, after=self.after)


def pack(plugins: Sequence[Registered]) -> bytes:
    """Pickle plugins together, so that what two of them share stays shared.

    Raises
    ------
    PluginError
        Naming the first plugin that cannot be pickled.
    """
    recipes = [_Recipe.of(plugin) for plugin in plugins]
    try:
        return bytes(ForkingPickler.dumps(recipes))
    except Exception:
        for recipe in recipes:
            _check(recipe)
        raise


def unpack(packed: bytes) -> list[Registered]:
    """Make the plugins again."""
    recipes: list[_Recipe] = pickle.loads(packed)
    return [recipe.make() for recipe in recipes]


def _check(recipe: _Recipe) -> None:
    try:
        ForkingPickler.dumps(recipe)
    except Exception as error:
        raise PluginError(
            message(
                f"plugin {recipe.author.plugin!r} cannot be sent to worker processes",
                place=str(recipe.author),
                got=f"{type(error).__name__}: {error}",
                hint="leave open files, locks and lambdas out in __getstate__ and make them in setup_worker, "
                "or use num_workers=0",
            )
        ) from error
