"""Where things are: boxes, lattices, positions, motions, and plans that say which voxels make a patch.

All of it is arithmetic on z, y, x and nm; nothing here knows a store. :mod:`cellmap_data.spatial.frame`
states the frame of coordinates and the rule of rounding on which everything rests.
"""

from cellmap_data.config import AXES
from cellmap_data.spatial.bending import Bend, Field
from cellmap_data.spatial.chunks import Access, chunks_touched, distinct_chunks, mean_chunks
from cellmap_data.spatial.elastic import Elastic
from cellmap_data.spatial.frame import (
    Box,
    Shape,
    Vec,
    VoxelBox,
    edge_index,
    first_voxel,
    nearest_voxel,
    round_down,
    round_up,
    same_voxel_size,
)
from cellmap_data.spatial.grid import Grid, Positions, sampling_grid
from cellmap_data.spatial.lattice import Lattice, PatchSpec, Source, choose_level
from cellmap_data.spatial.motion import Matrix, Motion, Warp
from cellmap_data.spatial.planning import plan_read
from cellmap_data.spatial.plans import AveragePlan, CopyPlan, ReadPlan, ResamplePlan
from cellmap_data.spatial.resampling import resample
from cellmap_data.spatial.showing import positions_showing, voxels_shown
from cellmap_data.spatial.table import SpatialTransforms, TransformTable, spatial_table
from cellmap_data.spatial.tiles import Tiles
from cellmap_data.spatial.tiling import Blocks, Tiling, check_position
from cellmap_data.spatial.transforms import Fits, Mirror, Rotate, SpatialTransform, Transpose

__all__ = [
    "AXES",
    "Access",
    "AveragePlan",
    "Bend",
    "Blocks",
    "Box",
    "CopyPlan",
    "Elastic",
    "Field",
    "Fits",
    "Grid",
    "Lattice",
    "Matrix",
    "Mirror",
    "Motion",
    "PatchSpec",
    "Positions",
    "ReadPlan",
    "ResamplePlan",
    "Rotate",
    "Shape",
    "Source",
    "SpatialTransform",
    "SpatialTransforms",
    "Tiles",
    "Tiling",
    "TransformTable",
    "Transpose",
    "Vec",
    "VoxelBox",
    "Warp",
    "check_position",
    "choose_level",
    "chunks_touched",
    "distinct_chunks",
    "edge_index",
    "first_voxel",
    "mean_chunks",
    "nearest_voxel",
    "plan_read",
    "positions_showing",
    "resample",
    "round_down",
    "round_up",
    "same_voxel_size",
    "sampling_grid",
    "spatial_table",
    "voxels_shown",
]
