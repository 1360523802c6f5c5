"""What a contender is asked to do, as values that travel to its process."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import volume

_IN_C = {"native": "C reader, 2 threads", "ram": "copy from RAM, 2 threads"}
_ALL = {"z": 0.5, "y": 0.5, "x": 0.5}

TRANSFORMS: dict[str, dict[str, object]] = {
    "none": {},
    "mirror + transpose": {"mirror": {"axes": _ALL}, "transpose": {"axes": ["z", "y", "x"]}},
    "one axis turned": {"rotate": {"axes": {"z": [-180, 180]}}},
    "three axes turned": {"rotate": {"axes": {axis: [-180, 180] for axis in _ALL}}},
    "elastic": {"elastic": {"control_point_spacing": 320, "max_displacement": 80}},
}
BLENDED = ("one axis turned", "three axes turned", "elastic")  # voxels of a sample are blends of those stored


@dataclass(frozen=True, slots=True)
class Task:
    """Which patches of which volume: the same for all contenders of a group.

    Attributes
    ----------
    patch, labels, batch
        Voxels along each axis of a patch; classes; samples of a batch.
    size, chunk, layout
        Of the volume, see :func:`benchmarks.volume.make`.
    align
        Patches begin at multiples of so many voxels.
    crops, crop
        Instead of the volume, so many crops of it of so many voxels along each axis.
    bucket
        Whether the volume is read from an S3 server.
    """

    patch: int = 128
    labels: int = 3
    batch: int = 2
    size: int = 512
    chunk: int = 64
    layout: str = "v2"
    align: int = 1
    crops: int = 0
    crop: int = 192
    bucket: bool = False

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return volume.CLASSES[: self.labels]


@dataclass(frozen=True, slots=True)
class Setting:
    """A contender: what reads, and how it is set up.

    Attributes
    ----------
    kind
        ``native``, ``ram``, ``ours``, or a peer.
    workers
        Processes; 0 = threads of one process, or none where a peer has none.
    dtype
        ``native`` or ``float32``, where there is a choice.
    transform
        One of ``TRANSFORMS``.
    cache
        MiB of decoded chunks that may be kept.
    plugins
        How many plugins that do nothing are added to the built-in ones.
    window
        How many patches are taken from each window of the volume; 0: places are drawn from all of it.
    """

    kind: str = "ours"
    workers: int = 0
    dtype: str = "native"
    transform: str = "none"
    cache: int = 0
    plugins: int = 0
    window: int = 0

    @property
    def transforms(self) -> dict[str, object]:
        """What ``spatial_transforms`` is given."""
        return TRANSFORMS[self.transform]

    @property
    def in_c(self) -> bool:
        """Whether it is the C reader."""
        return self.kind in _IN_C

    @property
    def is_peer(self) -> bool:
        """Whether it has an environment of its own, and may be left out."""
        return self.kind != "ours" and not self.in_c

    @property
    def name(self) -> str:
        """How tables call it."""
        if self.in_c:
            return _IN_C[self.kind]
        alone = "threads" if self.kind == "ours" else "0 workers"
        parts = [self.kind, f"{self.workers} workers" if self.workers else alone]
        if self.kind == "ours":
            parts.append(self.dtype)
        parts += [self.transform] * (self.transform != "none")
        parts += [f"cache of {self.cache} MiB"] * bool(self.cache)
        parts += [f"{self.window} patches a window"] * bool(self.window)
        parts += [f"{self.plugins} plugins added"] * bool(self.plugins)
        return ", ".join(parts)
