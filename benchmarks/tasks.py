"""What a contender is asked to do, as values that travel to its process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks import volume


@dataclass(frozen=True, slots=True)
class Task:
    """Which patches of which volume: the same for all contenders of a group."""

    patch: int = 128
    labels: int = 3
    batch: int = 2
    size: int = 512
    layout: str = "v2"
    chunk: int = 64
    align: int = 1
    transforms: Mapping[str, object] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return volume.CLASSES[: self.labels]

    @property
    def exact(self) -> bool:
        """Whether the voxels of a sample are voxels of the volume, and not blends of them."""
        return not {"rotate", "elastic"} & set(self.transforms)


@dataclass(frozen=True, slots=True)
class Setting:
    """A contender: what reads, and how it is set up.

    Attributes
    ----------
    kind
        ``native``, ``ram``, ``ours``, or the name of a peer's environment.
    workers
        Processes; 0 = threads of one process, or none where a peer has none.
    dtype
        ``native`` or ``float32``, where there is a choice.
    cache
        Bytes of decoded chunks that may be kept.
    plugins
        How many plugins that do nothing are added to the built-in ones.
    """

    kind: str = "ours"
    workers: int = 0
    dtype: str = "native"
    cache: int = 0
    plugins: int = 0

    @property
    def script(self) -> str:
        """The file of benchmarks/contenders that runs it."""
        return f"{self.kind}_patches" if self.kind != "ours" else self.kind

    @property
    def name(self) -> str:
        """How tables call it."""
        if self.kind in ("native", "ram"):
            return {"native": "C reader, 2 threads", "ram": "copy from RAM, 2 threads"}[self.kind]
        parts = [self.kind, f"{self.workers} workers" if self.workers else "threads"]
        if self.kind == "ours":
            parts.append(self.dtype)
        parts += [f"cache of {self.cache >> 20} MiB"] * bool(self.cache)
        parts += [f"{self.plugins} plugins added"] * bool(self.plugins)
        return ", ".join(parts)
