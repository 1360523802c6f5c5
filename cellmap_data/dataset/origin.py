"""Where a sample comes from."""

from __future__ import annotations

from dataclasses import dataclass

from cellmap_data.dataset.planned import Entry, Planned
from cellmap_data.sampler import Draw
from cellmap_data.spatial import AXES, Motion, Vec
from cellmap_data.spatial.words import in_words


@dataclass(frozen=True, slots=True)
class Origin:
    """Which crop, place, motion and labels make a sample; ``str()`` tells it in words.

    Attributes
    ----------
    raw : str
        The raw volume.
    labels : dict
        Annotated class -> its labels.
    unknown : tuple of str
        The classes of the sample that are not annotated here. Where they are 0, another class excludes them.
    position : int
        The position in the crop.
    centre : Vec
        The centre of the patch in the volume, z, y, x in nm.
    motion : Motion
        How the patch is mirrored, transposed, turned and bent.
    draw : Draw
        The coordinates of its random numbers.
    """

    raw: str
    labels: dict[str, str]
    unknown: tuple[str, ...]
    position: int
    centre: Vec
    motion: Motion
    draw: Draw

    @classmethod
    def of(cls, entry: Entry) -> Origin:
        """Where the sample of an entry comes from; nothing of it is read."""
        request, planned = entry.recipe.request, Planned.of(entry)
        labels = {name: request.labels.of(name) for name in request.annotated if request.labels is not None}
        unknown = tuple(name for name in request.classes if name not in labels)
        return cls(request.raw, labels, unknown, entry.position, planned.centre, planned.motion, entry.draw)

    def __str__(self) -> str:
        labels = [f"{name} from {path}" for name, path in self.labels.items()]
        labels += [f"{name} not annotated" for name in self.unknown]
        centre = ", ".join(f"{nm:.12g}" for nm in self.centre)
        lines = {
            "crop": f"raw {self.raw}, position {self.position}",
            "centre": f"({', '.join(AXES)}) = ({centre}) nm",
            "motion": in_words(self.motion),
            "labels": "; ".join(labels) or "none",
            "draw": ", ".join(f"{name} {value}" for name, value in self.draw._asdict().items()),
        }
        return "\n".join(f"  {label + ':':<9} {text}" for label, text in lines.items())
