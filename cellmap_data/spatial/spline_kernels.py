"""Compiled sums of cubic B-splines; see :mod:`cellmap_data.spatial.kernels`.

A place lies at ``u`` in units of the spacing of the control points, 0 at the first. Those beyond the grid are
zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cellmap_data.compiling import compiled
from cellmap_data.spatial.kernels import Array

_ONE, _TWO, _THREE = np.uintp(1), np.uintp(2), np.uintp(3)


@compiled
def _weights(t: float) -> tuple[float, float, float, float]:
    """The parts of four successive control points at ``t`` (0 to 1) between the middle two."""
    s = 1 - t
    return (
        s * s * s / 6,
        2 / 3 - t * t * (2 - t) / 2,
        2 / 3 - s * s * (2 - s) / 2,
        t * t * t / 6,
    )


@compiled
def _add_up(control: Array, u: float, out: Array) -> None:
    """Sum over the first axis of ``control`` [n, m], at ``u``, into ``out`` [m]."""
    first = math.floor(u) - 1
    weights = _weights(u - math.floor(u))
    out[:] = 0.0
    for tap in range(4):
        n = first + tap
        if 0 <= n < control.shape[0]:
            for m in range(control.shape[1]):
                out[m] += weights[tap] * control[n, m]


@compiled
def on_grid(control: Array, z: Array, y: Array, x: Array, out: Array) -> None:
    """Sum at all places of a grid with the axes ``z``, ``y``, ``x``.

    ``control`` is [c_z, c_y, 3, c_x] and ``out`` is [3, Z, Y, X]. One axis is summed at a time, so that a
    place costs four products a component.
    """
    cz, cy, _, cx = control.shape
    planes, plane = control.reshape(cz, cy * 3 * cx), np.empty(cy * 3 * cx, control.dtype)
    lines, line = plane.reshape(cy, 3 * cx), np.empty(3 * cx, control.dtype)
    rows = np.zeros((3, cx + 8), control.dtype)  # with four zeros at each end, so that none needs a look
    starts, weights = _along(x, cx, control.dtype)
    for i in range(z.size):
        _add_up(planes, z[i], plane)
        for j in range(y.size):
            _add_up(lines, y[j], line)
            rows[:, 4 : cx + 4] = line.reshape(3, cx)
            for axis in range(3):
                row, target = rows[axis], out[axis, i, j]
                for k in range(x.size):
                    n = starts[k]
                    near = weights[0, k] * row[n] + weights[1, k] * row[n + _ONE]
                    target[k] = near + weights[2, k] * row[n + _TWO] + weights[3, k] * row[n + _THREE]


@compiled
def _along(x: Array, count: int, dtype: Any) -> tuple[Array, Array]:
    """For each place the first of its four terms, in a row with four zeros at each end, and their weights."""
    starts, weights = np.empty(x.size, np.uintp), np.empty((4, x.size), dtype)
    for k in range(x.size):
        starts[k] = np.uintp(min(max(math.floor(x[k]) - 1, -4), count) + 4)
        parts = _weights(x[k] - math.floor(x[k]))
        for tap in range(4):
            weights[tap, k] = parts[tap]
    return starts, weights


@compiled
def at_places(control: Array, z: Array, y: Array, x: Array, out: Array) -> None:
    """Sum at each of many places, [n] each; ``out`` is [3, n]."""
    cz, cy, _, cx = control.shape
    for i in range(z.size):
        a, b, c = math.floor(z[i]), math.floor(y[i]), math.floor(x[i])
        wz, wy, wx = _weights(z[i] - a), _weights(y[i] - b), _weights(x[i] - c)
        for axis in range(3):
            total = 0.0
            for p in range(max(0, 1 - a), min(4, cz + 1 - a)):
                for q in range(max(0, 1 - b), min(4, cy + 1 - b)):
                    for r in range(max(0, 1 - c), min(4, cx + 1 - c)):
                        total += wz[p] * wy[q] * wx[r] * control[a - 1 + p, b - 1 + q, axis, c - 1 + r]
            out[axis, i] = total
