"""Run a plan: start the read of one patch, and finish it when the voxels have come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cellmap_data.image.axes import StoredAxes
from cellmap_data.spatial import Bend, CopyPlan, Field, ReadPlan, resample
from cellmap_data.storage import ArrayReader, Pending, uniform_value


@dataclass(frozen=True, slots=True)
class PatchRead:
    """One patch on its way into memory; not complete before :meth:`result` has returned."""

    plan: ReadPlan
    out: npt.NDArray[Any]
    linear: bool
    fill: float
    pending: Pending | None = None
    block: npt.NDArray[Any] | None = None
    value: Any = None

    def result(self, fields: dict[Bend, Field] | None = None) -> None:
        """Wait for the voxels, and resample them where the plan says so.

        Parameters
        ----------
        fields : dict, optional
            What the patches of one sample share, see :func:`cellmap_data.spatial.resample`.

        Raises
        ------
        StoreError
            If they cannot be read.
        """
        if self.pending is not None:
            self.pending.result()
        if self.value is not None:
            self.out[...] = self.value
            self.plan.fill_missing(self.out, self.fill)
        elif isinstance(self.plan, CopyPlan):
            if not self.plan.covers:
                self.plan.fill_missing(self.out, self.fill)
        elif self.block is not None:
            resample(self.plan, self.block, self.out, linear=self.linear, fill=self.fill, fields=fields)
        else:
            self.out[...] = self.fill


def start_read(
    reader: ArrayReader,
    axes: StoredAxes,
    plan: ReadPlan,
    out: npt.NDArray[Any],
    *,
    linear: bool,
    fill: float,
) -> PatchRead:
    """Start to read a patch and return at once.

    Parameters
    ----------
    reader : ArrayReader
        Of the stored array.
    axes : StoredAxes
        Of the stored array.
    plan : ReadPlan
        Which voxels, and where to.
    out : ndarray
        The patch in z, y, x order, of ``plan.shape``, any strides. A copy goes straight there, cast on the
        way.
    linear : bool
        Interpolate where the plan resamples, or take the nearest voxel.
    fill : float
        What lies outside the stored array.
    """
    box = axes.index(plan.source)
    if plan.source.empty:
        return PatchRead(plan, out, linear, fill)
    if isinstance(plan, CopyPlan):
        return PatchRead(plan, out, linear, fill, reader.read_into(box, axes.view(plan.view(out))))
    value = uniform_value(reader, box)
    if value is not None:
        return PatchRead(plan, out, linear, fill, value=value)
    block = np.empty(plan.source.shape, reader.dtype)
    return PatchRead(plan, out, linear, fill, reader.read_into(box, axes.view(block)), block)
