"""Value transforms as users give them: nothing, a callable, or several in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from cellmap_data.config import named
from cellmap_data.errors import ConfigurationError, message

ValueCallable: TypeAlias = Callable[..., Any]
"""Takes a tensor and returns one."""


def in_a_row(transforms: ValueCallable | Sequence[ValueCallable] | None) -> tuple[ValueCallable, ...]:
    """The callables to apply, one after the other.

    Raises
    ------
    ConfigurationError
        If something cannot be called.
    """
    row: tuple[Any, ...] = (transforms,)
    if transforms is None or (isinstance(transforms, Iterable) and not callable(transforms)):
        row = tuple(transforms or ())
    for step in row:
        if not callable(step):
            raise ConfigurationError(
                message("A value transform is a callable from tensor to tensor.", got=named(step))
            )
    return row
