"""The generators that a whole process shares: Python's, numpy's and torch's."""

from __future__ import annotations

import ctypes
import pickle
import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.data import get_worker_info

_MT19937_BYTES = 4 * 624 + 4  # the words and the place of the next one


def seed_all(seed: int) -> None:
    """Seed every shared generator; right only where nobody else draws at the same time.

    ``torch.manual_seed`` would seed the GPUs too, which takes a hundred times as long.
    """
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    torch.default_generator.manual_seed(seed)


def nobody_else_draws() -> bool:
    """Whether this is the main thread of a worker process of a DataLoader."""
    return get_worker_info() is not None and threading.current_thread() is threading.main_thread()


def glance() -> tuple[Any, ...]:
    """What changes when Python's or numpy's generator is drawn from, read in a fifth of a snapshot's time.

    Normal numbers come in pairs, of which numpy hands out the second without a change that is seen here.
    """
    _, words, second_normal = random.getstate()
    bits = np.random.get_bit_generator()  # type: ignore[attr-defined]
    is_usual = type(bits) is np.random.MT19937
    numpy = ctypes.string_at(bits.ctypes.state_address, _MT19937_BYTES) if is_usual else _numpy_state()
    # The last number is the place of the next word; the first word is the same after every seeding.
    return words[-1], words[1], second_normal, numpy


class Snapshot:
    """The whole state of shared generators at one moment.

    Parameters
    ----------
    with_torch
        Include torch's. Outside a short, quiet moment that says little: models draw in training.
    """

    def __init__(self, with_torch: bool = False) -> None:
        self._with_torch = with_torch
        self._states = self._read()

    def moved(self) -> list[str]:
        """The names of the generators that were drawn from, or seeded, since."""
        now = self._read()
        return [name for name, state in self._states.items() if state != now[name]]

    def _read(self) -> dict[str, Any]:
        readers = _READERS if self._with_torch else {k: v for k, v in _READERS.items() if k != "torch"}
        return {f"{name}'s global generator": read() for name, read in readers.items()}


def _numpy_state() -> bytes:
    return pickle.dumps(np.random.get_state(legacy=False))


def _torch_state() -> bytes:
    return torch.default_generator.get_state().numpy().tobytes()


_READERS: dict[str, Callable[[], Any]] = {
    "Python": random.getstate,
    "numpy": _numpy_state,
    "torch": _torch_state,
}
