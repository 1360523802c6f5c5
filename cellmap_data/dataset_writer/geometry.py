"""All outputs of a writer, and the frame they follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cellmap_data.dataset_writer.asked import Target
from cellmap_data.dataset_writer.outputs import Frame, Output
from cellmap_data.image import StoredImage
from cellmap_data.ngff import Multiscale
from cellmap_data.spatial import AXES, Box, Shape, Tiles, VoxelBox
from cellmap_data.storage import ArrayInfo


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the outputs of a writer lie.

    Attributes
    ----------
    outputs : tuple of Output
        The arrays.
    frame : Frame
        What tiles and regions are counted in.
    """

    outputs: tuple[Output, ...]
    frame: Frame

    @classmethod
    def of(cls, targets: Sequence[Target], raw: Multiscale, describe: Callable[[str], ArrayInfo]) -> Geometry:
        """Lay out the outputs along a raw volume.

        An output lies on the lattice of the raw level of its voxel size, along an axis where there is none on
        one that begins at raw's lower edge.

        Raises
        ------
        ConfigurationError
            If bounds hold nothing of raw.
        StoreError
            If the raw volume cannot be used.
        """
        found = []
        for target in targets:
            image = StoredImage.choose(raw, target.spec, True, describe)
            stored = "".join(axis for number, axis in enumerate(AXES) if number in image.axes.order)
            found.append(Output.of(target, image.source.layout, image.source.patch, stored))
        return cls(tuple(found), Frame.of(found))

    @property
    def tiles(self) -> Tiles:
        """The frame cut into tiles that do not overlap."""
        return Tiles(self.frame.lattice.shape, self.frame.patch)

    @property
    def bounding_box(self) -> Box:
        """The space (nm) that holds all outputs."""
        return self.frame.lattice.bounding_box

    def boxes(self, part: VoxelBox) -> dict[int, VoxelBox]:
        """The voxels of each output in a box of the frame; without outputs that have none there."""
        space = self.frame.box(part)
        inside = {
            i: output.within(space).clipped(output.lattice.shape) for i, output in enumerate(self.outputs)
        }
        return {i: box for i, box in inside.items() if not box.empty}

    def firsts(self, patch: VoxelBox, shapes: Sequence[Shape]) -> list[Shape]:
        """The voxel of each output at which its patch for a tile begins."""
        centre = self.frame.box(patch).centre
        return [output.first(centre, shape) for output, shape in zip(self.outputs, shapes, strict=True)]
