"""Which sample comes when, and which random numbers it gets: all of it arithmetic on (seed, epoch, k)."""

from cellmap_data.sampler.base import OrderSampler
from cellmap_data.sampler.blocks import CropSightings, Sightings
from cellmap_data.sampler.class_balanced import ClassBalancedSampler
from cellmap_data.sampler.clock import Clock, Point
from cellmap_data.sampler.draws import Draw, SampleIndex, Stream, generator_for, replacement
from cellmap_data.sampler.foreground import BLOCK, ForegroundOrder, ForegroundSampler
from cellmap_data.sampler.orders import Order, SequentialOrder, ShuffledOrder
from cellmap_data.sampler.ranks import ASK_TORCH, RankOptions, common_seed
from cellmap_data.sampler.subset import MutableSubsetRandomSampler, SubsetDraw
from cellmap_data.sampler.uniform import UniformSampler
from cellmap_data.sampler.weighted import WeightedOrder, WeightedSampler
from cellmap_data.sampler.windowed import WindowedSampler
from cellmap_data.sampler.windows import Cut, Cuts, WindowedOrder, Windows

__all__ = [
    "ASK_TORCH",
    "BLOCK",
    "ClassBalancedSampler",
    "Clock",
    "CropSightings",
    "Cut",
    "Cuts",
    "Draw",
    "ForegroundOrder",
    "ForegroundSampler",
    "MutableSubsetRandomSampler",
    "Order",
    "OrderSampler",
    "Point",
    "RankOptions",
    "SampleIndex",
    "SequentialOrder",
    "ShuffledOrder",
    "Sightings",
    "Stream",
    "SubsetDraw",
    "UniformSampler",
    "WeightedOrder",
    "WeightedSampler",
    "WindowedOrder",
    "WindowedSampler",
    "Windows",
    "common_seed",
    "generator_for",
    "replacement",
]
