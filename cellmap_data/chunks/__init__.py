"""Chunks that are files of this machine: opened, unpacked and put in place by compiled loops."""

from cellmap_data.chunks.copying import against_the_grain, copy_block
from cellmap_data.chunks.files import ChunkFiles, Packing, forget, times_written
from cellmap_data.chunks.kept import kept_chunks
from cellmap_data.chunks.layout import Codec
from cellmap_data.chunks.meter import meter
from cellmap_data.chunks.ready import are_ready
from cellmap_data.chunks.together import Task, Team, team

__all__ = [
    "ChunkFiles",
    "Codec",
    "Packing",
    "Task",
    "Team",
    "against_the_grain",
    "are_ready",
    "copy_block",
    "forget",
    "kept_chunks",
    "meter",
    "team",
    "times_written",
]
