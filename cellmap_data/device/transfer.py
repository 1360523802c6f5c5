"""Copies to a CUDA device that run beside the computation."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch

from cellmap_data.device.nested import map_tensors


class CudaCopier:
    """Copies page-locked tensors on a stream of its own, and keeps each source until its copy is done.

    Work that the caller queues afterwards on the current stream waits on the device for the copies, while
    the caller itself goes on. Pageable tensors are copied on the current stream: such a copy waits anyway.
    """

    def __init__(self) -> None:
        self._streams: dict[int, torch.cuda.Stream] = {}
        self._in_flight: deque[tuple[torch.cuda.Event, list[torch.Tensor]]] = deque()

    def copy(self, value: Any, device: torch.device) -> Any:
        """The nested structure with its tensors on ``device``."""
        self.release_finished()
        current = torch.cuda.current_stream(device)
        side = self._side_stream(current)
        sources: list[torch.Tensor] = []

        def move(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.device.type != "cpu" or not tensor.is_pinned():
                return tensor.to(device, non_blocking=True)
            with torch.cuda.stream(side):
                copied = tensor.to(device, non_blocking=True)
            copied.record_stream(current)  # its memory belongs to the side stream, its users to this one
            sources.append(tensor)
            return copied

        moved = map_tensors(move, value)
        if sources:
            done = side.record_event()
            current.wait_event(done)
            self._in_flight.append((done, sources))
        return moved

    def release_finished(self) -> None:
        """Let go of sources whose copy is done."""
        while self._in_flight and self._in_flight[0][0].query():  # type: ignore[no-untyped-call]
            self._in_flight.popleft()

    def _side_stream(self, current: torch.cuda.Stream) -> torch.cuda.Stream:
        index = current.device_index
        if index not in self._streams:
            self._streams[index] = torch.cuda.Stream(index)  # type: ignore[no-untyped-call]
        return self._streams[index]
