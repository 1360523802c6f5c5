"""How loops are compiled, by numba.

Modules that hold compiled loops are called ``kernels.py`` or ``*_kernels.py``, and imported where they run:
importing numba takes a third of a second. Compiled code is kept on disk, beside the package or in the user's
cache; where neither can be written, each process compiles anew. The compiler notices changes of the file of a
loop only: after a change of what it takes from another file remove what was kept (``__pycache__/*.nb*``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first call, without the GIL, once for each combination of dtypes that comes along."""
    try:
        return _jit(function, cache=True)
    except RuntimeError:  # numba found no directory it may write to
        return _jit(function, cache=False)


def _jit(function: F, *, cache: bool) -> F:
    # Of the liberties of fast arithmetic only fused multiply-add is taken: NaN must keep its meaning.
    jitted: Any = numba.njit(function, nogil=True, cache=cache, error_model="numpy", fastmath={"contract"})
    return cast("F", jitted)
