"""Memory by its address, for compiled loops."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


def _pointer(_context: Any, address: Any) -> Any:
    """An address as the pointer that ``numba.carray`` takes."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


def _load(_context: Any, address: Any) -> Any:
    """Eight bytes from anywhere, as a word."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = builder.load(builder.inttoptr(arguments[0], _WORD))
        word.align = 1
        return word

    return types.uint64(address), generate


def _store(_context: Any, address: Any, word: Any) -> Any:
    """A word to anywhere."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _WORD)
        builder.store(arguments[1], pointer).align = 1
        return context.get_dummy_value()

    return types.void(address, word), generate


_WORD = ir.IntType(64).as_pointer()  # type: ignore[no-untyped-call]

pointer: Any = intrinsic(_pointer)
load: Any = intrinsic(_load)
store: Any = intrinsic(_store)
