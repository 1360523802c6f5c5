"""A batch on its way from the process that reads to the one that trains."""

from __future__ import annotations

import dataclasses
import itertools
import math
import pickle
import traceback
import weakref
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from cellmap_data.account import Account
from cellmap_data.buffers import Arena, SlotProvider
from cellmap_data.buffers.memory import Bytes
from cellmap_data.dataloader.planned import PlannedBatch
from cellmap_data.dataloader.reading import fields_of
from cellmap_data.errors import LoaderError

_serial = itertools.count()
_providers: weakref.WeakValueDictionary[int, SlotProvider] = weakref.WeakValueDictionary()


def register(provider: SlotProvider) -> int:
    """A number under which batches that come back from workers find their provider."""
    for number, known in _providers.items():
        if known is provider:
            return number
    number = next(_serial)
    _providers[number] = provider
    return number


@dataclass(slots=True)
class Delivery:
    """A collated batch, or the error that came instead, with what is known about its making.

    Attributes
    ----------
    batch
        The batch as the collate function made it.
    needed
        Bytes that a slot would have to hold for all of the batch to fit.
    outside
        Number of arrays that had a slot and did not fit it.
    seconds, counts
        (stage, time spent) and (name, how much) in the process that read; "ready" are batches that were
        there already when this one was asked for.
    account
        What plugins did in another process than the consumer's.
    error, cause
        What to raise instead of delivering, and what that was raised from.
    """

    batch: Any = None
    needed: int = 0
    outside: int = 0
    seconds: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    counts: list[tuple[str, int]] = dataclasses.field(default_factory=list)
    account: Account = dataclasses.field(default_factory=Account)
    error: BaseException | None = None
    cause: BaseException | None = None

    @property
    def is_empty(self) -> bool:
        """Whether this stands for a batch that was skipped, because its run had been closed."""
        return self.batch is None and self.error is None


@dataclass(frozen=True, slots=True)
class Place:
    """A slot as a worker is told about it: whose it is and where."""

    provider: int
    run: int
    number: int
    offset: int
    nbytes: int


class Field(NamedTuple):
    """Where in a slot a tensor lies, and how."""

    name: str
    offset: int
    shape: tuple[int, ...]
    dtype: str


@dataclass(slots=True)
class Parcel:
    """A delivery whose tensors stay in a slot: only their layout travels.

    Unpickling, in the consumer, gives a :class:`Delivery` whose tensors hold the lease of the slot. It runs
    no hook and raises nothing: a parcel whose run has been closed comes out empty, and nobody looks at it.
    """

    place: Place | None
    layout: list[Field]
    rest: dict[str, Any]
    keys: list[str]
    delivery: Delivery

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, (self.place, self.layout, self.rest, self.keys, self.delivery)


def pack(batch: Any, planned: PlannedBatch, place: Place | None, account: Account) -> Parcel:
    """Describe a batch that was read in a worker, leaving in its slot what lies there."""
    arena = planned.memory.arena
    layout: list[Field] = []
    rest: dict[str, Any] = {}
    fields = fields_of(batch)
    for key, value in fields.items():
        array = _moved_into(arena, value)
        offset = None if array is None else arena.offset_of(array)
        if array is None or offset is None:
            rest[key] = value
        else:
            layout.append(Field(key, offset, array.shape, array.dtype.str))
    delivery = Delivery(None, arena.needed, arena.outside, planned.seconds, planned.counts, account)
    return Parcel(place, layout, rest, list(fields), delivery)


def _moved_into(arena: Arena, value: Any) -> np.ndarray[Any, Any] | None:
    """A tensor's array in the slot, copied there if it lies elsewhere and fits."""
    if not isinstance(value, torch.Tensor) or value.device.type != "cpu" or value.dtype == torch.bfloat16:
        return None
    array: np.ndarray[Any, Any] = value.detach().contiguous().numpy()
    if arena.offset_of(array) is None and not arena.found_no_room(array):
        home = arena.allocate(array.shape, array.dtype)
        home[...] = array
        return home
    return array


def _unpack(
    place: Place | None,
    layout: list[Field],
    rest: dict[str, Any],
    keys: list[str],
    delivery: Delivery,
) -> Delivery:
    root = _lease(place) if place else None
    if layout and root is None:
        return delivery
    tensors = {field.name: _tensor(root, field) for field in layout if root is not None}
    fields = {key: tensors[key] if key in tensors else rest[key] for key in keys}
    delivery.batch = fields[""] if keys == [""] else fields
    return delivery


def _lease(place: Place) -> Bytes | None:
    provider = _providers.get(place.provider)
    slot = provider.find(place.number) if provider is not None else None
    return provider.lease(slot, place.run) if provider is not None and slot is not None else None


def _tensor(root: Bytes, field: Field) -> torch.Tensor:
    count = math.prod(field.shape) * np.dtype(field.dtype).itemsize
    return torch.from_numpy(root[field.offset : field.offset + count].view(field.dtype).reshape(field.shape))


def failed(error: BaseException, account: Account) -> Delivery:
    """An error on its way to the consumer, and its cause: themselves if they survive it, else their text."""
    text = "".join(traceback.format_exception(error))
    cause = error.__cause__ if error.__cause__ is not None and _travels(error.__cause__) else None
    if not _travels(error):
        error = LoaderError(f"{type(error).__name__}: {error}")
    error.add_note(f"raised in a worker process:\n{text}")
    return Delivery(account=account, error=error, cause=cause)


def _travels(error: BaseException) -> bool:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - pickling runs foreign code, which may raise anything
        return False
    return True
