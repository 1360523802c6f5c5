"""Run a :class:`ResamplePlan` on a block that was read."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.spatial.plans import Array, ResamplePlan


def resample(plan: ResamplePlan, block: Array, out: Array, *, linear: bool, fill: float) -> None:
    """Make a patch from the block that its plan asked for.

    A voxel of the patch is what its nearest stored voxel (ties down) is: outside, unknown (NaN) or known. Of
    a known one, neighbours that lie outside or are NaN have no part in the interpolation; the others share
    their weight. So nothing bleeds over a border.

    Parameters
    ----------
    plan : ResamplePlan
        Where each voxel of the patch lies in the block.
    block : ndarray
        The voxels of ``plan.source``, as stored: any bool, integer or float dtype.
    out : ndarray
        The patch, written in place: of ``plan.shape``, any strides. An integer dtype cannot hold the NaN of
        a float block; values interpolated from an integer one are rounded to it.
    linear : bool
        Interpolate between the eight voxels around, rather than take the nearest.
    fill : float
        What to write where the patch lies outside the stored array.

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
    run = _interpolate if linear else _pick
    run(plan, np.ascontiguousarray(block, dtype=_machine_dtype(block.dtype)), out, value)


def _interpolate(plan: ResamplePlan, block: Array, out: Array, fill: Any) -> None:
    kind, whole = out.dtype.kind, out.dtype.kind in "iub"
    # Compiled code rounds by truncating, which is right above zero; other dtypes take a detour.
    direct = out.dtype == _machine_dtype(out.dtype) and kind in "fu"
    patch = out if direct else np.empty(out.shape, np.float64)
    half = 0.5 if direct and whole else 0.0
    _kernels().linear(_as_numbers(block), *_affine(plan), float(fill), half, patch)
    if not direct:
        out[...] = np.rint(patch) if whole else patch


def _pick(plan: ResamplePlan, block: Array, out: Array, fill: Any) -> None:
    machine = _machine_dtype(out.dtype)
    patch = out if out.dtype == machine else np.empty(out.shape, machine)
    _kernels().nearest(block, *_affine(plan), machine.type(fill), patch)
    if patch is not out:
        out[...] = patch


def fill_outside(plan: ResamplePlan, out: Array, value: Any) -> None:
    """Set the voxels of a patch (or of a mask of its shape) that lie outside the stored array, in place."""
    if plan.source.empty:
        out[...] = value
        return
    outside = np.empty(plan.shape, dtype=np.bool_)
    _kernels().outside(plan.source.shape, *_affine(plan), outside)
    out[outside] = value


def _kernels() -> ModuleType:
    """The compiled loops; importing them imports the compiler, which takes half a second."""
    from cellmap_data.spatial import kernels

    return kernels


def _machine_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which compiled code can hold the same values: native byte order, halves as singles."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype.newbyteorder("=")


def _as_numbers(block: Array) -> Array:
    return block.view(np.uint8) if block.dtype == np.bool_ else block


def _affine(plan: ResamplePlan) -> tuple[Array, Array]:
    return np.array(plan.matrix), np.array(plan.offset)


def _check(plan: ResamplePlan, block: Array, out: Array) -> None:
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
