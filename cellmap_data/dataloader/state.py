"""The state of a loader: what it takes to go on in the middle of an epoch, in another process."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from cellmap_data.config import counted
from cellmap_data.dataloader.schedule import OrderSchedule, Schedule
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.sampler import Clock, OrderSampler, Point

_PROBED = 64


def saved_state(clock: Clock, schedule: Schedule, positions: int) -> dict[str, Any]:
    """The (seed, epoch, k) of the first sample that was not delivered, and what these count in.

    Numbers and strings only. ``k`` counts the samples of all ranks together, so every rank saves the same.
    """
    epoch, k, trail = clock.point
    state = {"seed": clock.seed, "epoch": epoch, "k": k, "positions": positions}
    if isinstance(schedule, OrderSchedule):
        return state | {"order": _order_state(schedule, clock.seed, epoch)}
    return state | {"trail": trail}


def load_state(state: Mapping[str, Any], clock: Clock, schedule: Schedule, positions: int) -> None:
    """Let the next iteration go on where a state was saved.

    Raises
    ------
    ConfigurationError
        When something is missing from the state, or it counts in other samples than this loader has.
    """
    if not isinstance(state, Mapping):
        raise _unfit("a mapping, as state_dict() gave it", type(state).__name__, "load what was saved")
    arithmetic = isinstance(schedule, OrderSchedule)
    needed = {"seed", "epoch", "k", "positions", "order" if arithmetic else "trail"}
    if missing := sorted(needed - set(state)):
        raise _unfit("keys " + ", ".join(missing), sorted(state), "load it with the same sampler")
    for name in ("epoch", "k"):
        counted(f"{name} of a state", state[name])
    if state["positions"] != positions:
        raise _unfit(f"a dataset of {state['positions']} positions", positions, "load it with the same data")
    if isinstance(schedule, OrderSchedule):
        _load_order(state, schedule)
    clock.go_to(Point(state["epoch"], state["k"], state.get("trail", 0)), state["seed"])


def _order_state(schedule: OrderSchedule, seed: int, epoch: int) -> dict[str, Any]:
    source = schedule.source
    own = source.state_dict() if isinstance(source, OrderSampler) else {"seed": seed}
    return own | {"kind": type(source).__name__, "probe": _probe(schedule, seed, epoch)}


def _load_order(state: Mapping[str, Any], schedule: OrderSchedule) -> None:
    order, source = state["order"], schedule.source
    if order["kind"] != type(source).__name__:
        raise _unfit(f"the sampler {order['kind']}", type(source).__name__, "load it with the same sampler")
    if isinstance(source, OrderSampler):
        before, seed = source.state_dict(), source.seed
        source.load_state_dict(order)
        if order["probe"] != _probe(schedule, state["seed"], state["epoch"]):
            source.load_state_dict(before)
            source.seed = seed
            raise _other_order()
    elif order["probe"] != _probe(schedule, state["seed"], state["epoch"]):
        raise _other_order()


def _probe(schedule: OrderSchedule, seed: int, epoch: int) -> int:
    """A checksum of the first indices of an epoch."""
    order = schedule.order(seed)
    places = np.arange(min(_PROBED, schedule.source.samples_per_epoch), dtype=np.int64)
    return zlib.crc32(order.indices(epoch, places).tobytes())


def _other_order() -> ConfigurationError:
    hint = "load it with the same data, shuffle, weights and subsets"
    return _unfit("the indices that the epoch begins with", "others", hint)


def _unfit(expected: object, got: object, hint: str) -> ConfigurationError:
    return ConfigurationError(
        message("the state is that of another loader", expected=expected, got=got, hint=hint)
    )
