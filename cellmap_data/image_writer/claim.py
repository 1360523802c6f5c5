"""Who makes an output: one process of one run, while the others wait for it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cellmap_data.config import raise_faults
from cellmap_data.errors import ConfigurationError, OutputExistsError, StoreError, message
from cellmap_data.storage import Objects, Stored, join, remove_all

_PATIENCE = 60.0  # seconds without a sign of life, after which a maker is taken for dead
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Claim:
    """The object that says which run an output belongs to, and whether it is made.

    Processes with the same ``run_id`` write the same output: the first one makes it, removing what was there
    if that was asked for, and the others join when it is ready. All of it rests on conditional writes of this
    one object, which file systems, S3 and Google have.

    Attributes
    ----------
    objects : Objects
        Where the output lies.
    name : str
        Of the object.
    run_id : str
        The run that asks.
    job : mapping
        What the output is to be, in the words of JSON; who joins or resumes must want the same.
    resume, overwrite : bool
        What to do with an output of another run.
    context : object, optional
        How to reach the store.
    """

    objects: Objects
    name: str
    run_id: str
    job: Mapping[str, Any]
    resume: bool
    overwrite: bool
    context: Any = None

    def take(
        self, exists: Callable[[], bool], make: Callable[[], None], adopt: Callable[[], None] | None = None
    ) -> None:
        """Come back when the output is there and belongs to this run.

        Parameters
        ----------
        exists : callable
            Whether there is an output that has no claim on it.
        make : callable
            Makes the output, in a place from which everything else was removed. Called by one process.
        adopt : callable, optional
            Called before an output is resumed that has no claim on it.

        Raises
        ------
        OutputExistsError
            If there is one of another run, and neither ``resume`` nor ``overwrite``.
        ConfigurationError
            If it is another output than the one wanted, listing each difference.
        StoreError
            If the store fails, or the process that makes it does not get on.
        """
        seen, since = b"", time.monotonic()
        while True:
            found = self.objects.read(self.name)
            claim = self._parse(found)
            if claim.get("run_id") == self.run_id:
                if claim.get("ready"):
                    return self._compare(claim)
                if found.generation != seen:
                    seen, since = found.generation, time.monotonic()
                if time.monotonic() - since < _PATIENCE:
                    time.sleep(_POLL)
                    continue
                ready = False  # who was to make it is dead
            else:
                try:
                    ready = self._goes_on(claim, exists, adopt)
                except (ConfigurationError, OutputExistsError):
                    if self.objects.read(self.name).generation == found.generation:
                        raise
                    continue  # what is in the way may be what another process of this run has just made
            text = self._text(ready=ready, made=claim.get("made") if ready else None)
            if self.objects.replace(self.name, text, found.generation):
                return None if ready else self._make(make)

    def made(self) -> str:
        """Which making the output comes from: the same for as long as it is gone on with."""
        return str(self._parse(self.objects.read(self.name)).get("made", ""))

    def _goes_on(
        self, claim: Mapping[str, Any], exists: Callable[[], bool], adopt: Callable[[], None] | None
    ) -> bool:
        """Whether what is there is the output, and nothing is to be made; an error if it is in the way."""
        if not claim and not exists():
            return False
        if not (self.resume or self.overwrite):
            raise _there_already(self.objects.uri)
        if self.overwrite or (claim and not claim.get("ready")):
            return False
        if claim or adopt is None:
            self._compare(claim)
        else:
            adopt()
        return True

    def _make(self, make: Callable[[], None]) -> None:
        made = False
        try:
            remove_all(self.objects.uri, self.context, keep=self.name, alive=lambda: self._state(ready=False))
            make()
            made = True
        finally:
            if not made:
                self._give_up()
        self._state(ready=True)

    def _state(self, *, ready: bool) -> None:
        """Say that this process is alive, or done; error if another one took over."""
        found = self.objects.read(self.name)
        claim = self._parse(found)
        text = self._text(ready=ready, made=claim.get("made"))
        if claim.get("run_id") != self.run_id or not self.objects.replace(self.name, text, found.generation):
            raise StoreError(
                message(
                    "Another run took over while an output was being made.",
                    place=join(self.objects.uri, self.name),
                    expected=f"the run {self.run_id!r}",
                    got=found.content,
                    hint="give the processes of one job the same run_id, and each job its own output",
                )
            )

    def _give_up(self) -> None:
        """Take the claim back, so that others need not wait; the error that is on its way counts."""
        with suppress(StoreError):
            found = self.objects.read(self.name)
            if self._parse(found).get("run_id") == self.run_id:
                self.objects.replace(self.name, None, found.generation)

    def _compare(self, claim: Mapping[str, Any]) -> None:
        found = claim.get("job", self.job)
        keys = [*self.job, *(key for key in found if key not in self.job)]
        raise_faults(
            ConfigurationError,
            "The output that is there is another one than the one that is to be written.",
            [
                f"{key}: expected {self.job.get(key)!r}, got {found.get(key)!r}"
                for key in keys
                if found.get(key) != self.job.get(key)
            ],
            place=self.objects.uri,
            hint="give the same options to go on with it; overwrite=True begins anew",
        )

    def _text(self, *, ready: bool, made: str | None) -> bytes:
        # The stamp makes each state another one, where a store tells states apart by their content.
        stamp = uuid.uuid4().hex
        state = {"run_id": self.run_id, "ready": ready, "made": made or stamp, "job": self.job}
        return json.dumps({**state, "stamp": stamp}, indent=2).encode()

    def _parse(self, found: Stored) -> dict[str, Any]:
        try:
            claim = json.loads(found.content or b"{}")
        except ValueError:
            claim = {}
        return claim if isinstance(claim, dict) else {}


def _there_already(uri: str) -> OutputExistsError:
    return OutputExistsError(
        message(
            "There is output already.",
            place=uri,
            hint="resume=True goes on writing it, overwrite=True removes it first; "
            "processes that write it together share a run_id",
        )
    )
