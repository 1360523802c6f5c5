"""Run a plan that makes new voxels on a block that was read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.bending import Bend, Field
from cellmap_data.spatial.plans import Array, AveragePlan, Cells, ResamplePlan


def resample(
    plan: ResamplePlan | AveragePlan,
    block: Array,
    out: Array,
    *,
    linear: bool,
    fill: float,
    fields: dict[Bend, Field] | None = None,
) -> None:
    """Make a patch from the block that its plan asked for.

    A voxel of the patch is what its nearest stored voxel (ties down) is: outside, unknown (NaN) or known. Of
    a known one, neighbours that lie outside or are NaN have no part in the interpolation or the average; the
    others share their weight. So nothing bleeds over a border.

    Parameters
    ----------
    plan : ResamplePlan or AveragePlan
        Where each voxel of the patch lies in the block.
    block : ndarray
        The voxels of ``plan.source``, as stored: any bool, integer or float dtype.
    out : ndarray
        The patch, written in place: of ``plan.shape``, any strides. An integer dtype cannot hold the NaN of
        a float block; values interpolated from an integer one are rounded to it.
    linear : bool
        Interpolate between the eight voxels around, rather than take the nearest. Plans that average do so
        either way.
    fill : float
        What to write where the patch lies outside the stored array.
    fields : dict, optional
        Displacements that were worked out before; what is missing is added. They are as large as a patch of
        three times float32: keep them for one sample.

    Raises
    ------
    ConfigurationError
        If shapes do not match the plan, or ``out`` cannot hold the values or the ``fill``.
    """
    _check(plan, block, out)
    value = _held_by(out.dtype, fill)
    if plan.source.empty:
        out[...] = value
        return
    block = np.ascontiguousarray(block, dtype=_machine_dtype(block.dtype))
    if isinstance(plan, AveragePlan):
        _average(plan, block, out, value)
    elif linear:
        _interpolate(plan, block, out, value, _field(plan, fields))
    else:
        _pick(plan, block, out, value, _field(plan, fields))


def fill_outside(plan: ResamplePlan, out: Array, value: Any) -> None:
    """Set the voxels of a patch (or of a mask of its shape) that lie outside the stored array, in place."""
    if plan.source.empty:
        out[...] = value
        return
    outside = np.empty(plan.shape, dtype=np.bool_)
    field = _field(plan, None)
    if field is None:
        from cellmap_data.spatial import kernels

        kernels.outside(plan.source.shape, *_affine(plan), outside)
    else:
        _pick(plan, np.zeros(plan.source.shape, np.bool_), outside, np.True_, field)
    out[outside] = value


def _average(plan: AveragePlan, block: Array, out: Array, fill: Any) -> None:
    patch, half = _float_patch(out)
    _average_over(plan.cells, _as_numbers(block), plan.view(patch), float(fill), half)
    _deliver(patch, out)
    plan.fill_missing(out, fill)


def _interpolate(plan: ResamplePlan, block: Array, out: Array, fill: Any, field: Field | None) -> None:
    block, (matrix, offset) = _as_numbers(block), _affine(plan)
    if plan.cells is not None:
        averaged = np.empty(plan.cells.shape, _sum_dtype(block.dtype))
        _average_over(plan.cells, block, averaged, math.nan, 0.0)
        block, step = averaged, np.array(plan.cells.step)
        matrix, offset = matrix / step[:, None], (offset - plan.cells.first) / step
    patch, half = _float_patch(out)
    if field is None:
        from cellmap_data.spatial import kernels

        kernels.linear(block, matrix, offset, float(fill), half, patch)
    else:
        from cellmap_data.spatial import bent_kernels

        bent_kernels.linear(block, matrix, offset, _bend(plan, matrix), field, float(fill), half, patch)
    _deliver(patch, out)
    if plan.cells is not None and not plan.covers:
        fill_outside(plan, out, fill)  # averages reach over the border of the array by a part of a voxel


def _pick(plan: ResamplePlan, block: Array, out: Array, fill: Any, field: Field | None) -> None:
    machine, (matrix, offset) = _machine_dtype(out.dtype), _affine(plan)
    patch = out if out.dtype == machine else np.empty(out.shape, machine)
    if field is None:
        from cellmap_data.spatial import kernels

        kernels.nearest(block, matrix, offset, machine.type(fill), patch)
    else:
        from cellmap_data.spatial import bent_kernels

        bent_kernels.nearest(block, matrix, offset, _bend(plan, matrix), field, machine.type(fill), patch)
    if patch is not out:
        out[...] = patch


def _average_over(cells: Cells, block: Array, out: Array, fill: float, half: float) -> None:
    """Average a block over cells; sums of small numbers are held in float32."""
    from cellmap_data.spatial import average_kernels

    _, ny, nx = block.shape
    work = np.empty((ny + 1, nx), _sum_dtype(block.dtype))
    average_kernels.average(block, np.array(cells.first), np.array(cells.step), fill, half, work, out)


def _sum_dtype(stored: np.dtype[Any]) -> np.dtype[Any]:
    """The float in which many values of a dtype can be added up."""
    return np.dtype(np.float32 if stored.itemsize <= 2 else np.float64)


def _float_patch(out: Array) -> tuple[Array, float]:
    """Memory that a kernel may write floats to, and what it must add so that they are rounded there.

    Compiled code rounds by truncating, which is right above zero; other dtypes take a detour.
    """
    kind = out.dtype.kind
    direct = out.dtype == _machine_dtype(out.dtype) and kind in "fu"
    return (out, 0.5 if kind == "u" else 0.0) if direct else (np.empty(out.shape, np.float64), 0.0)


def _deliver(patch: Array, out: Array) -> None:
    if patch is not out:
        out[...] = np.rint(patch) if out.dtype.kind in "iub" else patch


def _field(plan: ResamplePlan, fields: dict[Bend, Field] | None) -> Field | None:
    """How the voxels of the patch are displaced, if they are."""
    if plan.bend is None:
        return None
    fields = {} if fields is None else fields
    if plan.bend not in fields:
        fields[plan.bend] = plan.bend.field()
    return fields[plan.bend]


def _bend(plan: ResamplePlan, matrix: Array) -> Array:
    """From a displacement in nm to voxels of the block."""
    return np.ascontiguousarray(matrix / plan.bend.voxel) if plan.bend is not None else matrix


def _machine_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which compiled code can hold the same values: native byte order, halves as singles."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype.newbyteorder("=")


def _as_numbers(block: Array) -> Array:
    return block.view(np.uint8) if block.dtype == np.bool_ else block


def _affine(plan: ResamplePlan) -> tuple[Array, Array]:
    return np.array(plan.matrix), np.array(plan.offset)


def _check(plan: ResamplePlan | AveragePlan, block: Array, out: Array) -> None:
    """Refuse arrays that do not belong to the plan or to each other.

    Raises
    ------
    ConfigurationError
        Naming shapes and dtypes.
    """
    if block.shape != plan.source.shape or out.shape != plan.shape:
        raise ConfigurationError(
            message(
                "A plan is run on the block it asked for.",
                expected=f"{plan.source.shape} -> {plan.shape}",
                got=f"{block.shape} -> {out.shape}",
            )
        )
    if block.dtype.kind == "f" and out.dtype.kind != "f":
        raise ConfigurationError(
            message("Values that may be NaN need a float patch.", expected="a float dtype", got=out.dtype)
        )


def _held_by(dtype: np.dtype[Any], fill: float) -> Any:
    """The fill value as a scalar of ``dtype``.

    Raises
    ------
    ConfigurationError
        If that dtype has no such value.
    """
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        held = math.isfinite(fill) and int(fill) == fill and limits.min <= fill <= limits.max
    else:
        held = dtype.kind != "b" or fill in (0, 1)
    if not held:
        raise ConfigurationError(
            message("A patch must be able to hold its fill value.", expected=f"a value of {dtype}", got=fill)
        )
    return dtype.type(fill)
