"""Which blocks of an output are done, written down where the output is.

A block is recorded after its data is durable, never before: a ledger that says "done" is right at every
moment, whoever is killed. One that does not say so may be late, then a block is written twice.

Each process appends to an object of its own below ``done/``, so none waits for another, and nothing that was
recorded is ever written over:

- on a file system a file, synced after each record. A record carries a check sum, so that one that was cut
  off, by a kill or a full disk, is not taken for another;
- elsewhere, where nothing can be appended to, an object for each record; from time to time a process puts
  eight of its own together into one, and removes the eight when that one is there.
"""

from __future__ import annotations

import threading
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from cellmap_data.config import whole_number
from cellmap_data.errors import ConfigurationError, message
from cellmap_data.image_writer.claim import Claim
from cellmap_data.image_writer.numbers import Numbers, runs
from cellmap_data.image_writer.records import Records, records_at
from cellmap_data.storage import Objects, join

_CLAIM = "job.json"
_DONE = "done/"


class Ledger:
    """The blocks of one output that are done, known by their numbers from 0 on.

    It costs a bit of memory for each number in use. Threads may share it. Processes open one each with the
    same ``run_id``; each knows what was recorded before it opened, and what itself records, until
    :meth:`refresh`. A pickled ledger opens itself again.

    Made by :meth:`open`.
    """

    def __init__(self, claim: Claim, context: Any) -> None:
        self._claim, self._context = claim, context
        self._objects = claim.objects
        self._numbers, self._lock = Numbers(), threading.Lock()
        self._records: Records = records_at(join(claim.objects.uri, _DONE), context)
        self.refresh()

    @classmethod
    def open(
        cls,
        uri: str,
        job: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
        run_id: str | None = None,
        context: Any = None,
    ) -> Self:
        """Open the ledger at a path, and make it where there is none.

        Parameters
        ----------
        uri : str
            A folder for the ledger alone: a path, or the URL of a store. Inside a zarr array, not beside it,
            it is out of the way of programs that list groups.
        job : mapping
            What the output is, in the words of JSON: shapes, blocks, arrays.
        resume : bool
            Go on with the ledger that is there, if it is of the same job.
        overwrite : bool
            Forget the ledger that is there.
        run_id : str, optional
            Processes with the same one open the same ledger: the first makes it, or forgets the old one, and
            the others join. Without it, nobody joins.
        context : object, optional
            How to reach the store, see :mod:`cellmap_data.storage.access`.

        Raises
        ------
        OutputExistsError
            If there is a ledger, and neither ``resume`` nor ``overwrite``.
        ConfigurationError
            If it is of another job, listing each difference; if there is something else at the path, or both
            ``resume`` and ``overwrite`` are asked for.
        StoreError
            If the store fails.
        """
        check_intent(uri, resume=resume, overwrite=overwrite)
        objects = Objects(uri, context)
        claim = Claim(objects, _CLAIM, run_id or uuid.uuid4().hex, dict(job), resume, overwrite, context)
        claim.take(lambda: _check_only_ours(objects), lambda: None)
        return cls(claim, context)

    def __reduce__(self) -> tuple[Any, ...]:
        claim = self._claim
        return _join, (type(self), claim.objects.uri, dict(claim.job), claim.run_id, self._context)

    def __repr__(self) -> str:
        return f"Ledger({self._objects.uri!r}, {len(self)} done)"

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    @property
    def run_id(self) -> str:
        """The run that this ledger was opened for."""
        return self._claim.run_id

    def add(self, numbers: int | Iterable[int]) -> None:
        """Record blocks whose data is durable, and return when the record is.

        Parameters
        ----------
        numbers : int or iterable of int
            The blocks; those that are recorded already cost nothing.

        Raises
        ------
        StoreError
            If the store does not take the record. None of the blocks counts as done then, and the ledger
            can be used on.
        """
        given = numbers if isinstance(numbers, Iterable) else [numbers]
        wanted = {whole_number(number, "A block has a whole number.") for number in given}
        if min(wanted, default=0) < 0:
            raise ConfigurationError(message("Blocks are numbered from 0.", expected=">= 0", got=min(wanted)))
        with self._lock:
            new = list(runs(number for number in wanted if number not in self._numbers))
            if not new:
                return
            self._records.append("".join(_line(*run) for run in new).encode())
            for run in new:
                self._numbers.add(*run)

    def remaining(self, count: int) -> Iterator[int]:
        """Those of the blocks 0 to ``count - 1`` that are not done when their turn comes, in rising order."""
        return self._numbers.missing(count)

    def refresh(self) -> None:
        """Take in what other processes have recorded by now; StoreError if it cannot be read."""
        found = [run for text in self._records.read() for run in _parse(text)]
        with self._lock:
            for run in found:
                self._numbers.add(*run)

    def close(self) -> None:
        """Let go of the file; what was recorded is there. Adding to it opens it again."""
        with self._lock:
            self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_intent(uri: str, *, resume: bool, overwrite: bool) -> None:
    """Refuse to go on with what is there and to remove it, both."""
    if resume and overwrite:
        rule = "An output is either gone on with or removed."
        hint = "resume=True keeps what was written and writes the rest, overwrite=True starts anew"
        raise ConfigurationError(
            message(rule, place=uri, expected="one of resume and overwrite at most", got="both", hint=hint)
        )


def _join(cls: type[Ledger], uri: str, job: Mapping[str, Any], run_id: str, context: Any) -> Ledger:
    return cls.open(uri, job, run_id=run_id, context=context)


def _check_only_ours(objects: Objects) -> bool:
    """Whether there are records without a claim on them; an error if there is anything else."""
    names = objects.names()
    foreign = [name for name in names if name != _CLAIM and not name.startswith(_DONE)]
    if foreign:
        raise ConfigurationError(
            message(
                "A ledger needs a folder of its own.",
                place=objects.uri,
                expected="nothing, or a ledger",
                got=foreign[0],
                hint="nothing was changed; give another path",
            )
        )
    return bool(names)


def _line(first: int, last: int) -> str:
    run = f"{first}-{last}"
    return f"{run} {zlib.crc32(run.encode()):08x}\n"


def _parse(text: bytes) -> Iterator[tuple[int, int]]:
    """The runs of numbers in a record, but for those that were cut off."""
    for line in text.split(b"\n"):
        run, _, check = line.partition(b" ")
        if check == f"{zlib.crc32(run):08x}".encode():
            first, _, last = run.partition(b"-")
            yield int(first), int(last)
