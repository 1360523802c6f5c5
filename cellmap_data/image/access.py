"""How patches at random places read the array they come from."""

from __future__ import annotations

from cellmap_data.image.stored import StoredImage
from cellmap_data.spatial import Access, CopyPlan, Motion, ReadPlan, Shape


def used_shape(plan: ReadPlan) -> Shape:
    """The voxels of a patch that come from the stored array; of a patch that is resampled, all."""
    return plan.source.shape if isinstance(plan, CopyPlan) else plan.shape


def access_of(image: StoredImage, *, linear: bool) -> Access | None:
    """How patches that are not moved read an array; None if the array does not say how it is chunked.

    Parameters
    ----------
    image : StoredImage
        The array, and the patch asked of it.
    linear : bool
        Whether voxels that are finer than asked for are averaged, as those of raw are.
    """
    chunks = image.chunks
    if chunks is None:
        return None
    source = image.source
    plan = image.plan(source.lattice.bounding_box.centre, Motion.identity(), snap=True, average=linear)
    return Access(source.lattice.shape, used_shape(plan), plan.source.shape, chunks, image.bytes_per_voxel)
