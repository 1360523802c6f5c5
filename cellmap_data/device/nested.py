"""Doing something to every value of a nested structure."""

from __future__ import annotations

import copy
from collections.abc import Callable, MutableMapping
from typing import Any

import torch


def map_tensors(function: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """Replace each tensor as :func:`map_leaves` does; whatever else there is, is passed on untouched."""
    return map_leaves(lambda leaf: function(leaf) if isinstance(leaf, torch.Tensor) else leaf, value)


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Replace what is held by nested mappings, lists, tuples and named tuples by ``function`` of it.

    Containers are made anew and keep their type.
    """
    if type(value) is dict:
        return {key: map_leaves(function, item) for key, item in value.items()}
    if isinstance(value, MutableMapping):
        copied = copy.copy(value)  # keeps what makes it special: an order, a default factory
        copied.update({key: map_leaves(function, item) for key, item in value.items()})
        return copied
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_leaves(function, item) for item in value))
    if type(value) in (list, tuple):
        return type(value)(map_leaves(function, item) for item in value)
    return function(value)
