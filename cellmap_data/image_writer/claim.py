"""Who makes an output: one process of one run, while the others wait for it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cellmap_data.config import raise_faults
from cellmap_data.errors import ConfigurationError, OutputExistsError, StoreError, message
from cellmap_data.storage import Objects, Stored, join, wait_for

_PATIENCE = 60.0  # seconds without a sign of life, after which a maker is taken for dead
_BEAT = 2.0
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
    """

    objects: Objects
    name: str
    run_id: str
    job: Mapping[str, Any]
    resume: bool
    overwrite: bool

    def take(self, exists: Callable[[], bool], make: Callable[[], None]) -> None:
        """Come back when the output is there and belongs to this run.

        Parameters
        ----------
        exists : callable
            Whether there is an output that has no claim on it.
        make : callable
            Makes the output, in a place from which everything else was removed. Called by one process.

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
            ready, mine = bool(claim.get("ready")), claim.get("run_id") == self.run_id
            if mine and ready:
                return self._compare(claim)
            if mine and time.monotonic() - since < _PATIENCE:
                if found.generation != seen:
                    seen, since = found.generation, time.monotonic()
                time.sleep(_POLL)
                continue
            if not mine:
                present = bool(claim) or exists()
                if present and not (self.resume or self.overwrite):
                    raise _there_already(self.objects.uri)
                if present and self.resume and (ready or not claim):
                    self._compare(claim)
                    if self.objects.replace(self.name, self._text(ready=True), found.generation):
                        return None
                    continue
            if self.objects.replace(self.name, self._text(ready=False), found.generation):
                return self._make(make)

    def _make(self, make: Callable[[], None]) -> None:
        for removal in self.objects.clear(self.name):
            while not wait_for(removal, self.objects.uri, _BEAT):
                self._beat(ready=False)
        make()
        self._beat(ready=True)

    def _beat(self, *, ready: bool) -> None:
        """Say that this process is alive, or done; error if another one took over."""
        found = self.objects.read(self.name)
        if self._parse(found).get("run_id") != self.run_id or not self.objects.replace(
            self.name, self._text(ready=ready), found.generation
        ):
            raise StoreError(
                message(
                    "Another run took over while an output was being made.",
                    place=join(self.objects.uri, self.name),
                    expected=f"the run {self.run_id!r}",
                    got=found.content,
                    hint="give the processes of one job the same run_id, and each job its own output",
                )
            )

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
        )

    def _text(self, *, ready: bool) -> bytes:
        # The stamp makes each state another one, where a store tells states apart by their content.
        state = {"run_id": self.run_id, "ready": ready, "job": self.job, "stamp": uuid.uuid4().hex}
        return json.dumps(state, indent=2).encode()

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
